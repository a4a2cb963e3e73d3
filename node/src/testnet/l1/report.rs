//! What became of every change of the set, and whether it is as it should be.

use super::{
    L1,
    membership::{Course, Courses, What},
    watch::{EraView, Seen, Watch},
};
use crate::{
    genesis::Genesis,
    testnet::{measure::Window, verify::Canonical},
};
use alloy_primitives::{Address, U256};
use serde::Serialize;
use std::{fmt, time::Duration};

/// In how many planned terms whoever is new in the set must have led.
const TERMS_TO_LEAD: u64 = 2;

/// How many term timeouts finality may take at most.
const SILENT_TIMEOUTS: u32 = 2;

/// The set and L1, in the summary. Times are in ms since the start of the load, amounts in wei.
#[derive(Clone, Debug, Serialize)]
pub(in crate::testnet) struct L1Report {
    registry: Address,
    chain_id: u64,
    /// The longest time without more finality while the load ran, and the most that it may be; nothing says what it may be
    /// where nodes are killed or paused.
    finality_gap_ms: u64,
    finality_gap_limit_ms: Option<u64>,
    eras: Vec<Era>,
    joins: Vec<Join>,
    exits: Vec<Exit>,
    equivocations: Vec<Equivocation>,
}

#[derive(Clone, Debug, Serialize)]
struct Era {
    era: u64,
    /// When the first node was in it.
    opened_ms: u64,
    /// The height of its first block; none without one.
    first_block: Option<u64>,
    /// The L1 block of its set.
    l1_block: Option<u64>,
    members: Vec<Address>,
    /// The longest time without more finality around its opening.
    finality_gap_ms: u64,
}

#[derive(Clone, Debug, Serialize)]
struct Join {
    node: usize,
    operator: Address,
    asked_ms: u64,
    stake: String,
    registered_ms: Option<u64>,
    l1_block: Option<u64>,
    /// The first era with it.
    era: Option<u64>,
    /// The first block that it led, when somebody had it, and the planned term that was, counted from the era's first block.
    first_led: Option<u64>,
    led_ms: Option<u64>,
    led_in_term: Option<u64>,
}

#[derive(Clone, Debug, Serialize)]
struct Exit {
    node: usize,
    operator: Address,
    asked_ms: u64,
    requested_ms: Option<u64>,
    l1_block: Option<u64>,
    /// The first era without it.
    era: Option<u64>,
    left_ms: Option<u64>,
    stake: String,
    payout: Address,
    withdrawn_ms: Option<u64>,
    withdrawn: Option<String>,
}

#[derive(Clone, Debug, Serialize)]
struct Equivocation {
    node: usize,
    operator: Address,
    asked_ms: u64,
    /// The height of the block that it signed twice.
    height: Option<u64>,
    evidence_ms: Option<u64>,
    slashed_ms: Option<u64>,
    l1_block: Option<u64>,
    stake: String,
    /// What it lost; the reporter's part included.
    slashed: Option<String>,
    reward: Option<String>,
    reporter: Option<Address>,
    /// The first era without it.
    era: Option<u64>,
    out_ms: Option<u64>,
}

/// What the report is made of.
struct Material<'a> {
    seen: &'a Seen,
    chain: &'a [Canonical],
    window: Window,
    term_blocks: u64,
    /// The L1 block of era 0.
    origin: u64,
    arrival: &'a dyn Fn(&Canonical) -> Option<Duration>,
}

/// A run, as far as the report needs it.
pub(in crate::testnet) struct Run<'a> {
    pub(in crate::testnet) l1: &'a L1,
    pub(in crate::testnet) genesis: &'a Genesis,
    pub(in crate::testnet) courses: &'a Courses,
    pub(in crate::testnet) watch: &'a Watch,
    /// The chain in the end.
    pub(in crate::testnet) chain: &'a [Canonical],
    /// When the first node had a block.
    pub(in crate::testnet) arrival: &'a dyn Fn(&Canonical) -> Option<Duration>,
    pub(in crate::testnet) window: Window,
    /// Whether no node was killed or paused.
    pub(in crate::testnet) undisturbed: bool,
}

/// The report, and what speaks against the run.
pub(in crate::testnet) fn report(run: &Run<'_>) -> (L1Report, Vec<String>) {
    let Run { l1, genesis, courses, watch, chain, arrival, window, undisturbed } = *run;
    let seen = watch.seen().clone();
    let parameters = &genesis.parameters;
    let origin = genesis.l1.map_or(0, |l1| l1.anchor.number);
    let material = Material { seen: &seen, chain, window, term_blocks: parameters.term_blocks.max(1), origin, arrival };
    let limit = parameters.term_timeout.saturating_mul(SILENT_TIMEOUTS);
    let gap = seen.longest_silence(window.from, window.until);
    let mut report = L1Report {
        registry: l1.registry.address,
        chain_id: l1.client().chain_id(),
        finality_gap_ms: millis(gap),
        finality_gap_limit_ms: undisturbed.then(|| millis(limit)),
        eras: seen.eras.iter().map(|(era, view)| material.era(*era, view)).collect(),
        joins: Vec::new(),
        exits: Vec::new(),
        equivocations: Vec::new(),
    };
    for course in courses.all() {
        match course.what {
            What::Join => report.joins.push(material.join(&course)),
            What::Exit => report.exits.push(material.exit(&course)),
            What::Equivocate => report.equivocations.push(material.equivocation(&course)),
        }
    }
    let problems = report.problems();
    (report, problems)
}

impl Material<'_> {
    fn ms(&self, at: Duration) -> u64 {
        millis(at.saturating_sub(self.window.from))
    }

    fn first_block(&self, era: u64) -> Option<u64> {
        self.chain.iter().find(|block| block.position.is_some_and(|at| at.era.0 == era)).map(|block| block.number)
    }

    fn era(&self, era: u64, view: &EraView) -> Era {
        let EraView { at, members, l1_block } = view;
        Era {
            era,
            opened_ms: self.ms(*at),
            first_block: self.first_block(era),
            l1_block: if era == 0 { Some(self.origin) } else { *l1_block },
            members: members.clone(),
            finality_gap_ms: millis(self.seen.silence_around(*at)),
        }
    }

    fn join(&self, course: &Course) -> Join {
        let era = self.seen.era_with(course.operator, true, course.era).map(|(era, _)| era);
        let led = self.chain.iter().find(|block| block.leader == course.operator);
        let opened = era.and_then(|era| self.first_block(era));
        let terms = led.zip(opened).map(|(led, opened)| led.number.saturating_sub(opened) / self.term_blocks + 1);
        Join {
            node: course.node,
            operator: course.operator,
            asked_ms: self.ms(course.asked),
            stake: course.stake.to_string(),
            registered_ms: course.on_l1.map(|(at, _)| self.ms(at)),
            l1_block: course.on_l1.map(|(_, block)| block),
            era,
            first_led: led.map(|led| led.number),
            led_ms: led.and_then(self.arrival).map(|at| self.ms(at)),
            led_in_term: terms,
        }
    }

    fn exit(&self, course: &Course) -> Exit {
        let left = self.seen.era_with(course.operator, false, course.era);
        Exit {
            node: course.node,
            operator: course.operator,
            asked_ms: self.ms(course.asked),
            requested_ms: course.on_l1.map(|(at, _)| self.ms(at)),
            l1_block: course.on_l1.map(|(_, block)| block),
            era: left.map(|(era, _)| era),
            left_ms: left.map(|(_, view)| self.ms(view.at)),
            stake: course.stake.to_string(),
            payout: super::payout(course.node),
            withdrawn_ms: course.withdrawn.map(|(at, _)| self.ms(at)),
            withdrawn: course.withdrawn.map(|(_, paid)| paid.to_string()),
        }
    }

    fn equivocation(&self, course: &Course) -> Equivocation {
        let slash = course.slashed.map(|(_, slash)| slash);
        let left = self.seen.era_with(course.operator, false, course.era);
        Equivocation {
            node: course.node,
            operator: course.operator,
            asked_ms: self.ms(course.asked),
            height: course.height,
            evidence_ms: course.found.map(|at| self.ms(at)),
            slashed_ms: course.slashed.map(|(at, _)| self.ms(at)),
            l1_block: slash.map(|slash| slash.block),
            stake: course.stake.to_string(),
            slashed: slash.map(|slash| slash.burnt.saturating_add(slash.reward).to_string()),
            reward: slash.map(|slash| slash.reward.to_string()),
            reporter: slash.map(|slash| slash.reporter),
            era: left.map(|(era, _)| era),
            out_ms: left.map(|(_, view)| self.ms(view.at)),
        }
    }
}

impl L1Report {
    fn problems(&self) -> Vec<String> {
        let Self { finality_gap_ms, finality_gap_limit_ms, eras, joins, exits, equivocations, .. } = self;
        let mut problems = Vec::new();
        if let Some(limit) = finality_gap_limit_ms.filter(|limit| finality_gap_ms > limit) {
            problems.push(format!("finality stopped for {finality_gap_ms} ms, more than {limit} ms"));
        }
        let in_the_end = |operator| eras.last().is_some_and(|era| era.members.contains(operator));
        for Join { node, era, led_in_term, .. } in joins {
            match (era, led_in_term) {
                (None, _) => problems.push(format!("node {node}, which wanted to join, is in no set")),
                (Some(era), None) => problems.push(format!("node {node} is in the set since era {era}, and never led")),
                (Some(era), Some(terms)) if *terms > TERMS_TO_LEAD => problems.push(format!(
                    "node {node} led only in the planned term {terms} of era {era}, later than {TERMS_TO_LEAD}"
                )),
                _ => {}
            }
        }
        for Exit { node, operator, stake, withdrawn, .. } in exits {
            if in_the_end(operator) {
                problems.push(format!("node {node}, which wanted to leave, is still in the set"));
            }
            match withdrawn {
                None => problems.push(format!("the stake of node {node} was not withdrawn")),
                Some(paid) if paid != stake => {
                    problems.push(format!("node {node} staked {stake} wei, and was paid {paid}"));
                }
                Some(_) => {}
            }
        }
        for Equivocation { node, operator, evidence_ms, slashed, .. } in equivocations {
            if evidence_ms.is_none() {
                problems.push(format!("nobody has evidence against node {node}, which signed twice"));
            }
            if slashed.as_deref().is_none_or(|slashed| slashed == "0") {
                problems.push(format!("node {node}, which signed twice, was not slashed"));
            }
            if in_the_end(operator) {
                problems.push(format!("node {node}, which signed twice, is still in the set"));
            }
        }
        problems
    }
}

/// An amount of wei in ether.
fn ether(wei: &str) -> String {
    crate::staking::Token::native().format(wei.parse::<U256>().unwrap_or_default())
}

impl fmt::Display for L1Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { registry, chain_id, finality_gap_ms, finality_gap_limit_ms, eras, joins, exits, equivocations } =
            self;
        let s = |ms: &Option<u64>| ms.map_or_else(|| "never".to_owned(), |ms| format!("{:.1} s", ms as f64 / 1000.0));
        let at = |place: &Option<u64>| place.map_or_else(|| "-".to_owned(), |place| place.to_string());
        writeln!(f, "registry {registry} on L1 chain {chain_id}")?;
        for Era { era, opened_ms, first_block, l1_block, members, finality_gap_ms } in eras {
            writeln!(
                f,
                "era {era}: {} members of L1 block {}, first block {}, opened at {}, finality gap {finality_gap_ms} ms",
                members.len(),
                at(l1_block),
                at(first_block),
                s(&Some(*opened_ms)),
            )?;
        }
        for Join { node, asked_ms, registered_ms, l1_block, era, led_ms, led_in_term, .. } in joins {
            writeln!(
                f,
                "node {node} joined: asked at {}, registered at {} in L1 block {}, in the set with era {}, led at {} in planned \
                 term {} of it",
                s(&Some(*asked_ms)),
                s(registered_ms),
                at(l1_block),
                at(era),
                s(led_ms),
                at(led_in_term)
            )?;
        }
        for Exit { node, asked_ms, era, left_ms, stake, withdrawn_ms, withdrawn, payout, .. } in exits {
            writeln!(
                f,
                "node {node} left: asked at {}, out with era {} at {}, staked {}, withdrew {} at {} to {payout}",
                s(&Some(*asked_ms)),
                at(era),
                s(left_ms),
                ether(stake),
                withdrawn.as_deref().map_or_else(|| "nothing".to_owned(), ether),
                s(withdrawn_ms)
            )?;
        }
        for Equivocation { node, asked_ms, height, evidence_ms, slashed_ms, stake, slashed, era, out_ms, .. } in
            equivocations
        {
            writeln!(
                f,
                "node {node} cheated: signed block {} twice after {}, found out at {}, slashed of {} at {} (of {}), out with era \
                 {} at {}",
                at(height),
                s(&Some(*asked_ms)),
                s(evidence_ms),
                slashed.as_deref().map_or_else(|| "nothing".to_owned(), ether),
                s(slashed_ms),
                ether(stake),
                at(era),
                s(out_ms)
            )?;
        }
        write!(f, "longest finality gap {finality_gap_ms} ms")?;
        finality_gap_limit_ms.map_or(Ok(()), |limit| write!(f, ", of {limit} ms at most"))
    }
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
