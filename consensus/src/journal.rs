//! The safety journal (R2, R3): what this node's key has signed, so that no position is ever signed twice.
//!
//! The core emits a [`JournalEntry`] with every signed message; the node makes it durable before the message leaves. On a
//! restart the entries come back and the journal refuses every position at or below the highest one signed of its kind.
//! What was signed is sent again as the same bytes; nothing is decided anew.

use crate::certificate::TermCertificate;
use crate::codec::{self, CodecError};
use crate::finality::QuorumCertificate;
use crate::messages::{Announcement, CastVote, Checkpoint, CheckpointPosition, Proposal, Seal, TermChange};
use crate::reign::Reign;
use crate::signing::Signed;
use crate::types::{Epoch, Era, Height, Term};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use thiserror::Error;

/// The largest encoded entry: an announcement that skips every member of the largest set.
const ENTRY_LIMIT: usize = 64 << 10;

/// A signed message that takes a position.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum JournalEntry {
    /// Position (era, term, epoch).
    Announcement(Signed<Announcement>),
    /// Position (era, term, epoch, height).
    Block(Signed<Proposal>),
    /// Position (era, term, height).
    Seal(Signed<Seal>),
    /// Position (era, term, round).
    Checkpoint(Signed<Checkpoint>),
    /// Position (era, term, round).
    Vote(Signed<CastVote>),
}

impl JournalEntry {
    /// The position as a key: a kind byte, then the position's numbers, 8 bytes each, big endian. Keys of one kind sort
    /// as their positions do.
    #[must_use]
    pub fn key(&self) -> Vec<u8> {
        let (kind, numbers): (u8, Vec<u64>) = match self {
            Self::Announcement(Signed { message, .. }) => (1, vec![message.era.0, message.term.0, message.epoch.0]),
            Self::Block(Signed { message, .. }) => {
                (2, vec![message.era.0, message.term.0, message.epoch.0, message.height.0])
            }
            Self::Seal(Signed { message, .. }) => (3, vec![message.era.0, message.term.0, message.height.0]),
            Self::Checkpoint(Signed { message, .. }) => (4, vec![message.era.0, message.term.0, message.round.0]),
            Self::Vote(Signed { message: CastVote { vote, .. }, .. }) => {
                (5, vec![vote.era.0, vote.term.0, vote.round.0])
            }
        };
        let mut key = vec![kind];
        key.extend(numbers.into_iter().flat_map(u64::to_be_bytes));
        key
    }

    /// The term that the message is of.
    #[must_use]
    pub const fn term(&self) -> Term {
        match self {
            Self::Announcement(signed) => signed.message.term,
            Self::Block(signed) => signed.message.term,
            Self::Seal(signed) => signed.message.term,
            Self::Checkpoint(signed) => signed.message.term,
            Self::Vote(signed) => signed.message.vote.term,
        }
    }

    /// The entry as it rests on disk.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        codec::encode(self)
    }

    /// Reads what [`Self::to_bytes`] wrote.
    ///
    /// # Errors
    /// [`CodecError`] if the bytes are damaged.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, CodecError> {
        codec::decode::<_, ENTRY_LIMIT>(bytes)
    }
}

/// What binds this node beside the positions that it signed (R3): replaced as a whole and synced before anything that
/// follows from it is sent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SafetyState {
    /// What opened the term that this node is in; none in the first.
    pub certificate: Option<Arc<TermCertificate>>,
    /// The highest term change that this node signed: the fence.
    pub term_change: Option<Signed<TermChange>>,
    /// What this node's votes build on at least (R11).
    pub floor: CheckpointPosition,
    /// The highest quorum certificate that this node ever held.
    pub highest: Option<Arc<QuorumCertificate>>,
}

impl SafetyState {
    /// The state as it rests on disk.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        codec::encode(self)
    }

    /// Reads what [`Self::to_bytes`] wrote.
    ///
    /// # Errors
    /// [`CodecError`] if the bytes are damaged.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, CodecError> {
        codec::decode::<_, { codec::DISK_LIMIT }>(bytes)
    }

    /// What binds a member when an era opens: its votes build on the era's root.
    #[must_use]
    pub fn of_era(reign: &Reign) -> Self {
        Self { floor: reign.root.position, ..Self::default() }
    }

    /// The term below which nothing may be signed.
    #[must_use]
    pub fn fence(&self) -> Term {
        let entered = self.certificate.as_ref().map_or(Term(1), |certificate| certificate.term);
        self.term_change.as_ref().map_or(entered, |change| entered.max(change.message.report.term))
    }
}

/// A position at or below one that this key has signed: signing it could be double signing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the safety journal holds a signature at or above this position")]
pub struct AlreadySigned;

/// The highest position signed of each kind.
#[derive(Clone, Debug, Default)]
pub struct Journal {
    announcement: Option<Signed<Announcement>>,
    block: Option<Signed<Proposal>>,
    seal: Option<Signed<Seal>>,
    checkpoint: Option<Signed<Checkpoint>>,
    vote: Option<Signed<CastVote>>,
}

impl Journal {
    /// The journal as the entries on disk tell it, in any order.
    #[must_use]
    pub fn restore(entries: impl IntoIterator<Item = JournalEntry>) -> Self {
        let mut journal = Self::default();
        for entry in entries {
            // Entries below the highest one are history.
            let _ = journal.record(&entry);
        }
        journal
    }

    /// Notes a message that is about to be sent.
    ///
    /// # Errors
    /// [`AlreadySigned`] if its position is not above all that were signed of its kind; the message must not be sent.
    pub fn record(&mut self, entry: &JournalEntry) -> Result<(), AlreadySigned> {
        match entry {
            JournalEntry::Announcement(signed) => raise(&mut self.announcement, signed, announcement_position),
            JournalEntry::Block(signed) => raise(&mut self.block, signed, block_position),
            JournalEntry::Seal(signed) => raise(&mut self.seal, signed, seal_position),
            JournalEntry::Checkpoint(signed) => raise(&mut self.checkpoint, signed, Checkpoint::position),
            JournalEntry::Vote(signed) => raise(&mut self.vote, signed, vote_position),
        }
    }

    /// The highest announcement signed.
    #[must_use]
    pub const fn announcement(&self) -> Option<&Signed<Announcement>> {
        self.announcement.as_ref()
    }

    /// The highest block signed.
    #[must_use]
    pub const fn block(&self) -> Option<&Signed<Proposal>> {
        self.block.as_ref()
    }

    /// The highest seal signed.
    #[must_use]
    pub const fn seal(&self) -> Option<&Signed<Seal>> {
        self.seal.as_ref()
    }

    /// The highest checkpoint signed.
    #[must_use]
    pub const fn checkpoint(&self) -> Option<&Signed<Checkpoint>> {
        self.checkpoint.as_ref()
    }

    /// The highest vote signed.
    #[must_use]
    pub const fn vote(&self) -> Option<&Signed<CastVote>> {
        self.vote.as_ref()
    }
}

fn raise<M: Clone, P: Ord>(
    highest: &mut Option<Signed<M>>,
    signed: &Signed<M>,
    position: impl Fn(&M) -> P,
) -> Result<(), AlreadySigned> {
    if highest.as_ref().is_some_and(|highest| position(&highest.message) >= position(&signed.message)) {
        return Err(AlreadySigned);
    }
    *highest = Some(signed.clone());
    Ok(())
}

const fn announcement_position(message: &Announcement) -> (Era, Term, Epoch) {
    (message.era, message.term, message.epoch)
}

const fn block_position(message: &Proposal) -> (Era, Term, Epoch, Height) {
    (message.era, message.term, message.epoch, message.height)
}

const fn seal_position(message: &Seal) -> (Era, Term, Height) {
    (message.era, message.term, message.height)
}

const fn vote_position(message: &CastVote) -> CheckpointPosition {
    message.vote.checkpoint().position
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::B256;

    fn seal(term: u64, height: u64) -> JournalEntry {
        let message = Seal { era: Era(0), term: Term(term), height: Height(height), hash: B256::ZERO };
        JournalEntry::Seal(Signed { message, signature: [0; 65].into() })
    }

    #[test]
    fn no_position_is_signed_twice_nor_below() {
        let mut journal = Journal::default();
        journal.record(&seal(1, 5)).unwrap();
        assert_eq!(journal.record(&seal(1, 5)), Err(AlreadySigned));
        assert_eq!(journal.record(&seal(1, 4)), Err(AlreadySigned));
        journal.record(&seal(1, 6)).unwrap();
        journal.record(&seal(2, 1)).unwrap();
        assert_eq!(journal.record(&seal(1, 7)), Err(AlreadySigned));
    }

    #[test]
    fn a_restart_remembers_in_any_order() {
        let journal = Journal::restore([seal(1, 6), seal(1, 7), seal(1, 5)]);
        assert_eq!(journal.seal().unwrap().message.height, Height(7));
    }

    #[test]
    fn keys_sort_as_positions() {
        assert!(seal(1, 255).key() < seal(1, 256).key());
        assert!(seal(1, 256).key() < seal(2, 0).key());
        let entry = seal(3, 4);
        assert_eq!(JournalEntry::from_bytes(&entry.to_bytes()).unwrap(), entry);
    }
}
