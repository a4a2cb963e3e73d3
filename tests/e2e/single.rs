//! A network of one.

use crate::harness::{Net, Plan};
use alloy_primitives::{Address, U256};
use eyre::ensure;
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn a_single_node_includes_a_transaction() -> eyre::Result<()> {
    let mut net = Net::start(Plan::default()).await?;
    let recipient = Address::repeat_byte(0xaa);
    let transfer = net.wallets[0].transfer(recipient, 12_345)?;
    net.send(0, &transfer).await?;
    let receipt = net.included(0, transfer.hash).await?;
    ensure!(receipt.status() && receipt.gas_used == 21_000, "{receipt:?}");
    ensure!(receipt.from == net.wallets[0].address() && receipt.to == Some(recipient), "{receipt:?}");
    let rpc = net.rpc(0)?;
    let balance: U256 = rpc.ask("eth_getBalance", json!([recipient, "latest"])).await?;
    ensure!(balance == U256::from(12_345), "the recipient has {balance}");
    ensure!(rpc.nonce(net.wallets[0].address()).await? == 1, "the nonce is not 1");
    let full: Value = rpc.ask("eth_getBlockByHash", json!([receipt.block_hash, true])).await?;
    ensure!(full["transactions"][0]["hash"] == json!(transfer.hash), "{full}");
    // The only sequencer schedules and leads.
    let status = rpc.status().await?;
    ensure!(status["scheduler"] == status["leader"] && net.node_of(&status["leader"])? == 0, "{status}");
    net.finish()
}
