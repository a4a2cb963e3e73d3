//! From what was seen to the numbers of the summary.

use super::{
    chronicle::Chronicle,
    faults::Fault,
    fleet::Fleet,
    load::Ledger,
    observe::Record,
    report::{Agreement, FaultReport, Intervals, Latencies, Percentiles, Report, Transactions, recovery},
    verify::{Canonical, Verdict},
};
use alloy_primitives::Address;
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    time::Duration,
};

/// When the load ran, on the record's clock.
#[derive(Clone, Copy, Debug)]
pub(super) struct Window {
    pub(super) from: Duration,
    pub(super) until: Duration,
}

/// Puts the summary together.
pub(super) fn report(
    fleet: &Fleet,
    record: &Record,
    ledger: &Ledger,
    verdict: &Verdict,
    faults: &[Fault],
    window: Window,
    block_time: Duration,
) -> Report {
    let operators: Vec<_> = (0..fleet.len()).filter_map(|index| fleet.operator(index)).collect();
    let end = record.now();
    let chronicle = record.chronicle();
    let Verdict { agree, finality, chain, included, failed, problems: _ } = verdict;
    let Agreement { heads, state_roots } = *agree;
    let duration = window.until.saturating_sub(window.from);
    let counts = ledger.counts();
    Report {
        nodes: fleet.len(),
        duration_s: (duration.as_secs_f64() * 1000.0).round() / 1000.0,
        blocks: chain.len() as u64,
        epochs: distinct(chain, |position| (position.era, position.term, position.epoch)),
        terms: distinct(chain, |position| (position.era, position.term)),
        leaders: leaders(chain, &operators),
        txs: Transactions {
            submitted: counts.submitted,
            accepted: counts.accepted,
            included: included.len() as u64,
            failed: *failed,
            voided: counts.voided,
        },
        tps: (included.len() as f64 / duration.as_secs_f64().max(0.001) * 10.0).round() / 10.0,
        latency_ms: latencies(&chronicle, ledger, verdict),
        block_interval_ms: Intervals::between(&follower_arrivals(&chronicle, chain, &operators, window)),
        faults: fault_reports(&chronicle, chain, faults, window, end, block_time),
        finality: *finality,
        agree: Agreement { heads, state_roots },
        l1: None,
    }
}

fn distinct<K: Ord>(chain: &[Canonical], key: impl Fn(baton_consensus::types::ExtraData) -> K) -> u64 {
    chain.iter().filter_map(|block| block.position.map(&key)).collect::<BTreeSet<_>>().len() as u64
}

/// Everyone's blocks; those who led none are listed as well.
fn leaders(chain: &[Canonical], operators: &[Address]) -> BTreeMap<Address, u64> {
    let mut leaders: BTreeMap<_, _> = operators.iter().map(|operator| (*operator, 0)).collect();
    for block in chain {
        *leaders.entry(block.leader).or_default() += 1;
    }
    leaders
}

fn latencies(chronicle: &Chronicle, ledger: &Ledger, verdict: &Verdict) -> Latencies {
    let by_number: HashMap<_, _> = verdict.chain.iter().map(|block| (block.number, block.hash)).collect();
    let (mut own, mut everyone) = (Vec::new(), Vec::new());
    for (transaction, entry) in ledger.accepted() {
        let number = verdict.included.get(&transaction);
        let Some(block) = number.and_then(|number| by_number.get(number)).and_then(|hash| chronicle.block(hash)) else {
            continue;
        };
        let Some(first) = block.first_arrival() else { continue };
        let present = |node: &usize| chronicle.present(*node, entry.at, first);
        // A node that died in between saw nothing; its client asks another one.
        let seen_by_own = block.arrivals.get(entry.node).copied().flatten().filter(|_| present(&entry.node));
        own.push(seen_by_own.unwrap_or(first).saturating_sub(entry.at));
        let arrivals = block.arrivals.iter().enumerate();
        let last = arrivals.filter(|(node, _)| present(node)).filter_map(|(_, arrival)| *arrival).max();
        everyone.push(last.unwrap_or(first).saturating_sub(entry.at));
    }
    Latencies { included: Percentiles::of(own), visible_on_all: Percentiles::of(everyone) }
}

/// When the first follower of each block had it; its leader's own view does not count unless it is alone.
fn follower_arrivals(
    chronicle: &Chronicle,
    chain: &[Canonical],
    operators: &[Address],
    window: Window,
) -> Vec<Duration> {
    let first_at_follower = |canonical: &Canonical| {
        let block = chronicle.block(&canonical.hash)?;
        let followers = block.arrivals.iter().zip(operators).filter(|(_, operator)| **operator != canonical.leader);
        followers.filter_map(|(arrival, _)| *arrival).min().or_else(|| block.first_arrival())
    };
    let arrivals = chain.iter().filter_map(first_at_follower);
    arrivals.filter(|arrival| (window.from..=window.until).contains(arrival)).collect()
}

fn fault_reports(
    chronicle: &Chronicle,
    chain: &[Canonical],
    faults: &[Fault],
    window: Window,
    end: Duration,
    block_time: Duration,
) -> Vec<FaultReport> {
    let next = faults.iter().skip(1).map(|fault| fault.at).chain([end]);
    faults
        .iter()
        .zip(next)
        .map(|(fault, until)| FaultReport {
            kind: fault.victim,
            action: fault.action,
            at_ms: u64::try_from(fault.at.saturating_sub(window.from).as_millis()).unwrap_or(u64::MAX),
            recovery_ms: longest_gap(chronicle, chain, fault.at, until, block_time)
                .map(|span| u64::try_from(span.as_millis()).unwrap_or(u64::MAX)),
        })
        .collect()
}

/// The longest gap of the node that was hit worst, among those that stayed up; if none did, the longest time in which nobody
/// had a new block.
fn longest_gap(
    chronicle: &Chronicle,
    chain: &[Canonical],
    fault: Duration,
    until: Duration,
    block_time: Duration,
) -> Option<Duration> {
    let blocks: Vec<_> = chain.iter().filter_map(|block| chronicle.block(&block.hash)).collect();
    let nodes = blocks.first().map_or(0, |block| block.arrivals.len());
    let gap = |mut arrivals: Vec<_>| {
        arrivals.sort_unstable();
        recovery(&arrivals, fault, until, block_time)
    };
    let survivors: Vec<_> = (0..nodes).filter(|node| chronicle.present(*node, fault, until)).collect();
    if survivors.is_empty() {
        return gap(blocks.iter().filter_map(|block| block.first_arrival()).collect());
    }
    let gaps = survivors.iter().map(|node| gap(blocks.iter().filter_map(|block| block.arrivals[*node]).collect()));
    gaps.collect::<Option<Vec<_>>>()?.into_iter().max()
}
