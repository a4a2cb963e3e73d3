//! What must hold at every step, whatever the network does.

use crate::{disk::Disk, finality};
use alloy_primitives::{Address, B256};
use baton_consensus::{
    certificate::{TermCertificate, VerifiedCertificate},
    core::{Effect, Outgoing, Report},
    journal::JournalEntry,
    messages::{Checkpoint, TermReport},
    types::{Electorate, Era, Height, Term, Tip},
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
    fences: HashMap<Address, (Era, Term)>,
    /// The block that honest keys sealed at a position.
    sealed: HashMap<(Era, Term, Height), B256>,
    /// The block that anyone tagged final at a height, or below one.
    finalized: HashMap<Height, B256>,
    /// Up to where each node's final blocks were looked at.
    looked_at: HashMap<Address, Height>,
    pub(crate) certified: finality::Certified,
    bonds: finality::Bonds,
    /// How each honest node entered the term that it is in.
    openings: HashMap<Address, B256>,
    /// The scheduler that honest nodes take a term to have.
    schedulers: HashMap<(Era, Term), Address>,
    /// The tip that each honest scheduler had when its term opened.
    took_over_at: HashMap<Address, Tip>,
    /// Members that are shown what must not be: they have to stop.
    pub(crate) may_halt: HashSet<Address>,
    /// Members that do not keep to the protocol: their keys may be blamed.
    pub(crate) byzantine: HashSet<Address>,
}

impl Watch {
    /// Looks at an effect of an honest node before it is carried out; `disk` is what is durable by then.
    pub(crate) fn effect(&mut self, node: Address, disk: &Disk, electorate: &Electorate, effect: &Effect) {
        self.certified.effect(electorate, effect);
        match effect {
            Effect::PersistSafety { state: safety, journal } => {
                let fence = disk.safety.fence();
                assert!(safety.fence() >= fence, "{node} lowers its fence from {fence} to {}", safety.fence());
                let known = disk.safety.certificate.as_ref().map(|certificate| certificate.term);
                let opening = safety.certificate.as_ref().filter(|opening| known != Some(opening.term));
                opening.into_iter().for_each(|opening| self.enters(node, opening, electorate));
                journal.iter().for_each(|entry| self.signs(node, entry));
                self.bonds.binds(node, safety, journal, opening.is_some());
            }
            Effect::OpenEra { change, state } => {
                finality::concludes(node, electorate, &change.proof);
                self.bonds.binds(node, state, &[], true);
            }
            Effect::PersistAnnouncement { journal: Some(entry), .. }
            | Effect::PersistProposal { journal: entry, .. }
            | Effect::Commit { journal: Some(entry), .. } => self.signs(node, entry),
            Effect::Finalize { proof, .. } => finality::concludes(node, electorate, proof),
            Effect::Halt(conflict) => assert!(self.may_halt.contains(&node), "{node} halts: {conflict:?}"),
            Effect::Revert { to } => {
                assert!(to.height >= disk.finalized, "{node} reverts below what it called final");
            }
            Effect::Gossip(message) => self.sends(node, disk, message),
            Effect::Report(report) => self.reports(node, disk, report),
            _ => {}
        }
    }

    /// Takes note of a checkpoint that someone sends.
    pub(crate) fn proposed(&mut self, checkpoint: &Checkpoint) {
        self.bonds.proposed(checkpoint);
    }

    /// Looks at a node's final blocks after they became more.
    pub(crate) fn finalized(&mut self, node: Address, disk: &Disk) {
        let from = self.looked_at.insert(node, disk.finalized).unwrap_or_default();
        for height in (from.0 + 1..=disk.finalized.0).map(Height) {
            let hash = disk.hash_at(height).expect("what is final is in the chain");
            let known = *self.finalized.entry(height).or_insert(hash);
            assert_eq!(known, hash, "{node} tags another block final at height {height}");
        }
    }

    fn signs(&mut self, node: Address, entry: &JournalEntry) {
        let fence = self.fences.get(&node).copied().unwrap_or_default();
        assert!(position_of(entry) >= fence, "{node} signs below its fence {fence:?}: {entry:?}");
        let digest = alloy_primitives::keccak256(entry.to_bytes());
        let known = *self.signed.entry((node, entry.key())).or_insert(digest);
        assert_eq!(known, digest, "{node} signs two messages for one position: {entry:?}");
        if let JournalEntry::Seal(seal) = entry {
            let position = (seal.message.era, seal.message.term, seal.message.height);
            let known = *self.sealed.entry(position).or_insert(seal.message.hash);
            assert_eq!(known, seal.message.hash, "two entitled seals at {position:?}");
        }
    }

    fn sends(&mut self, node: Address, disk: &Disk, message: &Outgoing) {
        let entry = match message {
            Outgoing::Announcement(appointment) => JournalEntry::Announcement(appointment.announcement.clone()),
            Outgoing::Seal(signed) => JournalEntry::Seal(signed.clone()),
            Outgoing::TermChange(request) => {
                let TermReport { era, term, .. } = request.change.message.report;
                assert!(disk.safety.fence() >= term, "{node} asks for term {term} before that is durable");
                let known = self.fences.entry(node).or_default();
                *known = (era, term).max(*known);
                return;
            }
            Outgoing::Block(block) => {
                let durable = disk.proposals.iter().any(|proposal| Arc::ptr_eq(proposal, block) || proposal == block);
                return assert!(durable, "{node} sends a block before it is durable");
            }
            Outgoing::Checkpoint(proposed) => JournalEntry::Checkpoint(proposed.checkpoint.clone()),
            Outgoing::Vote(vote) => JournalEntry::Vote(vote.clone()),
            Outgoing::SetChange(change) => {
                let durable = disk.changes.last().is_some_and(|known| Arc::ptr_eq(known, change));
                return assert!(durable, "{node} tells of a set change before it is durable");
            }
            Outgoing::Heartbeat(_) | Outgoing::Certificate(_) | Outgoing::Quorum(_) | Outgoing::Evidence(_) => return,
        };
        assert!(disk.journal.contains_key(&entry.key()), "{node} sends {entry:?} before it is durable");
    }

    fn reports(&mut self, node: Address, disk: &Disk, report: &Report) {
        match report {
            Report::Equivocation(fault) => {
                assert!(self.byzantine.contains(&fault.signer), "{node} blames an honest key: {report:?}");
            }
            Report::BadVote { signer, .. } => {
                assert!(self.byzantine.contains(signer), "{node} blames an honest key: {report:?}");
            }
            // Who entered by the same certificate as an honest scheduler never finds it below the floor.
            Report::BelowFloor { opening: Some(opening), checkpoint, floor } => {
                let scheduler = self.schedulers.get(&(checkpoint.position.era, checkpoint.position.term));
                let honest = scheduler.filter(|scheduler| !self.byzantine.contains(*scheduler));
                let same = honest.is_some_and(|scheduler| self.openings.get(scheduler) == Some(opening));
                assert!(!same, "{node} has floor {floor} and refuses {checkpoint}, though its certificate allows it");
            }
            Report::TermOpened { term, scheduler, .. } => {
                let known = *self.schedulers.entry((disk.era(), *term)).or_insert(*scheduler);
                assert_eq!(known, *scheduler, "{node} sees another scheduler in term {term}");
                if *scheduler == node && self.keeps_what_counts(disk) {
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

    /// Whether a node's chain holds what its certificate says is certified, and nothing that contradicts what is final. Where
    /// that certificate is about the end of the era, what stands above its head is void, whatever it is.
    fn keeps_what_counts(&self, disk: &Disk) -> bool {
        let highest = disk.safety.certificate.as_ref().and_then(|opening| opening.highest.as_ref());
        if highest.is_some_and(|highest| highest.checkpoint.is_closing()) {
            return false;
        }
        let certified = highest.map(|highest| highest.checkpoint.head);
        let has_certified = certified.is_none_or(|head| disk.hash_at(head.height) == Some(head.hash));
        let agrees = |(height, hash): (&Height, &B256)| disk.hash_at(*height).is_none_or(|own| own == *hash);
        has_certified && self.finalized.iter().all(agrees)
    }

    /// Terms are opened by more than two thirds of the weight, counted here once more.
    fn enters(&mut self, node: Address, opening: &Arc<TermCertificate>, electorate: &Electorate) {
        let certificate = VerifiedCertificate::restore(Arc::clone(opening), electorate).unwrap();
        let signers = certificate.reports().iter().flat_map(|(_, signers)| signers);
        let term = opening.term;
        assert!(finality::is_quorum(electorate, signers.copied()), "{node} enters term {term} without a quorum");
        self.openings.insert(node, certificate.hash());
    }
}

/// The era and the term of what is signed: its key begins with a kind byte, and then with these.
fn position_of(entry: &JournalEntry) -> (Era, Term) {
    let key = entry.key();
    let number = |at: usize| u64::from_be_bytes(key[at..at + 8].try_into().unwrap());
    (Era(number(1)), Term(number(9)))
}
