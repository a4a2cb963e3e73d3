//! Where the time of a block goes, read from the nodes' logs.
//!
//! A leader logs `built` when a block is ready to be signed, journaled and published; a follower logs `executed`; every
//! node logs `block` when a block is sealed and committed. All clocks are this machine's.

use crate::{log, statistics::quantile};
use serde_json::Value;
use std::{
    collections::HashMap,
    ops::RangeInclusive,
    path::PathBuf,
    time::{Duration, SystemTime},
};

/// What one node did with the block of one height, latest first told last.
#[derive(Clone, Debug, Default)]
struct Steps {
    built: Option<Step>,
    executed: Option<Step>,
    committed: Option<Step>,
    transactions: u64,
}

#[derive(Clone, Copy, Debug)]
struct Step {
    at: SystemTime,
    took: Duration,
}

/// The logs of all nodes, by height.
pub(crate) struct Logs(Vec<HashMap<u64, Steps>>);

/// Means and percentiles over the blocks of one run.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stages {
    /// Blocks with transactions that every node committed.
    pub(crate) blocks: usize,
    /// Microseconds a transaction for building, on the leader.
    pub(crate) build: f64,
    /// Microseconds a transaction for executing, mean of the followers.
    pub(crate) execute: f64,
    /// Microseconds a transaction for writing to the database, mean of all nodes.
    pub(crate) write: f64,
    /// From published to executed on the last follower, in milliseconds; empty without followers.
    pub(crate) to_executed: Vec<f64>,
    /// From published to committed on the last node, in milliseconds.
    pub(crate) to_committed: Vec<f64>,
}

/// Reads the logs of all nodes.
pub(crate) fn read(logs: &[PathBuf]) -> eyre::Result<Logs> {
    let read = |path: &PathBuf| {
        let mut heights = HashMap::<u64, Steps>::new();
        for (at, event) in log::read(path)? {
            note(at, &event, &mut heights);
        }
        Ok(heights)
    };
    Ok(Logs(logs.iter().map(read).collect::<eyre::Result<_>>()?))
}

fn note(at: SystemTime, line: &Value, heights: &mut HashMap<u64, Steps>) -> Option<()> {
    let height = log::height(line)?;
    let step = |name: &str| Some(Step { at, took: duration(line[name].as_str()?)? });
    let steps = heights.entry(height).or_default();
    match line["message"].as_str()? {
        "built" => steps.built = step("elapsed"),
        "executed" => steps.executed = step("elapsed"),
        "block" => {
            steps.committed = step("write");
            steps.transactions = line["transactions"].as_u64().unwrap_or_default();
        }
        _ => {}
    }
    Some(())
}

/// A duration as `Debug` prints it: a number with a fraction, then `ns`, `µs`, `ms` or `s`.
fn duration(text: &str) -> Option<Duration> {
    let unit = text.find(|c: char| !c.is_ascii_digit() && c != '.')?;
    let (number, unit) = text.split_at(unit);
    let seconds = match unit {
        "ns" => 1e-9,
        "µs" => 1e-6,
        "ms" => 1e-3,
        "s" => 1.0,
        _ => return None,
    };
    Duration::try_from_secs_f64(number.parse::<f64>().ok()? * seconds).ok()
}

impl Logs {
    /// What the blocks of these heights tell.
    pub(crate) fn stages(&self, heights: RangeInclusive<u64>) -> Stages {
        let mut stages = Stages::default();
        let (mut built, mut executed, mut written) = (Sum::default(), Sum::default(), Sum::default());
        for height in heights {
            let nodes: Vec<_> = self.0.iter().filter_map(|node| node.get(&height)).collect();
            let committed: Vec<_> = nodes.iter().filter_map(|steps| steps.committed).collect();
            let transactions = nodes.first().map_or(0, |steps| steps.transactions);
            if committed.len() < self.0.len() || transactions == 0 {
                continue;
            }
            // After a change of leader a height may be built twice; the later one is what came of it.
            let Some(publication) = nodes.iter().filter_map(|steps| steps.built).max_by_key(|step| step.at) else {
                continue;
            };
            stages.blocks += 1;
            built.add(publication.took, transactions);
            committed.iter().for_each(|step| written.add(step.took, transactions));
            let followers: Vec<_> = nodes.iter().filter_map(|steps| steps.executed).collect();
            followers.iter().for_each(|step| executed.add(step.took, transactions));
            let since = |steps: &[Step]| {
                let last = steps.iter().map(|step| step.at).max()?;
                Some(last.duration_since(publication.at).unwrap_or_default().as_secs_f64() * 1e3)
            };
            stages.to_executed.extend(since(&followers));
            stages.to_committed.extend(since(&committed));
        }
        (stages.build, stages.execute, stages.write) = (built.mean(), executed.mean(), written.mean());
        stages
    }
}

/// Time by transactions.
#[derive(Default)]
struct Sum {
    time: Duration,
    transactions: u64,
}

impl Sum {
    fn add(&mut self, time: Duration, transactions: u64) {
        self.time += time;
        self.transactions += transactions;
    }

    /// Microseconds a transaction.
    fn mean(&self) -> f64 {
        if self.transactions == 0 { 0.0 } else { self.time.as_secs_f64() * 1e6 / self.transactions as f64 }
    }
}

/// Median and 99th percentile.
pub(crate) fn p50_p99(values: &[f64]) -> Option<(f64, f64)> {
    Some((quantile(values, 0.5)?, quantile(values, 0.99)?))
}
