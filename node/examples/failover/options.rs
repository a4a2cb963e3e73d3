//! What the command line asks for, and what follows from it.

use baton_consensus::{FinalityRule, Parameters};
use baton_node::genesis::parameters_for;
use clap::{Parser, ValueEnum};
use eyre::{ensure, eyre};
use serde_json::Value;
use std::{path::PathBuf, time::Duration};

/// Kills of each kind in a quick run.
const QUICK: usize = 3;

/// Who is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Subject {
    /// The leader of a running epoch.
    Leader,
    /// The scheduler.
    Scheduler,
    /// The leader of an etcd cluster.
    Etcd,
}

/// Kills the leader and the scheduler of a mesh of four, and the leader of an etcd cluster of three, again and again, and
/// tells how long each stood still.
#[derive(Debug, Parser)]
#[command(name = "failover")]
pub(crate) struct Options {
    /// The baton program.
    #[arg(long)]
    baton: PathBuf,
    /// The etcd program; without it, only Baton is measured.
    #[arg(long)]
    etcd: Option<PathBuf>,
    /// Where to write every figure as JSON.
    #[arg(long)]
    json: Option<PathBuf>,
    /// How often each is killed.
    #[arg(long, default_value_t = 30)]
    kills: usize,
    /// A short run: three kills each, which shows that it works.
    #[arg(long)]
    quick: bool,
    /// Who is killed; all of them if absent.
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Subject>,
    /// Transactions a second through all nodes together.
    #[arg(long, default_value_t = 100.0)]
    load: f64,
    /// What `finalized` means: depth-count, depth-stake or quorum.
    #[arg(long, default_value = "quorum", value_parser = finality_rule)]
    finality: FinalityRule,
    /// The pace of a leader.
    #[arg(long, default_value = "250ms", value_parser = humantime::parse_duration)]
    block_time: Duration,
    /// How long beyond the block time a leader may be late [default: the program's own for the block time].
    #[arg(long, value_parser = humantime::parse_duration)]
    leader_timeout: Option<Duration>,
    /// How often a sequencer gives a sign of life; also etcd's [default: the program's own].
    #[arg(long, value_parser = humantime::parse_duration)]
    heartbeat_interval: Option<Duration>,
    /// After how much silence a sequencer counts as gone [default: the program's own].
    #[arg(long, value_parser = humantime::parse_duration)]
    heartbeat_timeout: Option<Duration>,
    /// How long without progress until sequencers want another scheduler; also etcd's election timeout
    /// [default: the program's own for the block time].
    #[arg(long, value_parser = humantime::parse_duration)]
    term_timeout: Option<Duration>,
    /// How long a victim stays down [default: a leader, leader timeout and two block times; a scheduler, twice the term
    /// timeout; etcd's leader, twice its election timeout].
    #[arg(long, value_parser = humantime::parse_duration)]
    restart_after: Option<Duration>,
    /// Where chains and logs go; a temporary directory, which is removed again unless something fails, if absent.
    #[arg(long)]
    dir: Option<PathBuf>,
}

fn finality_rule(name: &str) -> Result<FinalityRule, String> {
    serde_json::from_value(Value::from(name)).map_err(|_| "write depth-count, depth-stake or quorum".to_owned())
}

/// The options, checked.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) baton: PathBuf,
    /// None where etcd is not measured.
    pub(crate) etcd: Option<PathBuf>,
    pub(crate) json: Option<PathBuf>,
    pub(crate) dir: Option<PathBuf>,
    pub(crate) kills: usize,
    only: Vec<Subject>,
    /// Transactions a second.
    pub(crate) load: f64,
    pub(crate) parameters: Parameters,
    restart_after: Option<Duration>,
}

impl Options {
    /// Fills in what was left out.
    pub(crate) fn settings(self) -> eyre::Result<Settings> {
        let defaults = parameters_for(self.block_time);
        let parameters = Parameters {
            leader_timeout: self.leader_timeout.unwrap_or(defaults.leader_timeout),
            heartbeat_interval: self.heartbeat_interval.unwrap_or(defaults.heartbeat_interval),
            heartbeat_timeout: self.heartbeat_timeout.unwrap_or(defaults.heartbeat_timeout),
            term_timeout: self.term_timeout.unwrap_or(defaults.term_timeout),
            finality: self.finality,
            ..defaults
        };
        parameters.check()?;
        let kills = if self.quick { QUICK } else { self.kills };
        ensure!(kills > 0, "--kills 0 would measure nothing");
        ensure!(self.load > 0.0 && self.load <= 10_000.0, "--load is {}; it must be above 0, at most 10000", self.load);
        let etcd = match self.etcd {
            None if self.only.contains(&Subject::Etcd) => {
                return Err(eyre!("--only etcd needs --etcd with the path of the program"));
            }
            etcd => etcd.filter(|_| self.only.is_empty() || self.only.contains(&Subject::Etcd)),
        };
        let (baton, json, dir, only) = (self.baton, self.json, self.dir, self.only);
        Ok(Settings {
            baton,
            etcd,
            json,
            dir,
            kills,
            only,
            load: self.load,
            parameters,
            restart_after: self.restart_after,
        })
    }
}

impl Settings {
    /// Whether this is measured.
    pub(crate) fn measures(&self, subject: Subject) -> bool {
        self.only.is_empty() || self.only.contains(&subject)
    }

    /// Below which time the chain goes on, for 99 of 100 kills.
    pub(crate) fn bound(&self, subject: Subject) -> Option<Duration> {
        let Parameters { block_time, leader_timeout, term_timeout, .. } = &self.parameters;
        match subject {
            Subject::Leader => Some(*leader_timeout + *block_time * 2),
            Subject::Scheduler => Some(*term_timeout * 2),
            Subject::Etcd => None,
        }
    }

    /// How long a victim stays down: by default until the others have gone on without it, or have missed the bar.
    pub(crate) fn downtime(&self, default: Duration) -> Duration {
        self.restart_after.unwrap_or(default)
    }
}
