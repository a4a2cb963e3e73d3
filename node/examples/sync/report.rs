//! The figures as a table and as JSON.

use crate::{
    history::Produced,
    newcomer::{Arrived, State},
    options::Options,
};
use serde_json::{Value, json};

/// How long a newcomer may take by snapshot, in seconds.
const BAR_SNAPSHOT: f64 = 60.0;

/// By how much a newcomer should execute blocks faster than they came about.
const BAR_FULL: f64 = 5.0;

/// All figures.
pub(crate) struct Report<'a> {
    pub(crate) options: &'a Options,
    pub(crate) produced: Produced,
    pub(crate) snapshot: Arrived,
    pub(crate) full: Arrived,
}

impl Report<'_> {
    /// The gas that a newcomer executed a second: the blocks are alike.
    fn gas_per_second(&self, arrived: &Arrived) -> f64 {
        arrived.blocks_per_second() * self.produced.gas as f64 / self.produced.blocks as f64
    }

    fn ratio(&self) -> f64 {
        self.full.blocks_per_second() / self.produced.blocks_per_second()
    }

    pub(crate) fn table(&self) -> String {
        let Self { options, produced, snapshot, full } = self;
        let row = |name: &str, blocks: u64, seconds: f64, rate: f64, gas: f64| {
            format!("{name:34}{blocks:>9}{seconds:>9.1}{rate:>12.1}{:>12.2}", gas / 1e6)
        };
        let State { height, accounts, slots, bytes, elapsed } = snapshot.state.unwrap_or_default();
        let executed = |name, arrived: &Arrived| {
            let (blocks, span) = arrived.blocks;
            row(name, blocks, span.as_secs_f64(), arrived.blocks_per_second(), self.gas_per_second(arrived))
        };
        let verdict = |holds: bool| if holds { "PASS" } else { "MISS" };
        let (in_sync, ratio) = (snapshot.elapsed.as_secs_f64(), self.ratio());
        [
            format!(
                "{} blocks of {:?} with {} transfers; {} accounts in genesis",
                produced.blocks, options.block_time, produced.transactions, options.accounts
            ),
            format!("{:34}{:>9}{:>9}{:>12}{:>12}", "", "blocks", "s", "blocks/s", "Mgas/s"),
            row(
                "produced",
                produced.blocks,
                produced.elapsed.as_secs_f64(),
                produced.blocks_per_second(),
                produced.gas_per_second(),
            ),
            executed("executed by a full sync", full),
            executed("executed after the snapshot", snapshot),
            format!(
                "snapshot of block {height}: {accounts} accounts and {slots} slots, {:.1} MB in {:.2} s: {:.1} MB/s",
                bytes as f64 / 1e6,
                elapsed.as_secs_f64(),
                bytes as f64 / 1e6 / elapsed.as_secs_f64()
            ),
            format!(
                "from the start of the process to in sync: {in_sync:.1} s by snapshot, {:.1} s in full",
                full.elapsed.as_secs_f64()
            ),
            format!("{}  by snapshot: {in_sync:.1} s (bar: {BAR_SNAPSHOT} s)", verdict(in_sync < BAR_SNAPSHOT)),
            format!(
                "{}  in full: {ratio:.1} x the speed of production (bar: {BAR_FULL} x)",
                verdict(ratio >= BAR_FULL)
            ),
        ]
        .join("\n")
    }

    pub(crate) fn to_json(&self) -> Value {
        let Self { options, produced, snapshot, full } = self;
        let state = snapshot.state.unwrap_or_default();
        let arrived = |arrived: &Arrived| {
            json!({
                "in_sync_s": arrived.elapsed.as_secs_f64(), "blocks": arrived.blocks.0,
                "executing_s": arrived.blocks.1.as_secs_f64(), "blocks_per_second": arrived.blocks_per_second(),
                "gas_per_second": self.gas_per_second(arrived),
            })
        };
        json!({
            "cores": std::thread::available_parallelism().map_or(0, std::num::NonZero::get),
            "options": {
                "blocks": options.blocks, "block_time_ms": options.block_time.as_millis() as u64, "pace": options.pace,
                "accounts": options.accounts,
            },
            "produced": {
                "blocks": produced.blocks, "transactions": produced.transactions, "gas": produced.gas,
                "elapsed_s": produced.elapsed.as_secs_f64(), "blocks_per_second": produced.blocks_per_second(),
                "gas_per_second": produced.gas_per_second(),
            },
            "snapshot": arrived(snapshot),
            "state": {
                "height": state.height, "accounts": state.accounts, "slots": state.slots, "bytes": state.bytes,
                "elapsed_s": state.elapsed.as_secs_f64(),
                "megabytes_per_second": state.bytes as f64 / 1e6 / state.elapsed.as_secs_f64(),
            },
            "full": arrived(full),
            "ratio": self.ratio(),
        })
    }
}
