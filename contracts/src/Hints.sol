// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Refusals} from "./Refusals.sol";

/// @title Where a node can be found
/// @notice Peer id and multiaddr prove nothing and give no right. They are bounded and printable, so that no reader of the
/// registry stumbles over one, and of no more value to whoever copies another's.
library Hints {
    uint256 private constant PEER_ID_BYTES = 64;
    uint256 private constant MULTIADDR_BYTES = 256;

    /// @notice Refuses what no node has.
    function check(string calldata peerId, string calldata multiaddr) internal pure {
        if (bytes(peerId).length == 0) revert Refusals.InvalidHintLength("peerId", 0, PEER_ID_BYTES);
        _check("peerId", bytes(peerId), PEER_ID_BYTES);
        _check("multiaddr", bytes(multiaddr), MULTIADDR_BYTES);
    }

    function _check(string memory hint, bytes calldata text, uint256 most) private pure {
        if (text.length > most) revert Refusals.InvalidHintLength(hint, text.length, most);
        for (uint256 offset = 0; offset < text.length; ++offset) {
            if (text[offset] <= 0x20 || text[offset] >= 0x7f) revert Refusals.InvalidHintCharacter(hint, offset);
        }
    }
}
