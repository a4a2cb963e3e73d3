//! `baton genesis`.

mod inspect;
mod l1;
mod new;

pub(super) use inspect::share;

use clap::Subcommand;

/// What can be done with genesis files.
#[derive(Debug, Subcommand)]
pub(super) enum GenesisCommand {
    /// Write a genesis file.
    New(Box<new::NewGenesis>),
    /// Check a genesis file and print what it fixes.
    Inspect(inspect::InspectGenesis),
}

impl GenesisCommand {
    pub(super) fn run(self) -> eyre::Result<()> {
        match self {
            Self::New(command) => command.run(),
            Self::Inspect(command) => command.run(),
        }
    }
}
