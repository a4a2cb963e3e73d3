//! Blocks travel with the hashes of their transactions: who lacks some of them asks for those.

use crate::harness::{Net, Plan, Scrape, until};
use alloy_primitives::TxKind;
use eyre::ensure;
use reqwest::Client;
use std::time::Duration;

/// More than travels along with a block.
const INPUT: usize = 20 << 10;

/// How long a node may take to follow on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread")]
async fn a_node_whose_pool_has_nothing_follows_as_closely() -> eyre::Result<()> {
    let mut net = Net::start(Plan::patient(&[1, 1, 1, 1], 3)).await?;
    // A tip that nobody offers: nothing ever enters this pool.
    let poor = net.add_observer_with(&["--mempool-min-priority-fee", "1000000000000000000"]).await?;
    let height = net.rpc(0)?.height().await?;
    net.reach(height + 1, PATIENCE).await?;
    let receiver = net.wallets[2].address();
    let mut sent = Vec::new();
    for wallet in 0..2 {
        for byte in 0..4 {
            let large = net.wallets[wallet].call(TxKind::Call(receiver), 1, vec![byte; INPUT], 2_000_000)?;
            net.send(wallet, &large).await?;
            sent.push(large.hash);
        }
    }
    for transaction in sent {
        net.everywhere(transaction).await?;
    }
    let client = Client::builder().no_proxy().pool_max_idle_per_host(0).build()?;
    let scrape = until(PATIENCE, "the node to have asked for transactions", async || {
        let scrape = Scrape::read(&client, net.nodes[poor].metrics()?).await?;
        Ok((scrape.value("baton_block_transactions_fetched_total")? > 0.0).then_some(scrape))
    })
    .await?;
    // All that it lacked it got in time.
    ensure!(scrape.value("baton_blocks_not_assembled_total")? == 0.0, "{scrape:?}");
    for node in 0..4 {
        let scrape = Scrape::read(&client, net.nodes[node].metrics()?).await?;
        ensure!(scrape.value("baton_blocks_not_assembled_total")? == 0.0, "{scrape:?}");
    }
    net.finish()
}
