//! `mesh`: blocks in a mesh of a thousand nodes, on virtual time.

use baton_gossip_simulator::{
    report,
    run::{Setup, run},
};
use clap::Parser;
use eyre::WrapErr;
use std::{path::PathBuf, time::Duration};

/// Measures how soon a block is on all nodes of a large mesh, and what gossip sends for that.
#[derive(Debug, Parser)]
#[command(name = "mesh")]
struct Options {
    /// Nodes, dealt out to ten regions of the world.
    #[arg(long, default_value_t = 1_000)]
    nodes: usize,
    /// What chance is drawn from.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many others each node dials; about as many dial it.
    #[arg(long, default_value_t = 8)]
    dials: usize,
    /// What a node can send, in Mbit a second.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    uplink: u64,
    /// What a node takes until it passes a block on.
    #[arg(long, default_value = "2ms", value_parser = humantime::parse_duration)]
    checking: Duration,
    /// Sizes of blocks as they travel, in bytes. Every node keeps those of the last 10 s: 1 MB at 1,000 nodes wants 24 GB and more.
    #[arg(long, value_delimiter = ',', default_values_t = [1_000, 32_000, 100_000])]
    bytes: Vec<usize>,
    /// Blocks of each size.
    #[arg(long, default_value_t = 30)]
    blocks: u64,
    /// The time from one block to the next.
    #[arg(long, default_value = "2s", value_parser = humantime::parse_duration)]
    interval: Duration,
    /// Where to write the figures as JSON.
    #[arg(long)]
    json: Option<PathBuf>,
}

fn main() -> eyre::Result<()> {
    let Options { nodes, seed, dials, uplink, checking, bytes, blocks, interval, json } = Options::parse();
    let bits_per_second = uplink * 1_000_000;
    let setup = Setup { seed, nodes, dials, bits_per_second, checking, sizes: bytes, blocks, interval };
    let outcome = run(&setup)?;
    println!("{}", report::table(&setup, &outcome));
    if let Some(path) = json {
        let text = serde_json::to_string_pretty(&report::json(&setup, &outcome))?;
        std::fs::write(&path, text).wrap_err_with(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}
