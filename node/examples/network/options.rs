//! What the command line asks for.

use clap::{Parser, ValueEnum};
use eyre::ensure;
use std::{path::PathBuf, time::Duration};

/// How blocks travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Form {
    /// With the hashes of their transactions.
    Compact,
    /// With all of their transactions.
    Whole,
}

/// Measures how soon a block is on all nodes of a mesh, and what nodes send for that.
#[derive(Debug, Parser)]
#[command(name = "network")]
pub(crate) struct Options {
    /// The baton program.
    #[arg(long)]
    pub(crate) baton: PathBuf,
    /// Where to write the figures as JSON.
    #[arg(long)]
    pub(crate) json: Option<PathBuf>,
    /// A short run, which shows that it works: four nodes, three blocks of each size.
    #[arg(long)]
    pub(crate) quick: bool,
    /// How many nodes a mesh has, each mesh in turn; all of them are sequencers.
    #[arg(long, value_delimiter = ',', default_values_t = [4, 13, 25])]
    pub(crate) nodes: Vec<usize>,
    /// How many transactions of 1 kB a block has, each size in turn.
    #[arg(long, value_delimiter = ',', default_values_t = [0, 1, 100, 1_000])]
    pub(crate) transactions: Vec<usize>,
    /// How blocks travel, each way in turn.
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = [Form::Compact, Form::Whole])]
    pub(crate) forms: Vec<Form>,
    /// How many blocks of each size.
    #[arg(long, default_value_t = 20)]
    pub(crate) blocks: usize,
    /// The time from one block to the next: so long that the machine has time to spare.
    #[arg(long, default_value = "3s", value_parser = humantime::parse_duration)]
    pub(crate) block_time: Duration,
    /// Where chains and logs go; a temporary directory, which is removed again unless something fails, if absent.
    #[arg(long)]
    pub(crate) dir: Option<PathBuf>,
}

impl Options {
    /// Shortens a quick run, and checks what would measure nothing.
    pub(crate) fn checked(self) -> eyre::Result<Self> {
        let options = match self.quick {
            true => Self { nodes: vec![4], blocks: 3, block_time: Duration::from_secs(1), ..self },
            false => self,
        };
        ensure!(options.nodes.iter().all(|nodes| *nodes >= 2), "--nodes needs two or more: one node sends nothing");
        ensure!(options.transactions.iter().all(|count| *count <= 1_000), "--transactions may be 1000 at most");
        ensure!(options.blocks > 0, "--blocks must be 1 at least");
        let bounds = Duration::from_millis(500)..=Duration::from_secs(30);
        ensure!(bounds.contains(&options.block_time), "--block-time must be from 500ms to 30s");
        Ok(options)
    }
}
