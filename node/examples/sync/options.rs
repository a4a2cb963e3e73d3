//! What the command line asks for.

use clap::Parser;
use eyre::ensure;
use std::{path::PathBuf, time::Duration};

/// Measures how soon a newcomer is in sync with a chain that has a past.
#[derive(Debug, Parser)]
#[command(name = "sync")]
pub(crate) struct Options {
    /// The baton program.
    #[arg(long)]
    pub(crate) baton: PathBuf,
    /// Where to write the figures as JSON.
    #[arg(long)]
    pub(crate) json: Option<PathBuf>,
    /// A short run, which shows that it works: 5,000 blocks and 20,000 accounts.
    #[arg(long)]
    pub(crate) quick: bool,
    /// How many blocks there are when the newcomers start.
    #[arg(long, default_value_t = 10_000)]
    pub(crate) blocks: u64,
    /// The time between two blocks: short, so that the past comes about while somebody waits for it.
    #[arg(long, default_value = "25ms", value_parser = humantime::parse_duration)]
    pub(crate) block_time: Duration,
    /// Transfers a second while these blocks come about.
    #[arg(long, default_value_t = 200.0)]
    pub(crate) pace: f64,
    /// Accounts in the genesis file that never do anything: what a state consists of.
    #[arg(long, default_value_t = 200_000)]
    pub(crate) accounts: u64,
    /// Where chains and logs go; a temporary directory, which is removed again unless something fails, if absent.
    #[arg(long)]
    pub(crate) dir: Option<PathBuf>,
}

impl Options {
    /// Shortens a quick run, and checks what would measure nothing.
    pub(crate) fn checked(self) -> eyre::Result<Self> {
        let options = match self.quick {
            true => Self { blocks: 5_000, accounts: 20_000, ..self },
            false => self,
        };
        ensure!(
            options.blocks > baton_node::sync::FAR_AHEAD,
            "--blocks: a newcomer executes so few, and takes over no state"
        );
        ensure!(!options.block_time.is_zero(), "--block-time must be above 0");
        ensure!(options.pace > 0.0 && options.pace <= 10_000.0, "--pace must be above 0, at most 10000");
        Ok(options)
    }
}
