//! What a simulated node has made durable. It survives a crash; the core does not.

use baton_consensus::{
    core::Restored,
    journal::JournalEntry,
    messages::Announcement,
    schedule::ScheduleSnapshot,
    signing::Signed,
    types::{BlockRef, Height, SealedBlock, SignedBlock},
};
use std::{collections::BTreeMap, sync::Arc};

#[derive(Clone, Debug, Default)]
pub(crate) struct Disk {
    pub(crate) genesis: BlockRef,
    pub(crate) chain: Vec<SealedBlock>,
    pub(crate) announcements: BTreeMap<u64, Signed<Announcement>>,
    pub(crate) schedule: Option<ScheduleSnapshot>,
    pub(crate) journal: BTreeMap<Vec<u8>, JournalEntry>,
    pub(crate) proposals: Vec<Arc<SignedBlock>>,
    pub(crate) finalized: Height,
}

impl Disk {
    pub(crate) fn new(genesis: BlockRef) -> Self {
        Self { genesis, ..Self::default() }
    }

    pub(crate) fn head(&self) -> BlockRef {
        self.chain.last().map_or(self.genesis, |sealed| sealed.seal.message.block())
    }

    pub(crate) fn block_at(&self, height: Height) -> Option<&SealedBlock> {
        self.chain.get(usize::try_from(height.0.checked_sub(1)?).ok()?)
    }

    pub(crate) fn restored(&self) -> Restored {
        let producers = (self.chain.iter())
            .map(|sealed| (sealed.block.block.header.beneficiary, Height(sealed.block.block.header.number)))
            .filter(|(_, height)| *height > self.finalized)
            .collect();
        Restored {
            head: self.head(),
            head_timestamp: self.chain.last().map_or(0, |sealed| sealed.block.block.header.timestamp),
            finalized: self.finalized,
            producers,
            schedule: self.schedule.clone(),
            announcements: self.announcements.values().map(|signed| signed.message.clone()).collect(),
            journal: self.journal.values().cloned().collect(),
        }
    }

    pub(crate) fn unsealed_proposals(&self) -> Vec<Arc<SignedBlock>> {
        let head = self.head().height;
        self.proposals.iter().filter(|block| block.block.header.number > head.0).cloned().collect()
    }
}
