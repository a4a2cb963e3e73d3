//! What must hold after every step, whatever the network does.

use alloy_primitives::{Address, B256};
use baton_consensus::{
    core::{Effect, Outgoing},
    journal::JournalEntry,
    types::Height,
};
use std::collections::HashMap;

use crate::disk::Disk;

/// Watches all nodes at once.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    /// What each honest key signed for each position.
    signed: HashMap<(Address, Vec<u8>), B256>,
    /// The block that anyone committed at a height.
    committed: HashMap<Height, B256>,
}

impl Watch {
    /// Looks at the effects of one input of an honest node, before they are carried out.
    pub(crate) fn effects(&mut self, node: Address, disk: &Disk, effects: &[Effect]) {
        let mut durable: Vec<Vec<u8>> = disk.journal.keys().cloned().collect();
        for effect in effects {
            match effect {
                Effect::PersistAnnouncement { journal: Some(entry), .. }
                | Effect::PersistProposal { journal: entry, .. } => {
                    self.signs(node, entry);
                    durable.push(entry.key());
                }
                Effect::Commit { block, journal, .. } => {
                    if let Some(entry) = journal {
                        self.signs(node, entry);
                        durable.push(entry.key());
                    }
                    let known = *self.committed.entry(block.height()).or_insert(block.hash());
                    assert_eq!(known, block.hash(), "two blocks committed at height {}", block.height());
                }
                Effect::Gossip(message) => {
                    let entry = match message {
                        Outgoing::Announcement(signed) => JournalEntry::Announcement(signed.clone()),
                        Outgoing::Seal(signed) => JournalEntry::Seal(signed.clone()),
                        Outgoing::Block(_) | Outgoing::Heartbeat(_) => continue,
                    };
                    assert!(durable.contains(&entry.key()), "{node} sends {entry:?} before it is durable");
                }
                _ => {}
            }
        }
    }

    fn signs(&mut self, node: Address, entry: &JournalEntry) {
        let digest = alloy_primitives::keccak256(entry.to_bytes());
        let known = *self.signed.entry((node, entry.key())).or_insert(digest);
        assert_eq!(known, digest, "{node} signs two messages for one position: {entry:?}");
    }
}
