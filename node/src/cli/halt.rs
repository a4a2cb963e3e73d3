//! `baton halt`: what an operator does about a node that stopped for conflicting finality (R14).

mod account;

use super::files::write_json;
use crate::{
    genesis::Genesis,
    halt::{HaltError, Halted},
};
use clap::{Args, Subcommand};
use eyre::{WrapErr, bail, ensure};
use serde::Serialize;
use std::{
    fs,
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

/// The page that every message points to.
const RUNBOOK: &str = "docs/runbook/conflicting-finality.md";

/// What can be done about a node that stopped for good.
#[derive(Debug, Subcommand)]
pub(super) enum HaltCommand {
    /// Tell in plain words why a node stopped for good, with both sides of the conflict.
    Show(ShowArguments),
    /// Let a node start again that stopped for good. Read docs/runbook/conflicting-finality.md first.
    ///
    /// Nothing is decided for you: the node goes on with the chain that it has. The account of the conflict is kept beside the
    /// place where it was, as `halted-<unix time>.json`, and your reason beside it.
    Clear(ClearArguments),
}

/// The node that stopped.
#[derive(Debug, Args)]
struct DataDir {
    /// The data directory of the node.
    #[arg(long, env = "BATON_DATA_DIR", value_name = "DIR")]
    data_dir: PathBuf,
}

/// What to show.
#[derive(Debug, Args)]
pub(super) struct ShowArguments {
    #[command(flatten)]
    node: DataDir,
    /// The genesis file: with it, signers are named, and those that signed both sides.
    #[arg(long, env = "BATON_GENESIS", value_name = "FILE")]
    genesis: Option<PathBuf>,
}

/// An operator's decision.
#[derive(Debug, Args)]
pub(super) struct ClearArguments {
    #[command(flatten)]
    node: DataDir,
    /// You read the runbook, know which side is the right one, and this node's chain is on it.
    #[arg(long)]
    yes: bool,
    /// Why you decided so; kept with the account of the conflict.
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

/// What is kept of a decision.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Decision<'a> {
    /// When, in RFC 3339, UTC.
    cleared_at: String,
    /// Why.
    reason: &'a str,
    /// The version of the program.
    version: &'static str,
}

impl HaltCommand {
    pub(super) fn run(self) -> eyre::Result<()> {
        match self {
            Self::Show(ShowArguments { node, genesis }) => {
                let genesis = genesis.as_deref().map(Genesis::load).transpose()?;
                print!("{}", show(&node.data_dir, genesis.as_ref())?);
                Ok(())
            }
            Self::Clear(ClearArguments { node, yes, reason }) => {
                print!("{}", clear(&node.data_dir, yes, reason.as_deref(), SystemTime::now())?);
                Ok(())
            }
        }
    }
}

fn show(data_dir: &Path, genesis: Option<&Genesis>) -> eyre::Result<String> {
    require_directory(data_dir)?;
    match Halted::read(data_dir)? {
        None => Ok(format!("the node of {} did not stop for conflicting finality\n", data_dir.display())),
        Some(halted) => account::tell(&halted, &Halted::path(data_dir), genesis),
    }
}

fn clear(data_dir: &Path, yes: bool, reason: Option<&str>, now: SystemTime) -> eyre::Result<String> {
    require_directory(data_dir)?;
    // A damaged file does not keep an operator from deciding.
    match Halted::read(data_dir) {
        Ok(None) => bail!("the node of {} did not stop for conflicting finality: nothing to clear", data_dir.display()),
        Ok(Some(_)) | Err(HaltError::Unreadable { .. }) => {}
        Err(error) => return Err(error.into()),
    }
    let reason = reason.map(str::trim).filter(|reason| !reason.is_empty());
    let (true, Some(reason)) = (yes, reason) else {
        bail!(
            "to let this node start again is a decision: look at `baton halt show`, read {RUNBOOK}, then say --yes and \
             --reason TEXT"
        );
    };
    let from = Halted::path(data_dir);
    let seconds = now.duration_since(UNIX_EPOCH).wrap_err("the clock is before 1970")?.as_secs();
    let kept = data_dir.join(format!("halted-{seconds}.json"));
    let decision = data_dir.join(format!("halted-{seconds}.decision.json"));
    ensure!(!kept.exists() && !decision.exists(), "{} exists already; try again in a second", kept.display());
    let cleared_at = humantime::format_rfc3339_seconds(now).to_string();
    write_json(&decision, &Decision { cleared_at, reason, version: env!("CARGO_PKG_VERSION") })?;
    fs::rename(&from, &kept).wrap_err_with(|| format!("cannot rename {} to {}", from.display(), kept.display()))?;
    Ok(format!(
        "the account of the conflict is kept in {}, your reason in {}\n\
         the node starts again, with the chain that it has; it stops again if it is shown the other side again\n",
        kept.display(),
        decision.display()
    ))
}

/// A mistyped directory is no node that is well.
fn require_directory(data_dir: &Path) -> eyre::Result<()> {
    ensure!(data_dir.is_dir(), "there is no directory {}", data_dir.display());
    Ok(())
}

#[cfg(test)]
mod tests;
