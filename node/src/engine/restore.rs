//! What the core brings back from the disk.

use alloy_consensus::Header;
use baton_consensus::{
    FinalityRule,
    core::{Committed, Restored},
    finality::FinalityProof,
    journal::{JournalEntry, SafetyState},
    reign::Reign,
    types::{BlockRef, ExtraData, Height, Term},
};
use baton_storage::Store;
use eyre::{OptionExt, WrapErr, bail};
use std::sync::Arc;

/// How far back the chain is taken in where nothing is final for long: what is deeper cannot be reverted.
const HORIZON: u64 = 1024;

/// How far back producers are looked up for the depth rules, in blocks.
const PRODUCER_HORIZON: u64 = 100_000;

/// Reads everything that [`baton_consensus::core::Core::new`] wants.
pub(super) fn restore(store: &Store, reign: &Reign, rule: FinalityRule) -> eyre::Result<Restored> {
    let finalized = store.finalized().height;
    let mut journal = Vec::new();
    for write in store.journal_entries()? {
        let entry = JournalEntry::from_bytes(&write.value)
            .wrap_err("the safety journal is damaged: this node must not sign with its key until the term is over")?;
        if entry.key() != write.key {
            bail!("the safety journal is damaged: an entry rests under another entry's key");
        }
        journal.push(entry);
    }
    let safety = store
        .safety_state()?
        .map(|bytes| SafetyState::from_bytes(&bytes))
        .transpose()
        .wrap_err("the safety state is damaged: this node must not sign with its key")?
        .unwrap_or_default();
    let horizon = if rule == FinalityRule::Quorum { HORIZON } else { PRODUCER_HORIZON };
    let finality = store.newest_finality()?;
    let settled = settled(store, finality.as_ref())?;
    let within = |horizon: u64| Height(store.head().height.0.saturating_sub(horizon));
    // Nothing below the block with which the era began can be taken back, nor below one whose state was taken over.
    let lowest = reign.base.height.max(store.earliest());
    let from = finalized.max(within(horizon)).min(settled.max(within(HORIZON))).max(lowest);
    let chain = chain(store, from)?;
    let (mut certificates, mut announcements) = (Vec::new(), Vec::new());
    let era = reign.era();
    let lowest = chain.first().map(|lowest| lowest.position).filter(|position| position.era == era);
    let first = lowest.map_or(Term(1), |position| position.term.max(Term(1)));
    let entered = safety.certificate.as_ref().map_or(Term(1), |certificate| certificate.term);
    for term in (first.0..=entered.0).map(Term) {
        certificates.extend(store.certificates_of(era, term)?.into_iter().map(Arc::new));
        announcements.extend(store.announcements_of(era, term)?.into_iter().map(|signed| signed.message));
    }
    let evidence = store.evidence()?;
    let finality = finality.map(Arc::new);
    Ok(Restored { chain, finalized, finality, evidence, certificates, announcements, journal, safety })
}

/// The height of the block that a proof makes final, if the chain has it; otherwise that of genesis.
fn settled(store: &Store, finality: Option<&FinalityProof>) -> eyre::Result<Height> {
    let Some(block) = finality.map(|proof| proof.checkpoint.head) else { return Ok(Height(0)) };
    Ok(if store.block_hash(block.height)? == Some(block.hash) { block.height } else { Height(0) })
}

/// The blocks from a height to the head.
fn chain(store: &Store, from: Height) -> eyre::Result<Vec<Committed>> {
    let head = store.head().height;
    let mut chain = Vec::new();
    for height in (from.0..=head.0).map(Height) {
        let missing = || eyre::eyre!("block {height} is missing from the database");
        let stored = store.header(height)?.ok_or_else(missing)?;
        let position = ExtraData::from_bytes(&stored.header.extra_data).unwrap_or_default();
        let sealed_in = match store.block(height)?.ok_or_else(missing)?.seal {
            Some(seal) => seal.seal.message.term,
            None if height == Height(0) => Term(0),
            None => bail!("block {height} has no seal in the database"),
        };
        let Header { beneficiary: leader, timestamp, state_root, .. } = stored.header;
        let position = if height == Height(0) { ExtraData::default() } else { position };
        let block = BlockRef { height, hash: stored.hash };
        chain.push(Committed { block, state_root, leader, timestamp, position, sealed_in });
    }
    chain.first().ok_or_eyre("the head block is missing from the database")?;
    Ok(chain)
}
