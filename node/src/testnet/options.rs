//! What `baton testnet` is told.

use super::{faults::FaultOptions, l1::L1Options};
use crate::{cli::finality::Finality, genesis::parameters_for};
use alloy_primitives::U256;
use baton_consensus::{FinalityRule, Parameters, types::Stake};
use clap::Args;
use eyre::{bail, ensure};
use std::{path::PathBuf, time::Duration};

/// The most nodes that one machine is asked to run.
const MAX_NODES: usize = 64;

/// Run a whole network on this machine, under load, and check that it agrees.
#[derive(Clone, Debug, Args)]
pub struct Options {
    /// How many sequencers.
    #[arg(long, value_name = "COUNT", default_value_t = 4)]
    pub(super) nodes: usize,
    /// The pace of the leaders.
    #[arg(long, value_name = "DURATION", default_value = "250ms", value_parser = humantime::parse_duration)]
    pub(super) block_time: Duration,
    /// Blocks in an epoch [default: 8; 4 with --l1].
    #[arg(long, value_name = "COUNT")]
    epoch_blocks: Option<u64>,
    /// Blocks in a planned term [default: 1024; with --l1, two epochs for every node]. The set changes once a term at most.
    #[arg(long, value_name = "COUNT")]
    term_blocks: Option<u64>,
    /// Transactions a second, half of them transfers and half of them ERC-20 calls; 0 for none.
    #[arg(long, value_name = "TPS", default_value_t = 50)]
    pub(super) load: u32,
    /// How long to run the load [default: until Ctrl-C].
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    pub(super) duration: Option<Duration>,
    #[command(flatten)]
    pub(super) faults: FaultOptions,
    #[command(flatten)]
    pub(super) l1: L1Options,
    /// The stake of every node, such as 1,1,2,3 [default: 1 each].
    #[arg(long, value_name = "STAKES", value_delimiter = ',', value_parser = parse_weight)]
    pub(super) weights: Option<Vec<U256>>,
    /// What the `finalized` tag means.
    #[arg(long, value_enum, default_value_t = Finality::Quorum)]
    pub(super) finality: Finality,
    /// The gas limit of a block.
    #[arg(long, value_name = "GAS", default_value_t = 300_000_000)]
    pub(super) gas_limit: u64,
    /// Where the nodes keep their files; it is kept afterwards [default: a temporary directory].
    #[arg(long, value_name = "DIR")]
    pub(super) dir: Option<PathBuf>,
    /// Keep the temporary directory. A run that fails keeps it anyway.
    #[arg(long)]
    pub(super) keep: bool,
    /// Write the summary to this file as JSON.
    #[arg(long, value_name = "FILE")]
    pub(super) json: Option<PathBuf>,
}

fn parse_weight(text: &str) -> Result<U256, String> {
    U256::from_str_radix(text, 10).map_err(|_| format!("`{text}` is not a whole number"))
}

impl Options {
    /// The stake of every node and the rule of finality, which must fit each other.
    pub(super) fn stakes(&self) -> eyre::Result<(Vec<Stake>, FinalityRule)> {
        let Self { nodes, weights, finality, .. } = self;
        let weights: Vec<_> = match weights {
            Some(weights) => weights.iter().copied().map(Stake).collect(),
            None => vec![Stake::ONE; *nodes],
        };
        ensure!(weights.len() == *nodes, "--weights names {} stakes for {nodes} nodes", weights.len());
        let counted = weights.iter().all(|weight| *weight == Stake::ONE);
        if *finality == Finality::DepthCount && !counted {
            bail!("under --finality depth-count every weight is 1; leave --weights out, or take depth-stake");
        }
        Ok((weights, (*finality).into()))
    }

    /// What the protocol is told.
    pub(super) fn parameters(&self) -> eyre::Result<Parameters> {
        let mut parameters = parameters_for(self.block_time);
        let on_l1 = self.l1.wanted();
        parameters.epoch_blocks = self.epoch_blocks.unwrap_or(if on_l1 { 4 } else { parameters.epoch_blocks });
        let usual = match on_l1 {
            // Long enough for whoever is new in the set to lead.
            true => parameters.epoch_blocks.saturating_mul(2 * self.nodes as u64),
            false => parameters.term_blocks,
        };
        parameters.term_blocks = self.term_blocks.unwrap_or(usual.max(parameters.epoch_blocks));
        parameters.finality = self.stakes()?.1;
        Ok(parameters)
    }

    /// How many nodes there will be, those that join included.
    pub(super) const fn all_nodes(&self) -> usize {
        self.nodes.saturating_add(self.l1.joins())
    }

    /// Checks what the flags say together.
    pub(super) fn check(&self) -> eyre::Result<()> {
        let Self { nodes, faults, l1, duration, .. } = self;
        ensure!((1..=MAX_NODES).contains(nodes), "--nodes is {nodes}; it must be 1 to {MAX_NODES}");
        self.stakes()?;
        self.parameters()?.check()?;
        faults.check(*nodes, *duration, l1.wanted())?;
        l1.check(*nodes, *duration)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Program {
        #[command(flatten)]
        options: Options,
    }

    fn parse(arguments: &[&str]) -> Options {
        Program::try_parse_from(std::iter::once("testnet").chain(arguments.iter().copied())).unwrap().options
    }

    #[test]
    fn weights_and_finality_fit_each_other() {
        let stakes = |arguments: &[&str]| parse(arguments).stakes();
        assert_eq!(stakes(&[]).unwrap(), (vec![Stake::ONE; 4], FinalityRule::Quorum));
        let weights = ["--weights", "1,1,2,3"];
        assert_eq!(stakes(&weights).unwrap().1, FinalityRule::Quorum);
        assert_eq!(stakes(&["--finality", "depth-stake"]).unwrap().1, FinalityRule::DepthStake);
        let error = stakes(&["--weights", "1,2"]).unwrap_err().to_string();
        assert_eq!(error, "--weights names 2 stakes for 4 nodes");
        let error = stakes(&["--weights", "1,1,2,3", "--finality", "depth-count"]).unwrap_err().to_string();
        assert!(error.contains("every weight is 1"), "{error}");
    }

    #[test]
    fn impossible_runs_are_refused() {
        for (arguments, problem) in [
            (&["--nodes", "0"][..], "--nodes is 0"),
            (&["--nodes", "65"], "it must be 1 to 64"),
            (&["--duration", "5s", "--kill", "leader@10s"], "--kill leader@10s lies beyond the --duration of 5s"),
            (&["--duration", "5s", "--pause", "scheduler@5s"], "--pause scheduler@5s lies beyond the --duration of 5s"),
            (&["--duration", "5s", "--restart-all", "6s"], "--restart-all 6s lies beyond the --duration of 5s"),
            (&["--nodes", "1", "--pause", "follower@5s"], "a single node has no followers"),
            (&["--restart-after", "5s", "--pause", "leader@1s"], "--restart-after says nothing without a --kill"),
            (&["--resume-after", "5s", "--restart-all", "1s"], "--resume-after says nothing without a --pause"),
            (&["--nodes", "2", "--l1", "anvil", "--exit", "@1s", "--equivocate", "@2s"], "2 of 2 members would leave"),
            (&["--l1", "anvil", "--join", "@9s", "--duration", "8s"], "--join @9s lies beyond the --duration of 8s"),
            (&["--l1", "anvil", "--kill", "l1@9s"], "--pause l1@9s is as silent"),
            (&["--pause", "l1@9s"], "--pause l1 needs an L1"),
            (&["--term-blocks", "3"], "term_blocks is 3"),
            (&["--resume-after", "0s", "--pause", "leader@1s"], "a pause takes some time"),
        ] {
            let error = parse(arguments).check().unwrap_err().to_string();
            assert!(error.contains(problem), "{error}");
        }
        parse(&["--duration", "20s", "--kill", "leader@10s", "--kill", "follower@15s"]).check().unwrap();
        parse(&["--pause", "scheduler@5s", "--resume-after", "8s", "--restart-all", "20s"]).check().unwrap();
    }
}
