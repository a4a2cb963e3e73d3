//! What the command line asks for.

use clap::{Parser, ValueEnum};
use eyre::ensure;
use std::{path::PathBuf, time::Duration};

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Subject {
    /// The time from a block's publication until it is final.
    Latency,
    /// Blocks and transactions a second with and without voting.
    Rate,
}

/// Measures how soon blocks are final, and what that costs.
#[derive(Debug, Parser)]
#[command(name = "finality")]
pub(crate) struct Options {
    /// The baton program.
    #[arg(long)]
    pub(crate) baton: PathBuf,
    /// What the example `finality_ceilings` printed, to put beside the figures.
    #[arg(long)]
    pub(crate) ceilings: Option<PathBuf>,
    /// Where to write the figures as JSON.
    #[arg(long)]
    pub(crate) json: Option<PathBuf>,
    /// A short run, which shows that it works: 10 s a mesh, and one pair of runs with and without voting.
    #[arg(long)]
    pub(crate) quick: bool,
    /// How many nodes a mesh has, each mesh in turn.
    #[arg(long, value_delimiter = ',', default_values_t = [4, 7, 13])]
    pub(crate) nodes: Vec<usize>,
    /// How long the blocks of a mesh are counted.
    #[arg(long, default_value = "60s", value_parser = humantime::parse_duration)]
    pub(crate) span: Duration,
    /// By how much every link is slowed down in a second round of meshes, one way.
    #[arg(long, default_value = "50ms", value_parser = humantime::parse_duration)]
    pub(crate) delay: Duration,
    /// How often a mesh of four is measured with voting and without, in turn.
    #[arg(long, default_value_t = 4)]
    pub(crate) pairs: usize,
    /// Transfers a second of the load that leaves the machine room to breathe; it lasts 15 s.
    #[arg(long, default_value_t = 200.0)]
    pub(crate) pace: f64,
    /// Transfers of the load that does not, for each run.
    #[arg(long, default_value_t = 20_000)]
    pub(crate) transfers: usize,
    /// What to measure; everything if absent.
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Subject>,
    /// Where chains and logs go; a temporary directory, which is removed again unless something fails, if absent.
    #[arg(long)]
    pub(crate) dir: Option<PathBuf>,
}

impl Options {
    /// Shortens a quick run, and checks what would measure nothing.
    pub(crate) fn checked(self) -> eyre::Result<Self> {
        let options = match self.quick {
            true => Self { span: Duration::from_secs(10), pairs: 1, transfers: 3_000, ..self },
            false => self,
        };
        ensure!(options.nodes.iter().all(|nodes| *nodes >= 2), "--nodes needs two or more: one node has no followers");
        ensure!(options.span >= Duration::from_secs(1), "--span is too short for blocks to come");
        ensure!(options.pairs > 0 && options.transfers > 0, "nothing would be measured");
        ensure!(options.pace > 0.0 && options.pace <= 10_000.0, "--pace must be above 0, at most 10000");
        Ok(options)
    }

    /// Whether this is measured.
    pub(crate) fn measures(&self, subject: Subject) -> bool {
        self.only.is_empty() || self.only.contains(&subject)
    }
}
