//! A conflict, told for people.

use super::RUNBOOK;
use crate::{genesis::Genesis, halt::Halted};
use alloy_primitives::Address;
use baton_consensus::{
    core::Conflict,
    finality::{FinalityProof, QuorumCertificate},
    types::{Electorate, SequencerSet},
};
use eyre::ensure;
use std::{collections::BTreeSet, fmt::Write, path::Path, sync::Arc};

/// Tells what happened, both sides, and what can be done.
pub(super) fn tell(halted: &Halted, path: &Path, genesis: Option<&Genesis>) -> eyre::Result<String> {
    let Halted { at, version, chain_id, genesis_hash, head, finalized, explanation, runbook: _, conflict } = halted;
    let electorate = genesis.map(|genesis| Electorate::genesis(genesis.signing_context(), Arc::clone(&genesis.set)));
    if let Some(electorate) = &electorate {
        let context = electorate.context;
        ensure!(
            (context.chain_id, context.genesis_hash) == (*chain_id, *genesis_hash),
            "the genesis file is of chain {} ({}), the node was on chain {chain_id} ({genesis_hash})",
            context.chain_id,
            context.genesis_hash
        );
    }
    let mut text = String::new();
    writeln!(text, "this node stopped at {at} and does not start before its operator decides\n\n{explanation}\n")?;
    writeln!(text, "its head             {head}")?;
    writeln!(text, "final on it          {finalized}")?;
    writeln!(text, "chain                {chain_id} ({genesis_hash}), baton {version}\n")?;
    match conflict {
        Conflict::Quorums([one, other]) => {
            writeln!(text, "one certificate")?;
            certificate(&mut text, one, electorate.as_ref())?;
            writeln!(text, "the other certificate, for the same position")?;
            certificate(&mut text, other, electorate.as_ref())?;
            who_signed_both(&mut text, [one, other], electorate.as_ref())?;
        }
        Conflict::Finality { known, theirs, here, finalized } => {
            writeln!(text, "what this node holds")?;
            match here {
                Some(here) => writeln!(text, "  block              {here}")?,
                None => writeln!(
                    text,
                    "  block              none at height {} that is in reach",
                    theirs.checkpoint.head.height
                )?,
            }
            writeln!(text, "  tagged final up to {finalized}")?;
            match known {
                Some(known) => proof(&mut text, known, electorate.as_ref())?,
                None => writeln!(text, "  proof              none: what is final here is so by a depth rule alone")?,
            }
            writeln!(text, "what came")?;
            proof(&mut text, theirs, electorate.as_ref())?;
            if let Some(known) = known {
                who_signed_both(&mut text, [&known.child, &theirs.child], electorate.as_ref())?;
            }
        }
    }
    writeln!(text, "\nboth sides in full: {}\nwhat to do: {RUNBOOK}", path.display())?;
    Ok(text)
}

fn proof(text: &mut String, proof: &FinalityProof, electorate: Option<&Electorate>) -> eyre::Result<()> {
    let FinalityProof { checkpoint, child } = proof;
    writeln!(text, "  makes final        {} by checkpoint {}", checkpoint.head, checkpoint.position())?;
    certificate(text, child, electorate)
}

fn certificate(text: &mut String, quorum: &QuorumCertificate, electorate: Option<&Electorate>) -> eyre::Result<()> {
    let QuorumCertificate { checkpoint, signers: bitmap, signature: _ } = quorum;
    writeln!(text, "  certified          checkpoint {}, {}", checkpoint.position(), checkpoint.hash())?;
    writeln!(text, "  its head           {}, state root {}", checkpoint.head, checkpoint.state_root)?;
    let Some(set) = set_of(electorate, quorum) else {
        writeln!(text, "  signed by          {bitmap} (a bit for each member; --genesis names those of era 0)")?;
        return Ok(());
    };
    let signers = signers(set, quorum);
    writeln!(text, "  signed by          {} of {} sequencers", signers.len(), set.len())?;
    for signer in signers {
        writeln!(text, "    {signer}")?;
    }
    Ok(())
}

/// Who is in both: for one position, that is two votes of one key.
fn who_signed_both(
    text: &mut String,
    quorums: [&QuorumCertificate; 2],
    electorate: Option<&Electorate>,
) -> eyre::Result<()> {
    let [one, other] = quorums;
    let (Some(set), Some(_)) = (set_of(electorate, one), set_of(electorate, other)) else { return Ok(()) };
    let both: Vec<_> = signers(set, one).intersection(&signers(set, other)).copied().collect();
    let meaning = match one.checkpoint.position() == other.checkpoint.position() {
        true => "two votes for one position are a fault",
        false => "which is no fault by itself: compare what each voted for in between",
    };
    writeln!(text, "signed both sides, {meaning}")?;
    for signer in both {
        writeln!(text, "    {signer}")?;
    }
    Ok(())
}

/// The set that signed, if it is the one that is known.
fn set_of<'a>(electorate: Option<&'a Electorate>, quorum: &QuorumCertificate) -> Option<&'a SequencerSet> {
    let electorate = electorate.filter(|electorate| electorate.set_root == quorum.checkpoint.set_root)?;
    Some(&electorate.set)
}

fn signers(set: &SequencerSet, quorum: &QuorumCertificate) -> BTreeSet<Address> {
    let places = set.places(&quorum.signers).unwrap_or_default();
    places.iter().filter_map(|place| Some(set.members().get(*place)?.address)).collect()
}
