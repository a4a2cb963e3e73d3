//! What a simulated node has made durable. It survives a crash; the core does not.

use alloy_primitives::B256;
use baton_consensus::{
    certificate::TermCertificate,
    core::{Committed, Restored},
    journal::{JournalEntry, SafetyState},
    messages::Announcement,
    signing::{Signed, SigningContext},
    types::{BlockRef, Height, SealedBlock, SignedBlock},
};
use std::{collections::BTreeMap, sync::Arc};

use crate::world::Mutation;

#[derive(Clone, Debug, Default)]
pub(crate) struct Disk {
    pub(crate) genesis: BlockRef,
    pub(crate) chain: Vec<SealedBlock>,
    /// By term, epoch and hash.
    pub(crate) announcements: BTreeMap<(u64, u64, B256), Signed<Announcement>>,
    pub(crate) certificates: BTreeMap<(u64, B256), Arc<TermCertificate>>,
    pub(crate) journal: BTreeMap<Vec<u8>, JournalEntry>,
    pub(crate) safety: SafetyState,
    pub(crate) proposals: Vec<Arc<SignedBlock>>,
    pub(crate) finalized: Height,
    /// Announcements that a crash may still take away: written, and no synced write since.
    pub(crate) unsynced: Vec<(u64, u64, B256)>,
}

impl Disk {
    pub(crate) fn new(genesis: BlockRef) -> Self {
        Self { genesis, ..Self::default() }
    }

    /// What a crash leaves: everything up to the last synced write.
    pub(crate) fn crash(&mut self, mutation: Option<Mutation>) {
        for key in std::mem::take(&mut self.unsynced) {
            self.announcements.remove(&key);
        }
        match mutation {
            None => {}
            Some(Mutation::FenceNotJournaled) => self.safety = SafetyState::default(),
            Some(Mutation::JournalNotSynced) => {
                for kind in 1..=3u8 {
                    let newest = self.journal.keys().rfind(|key| key[0] == kind).cloned();
                    newest.map(|newest| self.journal.remove(&newest));
                }
                self.proposals.pop();
                if self.head().height > self.finalized {
                    self.chain.pop();
                }
            }
        }
    }

    pub(crate) fn head(&self) -> BlockRef {
        self.chain.last().map_or(self.genesis, |sealed| sealed.seal.message.block())
    }

    pub(crate) fn block_at(&self, height: Height) -> Option<&SealedBlock> {
        self.chain.get(usize::try_from(height.0.checked_sub(1)?).ok()?)
    }

    /// The hash of the block at a height.
    pub(crate) fn hash_at(&self, height: Height) -> Option<B256> {
        if height == Height(0) {
            return Some(self.genesis.hash);
        }
        self.block_at(height).map(|sealed| sealed.seal.message.hash)
    }

    pub(crate) fn restored(&self, context: &SigningContext) -> Restored {
        let committed = |sealed: &SealedBlock| {
            let block = Arc::new(sealed.block.clone()).verify(context).unwrap();
            Committed::new(&block, sealed.seal.message.term)
        };
        let mut chain: Vec<_> =
            self.chain.iter().skip((self.finalized.0 as usize).saturating_sub(1)).map(committed).collect();
        if self.finalized == Height(0) {
            chain.insert(0, Committed { block: self.genesis, ..Committed::default() });
        }
        Restored {
            chain,
            finalized: self.finalized,
            certificates: self.certificates.values().cloned().collect(),
            announcements: self.announcements.values().map(|signed| signed.message.clone()).collect(),
            journal: self.journal.values().cloned().collect(),
            safety: self.safety.clone(),
        }
    }

    pub(crate) fn unsealed_proposals(&self) -> Vec<Arc<SignedBlock>> {
        let head = self.head().height;
        self.proposals.iter().filter(|block| block.block.header.number > head.0).cloned().collect()
    }
}
