//! `baton node`.

use super::{block_on, logging};
use crate::{
    config::{NodeConfig, NodeOptions},
    service,
};
use clap::Args;

/// Run a node: a sequencer if it is given keys, an observer otherwise.
#[derive(Debug, Args)]
pub(super) struct NodeCommand {
    #[command(flatten)]
    options: NodeOptions,
    /// Print the configuration that the flags, the environment and the file add up to, as TOML, and exit.
    #[arg(long)]
    print_config: bool,
    /// Put nothing to the vote, on all nodes of a chain that is thrown away, to measure what finality costs.
    #[arg(long, hide = true)]
    without_checkpoints_for_measurements: bool,
    /// Gossip own blocks with all transactions in them, to measure what compact blocks save.
    #[arg(long, hide = true)]
    whole_blocks_for_measurements: bool,
}

impl NodeCommand {
    pub(super) fn run(self) -> eyre::Result<()> {
        let Self { options, print_config, without_checkpoints_for_measurements, whole_blocks_for_measurements } = self;
        let mut config = NodeConfig::resolve(options)?;
        config.without_checkpoints = without_checkpoints_for_measurements;
        config.whole_blocks = whole_blocks_for_measurements;
        if print_config {
            print!("{}", config.to_toml()?);
            return Ok(());
        }
        logging::start(&config.log)?;
        block_on(service::run(config))
    }
}
