use crate::journal::JournalEntry;
use crate::messages::Announcement;
use crate::schedule::ScheduleSnapshot;
use crate::types::{BlockRef, Height};
use alloy_primitives::Address;

/// What a node brings back from its disk.
#[derive(Clone, Debug, Default)]
pub struct Restored {
    /// The sealed tip.
    pub head: BlockRef,
    /// The timestamp of the tip, in seconds.
    pub head_timestamp: u64,
    /// The newest final height.
    pub finalized: Height,
    /// The producers of the blocks above [`Self::finalized`], lowest first.
    pub producers: Vec<(Address, Height)>,
    /// The schedule after the newest announcement; none before the first.
    pub schedule: Option<ScheduleSnapshot>,
    /// The announcements from the head's epoch to the newest.
    pub announcements: Vec<Announcement>,
    /// All entries of the safety journal, in any order.
    pub journal: Vec<JournalEntry>,
}
