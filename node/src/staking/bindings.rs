//! What the commands call beside the registry's interface, and the errors that come back.

#![allow(missing_docs, clippy::all, clippy::pedantic, reason = "generated; the Solidity source documents it")]

use alloy_sol_types::sol;

sol! {
    #[sol(all_derives)]
    "../contracts/src/Refusals.sol"
}

sol! {
    /// What the registry tells beyond its interface.
    #[sol(all_derives)]
    interface Membership {
        struct Rotation {
            uint64 effectiveAt;
            bytes blsPublicKey;
            string peerId;
            string multiaddr;
        }

        function getRotation(address operator) external view returns (Rotation memory);
        function registrations(address operator) external view returns (uint256);
        function blsKeyHolder(bytes calldata blsPublicKey) external view returns (address);
        function owner() external view returns (address);

        error OwnableUnauthorizedAccount(address account);
        error InvalidPoint();
        error PrecompileFailed(address precompile);
        error SafeERC20FailedOperation(address token);
    }

    /// A token (ERC-20).
    #[sol(all_derives)]
    interface IERC20 {
        function symbol() external view returns (string memory);
        function decimals() external view returns (uint8);
        function balanceOf(address account) external view returns (uint256);
        function allowance(address owner, address spender) external view returns (uint256);
        function approve(address spender, uint256 amount) external returns (bool);

        error ERC20InsufficientBalance(address sender, uint256 balance, uint256 needed);
        error ERC20InsufficientAllowance(address spender, uint256 allowance, uint256 needed);
    }

    /// What the operator's key signs (EIP-712).
    struct Registration {
        address staker;
        address operator;
        address payout;
        bytes blsPublicKey;
        string peerId;
        string multiaddr;
        uint256 amount;
        uint256 nonce;
    }
}
