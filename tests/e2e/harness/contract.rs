//! The contract that the tests call; its source is `../contracts/Probe.sol`.

use super::{Net, Wallet};
use alloy_primitives::{Address, Bytes, TxKind, U256, hex};
use alloy_sol_types::{SolValue, sol};
use eyre::{OptionExt, WrapErr, ensure};

/// The creation code, in hex, in lines.
const CREATION_CODE: &str = include_str!("../contracts/Probe.hex");

/// Enough to create it.
pub(crate) const CREATION_GAS: u64 = 2_000_000;

sol! {
    event Transfer(address indexed from, address indexed to, uint256 amount);
    function transfer(address to, uint256 amount) external returns (bool);
    function increment() external;
    function fill(uint256 from, uint256 count, uint256 value) external;
    function fail(string calldata reason) external;
    function panic(uint256 divisor) external;
    function burn() external;
    function context() external;
    function data(uint256 length) external;
    function create(bytes32 salt) external;
    function nested(uint256 depth) external;
    function ask(address target, bytes calldata input) external;
    function opcodes(uint256 value) external;
    function balanceOf(address holder) external returns (uint256);
}

/// The creation code with its argument.
pub(crate) fn creation(supply: u64) -> eyre::Result<Bytes> {
    let mut code =
        hex::decode(CREATION_CODE.split_whitespace().collect::<String>()).wrap_err("Probe.hex is damaged")?;
    code.extend(U256::from(supply).abi_encode());
    Ok(code.into())
}

/// Creates the contract through the first node and waits for it; its address.
pub(crate) async fn deploy(net: &Net, wallet: &mut Wallet) -> eyre::Result<Address> {
    let transaction = wallet.call(TxKind::Create, 0, creation(1_000_000)?, CREATION_GAS)?;
    net.send(0, &transaction).await?;
    let receipt = net.included(0, transaction.hash).await?;
    ensure!(receipt.status(), "the probe was not created: {receipt:?}");
    receipt.contract_address.ok_or_eyre("the receipt names no contract")
}
