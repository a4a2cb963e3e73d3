//! `baton key`.

use crate::keys::{NodeKeys, PublicKeys};
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// What can be done with keys.
#[derive(Debug, Subcommand)]
pub(super) enum KeyCommand {
    /// Make an operator key, a BLS key and a peer-to-peer key, and print their public parts.
    New(KeyArguments),
    /// Print the public parts of the keys in a directory.
    Show(KeyArguments),
}

/// Where the keys are, and how to print them.
#[derive(Debug, Args)]
pub(super) struct KeyArguments {
    /// The key directory.
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,
    /// Print JSON, as `baton genesis new --sequencer` takes it.
    #[arg(long)]
    json: bool,
}

impl KeyCommand {
    pub(super) fn run(self) -> eyre::Result<()> {
        match self {
            Self::New(KeyArguments { dir, json }) => {
                let keys = NodeKeys::create(&dir)?;
                print(&keys.public(), json)?;
                if !json {
                    eprintln!("wrote three keys to {}; keep a copy of it in a safe place", dir.display());
                }
                Ok(())
            }
            Self::Show(KeyArguments { dir, json }) => print(&NodeKeys::load(&dir)?.public(), json),
        }
    }
}

fn print(keys: &PublicKeys, json: bool) -> eyre::Result<()> {
    if json {
        println!("{}", serde_json::to_string_pretty(keys)?);
    } else {
        println!("{}", keys.to_text());
    }
    Ok(())
}
