// SPDX-License-Identifier: Apache-2.0
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

    /// What arguments of `submit` say: the hash of the one way in which Solidity encodes them. Of members that did not sign
    /// the y coordinate is left out, of which only the half that it is in counts, which the root binds. Reverts if they are
    /// no arguments.
    function meaning(bytes calldata arguments) external pure returns (bytes32) {
        ICheckpointVerifier.FinalityProof memory proof = abi.decode(arguments, (ICheckpointVerifier.FinalityProof));
        for (uint256 index = 0; index < proof.members.length; ++index) {
            if ((uint8(proof.signers[index / 8]) >> (index % 8)) & 1 == 1) continue;
            (proof.members[index].publicKey[2], proof.members[index].publicKey[3]) = (0, 0);
        }
        return keccak256(abi.encode(proof));
    }
}
