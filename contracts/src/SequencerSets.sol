// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Bytes} from "@openzeppelin/contracts/utils/Bytes.sol";
import {Bls12381} from "./Bls12381.sol";
import {ICheckpointVerifier} from "./ICheckpointVerifier.sol";
import {RlpBuffer} from "./RlpBuffer.sol";

/// @title Sequencer sets: what names them, and what their members decide
/// @dev A root binds members, order, keys, weights, peer ids and priorities. Whatever else makes a set (no member twice, no
/// weight of zero, a sum below 2^256) was seen to by those who agreed on the root.
library SequencerSets {
    using RlpBuffer for uint256;

    /// The prefixes of an address, a compressed key and a priority, which are always as long.
    uint256 private constant ADDRESS_PREFIX = 0x80 + 20;
    uint256 private constant KEY_PREFIX = 0x80 + 48;
    uint256 private constant PRIORITY_PREFIX = 0xb840;

    /// The bytes of the three, with their prefixes.
    uint256 private constant ADDRESS = 21;
    uint256 private constant KEY = 49;
    uint256 private constant PRIORITY = 66;

    /// @notice What checkpoints name a set by: the keccak of the RLP list of its members and of their priorities.
    function root(ICheckpointVerifier.Member[] calldata members) internal pure returns (bytes32) {
        uint256 membersLength;
        uint256[] memory lengths = new uint256[](members.length);
        for (uint256 index = 0; index < members.length; ++index) {
            lengths[index] = _length(members[index]);
            membersLength += lengths[index].withHeader();
        }
        uint256 prioritiesLength = members.length * PRIORITY;
        uint256 length = membersLength.withHeader() + prioritiesLength.withHeader();
        uint256 start = RlpBuffer.reserve(length.withHeader());
        uint256 place = start.putHeader(RlpBuffer.LIST, length).putHeader(RlpBuffer.LIST, membersLength);
        for (uint256 index = 0; index < members.length; ++index) {
            place = _put(place.putHeader(RlpBuffer.LIST, lengths[index]), members[index]);
        }
        place = place.putHeader(RlpBuffer.LIST, prioritiesLength);
        for (uint256 index = 0; index < members.length; ++index) {
            bytes32[2] calldata priority = members[index].priority;
            place = place.putBytes(PRIORITY_PREFIX, 2);
            place = place.putBytes(uint256(priority[0]), 32).putBytes(uint256(priority[1]), 32);
        }
        return start.hash(place);
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

    /// How long a member is, without the prefix.
    function _length(ICheckpointVerifier.Member calldata member) private pure returns (uint256) {
        return ADDRESS + KEY + member.weight.lengthOfNumber() + RlpBuffer.lengthOfText(member.peerId);
    }

    function _put(uint256 place, ICheckpointVerifier.Member calldata member) private pure returns (uint256) {
        bytes32[4] calldata key = member.publicKey;
        (uint256 high, uint256 low) =
            Bls12381.compressWords(uint256(key[0]), uint256(key[1]), uint256(key[2]), uint256(key[3]));
        place = place.putBytes(ADDRESS_PREFIX << 160 | uint160(member.operator), ADDRESS);
        place = place.putBytes(KEY_PREFIX << 128 | high, KEY - 32).putBytes(low, 32);
        return place.putNumber(member.weight).putText(member.peerId);
    }

    function _isSet(bytes calldata bitmap, uint256 index) private pure returns (bool) {
        return (uint8(bitmap[index / 8]) >> (index % 8)) & 1 == 1;
    }
}
