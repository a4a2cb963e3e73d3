//! What `baton testnet` is told about L1.

use clap::{Args, ValueEnum};
use eyre::{bail, ensure};
use std::{path::PathBuf, time::Duration};

use super::membership::{Planned, What};

/// What is L1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(in crate::testnet) enum Kind {
    /// Foundry's anvil, started and ended with the network.
    Anvil,
}

/// The flags of `baton testnet` about the set and L1.
#[derive(Clone, Debug, Default, Args)]
pub(in crate::testnet) struct L1Options {
    /// Take the sequencer set from a registry on an L1 of the network's own, and follow it.
    #[arg(long = "l1", value_enum, value_name = "KIND")]
    kind: Option<Kind>,
    /// The program anvil [default: the one on the path, else that of tests/clients in a clone].
    #[arg(long, value_name = "FILE", requires = "kind")]
    pub(super) anvil: Option<PathBuf>,
    /// Have a new operator join, such as @20s after the start: its node starts, and it registers on L1. Repeatable.
    #[arg(long = "join", value_name = "@WHEN", value_parser = parse_when, requires = "kind")]
    joins: Vec<Duration>,
    /// Have a member leave: it asks on L1, and withdraws its stake after the delay; its node stays as an observer. Repeatable.
    #[arg(long = "exit", value_name = "@WHEN", value_parser = parse_when, requires = "kind")]
    exits: Vec<Duration>,
    /// Have a member sign two blocks for one position, and tell the mesh of the second. Repeatable.
    #[arg(long = "equivocate", value_name = "@WHEN", value_parser = parse_when, requires = "kind")]
    equivocations: Vec<Duration>,
}

fn parse_when(text: &str) -> Result<Duration, String> {
    let at = text.strip_prefix('@').unwrap_or(text);
    humantime::parse_duration(at).map_err(|error| format!("`{at}` is not a duration, such as @20s: {error}"))
}

impl L1Options {
    /// Whether the set comes from L1.
    pub(in crate::testnet) const fn wanted(&self) -> bool {
        self.kind.is_some()
    }

    /// How many nodes join.
    pub(in crate::testnet) const fn joins(&self) -> usize {
        self.joins.len()
    }

    /// All changes of the set, the first one first. The first `nodes` nodes found the chain; joiners come after them, the
    /// last founders leave, and the first ones cheat.
    pub(in crate::testnet) fn planned(&self, nodes: usize) -> Vec<Planned> {
        let Self { kind: _, anvil: _, joins, exits, equivocations } = self;
        let planned = |what, times: &[Duration], node: &dyn Fn(usize) -> usize| {
            let mut times = times.to_vec();
            times.sort_unstable();
            times.into_iter().enumerate().map(|(index, at)| Planned { what, node: node(index), at }).collect::<Vec<_>>()
        };
        let mut all = planned(What::Join, joins, &|index| nodes + index);
        all.extend(planned(What::Exit, exits, &|index| nodes.saturating_sub(index + 1)));
        all.extend(planned(What::Equivocate, equivocations, &|index| index));
        all.sort_by_key(|planned| planned.at);
        all
    }

    /// Checks what the flags say together, for so many founders and that long.
    pub(in crate::testnet) fn check(&self, nodes: usize, duration: Option<Duration>) -> eyre::Result<()> {
        let Self { kind: _, anvil: _, joins: _, exits, equivocations } = self;
        if let Some(duration) = duration
            && let Some(late) = self.planned(nodes).iter().find(|planned| planned.at >= duration)
        {
            bail!("{late} lies beyond the --duration of {}", humantime::format_duration(duration));
        }
        let gone = exits.len() + equivocations.len();
        ensure!(
            gone < nodes,
            "{gone} of {nodes} members would leave or cheat; at least one must stay: raise --nodes, or ask for fewer"
        );
        Ok(())
    }
}
