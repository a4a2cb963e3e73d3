//! What must hold at every step, whatever the network does.

use crate::disk::Disk;
use alloy_primitives::{Address, B256, U256};
use baton_consensus::{
    certificate::{TermCertificate, VerifiedCertificate},
    core::{Effect, Outgoing, Report},
    journal::JournalEntry,
    types::{Height, SequencerSet, Term, Tip},
};
use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

/// Watches all honest nodes at once.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    /// What each honest key signed for each position.
    signed: HashMap<(Address, Vec<u8>), B256>,
    /// The highest term that each honest key asked for in public.
    fences: HashMap<Address, Term>,
    /// The block that honest keys sealed at a position.
    sealed: HashMap<(Term, Height), B256>,
    /// The block that anyone tagged final at a height.
    finalized: HashMap<Height, B256>,
    /// The scheduler that honest nodes take a term to have.
    schedulers: HashMap<Term, Address>,
    /// The tip that each honest scheduler had when its term opened.
    took_over_at: HashMap<Address, Tip>,
    /// Members that do not keep to the protocol: their keys may be blamed.
    pub(crate) byzantine: HashSet<Address>,
}

impl Watch {
    /// Looks at an effect of an honest node before it is carried out; `disk` is what is durable by then.
    pub(crate) fn effect(&mut self, node: Address, disk: &Disk, set: &SequencerSet, effect: &Effect) {
        match effect {
            Effect::PersistSafety(safety) => {
                let fence = disk.safety.fence();
                assert!(safety.fence() >= fence, "{node} lowers its fence from {fence} to {}", safety.fence());
                let known = disk.safety.certificate.as_ref().map(|certificate| certificate.term);
                let opening = safety.certificate.as_ref().filter(|opening| known != Some(opening.term));
                opening.into_iter().for_each(|opening| enters(node, opening, set));
            }
            Effect::PersistAnnouncement { journal: Some(entry), .. }
            | Effect::PersistProposal { journal: entry, .. }
            | Effect::Commit { journal: Some(entry), .. } => self.signs(node, entry),
            Effect::Revert { to } => {
                assert!(to.height >= disk.finalized, "{node} reverts below what it called final");
            }
            Effect::Gossip(message) => self.sends(node, disk, message),
            Effect::Report(report) => self.reports(node, disk, report),
            _ => {}
        }
    }

    /// Looks at a node's final block after a commit.
    pub(crate) fn finalized(&mut self, node: Address, disk: &Disk) {
        let Some(hash) = disk.hash_at(disk.finalized) else { return };
        let known = *self.finalized.entry(disk.finalized).or_insert(hash);
        assert_eq!(known, hash, "{node} tags another block final at height {}", disk.finalized);
    }

    fn signs(&mut self, node: Address, entry: &JournalEntry) {
        let fence = self.fences.get(&node).copied().unwrap_or_default();
        assert!(entry.term() >= fence, "{node} signs below its fence {fence}: {entry:?}");
        let digest = alloy_primitives::keccak256(entry.to_bytes());
        let known = *self.signed.entry((node, entry.key())).or_insert(digest);
        assert_eq!(known, digest, "{node} signs two messages for one position: {entry:?}");
        if let JournalEntry::Seal(seal) = entry {
            let position = (seal.message.term, seal.message.height);
            let known = *self.sealed.entry(position).or_insert(seal.message.hash);
            assert_eq!(known, seal.message.hash, "two entitled seals at {position:?}");
        }
    }

    fn sends(&mut self, node: Address, disk: &Disk, message: &Outgoing) {
        let entry = match message {
            Outgoing::Announcement(appointment) => JournalEntry::Announcement(appointment.announcement.clone()),
            Outgoing::Seal(signed) => JournalEntry::Seal(signed.clone()),
            Outgoing::TermChange(change) => {
                let term = change.message.report.term;
                assert!(disk.safety.fence() >= term, "{node} asks for term {term} before that is durable");
                let known = self.fences.entry(node).or_default();
                *known = term.max(*known);
                return;
            }
            Outgoing::Block(block) => {
                let durable = disk.proposals.iter().any(|proposal| Arc::ptr_eq(proposal, block) || proposal == block);
                return assert!(durable, "{node} sends a block before it is durable");
            }
            Outgoing::Heartbeat(_) | Outgoing::Certificate(_) => return,
        };
        // Others' seals are passed on when they contradict each other.
        let own = self.signed.contains_key(&(node, entry.key()));
        assert!(!own || disk.journal.contains_key(&entry.key()), "{node} sends {entry:?} before it is durable");
    }

    fn reports(&mut self, node: Address, disk: &Disk, report: &Report) {
        match report {
            Report::Equivocation { signer, .. } => {
                assert!(self.byzantine.contains(signer), "{node} blames an honest key: {report:?}");
            }
            Report::TermOpened { term, scheduler, .. } => {
                let known = *self.schedulers.entry(*term).or_insert(*scheduler);
                assert_eq!(known, *scheduler, "{node} sees another scheduler in term {term}");
                if *scheduler == node {
                    self.took_over_at.insert(node, disk.tip());
                }
            }
            Report::Adopted { term, base } => {
                let Some(tip) = self.took_over_at.remove(&node) else { return };
                let order = |tip: Tip| (tip.term, tip.block.height);
                assert!(order(*base) >= order(tip), "{node} opens term {term} on {base} and leaves {tip}");
            }
            _ => {}
        }
    }
}

/// Terms are opened by more than two thirds of the weight, counted here once more.
fn enters(node: Address, opening: &Arc<TermCertificate>, set: &SequencerSet) {
    let certificate = VerifiedCertificate::restore(Arc::clone(opening), set).unwrap();
    let signers = certificate.reports().iter().flat_map(|(_, signers)| signers);
    let weight = signers.fold(U256::ZERO, |sum, signer| sum + set.get(*signer).unwrap().weight.0);
    let quorum = weight * U256::from(3) > set.total().0 * U256::from(2);
    assert!(quorum, "{node} enters term {} by {weight} of {}", opening.term, set.total());
}
