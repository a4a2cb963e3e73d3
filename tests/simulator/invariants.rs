//! What must hold after every step, whatever the network does.

use alloy_primitives::{Address, B256};
use baton_consensus::{
    core::{Effect, Outgoing},
    journal::JournalEntry,
    types::{Height, Term},
};
use std::collections::HashMap;

use crate::disk::Disk;

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
    /// Whether final blocks must agree: not where producers equivocate under a depth rule.
    pub(crate) finality_may_break: bool,
}

impl Watch {
    /// Looks at the effects of one input of an honest node, before they are carried out.
    pub(crate) fn effects(&mut self, node: Address, disk: &Disk, effects: &[Effect]) {
        let mut durable: Vec<Vec<u8>> = Vec::new();
        let mut fence = disk.safety.fence();
        for effect in effects {
            match effect {
                Effect::PersistSafety(safety) => {
                    assert!(safety.fence() >= fence, "{node} lowers its fence from {fence} to {}", safety.fence());
                    fence = safety.fence();
                }
                Effect::PersistAnnouncement { journal: Some(entry), .. }
                | Effect::PersistProposal { journal: entry, .. }
                | Effect::Commit { journal: Some(entry), .. } => {
                    self.signs(node, entry);
                    durable.push(entry.key());
                }
                Effect::Revert { to } => {
                    assert!(to.height >= disk.finalized, "{node} reverts below what it called final");
                }
                Effect::Gossip(message) => {
                    let entry = match message {
                        Outgoing::Announcement(appointment) => {
                            JournalEntry::Announcement(appointment.announcement.clone())
                        }
                        Outgoing::Seal(signed) => JournalEntry::Seal(signed.clone()),
                        Outgoing::TermChange(change) => {
                            let term = change.message.report.term;
                            assert!(fence >= term, "{node} asks for term {term} before that is durable");
                            let known = self.fences.entry(node).or_default();
                            *known = term.max(*known);
                            continue;
                        }
                        Outgoing::Block(_) | Outgoing::Heartbeat(_) | Outgoing::Certificate(_) => continue,
                    };
                    let own = self.signed.contains_key(&(node, entry.key()));
                    let known = durable.contains(&entry.key()) || disk.journal.contains_key(&entry.key());
                    assert!(!own || known, "{node} sends {entry:?} before it is durable");
                }
                _ => {}
            }
        }
    }

    /// Looks at a node's final block after a commit.
    pub(crate) fn finalized(&mut self, node: Address, disk: &Disk) {
        let Some(hash) = disk.hash_at(disk.finalized) else { return };
        let known = *self.finalized.entry(disk.finalized).or_insert(hash);
        if !self.finality_may_break {
            assert_eq!(known, hash, "{node} tags another block final at height {}", disk.finalized);
        }
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
}
