//! `simulate`: many seeds at once, or one of them with everything that happens in it.

use baton_consensus::{FinalityRule, core::VoteRoute, simulation::mutation::Mutation};
use baton_simulator::{
    campaign::{campaign, percentile},
    network::median_hop,
    run::{Broken, Outcome, Setup, run},
    scenarios::{self, Scenario},
};
use clap::{Parser, ValueEnum};
use std::{process::ExitCode, time::Duration};

/// Runs networks of the real consensus core on virtual time, and looks whether the protocol keeps its promises.
#[derive(Debug, Parser)]
struct Arguments {
    /// Seeds for each scenario.
    #[arg(long, default_value_t = 100)]
    seeds: u64,
    /// The first seed.
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// Replay this seed of one scenario, and print what happens in it.
    #[arg(long, requires = "scenarios", conflicts_with_all = ["seeds", "from"])]
    replay: Option<u64>,
    /// Only these scenarios; repeatable.
    #[arg(long = "scenario", value_name = "NAME", value_parser = scenario)]
    scenarios: Vec<&'static Scenario>,
    /// Members, all of one weight; as each scenario has it if not given.
    #[arg(long, value_parser = clap::value_parser!(u16).range(4..=200))]
    nodes: Option<u16>,
    /// Put the members into ten regions of the world. What takes how long is then told, not judged.
    #[arg(long)]
    regions: bool,
    /// The pace of blocks, such as 250ms.
    #[arg(long, value_parser = humantime::parse_duration)]
    block_time: Option<Duration>,
    /// What `finalized` means.
    #[arg(long, value_enum)]
    finality: Option<Finality>,
    /// Whom members send their votes to; as the set's size has it if not given.
    #[arg(long, value_enum)]
    votes: Option<Votes>,
    /// How long members wait for a scheduler, such as 3s.
    #[arg(long, value_parser = humantime::parse_duration)]
    term_timeout: Option<Duration>,
    /// Sign messages really, at ten times the cost, instead of tagging them with hashes.
    #[arg(long)]
    signatures: bool,
    /// Break a rule, to see it seen.
    #[arg(long, value_enum)]
    broken: Option<Rule>,
    /// Name the scenarios and leave.
    #[arg(long)]
    list: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Finality {
    Quorum,
    DepthCount,
    DepthStake,
}

impl From<Finality> for FinalityRule {
    fn from(finality: Finality) -> Self {
        match finality {
            Finality::Quorum => Self::Quorum,
            Finality::DepthCount => Self::DepthCount,
            Finality::DepthStake => Self::DepthStake,
        }
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Votes {
    /// A star.
    Scheduler,
    /// All to all.
    Everyone,
}

impl From<Votes> for VoteRoute {
    fn from(votes: Votes) -> Self {
        match votes {
            Votes::Scheduler => Self::Scheduler,
            Votes::Everyone => Self::Everyone,
        }
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Rule {
    NoFence,
    QuorumOfHalf,
    HeightAlone,
    BaseUnchecked,
    NoFloor,
    FloorKept,
    VoteTwice,
    FinalWithoutParent,
    FinalAcrossTerms,
    SetUnchecked,
    ClosingNotRepeated,
    EraCutShort,
    NewcomerUnpunished,
    FenceNotJournaled,
    JournalNotSynced,
    VotesNotJournaled,
}

impl From<Rule> for Broken {
    fn from(rule: Rule) -> Self {
        match rule {
            Rule::NoFence => Self::Rule(Mutation::NoFence),
            Rule::QuorumOfHalf => Self::Rule(Mutation::QuorumOfHalf),
            Rule::HeightAlone => Self::Rule(Mutation::HeightAlone),
            Rule::BaseUnchecked => Self::Rule(Mutation::BaseUnchecked),
            Rule::NoFloor => Self::Rule(Mutation::NoFloor),
            Rule::FloorKept => Self::Rule(Mutation::FloorKept),
            Rule::VoteTwice => Self::Rule(Mutation::VoteTwice),
            Rule::FinalWithoutParent => Self::Rule(Mutation::FinalWithoutParent),
            Rule::FinalAcrossTerms => Self::Rule(Mutation::FinalAcrossTerms),
            Rule::SetUnchecked => Self::Rule(Mutation::SetUnchecked),
            Rule::ClosingNotRepeated => Self::Rule(Mutation::ClosingNotRepeated),
            Rule::EraCutShort => Self::Rule(Mutation::EraCutShort),
            Rule::NewcomerUnpunished => Self::Rule(Mutation::NewcomerUnpunished),
            Rule::FenceNotJournaled => Self::FenceNotJournaled,
            Rule::JournalNotSynced => Self::JournalNotSynced,
            Rule::VotesNotJournaled => Self::VotesNotJournaled,
        }
    }
}

fn scenario(name: &str) -> Result<&'static Scenario, String> {
    scenarios::named(name).ok_or_else(|| "no such scenario; --list names them".to_owned())
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if arguments.list {
        scenarios::ALL.iter().for_each(|scenario| println!("{}", scenario.name));
        return ExitCode::SUCCESS;
    }
    let chosen: Vec<_> =
        if arguments.scenarios.is_empty() { scenarios::ALL.iter().collect() } else { arguments.scenarios.clone() };
    let setup = Setup {
        nodes: arguments.nodes.map(usize::from),
        regions: arguments.regions,
        broken: arguments.broken.map(Into::into),
        signatures: arguments.signatures,
        trace: arguments.replay.is_some(),
        block_time: arguments.block_time,
        term_timeout: arguments.term_timeout,
        finality: arguments.finality.map(Into::into),
        votes: arguments.votes.map(Into::into),
    };
    match arguments.replay {
        Some(seed) => replay(&chosen, seed, &setup),
        None => report(&chosen, &arguments, &setup),
    }
}

fn replay(chosen: &[&Scenario], seed: u64, setup: &Setup) -> ExitCode {
    let mut code = ExitCode::SUCCESS;
    for scenario in chosen {
        let outcome = run(scenario, seed, setup);
        print!("{}", outcome.trace);
        if let Some(failure) = &outcome.failure {
            println!("{} fails on seed {seed}: {failure}", scenario.name);
            code = ExitCode::FAILURE;
        }
    }
    code
}

fn report(chosen: &[&Scenario], arguments: &Arguments, setup: &Setup) -> ExitCode {
    let Arguments { seeds, from, .. } = arguments;
    println!("{} scenarios, seeds {from} to {}", chosen.len(), from + seeds - 1);
    let summary = campaign(chosen, *from..from + seeds, setup);
    let rate = summary.runs as f64 / summary.elapsed.as_secs_f64();
    println!("{} runs in {:.1} s: {rate:.1} seeds/s", summary.runs, summary.elapsed.as_secs_f64());
    if let Some(members) = setup.nodes.filter(|_| setup.regions) {
        println!("one hop between {members} members in ten regions: {:.0} ms in the median", median_hop(members));
    }
    println!("{:<40} {:>6} {:>9} {:>9} {:>9}", "measured, in ms", "count", "p50", "p99", "max");
    for (name, spans) in &summary.measured {
        let [p50, p99, max] = [50, 99, 100].map(|percent| percentile(spans, percent).as_millis());
        let hops = setup.nodes.filter(|_| setup.regions).map(|members| p50 as f64 / median_hop(members));
        let hops = hops.map(|hops| format!(" {hops:>5.1} hops")).unwrap_or_default();
        println!("{name:<40} {:>6} {p50:>9} {p99:>9} {max:>9}{hops}", spans.len());
    }
    summary.failures.iter().take(20).for_each(|failure| explain(failure, setup));
    println!("{} failed", summary.failures.len());
    if summary.failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn explain(outcome: &Outcome, setup: &Setup) {
    let failure = outcome.failure.as_deref().unwrap_or_default();
    println!("{} fails on seed {}: {failure}", outcome.scenario, outcome.seed);
    let nodes = setup.nodes.map(|nodes| format!(" --nodes {nodes}")).unwrap_or_default();
    let regions = if setup.regions { " --regions" } else { "" };
    println!("  replay: scripts/simulate.sh --scenario {} --replay {}{nodes}{regions}", outcome.scenario, outcome.seed);
}
