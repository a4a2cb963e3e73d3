//! The figures as a table and as JSON.

use crate::{
    run::{Carried, Outcome, Setup},
    tally::Sent,
};
use serde_json::{Value, json};
use std::time::Duration;

/// Parts of all nodes, in percent.
const COVERAGE: [usize; 3] = [50, 99, 100];

/// Parts of all blocks, in percent.
const BLOCKS: [usize; 3] = [50, 99, 100];

/// The figures of one size.
#[derive(Clone, Debug)]
pub struct Figures {
    /// In bytes.
    pub size: usize,
    /// Until 50, 99 and 100 % of all nodes have a block, in ms: of 50, 99 and 100 % of the blocks.
    pub coverage_ms: [[f64; 3]; 3],
    /// Blocks that did not come to a node, summed over all nodes.
    pub missed: usize,
    /// Copies that a node got of a block, on average.
    pub copies: f64,
    /// Bytes that a node sent for a block, on average and at most.
    pub bytes: (f64, f64),
    /// Those of them that are not messages.
    pub control_bytes: f64,
    /// Message ids that a node named for a block: IHAVE, IWANT, IDONTWANT.
    pub ids: [f64; 3],
    /// What one block with its share of the time between blocks costs in GRAFT and PRUNE, for a node.
    pub grafts_and_prunes: f64,
}

impl Figures {
    /// Takes stock of the blocks of one size.
    #[must_use]
    pub fn of(setup: &Setup, carried: &Carried) -> Self {
        let others = setup.nodes - 1;
        let coverage_ms = COVERAGE.map(|part| {
            let place = (others * part).div_ceil(100).max(1) - 1;
            let mut times: Vec<_> = carried.arrivals.iter().filter_map(|times| times.get(place).copied()).collect();
            times.sort_unstable();
            BLOCKS.map(|part| milliseconds(quantile(&times, part)))
        });
        let mut all = Sent::default();
        carried.sent.iter().for_each(|sent| all += *sent);
        let pairs = (setup.nodes as u64 * setup.blocks) as f64;
        let each = |count: u64| count as f64 / pairs;
        let most = carried.sent.iter().map(|sent| sent.bytes).max().unwrap_or_default();
        Self {
            size: carried.size,
            coverage_ms,
            missed: carried.arrivals.iter().map(|times| others - times.len()).sum(),
            copies: each(all.messages),
            bytes: (each(all.bytes), most as f64 / setup.blocks as f64),
            control_bytes: each(all.control_bytes()),
            ids: [all.ihave, all.iwant, all.idontwant].map(each),
            grafts_and_prunes: each(all.grafts_and_prunes),
        }
    }
}

/// Everything as a table.
#[must_use]
pub fn table(setup: &Setup, outcome: &Outcome) -> String {
    let degrees = &outcome.degrees;
    let settling = outcome.settling.bytes as f64 / setup.nodes as f64;
    let mut lines = vec![
        format!(
            "{} nodes, {} to {} peers each (median {}); seed {}; {} Mbit/s out of a node, {:?} to check a block",
            setup.nodes,
            degrees.first().copied().unwrap_or_default(),
            degrees.last().copied().unwrap_or_default(),
            degrees.get(degrees.len() / 2).copied().unwrap_or_default(),
            setup.seed,
            setup.bits_per_second / 1_000_000,
            setup.checking
        ),
        format!(
            "{} blocks of each size, one every {:?}; to settle down a node sent {:.0} kB",
            setup.blocks,
            setup.interval,
            settling / 1e3
        ),
        format!(
            "{:>10} | {:^26} | {:^26} | {:^26} |{:>7}",
            "block", "ms to 50 % of the nodes", "ms to 99 %", "ms to 100 %", "missed"
        ),
        format!("{:>10} |{}", "bytes", format!("{:>8}{:>9}{:>9}  |", "p50", "p99", "max").repeat(3)),
    ];
    let figures: Vec<_> = outcome.carried.iter().map(|carried| Figures::of(setup, carried)).collect();
    for Figures { size, coverage_ms, missed, .. } in &figures {
        let times = coverage_ms.map(|[p50, p99, max]| format!("{p50:>8.0}{p99:>9.0}{max:>9.0}  |"));
        lines.push(format!("{size:>10} |{}{missed:>7}", times.concat()));
    }
    lines.push(String::new());
    lines.push("for a node and a block".to_owned());
    lines.push(format!(
        "{:>10} |{:>8}{:>12}{:>12}{:>9}{:>12}{:>8}{:>8}{:>10}{:>14}",
        "block", "copies", "bytes", "most", "x block", "control", "IHAVE", "IWANT", "IDONTWANT", "GRAFT, PRUNE"
    ));
    for Figures {
        size,
        copies,
        bytes: (mean, most),
        control_bytes,
        ids: [ihave, iwant, idontwant],
        grafts_and_prunes,
        ..
    } in &figures
    {
        lines.push(format!(
            "{size:>10} |{copies:>8.2}{mean:>12.0}{most:>12.0}{:>9.2}{control_bytes:>12.0}{ihave:>8.2}{iwant:>8.3}{idontwant:>10.2}{grafts_and_prunes:>14.3}",
            mean / *size as f64
        ));
    }
    lines.join("\n")
}

/// Everything as JSON.
#[must_use]
pub fn json(setup: &Setup, outcome: &Outcome) -> Value {
    let sizes = outcome.carried.iter().map(|carried| {
        let figures = Figures::of(setup, carried);
        let coverage = COVERAGE.iter().zip(figures.coverage_ms).map(
            |(part, [p50, p99, max])| json!({ "percent_of_nodes": part, "p50_ms": p50, "p99_ms": p99, "max_ms": max }),
        );
        let [ihave, iwant, idontwant] = figures.ids;
        json!({
            "block_bytes": figures.size, "coverage": coverage.collect::<Vec<_>>(), "missed": figures.missed,
            "copies": figures.copies, "bytes": figures.bytes.0, "most_bytes": figures.bytes.1,
            "control_bytes": figures.control_bytes, "ihave": ihave, "iwant": iwant, "idontwant": idontwant,
            "grafts_and_prunes": figures.grafts_and_prunes, "span_s": carried.span.as_secs_f64(),
        })
    });
    json!({
        "seed": setup.seed, "nodes": setup.nodes, "dials": setup.dials, "bits_per_second": setup.bits_per_second,
        "checking_ms": milliseconds(Some(setup.checking)), "blocks": setup.blocks,
        "interval_ms": milliseconds(Some(setup.interval)), "sizes": sizes.collect::<Vec<_>>(),
    })
}

fn quantile(sorted: &[Duration], percent: usize) -> Option<Duration> {
    sorted.get((sorted.len() * percent).div_ceil(100).max(1) - 1).copied()
}

fn milliseconds(time: Option<Duration>) -> f64 {
    time.map_or(f64::NAN, |time| time.as_secs_f64() * 1e3)
}
