//! `baton verify`: a light client. It reads files and nothing else: no database, no network, no clock.

mod report;

use super::files::{read_json, write_json};
use crate::genesis::Genesis;
use baton_consensus::finality::light_client::{BlockProof, ProvenBlock, Trusted, TrustedCheckpoint};
use clap::Args;
use eyre::WrapErr;
use report::Report;
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

/// The largest proof that is read, in bytes: one of the most headers, and many set changes.
const MAX_PROOF_SIZE: u64 = 64 << 20;

/// The largest checkpoint that is read, in bytes: a set of the most members takes less than a tenth.
const MAX_CHECKPOINT_SIZE: u64 = 8 << 20;

/// Check that a block is final, from files alone: no node, no network and no database is asked.
///
/// Ends with exit code 0 if the proof convinces, with 1 and the reason if it does not.
#[derive(Debug, Args)]
pub(super) struct VerifyCommand {
    /// The genesis file of the chain.
    #[arg(long, value_name = "FILE")]
    genesis: PathBuf,
    /// The proof, as the RPC method `baton_finality` answers: the whole answer or its result; 64 MiB at most.
    #[arg(long, value_name = "FILE")]
    proof: PathBuf,
    /// Start from this final checkpoint, which `--save-checkpoint` wrote, and not from genesis.
    ///
    /// You must trust it: it must come from you, or from somebody whom you would believe which chain is the right one. Where
    /// stake can be withdrawn, it must be younger than the unbonding delay.
    #[arg(long, value_name = "FILE")]
    checkpoint: Option<PathBuf>,
    /// Write what the proof makes final, to start from the next time; what is in the file is replaced.
    #[arg(long, value_name = "FILE")]
    save_checkpoint: Option<PathBuf>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

impl VerifyCommand {
    pub(super) fn run(self) -> eyre::Result<()> {
        let Self { genesis, proof, checkpoint, save_checkpoint, json } = self;
        let (trusted, proven) = verify(&genesis, &proof, checkpoint.as_deref())?;
        if let Some(path) = save_checkpoint {
            write_json(&path, &proven.checkpoint())?;
        }
        let report = Report::new(&trusted, &proven);
        if json {
            println!("{}", serde_json::to_string_pretty(&report)?);
        } else {
            print!("{}", report.to_text());
        }
        Ok(())
    }
}

/// What was trusted to begin with, and what was proven from there.
fn verify(genesis: &Path, proof: &Path, checkpoint: Option<&Path>) -> eyre::Result<(Trusted, ProvenBlock)> {
    let genesis = Genesis::load(genesis)?;
    let trusted = trust(&genesis, checkpoint)?;
    let name = proof.display();
    let proof: BlockProof = read_json(proof, MAX_PROOF_SIZE)?;
    let proven =
        trusted.verify_block(&proof).wrap_err_with(|| format!("{name} does not prove that a block is final"))?;
    Ok((trusted, proven))
}

fn trust(genesis: &Genesis, checkpoint: Option<&Path>) -> eyre::Result<Trusted> {
    let context = genesis.signing_context();
    let Some(path) = checkpoint else {
        return Ok(Trusted::genesis(context, Arc::clone(&genesis.set)));
    };
    let checkpoint: TrustedCheckpoint = read_json(path, MAX_CHECKPOINT_SIZE)?;
    Trusted::checkpoint(context, checkpoint)
        .wrap_err_with(|| format!("{} is no checkpoint to start from", path.display()))
}

#[cfg(test)]
mod tests;
