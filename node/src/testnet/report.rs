//! The summary: its arithmetic and its two forms.

use super::{
    faults::{Action, Victim},
    l1::L1Report,
};
use alloy_primitives::Address;
use serde::Serialize;
use std::{collections::BTreeMap, fmt, time::Duration};

/// What a run came to.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Report {
    pub(super) nodes: usize,
    pub(super) duration_s: f64,
    pub(super) blocks: u64,
    pub(super) epochs: u64,
    pub(super) terms: u64,
    /// How many blocks each sequencer led.
    pub(super) leaders: BTreeMap<Address, u64>,
    pub(super) txs: Transactions,
    pub(super) tps: f64,
    pub(super) latency_ms: Latencies,
    pub(super) block_interval_ms: Intervals,
    pub(super) faults: Vec<FaultReport>,
    /// What every live node had at the end.
    pub(super) finality: Finality,
    pub(super) agree: Agreement,
    /// What became of the set; none if it does not come from L1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) l1: Option<L1Report>,
}

/// Numbers of transactions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Transactions {
    pub(super) submitted: u64,
    pub(super) accepted: u64,
    pub(super) included: u64,
    /// Included, and without success.
    pub(super) failed: u64,
    /// Accepted, and in no block when everyone was killed at once. They were sent again, and count as accepted only if they
    /// were accepted again.
    pub(super) voided: u64,
}

/// How long transactions took, in ms.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Latencies {
    /// From sending until the node that it was sent to had the block.
    pub(super) included: Percentiles,
    /// From sending until the last node had the block.
    pub(super) visible_on_all: Percentiles,
}

/// The median and the 99th of 100; none without samples.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(super) struct Percentiles {
    pub(super) p50: Option<f64>,
    pub(super) p99: Option<f64>,
}

/// The time between two blocks as followers saw them, in ms.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(super) struct Intervals {
    pub(super) p50: Option<f64>,
    pub(super) p99: Option<f64>,
    pub(super) max: Option<f64>,
}

/// A fault and what it cost.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct FaultReport {
    /// Who was hit.
    pub(super) kind: Victim,
    pub(super) action: Action,
    /// Since the start of the load.
    pub(super) at_ms: u64,
    /// The longest time without a new block that any surviving node had from the fault to the next one; that nobody had
    /// one, if nobody survived. None if blocks did not resume by then.
    pub(super) recovery_ms: Option<u64>,
}

/// The lowest heights of any live node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Finality {
    pub(super) safe: u64,
    pub(super) finalized: u64,
}

/// Whether all live nodes say the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Agreement {
    pub(super) heads: bool,
    pub(super) state_roots: bool,
}

/// Milliseconds, to a tenth.
fn millis(span: Duration) -> f64 {
    (span.as_secs_f64() * 10_000.0).round() / 10.0
}

/// The smallest sample that at least `percent` of 100 samples do not exceed (nearest rank). `sorted` must be.
fn percentile(sorted: &[Duration], percent: usize) -> Option<f64> {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied().map(millis)
}

impl Percentiles {
    /// Of these samples, in any order.
    pub(super) fn of(mut samples: Vec<Duration>) -> Self {
        samples.sort_unstable();
        Self { p50: percentile(&samples, 50), p99: percentile(&samples, 99) }
    }
}

impl Intervals {
    /// Between these arrivals, in order of the blocks.
    pub(super) fn between(arrivals: &[Duration]) -> Self {
        let mut gaps = gaps(arrivals);
        gaps.sort_unstable();
        Self { p50: percentile(&gaps, 50), p99: percentile(&gaps, 99), max: gaps.last().copied().map(millis) }
    }
}

fn gaps(arrivals: &[Duration]) -> Vec<Duration> {
    arrivals.windows(2).map(|pair| pair[1].saturating_sub(pair[0])).collect()
}

/// The longest gap between blocks at one node from a fault on: the gap that the fault fell into counts whole.
///
/// None if blocks did not resume before `until`: a block that arrives within two block times of the fault was under way
/// already, and a silence at the end that lasts longer than every gap and than `20` block times has not ended.
pub(super) fn recovery(
    arrivals: &[Duration],
    fault: Duration,
    until: Duration,
    block_time: Duration,
) -> Option<Duration> {
    let before = arrivals.iter().rev().find(|arrival| **arrival < fault).copied();
    let after = arrivals.iter().filter(|arrival| (fault..=until).contains(*arrival)).copied();
    let relevant: Vec<_> = before.into_iter().chain(after).collect();
    let last = *relevant.last()?;
    if last < fault + block_time * 2 {
        return None;
    }
    let longest = gaps(&relevant).into_iter().max()?;
    let silence = until.saturating_sub(last);
    (silence <= longest.max(block_time * 20)).then_some(longest)
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            nodes,
            duration_s,
            blocks,
            epochs,
            terms,
            leaders,
            txs,
            tps,
            latency_ms,
            block_interval_ms,
            faults,
            finality,
            agree,
            l1,
        } = self;
        let ms = |value: &Option<f64>| value.map_or_else(|| "-".to_owned(), |value| format!("{value:.0} ms"));
        let Latencies { included, visible_on_all } = latency_ms;
        writeln!(f, "{nodes} nodes, {duration_s:.1} s: {blocks} blocks in {epochs} epochs and {terms} terms")?;
        writeln!(
            f,
            "transactions   {} submitted, {} accepted, {} included, {} failed: {tps:.1} a second",
            txs.submitted, txs.accepted, txs.included, txs.failed
        )?;
        if txs.voided > 0 {
            writeln!(f, "               {} accepted ones died with all pools, and were sent again", txs.voided)?;
        }
        writeln!(f, "included       p50 {}, p99 {}", ms(&included.p50), ms(&included.p99))?;
        writeln!(f, "seen by all    p50 {}, p99 {}", ms(&visible_on_all.p50), ms(&visible_on_all.p99))?;
        let Intervals { p50, p99, max } = block_interval_ms;
        writeln!(f, "block interval p50 {}, p99 {}, max {}", ms(p50), ms(p99), ms(max))?;
        for (index, FaultReport { kind, action, at_ms, recovery_ms }) in faults.iter().enumerate() {
            let at = *at_ms as f64 / 1000.0;
            match recovery_ms {
                Some(recovery) => writeln!(f, "{kind} {action} at {at:.1} s: longest gap {recovery} ms")?,
                None if index + 1 < faults.len() => {
                    writeln!(f, "{kind} {action} at {at:.1} s: blocks did not resume before the next fault")?;
                }
                None => writeln!(f, "{kind} {action} at {at:.1} s: blocks did not resume")?,
            }
        }
        for (leader, count) in leaders {
            writeln!(f, "led by {leader}: {count} blocks")?;
        }
        let Finality { safe, finalized } = finality;
        writeln!(f, "safe {safe}, finalized {finalized} on all nodes")?;
        if let Some(l1) = l1 {
            writeln!(f, "{l1}")?;
        }
        let word = |same| if same { "agree" } else { "DISAGREE" };
        write!(f, "heads {}, state roots {}", word(agree.heads), word(agree.state_roots))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spans(millis: &[u64]) -> Vec<Duration> {
        millis.iter().copied().map(Duration::from_millis).collect()
    }

    #[test]
    fn percentiles_are_samples() {
        let of = |millis: &[u64]| Percentiles::of(spans(millis));
        assert_eq!(of(&[]), Percentiles { p50: None, p99: None });
        assert_eq!(of(&[7]), Percentiles { p50: Some(7.0), p99: Some(7.0) });
        assert_eq!(of(&[4, 1, 3, 2]), Percentiles { p50: Some(2.0), p99: Some(4.0) });
        let hundred: Vec<_> = (1..=100).rev().collect();
        assert_eq!(of(&hundred), Percentiles { p50: Some(50.0), p99: Some(99.0) });
        let thousand: Vec<_> = (1..=1000).collect();
        assert_eq!(of(&thousand), Percentiles { p50: Some(500.0), p99: Some(990.0) });
    }

    #[test]
    fn intervals_lie_between_arrivals() {
        let intervals = Intervals::between(&spans(&[100, 350, 600, 1600]));
        assert_eq!(intervals, Intervals { p50: Some(250.0), p99: Some(1000.0), max: Some(1000.0) });
        assert_eq!(Intervals::between(&spans(&[100])), Intervals { p50: None, p99: None, max: None });
    }

    #[test]
    fn recovery_is_the_longest_gap_from_the_fault_on() {
        let recovery = |arrivals: &[u64], fault: u64, until: u64| {
            let millis = Duration::from_millis;
            super::recovery(&spans(arrivals), millis(fault), millis(until), millis(250))
                .map(|span| span.as_millis() as u64)
        };
        // The gap before the fault does not count, the one around it counts whole.
        assert_eq!(recovery(&[0, 2000, 2250, 3500, 3750], 2300, 4000), Some(1250));
        // A block that was under way comes first.
        assert_eq!(recovery(&[2000, 2250, 2310, 4310, 4560], 2300, 5000), Some(2000));
        // Nothing came, or only what was under way.
        assert_eq!(recovery(&[2000, 2250], 2300, 9000), None);
        assert_eq!(recovery(&[2000, 2250, 2310], 2300, 9000), None);
        assert_eq!(recovery(&[], 2300, 9000), None);
        // It came, and then stopped for good.
        assert_eq!(recovery(&[2000, 2250, 3500, 3750], 2300, 60_000), None);
    }

    #[test]
    fn the_json_has_the_documented_keys() {
        let report = Report {
            nodes: 4,
            duration_s: 1.0,
            blocks: 2,
            epochs: 1,
            terms: 1,
            leaders: [(Address::ZERO, 2)].into(),
            txs: Transactions { submitted: 3, accepted: 2, included: 1, failed: 0, voided: 1 },
            tps: 1.0,
            latency_ms: Latencies {
                included: Percentiles { p50: Some(1.5), p99: None },
                visible_on_all: Percentiles { p50: None, p99: None },
            },
            block_interval_ms: Intervals { p50: None, p99: None, max: None },
            faults: vec![
                FaultReport { kind: Victim::Leader, action: Action::Kill, at_ms: 10_000, recovery_ms: None },
                FaultReport {
                    kind: Victim::Everyone,
                    action: Action::RestartAll,
                    at_ms: 20_000,
                    recovery_ms: Some(1_500),
                },
            ],
            finality: Finality { safe: 2, finalized: 1 },
            agree: Agreement { heads: true, state_roots: true },
            l1: None,
        };
        let json = serde_json::to_value(&report).unwrap();
        let faults = serde_json::json!([
            { "kind": "leader", "action": "kill", "at_ms": 10_000, "recovery_ms": null },
            { "kind": "everyone", "action": "restart-all", "at_ms": 20_000, "recovery_ms": 1_500 },
        ]);
        assert_eq!(json["faults"], faults);
        assert_eq!(json["leaders"]["0x0000000000000000000000000000000000000000"], 2);
        assert_eq!(json["latency_ms"]["included"], serde_json::json!({ "p50": 1.5, "p99": null }));
        assert_eq!(json["txs"]["accepted"], 2);
        assert_eq!(json["finality"], serde_json::json!({ "safe": 2, "finalized": 1 }));
        assert_eq!(json["agree"]["state_roots"], true);
        let text = report.to_string();
        assert!(text.contains("leader killed at 10.0 s: blocks did not resume before the next fault"), "{text}");
        assert!(text.contains("everyone restarted at 20.0 s: longest gap 1500 ms"), "{text}");
        assert!(text.contains("1 accepted ones died with all pools"), "{text}");
    }
}
