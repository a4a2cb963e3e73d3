//! A full node and an archive of one chain: what each answers about its past.

use crate::harness::{Net, Node, Plan, Refusal, Rpc, Slot, until};
use alloy_primitives::{Address, B256, U64, U256};
use eyre::{OptionExt, ensure};
use nix::sys::signal::Signal;
use serde_json::{Value, json};
use std::time::Duration;

/// How long a full node may take to forget what the test asks for.
const PATIENCE: Duration = Duration::from_secs(180);

const RECIPIENT: Address = Address::repeat_byte(0xaa);

/// A transfer: its hash, its block, and what the recipient has after it.
struct Transfer {
    hash: B256,
    block: u64,
    balance: U256,
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_node_forgets_with_a_word_what_an_archive_beside_it_knows() -> eyre::Result<()> {
    let plan = Plan { genesis: &["--finality", "depth-stake", "--block-time", "100ms"], wallets: 1, ..Plan::default() };
    let mut net = Net::prepare(plan, Slot::take().await?).await?;
    // The only sequencer is full, and an observer beside it keeps everything.
    net.nodes[0].more_arguments = prune("full:128");
    let mut archive = Node::new(net.path().join("archive"), net.genesis.clone(), false);
    archive.more_arguments = prune("archive");
    net.nodes.push(archive);
    net.start_all().await?;

    let mut transfers = Vec::new();
    let mut balance = U256::ZERO;
    for value in [3_u64, 40, 500] {
        let transfer = net.wallets[0].transfer(RECIPIENT, value)?;
        net.send(0, &transfer).await?;
        let receipt = net.included(0, transfer.hash).await?;
        let block = receipt.block_number.ok_or_eyre("a receipt without a block")?;
        balance += U256::from(value);
        transfers.push(Transfer { hash: transfer.hash, block, balance });
    }
    let last = transfers.last().ok_or_eyre("no transfers")?.block;
    let full = net.rpc(0)?;
    until(PATIENCE, "the full node has forgotten the transfers", async || {
        let kept: Value = full.ask("baton_storage", json!([])).await?;
        let older = |of: &str| kept[of].as_u64().is_some_and(|oldest| oldest > last);
        Ok((older("oldestReceipts") && older("oldestState")).then_some(()))
    })
    .await?;
    let height = full.height().await?;
    net.reach(height, PATIENCE).await?;

    knows_nothing_and_says_so(&full, &transfers).await?;
    knows_everything(&net.rpc(1)?, &transfers).await?;
    // A mode that is not said again is the one that was.
    for node in &mut net.nodes {
        node.stop_with(Signal::SIGTERM).await?;
        node.more_arguments.clear();
    }
    net.start_all().await?;
    let modes = [full_mode(&net, 0).await?, full_mode(&net, 1).await?];
    ensure!(modes == ["full:128", "archive"], "the modes are {modes:?}");
    knows_nothing_and_says_so(&net.rpc(0)?, &transfers).await?;
    knows_everything(&net.rpc(1)?, &transfers).await?;
    net.finish()
}

fn prune(mode: &str) -> Vec<String> {
    vec!["--prune".to_owned(), mode.to_owned()]
}

async fn full_mode(net: &Net, index: usize) -> eyre::Result<String> {
    let kept: Value = net.rpc(index)?.ask("baton_storage", json!([])).await?;
    Ok(kept["prune"].as_str().unwrap_or_default().to_owned())
}

/// Every balance and receipt, as the transfers made them.
async fn knows_everything(rpc: &Rpc, transfers: &[Transfer]) -> eyre::Result<()> {
    let mut before = U256::ZERO;
    for Transfer { hash, block, balance } in transfers {
        let found = [balance_at(rpc, block - 1).await?, balance_at(rpc, *block).await?];
        ensure!(found == [before, *balance], "at block {block}: {found:?} instead of {before} and {balance}");
        before = *balance;
        let receipt = rpc.receipt(*hash).await?.ok_or_eyre("a receipt is missing")?;
        ensure!(receipt.block_number == Some(*block), "{receipt:?}");
    }
    let none: Vec<Value> = rpc.ask("eth_getLogs", json!([{ "fromBlock": "earliest" }])).await?;
    ensure!(none.is_empty(), "nobody logged: {none:?}");
    Ok(())
}

/// The blocks with their transactions, and for everything else an error that says why.
async fn knows_nothing_and_says_so(rpc: &Rpc, transfers: &[Transfer]) -> eyre::Result<()> {
    for Transfer { hash, block, .. } in transfers {
        let number = U64::from(*block);
        let transaction: Value = rpc.ask("eth_getTransactionByHash", json!([hash])).await?;
        ensure!(transaction["blockNumber"] == json!(number), "{transaction}");
        for (method, params) in [
            ("eth_getTransactionReceipt", json!([hash])),
            ("eth_getBlockReceipts", json!([number])),
            ("eth_getLogs", json!([{ "fromBlock": number, "toBlock": number }])),
        ] {
            let refusal = refusal(rpc, method, params).await?;
            ensure!(refusal.code == 4444, "{method}: {refusal}");
            ensure!(refusal.message.starts_with("pruned history unavailable"), "{method}: {refusal}");
        }
        for (method, params) in [
            ("eth_getBalance", json!([RECIPIENT, number])),
            ("eth_call", json!([{ "to": RECIPIENT }, number])),
            ("eth_getProof", json!([RECIPIENT, [], number])),
        ] {
            let refusal = refusal(rpc, method, params).await?;
            ensure!(refusal.code == -32000 && refusal.message.contains("not available"), "{method}: {refusal}");
        }
    }
    Ok(())
}

async fn balance_at(rpc: &Rpc, block: u64) -> eyre::Result<U256> {
    rpc.ask("eth_getBalance", json!([RECIPIENT, U64::from(block)])).await
}

async fn refusal(rpc: &Rpc, method: &str, params: Value) -> eyre::Result<Refusal> {
    match rpc.ask::<Value>(method, params).await {
        Ok(answer) => eyre::bail!("{method} answers {answer}"),
        Err(error) => error.downcast::<Refusal>(),
    }
}
