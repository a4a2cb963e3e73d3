//! Blocks and transactions a second, with voting and without, in turn: a mesh of four from nothing each time.

use crate::{
    drive::{Measured, drive},
    mesh::Mesh,
    options::Options,
    workload::{Accounts, Load, load, transfer},
};
use eyre::WrapErr;
use std::{path::Path, time::Duration};

/// How many nodes a mesh has.
pub(crate) const NODES: usize = 4;

/// The loads, in the order in which a mesh gets them.
pub(crate) const LOADS: [&str; 2] = ["paced", "saturated"];

/// Accounts that send, and that receive.
const ACCOUNTS: (usize, usize) = (200, 10_000);

/// Connections that send batches of so many: in a hurry, and paced.
const SHAPE: (usize, usize) = (8, 250);
const PACED_SHAPE: (usize, usize) = (8, 5);

/// How long the paced load lasts, in seconds.
const PACED_SECONDS: f64 = 15.0;

/// Sending pauses while so many transactions are sent and in no block.
const BACKLOG: usize = 20_000;

/// One load on one mesh.
pub(crate) struct Rate {
    /// Which of the pairs, from 0.
    pub(crate) pair: usize,
    pub(crate) voting: bool,
    pub(crate) load: &'static str,
    pub(crate) measured: Measured,
}

impl Rate {
    /// From the first block with transactions to the last.
    pub(crate) fn blocks_per_second(&self) -> f64 {
        self.measured.blocks.saturating_sub(1) as f64 / self.measured.steady.0.as_secs_f64()
    }

    /// Processor time of all nodes together for a second of the chain.
    pub(crate) fn processors(&self) -> f64 {
        self.measured.cpu.iter().sum::<f64>() / self.measured.elapsed.as_secs_f64()
    }
}

/// Measures all pairs.
pub(crate) async fn measure(options: &Options, place: &Path) -> eyre::Result<Vec<Rate>> {
    let accounts = Accounts::derive(ACCOUNTS.0, ACCOUNTS.1)?;
    let loads = loads(options, &accounts)?;
    let mut rates = Vec::new();
    for pair in 0..options.pairs {
        for voting in [true, false] {
            let arguments: &[&str] = if voting { &[] } else { &["--without-checkpoints-for-measurements"] };
            let place = place.join(format!("{pair}-{}", if voting { "voting" } else { "not-voting" }));
            let mesh = Mesh::start(options, &place, NODES, Duration::ZERO, arguments, accounts.funded()).await?;
            for load in &loads {
                let measured = drive(&mesh.nodes, BACKLOG, load).await.wrap_err(load.name)?;
                let rate = Rate { pair, voting, load: load.name, measured };
                eprintln!(
                    "pair {}, {}: {:9} {:5.2} blocks/s, {:6.0} transactions/s",
                    pair + 1,
                    if voting { "voting" } else { "not voting" },
                    load.name,
                    rate.blocks_per_second(),
                    rate.measured.steady_per_second()
                );
                rates.push(rate);
            }
            mesh.stop()?;
        }
    }
    Ok(rates)
}

fn loads(options: &Options, accounts: &Accounts) -> eyre::Result<[Load; 2]> {
    let each = |count: usize| count.div_ceil(ACCOUNTS.0) as u64;
    let paced = each((options.pace * PACED_SECONDS).round() as usize);
    let all = paced + each(options.transfers);
    let slow = load(accounts, LOADS[0], 0..paced, PACED_SHAPE, transfer)?;
    let fast = load(accounts, LOADS[1], paced..all, SHAPE, transfer)?;
    Ok([Load { pace: Some(options.pace), ..slow }, fast])
}
