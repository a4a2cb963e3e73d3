//! Ending a node properly.

use crate::harness::{Net, Plan};
use eyre::ensure;
use nix::sys::signal::Signal;
use std::time::Duration;

#[tokio::test(flavor = "multi_thread")]
async fn every_way_to_stop_is_clean() -> eyre::Result<()> {
    let mut net = Net::start(Plan { stakes: &[1, 1], ..Plan::default() }).await?;
    for (way, said) in [
        (Some(Signal::SIGTERM), "SIGTERM: stopping"),
        (Some(Signal::SIGINT), "SIGINT: stopping"),
        (None, "standard input ended: stopping"),
    ] {
        let height = net.agree().await?;
        net.reach(height + 3, Duration::from_secs(60)).await?;
        let before = net.nodes[1].log().len();
        let head = net.rpc(1)?.height().await?;
        let block = net.rpc(1)?.block(head).await?;
        let status = match way {
            Some(signal) => net.nodes[1].stop_with(signal).await?,
            None => net.nodes[1].stop_by_stdin().await?,
        };
        ensure!(status.code() == Some(0), "{said}: ended with {status}");
        let log = net.nodes[1].log();
        let log = &log[before..];
        ensure!(log.contains(said), "the log does not say `{said}`: {log}");
        let last = log.lines().last().unwrap_or_default();
        ensure!(last.ends_with("stopped"), "the last word is: {last}");
        ensure!(!log.contains("ERROR") && !log.contains("abandoned"), "{log}");

        // At once, and with everything that it had.
        net.start_one(1).await?;
        ensure!(net.rpc(1)?.block(head).await? == block, "block {head} is another one after the restart");
        let height = net.rpc(0)?.height().await?;
        net.reach(height.max(head) + 2, Duration::from_secs(60)).await?;
    }
    net.agree().await?;
    net.finish()
}
