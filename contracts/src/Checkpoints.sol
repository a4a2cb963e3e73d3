// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {RLP} from "@openzeppelin/contracts/utils/RLP.sol";
import {ICheckpointVerifier} from "./ICheckpointVerifier.sol";

/// @title Checkpoints as the nodes hash them, and votes as they sign them
library Checkpoints {
    using RLP for RLP.Encoder;

    /// @notice What identifies a checkpoint: the keccak of its RLP. The next set root is left out if there is none.
    function hash(ICheckpointVerifier.Checkpoint calldata checkpoint) internal pure returns (bytes32) {
        RLP.Encoder memory list = _position(checkpoint.position);
        list.push(_numbered(checkpoint.head.height, checkpoint.head.hash));
        list.push(checkpoint.stateRoot);
        list.push(RLP.encoder().push(_position(checkpoint.parent.position)).push(checkpoint.parent.hash));
        list.push(checkpoint.setRoot);
        list.push(_numbered(checkpoint.anchor.number, checkpoint.anchor.hash));
        if (checkpoint.nextSetRoot != 0) list.push(checkpoint.nextSetRoot);
        return keccak256(list.encode());
    }

    /// @notice What a member signs to vote for a checkpoint: keccak(domain, chain id in 8 bytes, genesis hash, RLP of the
    /// vote).
    function voteDigest(
        uint64 chainId,
        bytes32 genesisHash,
        ICheckpointVerifier.Position calldata position,
        bytes32 checkpointHash
    ) internal pure returns (bytes32) {
        bytes memory vote = _position(position).push(checkpointHash).encode();
        return keccak256(abi.encodePacked("baton/vote/1", chainId, genesisHash, vote));
    }

    /// @notice Whether the first position comes before the second (rule R1).
    function isBefore(ICheckpointVerifier.Position memory first, ICheckpointVerifier.Position memory second)
        internal
        pure
        returns (bool)
    {
        return _ordinal(first) < _ordinal(second);
    }

    /// @notice Whether two positions are the same.
    function isSame(ICheckpointVerifier.Position memory first, ICheckpointVerifier.Position memory second)
        internal
        pure
        returns (bool)
    {
        return _ordinal(first) == _ordinal(second);
    }

    /// A number that orders positions as rule R1 does.
    function _ordinal(ICheckpointVerifier.Position memory position) private pure returns (uint256) {
        return uint256(position.era) << 128 | uint256(position.term) << 64 | position.round;
    }

    function _position(ICheckpointVerifier.Position calldata position) private pure returns (RLP.Encoder memory) {
        return RLP.encoder().push(uint256(position.era)).push(uint256(position.term)).push(uint256(position.round));
    }

    function _numbered(uint64 number, bytes32 blockHash) private pure returns (RLP.Encoder memory) {
        return RLP.encoder().push(uint256(number)).push(blockHash);
    }
}
