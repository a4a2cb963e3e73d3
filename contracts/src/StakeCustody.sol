// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {LowLevelCall} from "@openzeppelin/contracts/utils/LowLevelCall.sol";
import {ISequencerRegistry} from "./ISequencerRegistry.sol";
import {Refusals} from "./Refusals.sol";

/// @title How stake comes in and goes out
/// @notice The native token or one ERC-20, fixed at the deployment. What comes in is exact, or is refused.
abstract contract StakeCustody is ISequencerRegistry, Refusals {
    using SafeERC20 for IERC20;

    /// @notice Where burnt stake goes: nobody has its key. It is not the zero address, to which many tokens refuse to be sent.
    address public constant BURN_ADDRESS = 0x000000000000000000000000000000000000dEaD;

    /// @inheritdoc ISequencerRegistry
    address public immutable override stakeToken;

    constructor(address token) {
        if (token != address(0) && token.code.length == 0) revert InvalidToken(token);
        stakeToken = token;
    }

    /// @dev Takes the amount from the sender.
    function _collect(uint256 amount) internal {
        if (stakeToken == address(0)) {
            if (msg.value != amount) revert WrongValue(msg.value, amount);
            return;
        }
        if (msg.value != 0) revert WrongValue(msg.value, 0);
        IERC20 token = IERC20(stakeToken);
        uint256 held = token.balanceOf(address(this));
        token.safeTransferFrom(msg.sender, address(this), amount);
        uint256 received = token.balanceOf(address(this)) - held;
        if (received != amount) revert InexactTransfer(received, amount);
    }

    /// @dev Pays, or reverts.
    function _pay(address to, uint256 amount) internal {
        if (amount == 0) return;
        if (stakeToken == address(0)) {
            if (!LowLevelCall.callNoReturn(to, amount, "")) revert PaymentRefused(to, amount);
        } else {
            IERC20(stakeToken).safeTransfer(to, amount);
        }
    }

    /// @dev Pays, or says that it could not.
    function _tryPay(address to, uint256 amount) internal returns (bool) {
        return stakeToken == address(0)
            ? LowLevelCall.callNoReturn(to, amount, "")
            : IERC20(stakeToken).trySafeTransfer(to, amount);
    }
}
