// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

/// @title Recursive length prefix, written into one buffer
/// @notice For lists of a hundred members, where putting pieces together copies each several times. Whoever writes knows all
/// lengths beforehand, reserves as much, and gets the place behind what was written from each function.
library RlpBuffer {
    uint256 internal constant STRING = 0x80;
    uint256 internal constant LIST = 0xc0;

    /// @notice Reserves memory, and a word behind it, into which the last item may spill.
    function reserve(uint256 length) internal pure returns (uint256 place) {
        bytes memory buffer = new bytes(length + 32);
        assembly ("memory-safe") {
            place := add(buffer, 0x20)
        }
    }

    /// @notice Writes the lowest `size` bytes of a word, 1 to 32, without any prefix.
    function putBytes(uint256 place, uint256 word, uint256 size) internal pure returns (uint256) {
        word <<= 256 - 8 * size;
        assembly ("memory-safe") {
            mstore(place, word)
        }
        return place + size;
    }

    /// @notice Writes the prefix of a string or list with so many bytes.
    function putHeader(uint256 place, uint256 kind, uint256 length) internal pure returns (uint256) {
        if (length <= 55) return putBytes(place, kind + length, 1);
        uint256 size = _size(length);
        place = putBytes(place, kind + 55 + size, 1);
        return putBytes(place, length, size);
    }

    /// @notice Writes a number.
    function putNumber(uint256 place, uint256 value) internal pure returns (uint256) {
        if (value == 0) return putBytes(place, STRING, 1);
        uint256 size = _size(value);
        if (value >= STRING) place = putBytes(place, STRING + size, 1);
        return putBytes(place, value, size);
    }

    /// @notice Writes a text.
    function putText(uint256 place, string calldata text) internal pure returns (uint256) {
        uint256 length = bytes(text).length;
        if (!_isItsOwnEncoding(text)) place = putHeader(place, STRING, length);
        assembly ("memory-safe") {
            calldatacopy(place, text.offset, length)
        }
        return place + length;
    }

    /// @notice How long a string or list of so many bytes is with its prefix.
    function withHeader(uint256 length) internal pure returns (uint256) {
        return length + (length <= 55 ? 1 : 1 + _size(length));
    }

    /// @notice How long a number is.
    function lengthOfNumber(uint256 value) internal pure returns (uint256) {
        return value < STRING ? 1 : 1 + _size(value);
    }

    /// @notice How long a text is.
    function lengthOfText(string calldata text) internal pure returns (uint256) {
        return _isItsOwnEncoding(text) ? 1 : withHeader(bytes(text).length);
    }

    /// @notice The keccak of what was written between two places.
    function hash(uint256 start, uint256 end) internal pure returns (bytes32 digest) {
        assembly ("memory-safe") {
            digest := keccak256(start, sub(end, start))
        }
    }

    /// A single character of ASCII has no prefix.
    function _isItsOwnEncoding(string calldata text) private pure returns (bool) {
        return bytes(text).length == 1 && uint8(bytes(text)[0]) < STRING;
    }

    /// The bytes of a number, 1 for zero.
    function _size(uint256 value) private pure returns (uint256) {
        return value < 256 ? 1 : Math.log256(value) + 1;
    }
}
