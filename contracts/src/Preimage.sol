// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ISequencerRegistry} from "./ISequencerRegistry.sol";
import {Refusals} from "./Refusals.sol";

/// @title What a sequencer signed, read back
/// @notice A preimage is domain ‖ chain id (8 bytes, big endian) ‖ genesis hash (32 bytes) ‖ RLP of the message, a list whose
/// first items are the message's position. Only these are read, and read strictly: one position has one encoding.
library Preimage {
    /// @notice What a message takes, and no other message of its key and kind may (rule R2).
    struct Position {
        uint64 era;
        uint64 term;
        /// Epoch, height or round, as the kind has it; a block's epoch.
        uint64 place;
        /// A block's height; 0 for the others.
        uint64 height;
    }

    /// @notice The kind's name, as the nodes write it.
    function name(ISequencerRegistry.FaultKind kind) internal pure returns (string memory) {
        if (kind == ISequencerRegistry.FaultKind.Announcement) return "announcement";
        if (kind == ISequencerRegistry.FaultKind.Block) return "block";
        if (kind == ISequencerRegistry.FaultKind.Seal) return "seal";
        if (kind == ISequencerRegistry.FaultKind.Checkpoint) return "checkpoint";
        return "vote";
    }

    /// @notice The position of a message of this kind, signed for this chain.
    /// @dev Reverts with `ForeignMessage` or `MalformedMessage`.
    function position(bytes calldata preimage, ISequencerRegistry.FaultKind kind, uint64 chainId, bytes32 genesisHash)
        internal
        pure
        returns (Position memory read)
    {
        bytes memory context = abi.encodePacked("baton/", name(kind), "/1", chainId, genesisHash);
        if (preimage.length < context.length || keccak256(preimage[:context.length]) != keccak256(context)) {
            revert Refusals.ForeignMessage(name(kind), chainId, genesisHash);
        }
        uint256 offset = _enterList(preimage, context.length);
        (read.era, offset) = _readUint64(preimage, offset);
        (read.term, offset) = _readUint64(preimage, offset);
        (read.place, offset) = _readUint64(preimage, offset);
        if (kind == ISequencerRegistry.FaultKind.Block) (read.height, offset) = _readUint64(preimage, offset);
    }

    /// @dev Where the items of the list at `offset` begin; the list must end with the input.
    function _enterList(bytes calldata input, uint256 offset) private pure returns (uint256 items) {
        uint256 prefix = _readByte(input, offset);
        if (prefix < 0xc0) revert Refusals.MalformedMessage(offset);
        uint256 length;
        if (prefix <= 0xf7) {
            length = prefix - 0xc0;
            items = offset + 1;
        } else {
            uint256 lengthBytes = prefix - 0xf7;
            length = _readBigEndian(input, offset + 1, lengthBytes);
            if (length <= 55) revert Refusals.MalformedMessage(offset);
            items = offset + 1 + lengthBytes;
        }
        if (items + length != input.length) revert Refusals.MalformedMessage(offset);
    }

    /// @dev The integer at `offset`, and where the next item begins.
    function _readUint64(bytes calldata input, uint256 offset) private pure returns (uint64 value, uint256 next) {
        uint256 prefix = _readByte(input, offset);
        // A small number is its own encoding, except for zero, which is an empty string.
        if (prefix != 0 && prefix < 0x80) return (uint64(prefix), offset + 1);
        if (prefix < 0x80 || prefix > 0x88) revert Refusals.MalformedMessage(offset);
        uint256 length = prefix - 0x80;
        uint256 read = _readBigEndian(input, offset + 1, length);
        if (length == 1 && read < 0x80) revert Refusals.MalformedMessage(offset);
        // At most eight bytes were read.
        return (uint64(read), offset + 1 + length);
    }

    /// @dev At most 8 bytes, the first of which is not zero.
    function _readBigEndian(bytes calldata input, uint256 offset, uint256 length) private pure returns (uint256 value) {
        for (uint256 i = 0; i < length; ++i) {
            value = (value << 8) | _readByte(input, offset + i);
            if (value == 0) revert Refusals.MalformedMessage(offset);
        }
    }

    function _readByte(bytes calldata input, uint256 offset) private pure returns (uint256) {
        if (offset >= input.length) revert Refusals.MalformedMessage(offset);
        return uint8(input[offset]);
    }
}
