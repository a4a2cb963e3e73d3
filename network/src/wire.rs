//! What every value on the wire has in common: one codec, a size cap, and bounds that the types alone do not express.

use alloy_primitives::Bytes;
use baton_consensus::{
    certificate::{Appointment, TermCertificate},
    codec::{self, CodecError},
    endorsement::Endorsed,
    evidence::Evidence,
    finality::{CertifiedCheckpoint, FinalityProof, ProposedCheckpoint, QuorumCertificate, SetChange},
    messages::{Announcement, CastVote, Heartbeat, MAX_VERSION_BYTES, Seal, SequencerRecord, TermRequest},
    signing::Signed,
    types::{
        ChainSegment, CompactBlock, CompactTransaction, MAX_COMPACT_TRANSACTIONS, MAX_MEMBERS, MAX_PEER_ID_BYTES,
        SignedBlock,
    },
};
use serde::{Serialize, de::DeserializeOwned};
use std::sync::Arc;
use thiserror::Error;

/// The most transactions in one batch, by gossip or by push.
pub const MAX_BATCH_TRANSACTIONS: usize = 16_384;

/// The most blocks that one blocks-by-range request may ask for, and its answer hold.
pub const MAX_RANGE_BLOCKS: u32 = 128;

/// The most announcements that an answer to blocks-by-range may hold.
pub const MAX_RANGE_ANNOUNCEMENTS: usize = 4096;

/// The most certificates that an answer to blocks-by-range may hold.
pub(crate) const MAX_RANGE_CERTIFICATES: usize = 4096;

/// Why bytes from a peer are not a message.
#[derive(Debug, Error)]
pub enum WireError {
    /// More bytes than this kind of message may have, on the wire or as declared.
    #[error("{length} bytes are more than the {cap} that are allowed")]
    TooLarge {
        /// How many came, or were declared to come.
        length: usize,
        /// How many may.
        cap: usize,
    },
    /// Not a snappy block.
    #[error("snappy: {0}")]
    Snappy(#[from] snap::Error),
    /// Not the codec's bytes for the type.
    #[error(transparent)]
    Codec(#[from] CodecError),
    /// Of the type, but beyond what the protocol allows.
    #[error("{0}")]
    Bounds(&'static str),
}

/// A value that travels.
pub(crate) trait Wire: Serialize + DeserializeOwned {
    /// Checks what the type does not: counts and lengths inside.
    fn bounds(&self) -> Result<(), &'static str> {
        Ok(())
    }
}

impl Wire for Signed<Seal> {}
impl Wire for Arc<SignedBlock> {}

impl Wire for Arc<CompactBlock> {
    fn bounds(&self) -> Result<(), &'static str> {
        if self.transactions.len() > MAX_COMPACT_TRANSACTIONS {
            return Err("the block has too many transactions");
        }
        let is_empty = |place: &CompactTransaction| matches!(place, CompactTransaction::Whole(raw) if raw.is_empty());
        if self.transactions.iter().any(is_empty) { Err("a transaction is empty") } else { Ok(()) }
    }
}

impl Wire for Signed<Heartbeat> {
    fn bounds(&self) -> Result<(), &'static str> {
        if self.message.version.len() > MAX_VERSION_BYTES { Err("the heartbeat's version is too long") } else { Ok(()) }
    }
}

impl Wire for Box<Signed<CastVote>> {}

impl Wire for Box<Signed<SequencerRecord>> {
    fn bounds(&self) -> Result<(), &'static str> {
        self.message.check()
    }
}

impl Wire for Vec<Signed<SequencerRecord>> {
    fn bounds(&self) -> Result<(), &'static str> {
        if self.len() > MAX_MEMBERS {
            return Err("there are more records than a set has members");
        }
        self.iter().try_for_each(|signed| signed.message.check())
    }
}

impl<T: Wire> Wire for Endorsed<T> {
    fn bounds(&self) -> Result<(), &'static str> {
        self.content.bounds()
    }
}

impl<T: Wire> Wire for Box<Endorsed<T>> {
    fn bounds(&self) -> Result<(), &'static str> {
        self.content.bounds()
    }
}

impl Wire for TermRequest {
    fn bounds(&self) -> Result<(), &'static str> {
        self.certificate.as_deref().map_or(Ok(()), Bounded::bounds)
    }
}

impl Wire for ProposedCheckpoint {
    fn bounds(&self) -> Result<(), &'static str> {
        self.parent.as_deref().map_or(Ok(()), Bounded::bounds)
    }
}

impl Wire for CertifiedCheckpoint {
    fn bounds(&self) -> Result<(), &'static str> {
        self.certificate.bounds()
    }
}

impl Wire for Arc<Evidence> {
    fn bounds(&self) -> Result<(), &'static str> {
        match &**self {
            Evidence::Announcement(pair) => pair.iter().try_for_each(|signed| signed.message.bounds()),
            Evidence::Block(_) | Evidence::Seal(_) | Evidence::Checkpoint(_) | Evidence::Vote(_) => Ok(()),
        }
    }
}

impl Wire for Arc<SetChange> {
    fn bounds(&self) -> Result<(), &'static str> {
        if self.members.len() > MAX_MEMBERS || self.priorities.len() > MAX_MEMBERS {
            return Err("the set has too many members");
        }
        if self.members.iter().any(|member| member.peer_id.len() > MAX_PEER_ID_BYTES) {
            return Err("a member's peer id is too long");
        }
        self.proof.bounds()
    }
}

impl Wire for Appointment {
    fn bounds(&self) -> Result<(), &'static str> {
        self.announcement.message.bounds()?;
        self.certificate.as_ref().map_or(Ok(()), Wire::bounds)
    }
}

impl Wire for Arc<TermCertificate> {
    fn bounds(&self) -> Result<(), &'static str> {
        if self.reports.len() > MAX_MEMBERS {
            return Err("the certificate has too many reports");
        }
        self.reports.iter().try_for_each(|report| bitmap(&report.signers))?;
        self.highest.as_deref().map_or(Ok(()), Bounded::bounds)
    }
}

impl Wire for Vec<Bytes> {
    fn bounds(&self) -> Result<(), &'static str> {
        if self.is_empty() {
            return Err("the batch has no transactions");
        }
        if self.len() > MAX_BATCH_TRANSACTIONS {
            return Err("the batch has too many transactions");
        }
        if self.iter().any(|transaction| transaction.is_empty()) { Err("a transaction is empty") } else { Ok(()) }
    }
}

impl Wire for ChainSegment {
    fn bounds(&self) -> Result<(), &'static str> {
        if self.blocks.len() > MAX_RANGE_BLOCKS as usize {
            return Err("the segment has too many blocks");
        }
        if self.announcements.len() > MAX_RANGE_ANNOUNCEMENTS {
            return Err("the segment has too many announcements");
        }
        if self.certificates.len() > MAX_RANGE_CERTIFICATES {
            return Err("the segment has too many certificates");
        }
        self.certificates.iter().try_for_each(Wire::bounds)?;
        check_announcements(&self.announcements)?;
        self.change.as_ref().map_or(Ok(()), Wire::bounds)?;
        self.finality.as_deref().map_or(Ok(()), Bounded::bounds)
    }
}

/// A part of what travels that has bounds of its own.
pub(crate) trait Bounded {
    fn bounds(&self) -> Result<(), &'static str>;
}

impl Bounded for QuorumCertificate {
    fn bounds(&self) -> Result<(), &'static str> {
        bitmap(&self.signers)
    }
}

impl Bounded for FinalityProof {
    fn bounds(&self) -> Result<(), &'static str> {
        self.child.bounds()
    }
}

impl Bounded for Announcement {
    fn bounds(&self) -> Result<(), &'static str> {
        if self.skipped.len() > MAX_MEMBERS { Err("the announcement skips too many members") } else { Ok(()) }
    }
}

/// Checks what is inside announcements.
pub(crate) fn check_announcements(announcements: &[Signed<Announcement>]) -> Result<(), &'static str> {
    announcements.iter().try_for_each(|signed| signed.message.bounds())
}

/// A bit for each member of the largest set at most.
fn bitmap(signers: &Bytes) -> Result<(), &'static str> {
    if signers.len() > MAX_MEMBERS.div_ceil(8) { Err("a bitmap of signers is too long") } else { Ok(()) }
}

/// Encodes a value, bounds and cap checked, so that what we send is what a peer accepts.
pub(crate) fn encode<T: Wire>(value: &T, cap: usize) -> Result<Vec<u8>, WireError> {
    value.bounds().map_err(WireError::Bounds)?;
    let bytes = codec::encode(value);
    if bytes.len() > cap { Err(WireError::TooLarge { length: bytes.len(), cap }) } else { Ok(bytes) }
}

/// Decodes a value whose length the caller has checked against the cap already.
///
/// `LIMIT` is what decoding may claim in memory. It is larger than the cap, because the codec counts an integer at its
/// full width however few bytes it took.
pub(crate) fn decode<T: Wire, const LIMIT: usize>(bytes: &[u8]) -> Result<T, WireError> {
    let value: T = codec::decode::<T, LIMIT>(bytes)?;
    value.bounds().map_err(WireError::Bounds)?;
    Ok(value)
}
