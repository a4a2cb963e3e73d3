// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {RLP} from "@openzeppelin/contracts/utils/RLP.sol";
import {ISequencerRegistry} from "../../src/ISequencerRegistry.sol";

/// @title What sequencers sign, as the nodes encode it
/// @notice `content` stands for what two messages of one position differ in.
library Messages {
    using RLP for RLP.Encoder;

    struct Context {
        uint64 chainId;
        bytes32 genesisHash;
    }

    /// @dev Era, term, place (epoch, height or round) and, of blocks, height.
    struct Position {
        uint64 era;
        uint64 term;
        uint64 place;
        uint64 height;
    }

    function preimage(
        Context memory context,
        ISequencerRegistry.FaultKind kind,
        Position memory position,
        bytes32 content
    ) internal pure returns (bytes memory) {
        return bytes.concat(header(context, domain(kind)), body(kind, position, content));
    }

    function header(Context memory context, string memory domainName) internal pure returns (bytes memory) {
        return abi.encodePacked(domainName, context.chainId, context.genesisHash);
    }

    function domain(ISequencerRegistry.FaultKind kind) internal pure returns (string memory) {
        string[5] memory domains =
            ["baton/announcement/1", "baton/block/1", "baton/seal/1", "baton/checkpoint/1", "baton/vote/1"];
        return domains[uint256(kind)];
    }

    function body(ISequencerRegistry.FaultKind kind, Position memory position, bytes32 content)
        internal
        pure
        returns (bytes memory)
    {
        RLP.Encoder memory list = _begin(position);
        if (kind == ISequencerRegistry.FaultKind.Announcement) return _announcement(list, content);
        if (kind == ISequencerRegistry.FaultKind.Checkpoint) return _checkpoint(list, position, content);
        if (kind == ISequencerRegistry.FaultKind.Block) list.push(uint256(position.height));
        return list.push(content).encode();
    }

    function _begin(Position memory position) private pure returns (RLP.Encoder memory) {
        return RLP.encoder().push(uint256(position.era)).push(uint256(position.term)).push(uint256(position.place));
    }

    /// @dev Leader, first and last height, parent, previous, one member skipped.
    function _announcement(RLP.Encoder memory list, bytes32 content) private pure returns (bytes memory) {
        RLP.Encoder memory skip = RLP.encoder().push(address(0x1234)).push(uint256(5));
        return list.push(address(0xABCD)).push(uint256(8)).push(uint256(15)).push(content).push(bytes32(0))
            .push(RLP.encoder().push(skip)).encode();
    }

    /// @dev Head, state root, parent, set root, anchor.
    function _checkpoint(RLP.Encoder memory list, Position memory position, bytes32 content)
        private
        pure
        returns (bytes memory)
    {
        RLP.Encoder memory head = RLP.encoder().push(uint256(70_000)).push(bytes32(uint256(0x11)));
        RLP.Encoder memory parentPosition =
            RLP.encoder().push(uint256(position.era)).push(uint256(position.term)).push(uint256(0));
        RLP.Encoder memory parent = RLP.encoder().push(parentPosition).push(bytes32(uint256(0x33)));
        RLP.Encoder memory anchor = RLP.encoder().push(uint256(20_000_000)).push(bytes32(uint256(0x55)));
        return list.push(head).push(content).push(parent).push(bytes32(uint256(0x44))).push(anchor).encode();
    }
}
