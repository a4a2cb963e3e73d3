// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Bls12381} from "../../src/Bls12381.sol";
import {Checkpoints} from "../../src/Checkpoints.sol";
import {ICheckpointVerifier} from "../../src/ICheckpointVerifier.sol";
import {SequencerSets} from "../../src/SequencerSets.sol";

/// @title The encodings by calls, since they read calldata
contract EncodingCaller {
    function hash(ICheckpointVerifier.Checkpoint calldata checkpoint) external pure returns (bytes32) {
        return Checkpoints.hash(checkpoint);
    }

    function voteDigest(
        uint64 chainId,
        bytes32 genesisHash,
        ICheckpointVerifier.Position calldata position,
        bytes32 checkpointHash
    ) external pure returns (bytes32) {
        return Checkpoints.voteDigest(chainId, genesisHash, position, checkpointHash);
    }

    function isBefore(ICheckpointVerifier.Position calldata first, ICheckpointVerifier.Position calldata second)
        external
        pure
        returns (bool)
    {
        return Checkpoints.isBefore(first, second);
    }

    function root(ICheckpointVerifier.Member[] calldata members) external pure returns (bytes32) {
        return SequencerSets.root(members);
    }

    function isQuorum(uint256 weight, uint256 total) external pure returns (bool) {
        return SequencerSets.isQuorum(weight, total);
    }

    function compress(bytes32[4] calldata publicKey) external pure returns (bytes memory) {
        return Bls12381.compress(abi.encodePacked(publicKey));
    }

    /// The arguments of `submit`, encoded the one way in which Solidity does it. Reverts if they are none.
    function canonical(bytes calldata arguments) external pure returns (bytes memory) {
        return abi.encode(abi.decode(arguments, (ICheckpointVerifier.FinalityProof)));
    }
}
