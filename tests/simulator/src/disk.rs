//! What a simulated node has made durable. It survives a crash; the core does not.

use crate::run::Broken;
use alloy_primitives::B256;
use baton_consensus::{
    certificate::TermCertificate,
    core::{Committed, Restored},
    evidence::{Evidence, Fault},
    finality::{FinalityProof, SetChange},
    journal::{JournalEntry, SafetyState},
    messages::{Announcement, CheckpointPosition, Seal},
    signing::{Signed, SigningContext},
    types::{BlockRef, Epoch, Era, Height, SignedBlock, Term, Tip, VerifiedBlock},
};
use std::{collections::BTreeMap, sync::Arc};

/// A block of the chain with its seal. Its signature was checked when it came, as a database trusts what it holds.
#[derive(Clone, Debug)]
pub(crate) struct Sealed {
    pub(crate) block: VerifiedBlock,
    pub(crate) seal: Signed<Seal>,
}

#[derive(Debug, Default)]
pub(crate) struct Disk {
    pub(crate) genesis: BlockRef,
    pub(crate) chain: Vec<Sealed>,
    /// By era, term, epoch and hash.
    pub(crate) announcements: BTreeMap<(Era, Term, Epoch, B256), Signed<Announcement>>,
    pub(crate) certificates: BTreeMap<(Era, Term, B256), Arc<TermCertificate>>,
    /// The end of each era.
    pub(crate) changes: Vec<Arc<SetChange>>,
    pub(crate) journal: BTreeMap<Vec<u8>, JournalEntry>,
    pub(crate) safety: SafetyState,
    pub(crate) proposals: Vec<Arc<SignedBlock>>,
    pub(crate) finalized: Height,
    pub(crate) finality: Option<Arc<FinalityProof>>,
    pub(crate) evidence: BTreeMap<Fault, Arc<Evidence>>,
    /// Announcements that a crash may still take away: written, and no synced write since.
    pub(crate) unsynced: Vec<(Era, Term, Epoch, B256)>,
}

impl Disk {
    pub(crate) fn new(genesis: BlockRef) -> Self {
        Self { genesis, ..Self::default() }
    }

    /// What a crash leaves: everything up to the last synced write.
    pub(crate) fn crash(&mut self, broken: Option<Broken>) {
        for key in std::mem::take(&mut self.unsynced) {
            self.announcements.remove(&key);
        }
        match broken {
            Some(Broken::FenceNotJournaled) => {
                self.safety.certificate = None;
                self.safety.term_change = None;
            }
            Some(Broken::VotesNotJournaled) => {
                self.journal.retain(|key, _| key[0] != 5);
                self.safety.floor = CheckpointPosition::default();
                self.safety.highest = None;
            }
            Some(Broken::JournalNotSynced) => {
                for kind in 1..=5u8 {
                    let newest = self.journal.keys().rfind(|key| key[0] == kind).cloned();
                    newest.map(|newest| self.journal.remove(&newest));
                }
                self.proposals.pop();
                if self.head().height > self.finalized {
                    self.chain.pop();
                }
            }
            Some(Broken::Rule(_)) | None => {}
        }
    }

    pub(crate) fn head(&self) -> BlockRef {
        self.chain.last().map_or(self.genesis, |sealed| sealed.block.reference())
    }

    pub(crate) fn tip(&self) -> Tip {
        self.chain.last().map_or(Tip { term: Term(0), block: self.genesis }, |sealed| Tip {
            // What an earlier era sealed is below all that this one does.
            term: if sealed.seal.message.era == self.era() { sealed.seal.message.term } else { Term(0) },
            block: sealed.block.reference(),
        })
    }

    pub(crate) fn block_at(&self, height: Height) -> Option<&Sealed> {
        self.chain.get(usize::try_from(height.0.checked_sub(1)?).ok()?)
    }

    /// The hash of the block at a height.
    pub(crate) fn hash_at(&self, height: Height) -> Option<B256> {
        if height == Height(0) {
            return Some(self.genesis.hash);
        }
        self.block_at(height).map(|sealed| sealed.block.hash())
    }

    /// The era that the node is in.
    pub(crate) fn era(&self) -> Era {
        Era(self.changes.len() as u64)
    }

    pub(crate) fn restored(&self) -> Restored {
        let era = self.era();
        let committed = |sealed: &Sealed| Committed::new(&sealed.block, sealed.seal.message.term);
        let final_one = usize::try_from(self.horizon().0).unwrap();
        let mut chain: Vec<_> = self.chain.iter().skip(final_one.saturating_sub(1)).map(committed).collect();
        if final_one == 0 {
            chain.insert(0, Committed { block: self.genesis, ..Committed::default() });
        }
        Restored {
            chain,
            finalized: self.finalized,
            finality: self.finality.clone(),
            evidence: self.evidence.values().map(|evidence| Evidence::clone(evidence)).collect(),
            certificates: self.certificates.values().filter(|known| known.era == era).cloned().collect(),
            announcements: self
                .announcements
                .values()
                .filter(|known| known.message.era == era)
                .map(|signed| signed.message.clone())
                .collect(),
            journal: self.journal.values().cloned().collect(),
            safety: self.safety.clone(),
        }
    }

    /// The newest block that is final by genesis' rule and by a proof alike.
    fn horizon(&self) -> Height {
        let settled = self.finality.as_ref().map_or(Height(0), |proof| proof.checkpoint.head.height);
        self.finalized.min(settled)
    }

    /// The own blocks that may still be sealed.
    pub(crate) fn unsealed_proposals(&self, context: &SigningContext) -> Vec<VerifiedBlock> {
        let head = self.head().height;
        let above = self.proposals.iter().filter(|block| block.block.header.number > head.0);
        above.map(|block| Arc::clone(block).verify(context).unwrap()).collect()
    }
}
