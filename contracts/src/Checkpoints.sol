// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {ICheckpointVerifier} from "./ICheckpointVerifier.sol";
import {Rlp} from "./Rlp.sol";

/// @title Checkpoints as the nodes hash them, and votes as they sign them
library Checkpoints {
    /// @notice What identifies a checkpoint: the keccak of its RLP. The next set root is left out if there is none.
    function hash(ICheckpointVerifier.Checkpoint calldata checkpoint) internal pure returns (bytes32) {
        bytes memory head = bytes.concat(
            _position(checkpoint.position),
            _numbered(checkpoint.head.height, checkpoint.head.hash),
            Rlp.ofWord(checkpoint.stateRoot)
        );
        bytes memory context = bytes.concat(
            _reference(checkpoint.parent),
            Rlp.ofWord(checkpoint.setRoot),
            _numbered(checkpoint.anchor.number, checkpoint.anchor.hash)
        );
        bytes memory next = checkpoint.nextSetRoot == 0 ? bytes("") : Rlp.ofWord(checkpoint.nextSetRoot);
        return keccak256(Rlp.ofList(bytes.concat(head, context, next)));
    }

    /// @notice What a member signs to vote for a checkpoint: keccak(domain, chain id in 8 bytes, genesis hash, RLP of the
    /// vote).
    function voteDigest(
        uint64 chainId,
        bytes32 genesisHash,
        ICheckpointVerifier.Position calldata position,
        bytes32 checkpointHash
    ) internal pure returns (bytes32) {
        bytes memory vote = Rlp.ofList(bytes.concat(_position(position), Rlp.ofWord(checkpointHash)));
        return keccak256(abi.encodePacked("baton/vote/1", chainId, genesisHash, vote));
    }

    /// @notice Whether the first position comes before the second (rule R1).
    function isBefore(ICheckpointVerifier.Position memory first, ICheckpointVerifier.Position memory second)
        internal
        pure
        returns (bool)
    {
        if (first.era != second.era) return first.era < second.era;
        if (first.term != second.term) return first.term < second.term;
        return first.round < second.round;
    }

    /// @notice Whether two positions are the same.
    function isSame(ICheckpointVerifier.Position memory first, ICheckpointVerifier.Position memory second)
        internal
        pure
        returns (bool)
    {
        return first.era == second.era && first.term == second.term && first.round == second.round;
    }

    function _position(ICheckpointVerifier.Position calldata position) private pure returns (bytes memory) {
        return bytes.concat(Rlp.ofNumber(position.era), Rlp.ofNumber(position.term), Rlp.ofNumber(position.round));
    }

    function _reference(ICheckpointVerifier.CheckpointReference calldata named) private pure returns (bytes memory) {
        return Rlp.ofList(bytes.concat(Rlp.ofList(_position(named.position)), Rlp.ofWord(named.hash)));
    }

    function _numbered(uint64 number, bytes32 blockHash) private pure returns (bytes memory) {
        return Rlp.ofList(bytes.concat(Rlp.ofNumber(number), Rlp.ofWord(blockHash)));
    }
}
