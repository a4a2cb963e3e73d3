// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

/// @title Recursive length prefix
/// @notice The canonical encoding of what the nodes hash and sign (yellow paper, appendix B).
library Rlp {
    /// @notice A number: its bytes, big endian, without leading zeros.
    function ofNumber(uint256 value) internal pure returns (bytes memory encoded) {
        if (value == 0) return hex"80";
        if (value < 0x80) return abi.encodePacked(uint8(value));
        return _prefixed(0x80, _minimal(value));
    }

    /// @notice A word of 32 bytes.
    function ofWord(bytes32 value) internal pure returns (bytes memory) {
        return abi.encodePacked(uint8(0xa0), value);
    }

    /// @notice An address: 20 bytes.
    function ofAddress(address value) internal pure returns (bytes memory) {
        return abi.encodePacked(uint8(0x94), value);
    }

    /// @notice Bytes, or a text in UTF-8.
    function ofBytes(bytes memory value) internal pure returns (bytes memory) {
        if (value.length == 1 && uint8(value[0]) < 0x80) return value;
        return _prefixed(0x80, value);
    }

    /// @notice A list of items that are encoded already and given end to end.
    function ofList(bytes memory items) internal pure returns (bytes memory) {
        return _prefixed(0xc0, items);
    }

    /// @notice Puts items end to end.
    function join(bytes[] memory items) internal pure returns (bytes memory joined) {
        uint256 length;
        for (uint256 index = 0; index < items.length; ++index) {
            length += items[index].length;
        }
        joined = new bytes(length);
        uint256 offset = 0x20;
        for (uint256 index = 0; index < items.length; ++index) {
            bytes memory item = items[index];
            assembly ("memory-safe") {
                mcopy(add(joined, offset), add(item, 0x20), mload(item))
            }
            offset += item.length;
        }
    }

    /// The length goes into the first byte, or behind it if it is above 55.
    function _prefixed(uint8 kind, bytes memory payload) private pure returns (bytes memory) {
        // forge-lint: disable-next-line(unsafe-typecast)
        if (payload.length <= 55) return abi.encodePacked(kind + uint8(payload.length), payload);
        bytes memory length = _minimal(payload.length);
        // forge-lint: disable-next-line(unsafe-typecast)
        return abi.encodePacked(kind + 55 + uint8(length.length), length, payload);
    }

    /// The bytes of a number above zero, from the highest that counts.
    function _minimal(uint256 value) private pure returns (bytes memory encoded) {
        uint256 length = 1;
        for (uint256 rest = value >> 8; rest != 0; rest >>= 8) {
            ++length;
        }
        encoded = abi.encodePacked(value << (256 - 8 * length));
        assembly ("memory-safe") {
            mstore(encoded, length)
        }
    }
}
