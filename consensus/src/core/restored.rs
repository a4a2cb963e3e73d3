use super::Committed;
use crate::certificate::TermCertificate;
use crate::evidence::Evidence;
use crate::finality::FinalityProof;
use crate::journal::{JournalEntry, SafetyState};
use crate::messages::Announcement;
use crate::types::Height;
use std::sync::Arc;

/// What a node brings back from its disk.
#[derive(Clone, Debug, Default)]
pub struct Restored {
    /// The sealed chain from the newest block that is final by genesis' rule and by a finality proof alike, or a revertible
    /// depth, to the head, lowest first. Empty on a new chain.
    pub chain: Vec<Committed>,
    /// The newest final height, as genesis defines it.
    pub finalized: Height,
    /// The newest finality proof.
    pub finality: Option<Arc<FinalityProof>>,
    /// All evidence.
    pub evidence: Vec<Evidence>,
    /// The certificates that opened the terms of the announcements.
    pub certificates: Vec<Arc<TermCertificate>>,
    /// All announcements of the terms from the lowest block of [`Self::chain`] to the newest, in order of their positions.
    pub announcements: Vec<Announcement>,
    /// All entries of the safety journal, in any order.
    pub journal: Vec<JournalEntry>,
    /// The term that was entered and the highest term change that was signed.
    pub safety: SafetyState,
}
