// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Bytes} from "@openzeppelin/contracts/utils/Bytes.sol";
import {RLP} from "@openzeppelin/contracts/utils/RLP.sol";
import {Bls12381} from "./Bls12381.sol";
import {ICheckpointVerifier} from "./ICheckpointVerifier.sol";

/// @title Sequencer sets: what names them, and what their members decide
/// @dev A root binds members, order, keys, weights, peer ids and priorities. Whatever else makes a set (no member twice, no
/// weight of zero, a sum below 2^256) was seen to by those who agreed on the root.
library SequencerSets {
    using RLP for RLP.Encoder;

    /// @notice What checkpoints name a set by: the keccak of the RLP list of its members and of their priorities.
    function root(ICheckpointVerifier.Member[] calldata members) internal pure returns (bytes32) {
        bytes[] memory encoded = new bytes[](members.length);
        bytes[] memory priorities = new bytes[](members.length);
        for (uint256 index = 0; index < members.length; ++index) {
            encoded[index] = _member(members[index]);
            priorities[index] = RLP.encode(abi.encodePacked(members[index].priority));
        }
        return keccak256(RLP.encoder().push(encoded).push(priorities).encode());
    }

    /// @notice The sum of the signers' public keys, once they are found to be a quorum.
    function quorumKey(ICheckpointVerifier.Member[] calldata members, bytes calldata signers)
        internal
        view
        returns (bytes memory)
    {
        if (signers.length != (members.length + 7) / 8) revert ICheckpointVerifier.SignersLength();
        uint256 count;
        uint256 weight;
        uint256 total;
        bytes[] memory keys = new bytes[](members.length);
        for (uint256 index = 0; index < members.length; ++index) {
            ICheckpointVerifier.Member calldata member = members[index];
            total += member.weight;
            if (_isSet(signers, index)) {
                weight += member.weight;
                keys[count++] = abi.encodePacked(member.publicKey);
            }
        }
        for (uint256 index = members.length; index < signers.length * 8; ++index) {
            if (_isSet(signers, index)) revert ICheckpointVerifier.SignersLength();
        }
        if (count == 0) revert ICheckpointVerifier.NoSigners();
        if (!isQuorum(weight, total)) revert ICheckpointVerifier.NoQuorum(weight, total);
        // Places without a key are empty, and add nothing.
        return Bls12381.addKeys(Bytes.concat(keys));
    }

    /// @notice Whether `3 * weight > 2 * total`, for any `weight` up to `total`: whether it is more than twice the rest, which
    /// needs no more than 256 bits.
    function isQuorum(uint256 weight, uint256 total) internal pure returns (bool) {
        uint256 rest = total - weight;
        return rest < 1 << 255 && weight > 2 * rest;
    }

    function _member(ICheckpointVerifier.Member calldata member) private pure returns (bytes memory) {
        bytes memory key = Bls12381.compress(abi.encodePacked(member.publicKey));
        return RLP.encoder().push(member.operator).push(key).push(member.weight).push(member.peerId).encode();
    }

    function _isSet(bytes calldata bitmap, uint256 index) private pure returns (bool) {
        return (uint8(bitmap[index / 8]) >> (index % 8)) & 1 == 1;
    }
}
