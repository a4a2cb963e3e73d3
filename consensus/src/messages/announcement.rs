use crate::signing::Message;
use crate::types::{BlockRef, Epoch, Era, Height, Term};
use alloy_primitives::{Address, B256, keccak256};
use alloy_rlp::{Decodable, Encodable, RlpDecodable, RlpEncodable};
use serde::{Deserialize, Serialize};
use std::fmt;

/// The scheduler's appointment of an epoch's leader. Position: (era, term, epoch).
///
/// Each links to its predecessor by hash, a term's first to what opened the term, so that the schedule is a chain that
/// anyone can replay (R8).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, RlpEncodable, RlpDecodable)]
pub struct Announcement {
    /// The era.
    pub era: Era,
    /// The term.
    pub term: Term,
    /// The epoch that this opens.
    pub epoch: Epoch,
    /// Who leads.
    pub leader: Address,
    /// The height of the epoch's first block.
    pub first: Height,
    /// The height of the epoch's last block.
    pub last: Height,
    /// The hash of the sealed block that the first one extends, at height `first - 1`.
    pub parent: B256,
    /// The hash of the announcement before this, or of what opened the term.
    pub previous: B256,
    /// The members passed over, in order of their addresses, each at most once.
    pub skipped: Vec<Skip>,
}

impl Announcement {
    /// What identifies an announcement: the keccak of its RLP.
    #[must_use]
    pub fn hash(&self) -> B256 {
        keccak256(alloy_rlp::encode(self))
    }

    /// The block that the epoch builds on.
    #[must_use]
    pub const fn parent(&self) -> BlockRef {
        BlockRef { height: self.first.previous(), hash: self.parent }
    }

    /// Whether the epoch covers this height.
    #[must_use]
    pub fn covers(&self, height: Height) -> bool {
        (self.first..=self.last).contains(&height)
    }
}

impl Message for Announcement {
    const DOMAIN: &'static str = "baton/announcement/1";
}

/// A member that the scheduler passed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, RlpEncodable, RlpDecodable)]
pub struct Skip {
    /// Who was passed over.
    pub sequencer: Address,
    /// Why.
    pub reason: SkipReason,
}

/// Why the scheduler passes a member over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SkipReason {
    /// No heartbeat lately.
    Silent,
    /// Its head is too far below the scheduler's.
    Behind,
    /// It just missed a block's deadline.
    Late,
    /// It published a block that does not execute to what it says.
    Invalid,
    /// It failed repeatedly and sits out a span of epochs.
    Jailed,
    /// It asked for another term, or is about to stop, and signs nothing of this term.
    Left,
    /// There is evidence that it signed two messages for one position (R2).
    Equivocated,
}

impl SkipReason {
    const ALL: [Self; 7] =
        [Self::Silent, Self::Behind, Self::Late, Self::Invalid, Self::Jailed, Self::Left, Self::Equivocated];

    const fn code(self) -> u8 {
        match self {
            Self::Silent => 1,
            Self::Behind => 2,
            Self::Late => 3,
            Self::Invalid => 4,
            Self::Jailed => 5,
            Self::Left => 6,
            Self::Equivocated => 7,
        }
    }
}

impl fmt::Display for SkipReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Silent => "silent",
            Self::Behind => "behind",
            Self::Late => "late",
            Self::Invalid => "invalid",
            Self::Jailed => "jailed",
            Self::Left => "left",
            Self::Equivocated => "equivocated",
        })
    }
}

impl Encodable for SkipReason {
    fn encode(&self, out: &mut dyn alloy_rlp::BufMut) {
        self.code().encode(out);
    }

    fn length(&self) -> usize {
        self.code().length()
    }
}

impl Decodable for SkipReason {
    fn decode(buf: &mut &[u8]) -> alloy_rlp::Result<Self> {
        let code = u8::decode(buf)?;
        Self::ALL
            .into_iter()
            .find(|reason| reason.code() == code)
            .ok_or(alloy_rlp::Error::Custom("unknown skip reason"))
    }
}
