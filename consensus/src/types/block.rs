//! Blocks: standard Ethereum blocks, the leader's signature and the scheduler's seal beside them.

use super::{Epoch, Era, Height, Term, rlp_bytes};
use crate::certificate::TermCertificate;
use crate::finality::{FinalityProof, SetChange};
use crate::messages::{Announcement, Proposal, Seal};
use crate::signing::{InvalidSignature, Signature, Signed, SigningContext, Verified};
use crate::simulation::mutation::{self, Mutation};
use alloy_consensus::{Header, TxEnvelope, proofs};
use alloy_primitives::{Address, B256, Bytes};
use alloy_rlp::{RlpDecodable, RlpEncodable};
use serde::{Deserialize, Serialize};
use std::{cmp::Ordering, fmt, sync::Arc};
use thiserror::Error;

/// A transaction in its EIP-2718 envelope.
pub type Transaction = TxEnvelope;

/// A standard Ethereum block.
pub type Block = alloy_consensus::Block<Transaction>;

/// A block by height and hash.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    RlpEncodable,
    RlpDecodable,
)]
pub struct BlockRef {
    /// The block's number.
    pub height: Height,
    /// The hash of its header.
    pub hash: B256,
}

impl fmt::Display for BlockRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.height, self.hash)
    }
}

/// A sealed block by the term of its seal, height and hash: branches compare in this order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, RlpEncodable, RlpDecodable)]
pub struct Tip {
    /// The term of the seal; 0 for genesis, which needs none.
    pub term: Term,
    /// The block.
    pub block: BlockRef,
}

impl Ord for Tip {
    fn cmp(&self, other: &Self) -> Ordering {
        if mutation::breaks(Mutation::HeightAlone) {
            return (self.block, self.term).cmp(&(other.block, other.term));
        }
        (self.term, self.block).cmp(&(other.term, other.block))
    }
}

impl PartialOrd for Tip {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Tip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} sealed in term {}", self.block, self.term)
    }
}

/// What the header's `extra_data` carries: era, term and epoch, each as 8 bytes, big endian (R9).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ExtraData {
    /// The era of the block.
    pub era: Era,
    /// The term of the block.
    pub term: Term,
    /// The epoch of the block.
    pub epoch: Epoch,
}

impl ExtraData {
    /// The 24 bytes for the header.
    #[must_use]
    pub fn to_bytes(self) -> Bytes {
        [self.era.0.to_be_bytes(), self.term.0.to_be_bytes(), self.epoch.0.to_be_bytes()].concat().into()
    }

    /// Reads exactly 24 bytes.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (words, rest) = bytes.as_chunks::<8>();
        match (words, rest) {
            ([era, term, epoch], []) => Some(Self {
                era: Era(u64::from_be_bytes(*era)),
                term: Term(u64::from_be_bytes(*term)),
                epoch: Epoch(u64::from_be_bytes(*epoch)),
            }),
            _ => None,
        }
    }
}

/// A block with its leader's signature, as it travels: nothing is verified yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedBlock {
    /// The block; as RLP on the wire and on disk.
    #[serde(with = "rlp_bytes")]
    pub block: Block,
    /// The leader's signature on the block's [`Proposal`].
    pub signature: Signature,
}

/// A block with its seal: what a node persists and serves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealedBlock {
    /// The block and its leader's signature.
    pub block: SignedBlock,
    /// The scheduler's seal on it.
    pub seal: Signed<Seal>,
}

/// Why a signed block is not even worth executing.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum MalformedBlock {
    /// `extra_data` is not era, term and epoch.
    #[error("extra_data has {0} bytes; era, term and epoch take 24")]
    ExtraData(usize),
    /// No announcement is named.
    #[error("parent_beacon_block_root, which names the announcement, is missing")]
    NoAnnouncement,
    /// The leader's signature cannot be recovered.
    #[error(transparent)]
    Signature(#[from] InvalidSignature),
    /// The block pays another one than its leader.
    #[error("the beneficiary is {beneficiary}, but {signer} signed the block")]
    Beneficiary {
        /// Who is paid.
        beneficiary: Address,
        /// Who signed.
        signer: Address,
    },
    /// Whoever signed it leads nothing.
    #[error("{0}, who signed the block, is not a sequencer of its era")]
    Stranger(Address),
    /// The transactions, ommers or withdrawals are not those of the header. Whoever passed them on is to blame and not the
    /// leader, who signed the header alone.
    #[error("the block's {0} are not those that its header names")]
    Body(&'static str),
}

/// A block whose leader's signature, extra data and body are checked; its execution is not.
///
/// Cheap to clone. Made only by [`SignedBlock::verify`] and [`super::VerifiedCompactBlock::complete`].
#[derive(Clone, Debug)]
pub struct VerifiedBlock {
    signed: Arc<SignedBlock>,
    header: CheckedHeader,
}

/// What a header that its leader signed says of its place.
#[derive(Clone, Copy, Debug)]
pub(super) struct CheckedHeader {
    pub(super) hash: B256,
    pub(super) position: ExtraData,
    announcement: B256,
}

impl CheckedHeader {
    /// Hashes the header, recovers the leader, and checks that the header names it as beneficiary and that it may lead.
    pub(super) fn of(
        header: &Header,
        signature: Signature,
        context: &SigningContext,
        may_lead: impl FnOnce(Address) -> bool,
    ) -> Result<Self, MalformedBlock> {
        let position =
            ExtraData::from_bytes(&header.extra_data).ok_or(MalformedBlock::ExtraData(header.extra_data.len()))?;
        let announcement = header.parent_beacon_block_root.ok_or(MalformedBlock::NoAnnouncement)?;
        let hash = header.hash_slow();
        let proposal = Proposal::new(position, Height(header.number), hash);
        let signer = Signed { message: proposal, signature }.verify(context)?.signer();
        if signer != header.beneficiary {
            return Err(MalformedBlock::Beneficiary { beneficiary: header.beneficiary, signer });
        }
        if !may_lead(signer) {
            return Err(MalformedBlock::Stranger(signer));
        }
        Ok(Self { hash, position, announcement })
    }

    /// The block with this header, if its body is the header's.
    pub(super) fn with_body(self, signed: Arc<SignedBlock>) -> Result<VerifiedBlock, MalformedBlock> {
        signed.check_body()?;
        Ok(VerifiedBlock { signed, header: self })
    }
}

impl SignedBlock {
    /// Era, term and epoch; none if the header does not say.
    #[must_use]
    pub fn position(&self) -> Option<ExtraData> {
        ExtraData::from_bytes(&self.block.header.extra_data)
    }

    /// Hashes the header, recovers the leader, checks that the block names it as beneficiary, and that the body is the
    /// header's.
    ///
    /// # Errors
    /// [`MalformedBlock`] if the header lacks what the protocol puts there, the signature is not the beneficiary's, or the body
    /// is another one.
    pub fn verify(self: Arc<Self>, context: &SigningContext) -> Result<VerifiedBlock, MalformedBlock> {
        self.verify_by(context, |_| true)
    }

    /// [`Self::verify`] for whoever knows who may lead: the block of another one costs no more than a recovery, however
    /// large it is.
    ///
    /// # Errors
    /// [`MalformedBlock`], as above, or if its leader may not lead.
    pub fn verify_by(
        self: Arc<Self>,
        context: &SigningContext,
        may_lead: impl FnOnce(Address) -> bool,
    ) -> Result<VerifiedBlock, MalformedBlock> {
        CheckedHeader::of(&self.block.header, self.signature, context, may_lead)?.with_body(self)
    }

    /// The same for a block that this node built itself: its body is not looked at.
    pub(crate) fn verify_own(self: Arc<Self>, context: &SigningContext) -> Result<VerifiedBlock, MalformedBlock> {
        let header = CheckedHeader::of(&self.block.header, self.signature, context, |_| true)?;
        Ok(VerifiedBlock { signed: self, header })
    }

    /// The leader's signature covers the header alone: what comes with it might be anyone's.
    fn check_body(&self) -> Result<(), MalformedBlock> {
        let Block { header, body } = &self.block;
        if !body.ommers.is_empty() {
            return Err(MalformedBlock::Body("ommers"));
        }
        let withdrawals = body.withdrawals.as_ref().map(|withdrawals| proofs::calculate_withdrawals_root(withdrawals));
        if withdrawals != header.withdrawals_root {
            return Err(MalformedBlock::Body("withdrawals"));
        }
        if proofs::calculate_transaction_root(&body.transactions) != header.transactions_root {
            return Err(MalformedBlock::Body("transactions"));
        }
        Ok(())
    }
}

impl VerifiedBlock {
    /// The block and its leader's signature.
    #[must_use]
    pub const fn signed(&self) -> &Arc<SignedBlock> {
        &self.signed
    }

    /// The hash of the header.
    #[must_use]
    pub const fn hash(&self) -> B256 {
        self.header.hash
    }

    /// The number of the block.
    #[must_use]
    pub fn height(&self) -> Height {
        Height(self.signed.block.header.number)
    }

    /// Height and hash.
    #[must_use]
    pub fn reference(&self) -> BlockRef {
        BlockRef { height: self.height(), hash: self.header.hash }
    }

    /// The hash of the parent's header.
    #[must_use]
    pub fn parent(&self) -> B256 {
        self.signed.block.header.parent_hash
    }

    /// Era, term and epoch.
    #[must_use]
    pub const fn position(&self) -> ExtraData {
        self.header.position
    }

    /// The hash of the announcement that entitles the leader.
    #[must_use]
    pub const fn announcement(&self) -> B256 {
        self.header.announcement
    }

    /// Who signed the block, which is its beneficiary.
    #[must_use]
    pub fn leader(&self) -> Address {
        self.signed.block.header.beneficiary
    }

    /// What the leader signed, with its signature, which was checked.
    #[must_use]
    pub fn verified_proposal(&self) -> Verified<Proposal> {
        let signed = Signed { message: self.proposal(), signature: self.signed.signature };
        Verified::of_checked(signed, self.leader())
    }

    /// What the leader signed.
    #[must_use]
    pub fn proposal(&self) -> Proposal {
        Proposal::new(self.position(), self.height(), self.hash())
    }
}

/// A stretch of the sealed chain with the part of the schedule that entitles its leaders, as peers serve it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChainSegment {
    /// The certificates that opened the terms of these announcements, and the server's newest one if it is newer.
    pub certificates: Vec<Arc<TermCertificate>>,
    /// The announcements after those that the asker knows, in order, up to the last block's epoch; up to the
    /// newest one if the segment reaches the server's head.
    pub announcements: Vec<Signed<Announcement>>,
    /// Consecutive blocks, lowest first.
    pub blocks: Vec<SealedBlock>,
    /// The server's newest finality proof of the asker's era; none before its first.
    pub finality: Option<Arc<FinalityProof>>,
    /// The end of the asker's era, if it has ended: nothing in the segment is of a later one.
    pub change: Option<Arc<SetChange>>,
}

/// A sealed block whose two signatures are checked. Its place in the schedule and its execution are not.
#[derive(Clone, Debug)]
pub struct VerifiedSealedBlock {
    /// The block.
    pub block: VerifiedBlock,
    /// Its seal.
    pub seal: Verified<Seal>,
}

#[cfg(test)]
mod tests;
