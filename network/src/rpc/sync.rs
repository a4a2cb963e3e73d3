//! What a node that joins asks: proofs first, then a state.
//!
//! The order in which a newcomer asks: the ends of all eras ([`SetChangesRequest`]), so that it knows who votes; which
//! states its peers hold ([`SnapshotOffers`]), each proven by headers up to a final block; the state itself, in pieces
//! ([`ChunkRequest`]). Everything is bounded here in counts, in bytes by the table of protocols.

use crate::wire::{Bounded, Wire};
use alloy_primitives::{B256, Bytes};
use baton_consensus::{
    finality::{FinalityProof, SetChange, light_client::MAX_HEADERS},
    types::{BlockRef, Era},
};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The most ends of eras that one request may ask for, and its answer hold.
pub const MAX_SET_CHANGES: u32 = 256;

/// The most states that a node offers.
pub const MAX_SNAPSHOT_OFFERS: usize = 8;

/// The most headers between a state that is offered and the final block above it.
pub const MAX_OFFER_HEADERS: usize = 128;

/// The most accounts whose storage one request may ask for.
pub const MAX_CHUNK_TRIES: usize = 256;

/// The most pieces of code that one request may ask for.
pub const MAX_CHUNK_CODES: usize = 64;

/// The most leaves of one trie, and the most nodes of one proof, in an answer.
pub const MAX_CHUNK_LEAVES: usize = 16_384;

/// The longest header, in bytes of RLP: one with `extra_data` as the protocol has it takes about 600.
pub const MAX_HEADER_BYTES: usize = 1 << 10;

/// Asks for the ends of eras.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetChangesRequest {
    /// The first era whose end is asked for: the one that the asker is in.
    pub from: Era,
    /// How many at most: 1 to [`MAX_SET_CHANGES`]. The answer may hold fewer.
    pub count: u32,
}

impl Wire for SetChangesRequest {
    fn bounds(&self) -> Result<(), &'static str> {
        match (1..=MAX_SET_CHANGES).contains(&self.count) {
            true => Ok(()),
            false => Err("no set change is asked for, or too many are"),
        }
    }
}

/// The ends of eras, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetChanges {
    /// As many as fit, from the era that was asked for.
    pub changes: Vec<Arc<SetChange>>,
    /// The server's newest finality proof, if it is of the era after the last of these.
    pub finality: Option<Arc<FinalityProof>>,
}

impl Wire for SetChanges {
    fn bounds(&self) -> Result<(), &'static str> {
        if self.changes.len() > MAX_SET_CHANGES as usize {
            return Err("there are too many set changes");
        }
        self.changes.iter().try_for_each(Wire::bounds)?;
        self.finality.as_deref().map_or(Ok(()), Bounded::bounds)
    }
}

/// Asks for headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum HeadersRequest {
    /// What proves a block final: its header and those above it, up to the lowest block that has a finality proof.
    Proof(B256),
    /// Headers of the ancestors of a block, as many as that: 1 to [`MAX_HEADERS`].
    Below(BlockRef, u32),
}

impl Wire for HeadersRequest {
    fn bounds(&self) -> Result<(), &'static str> {
        match self {
            Self::Below(_, count) if *count == 0 || *count as usize > MAX_HEADERS => {
                Err("no header is asked for, or too many are")
            }
            Self::Proof(_) | Self::Below(..) => Ok(()),
        }
    }
}

/// Consecutive headers, with what makes the last of them final, if that was asked for. Nothing at all if the server has not
/// what was asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeaderProof {
    /// The RLP of each header, lowest first.
    pub headers: Vec<Bytes>,
    /// Finality of the block with the last header.
    pub finality: Option<Arc<FinalityProof>>,
}

impl Wire for HeaderProof {
    fn bounds(&self) -> Result<(), &'static str> {
        if self.headers.len() > MAX_HEADERS {
            return Err("there are too many headers");
        }
        if self.headers.iter().any(|header| header.len() > MAX_HEADER_BYTES) {
            return Err("a header is too long");
        }
        self.finality.as_deref().map_or(Ok(()), Bounded::bounds)
    }
}

/// Asks which states a node serves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotOffersRequest {}

impl Wire for SnapshotOffersRequest {}

/// The states that a node serves, those of the highest blocks first. Each is that after the block with the first header.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotOffers {
    /// At most [`MAX_SNAPSHOT_OFFERS`], each with at most [`MAX_OFFER_HEADERS`] headers.
    pub offers: Vec<HeaderProof>,
}

impl Wire for SnapshotOffers {
    fn bounds(&self) -> Result<(), &'static str> {
        if self.offers.len() > MAX_SNAPSHOT_OFFERS {
            return Err("too many states are offered");
        }
        if self.offers.iter().any(|offer| offer.headers.is_empty() || offer.headers.len() > MAX_OFFER_HEADERS) {
            return Err("a state is offered without headers, or with too many");
        }
        self.offers.iter().try_for_each(Wire::bounds)
    }
}

/// Asks for a piece of a state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChunkRequest {
    /// The block after which the state is wanted.
    pub block: BlockRef,
    /// Which piece.
    pub part: ChunkPart,
}

/// A piece of a state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ChunkPart {
    /// Accounts, from the first whose hashed address is not below this.
    Accounts(B256),
    /// The storage of accounts, each by the hash of its address and the root of its storage, from the first slot of the first
    /// account whose hash is not below the last value.
    Storage(Vec<(B256, B256)>, B256),
    /// Code by its hashes.
    Code(Vec<B256>),
}

impl Wire for ChunkRequest {
    fn bounds(&self) -> Result<(), &'static str> {
        match &self.part {
            ChunkPart::Storage(tries, _) if tries.is_empty() || tries.len() > MAX_CHUNK_TRIES => {
                Err("the storage of no account is asked for, or of too many")
            }
            ChunkPart::Code(hashes) if hashes.is_empty() || hashes.len() > MAX_CHUNK_CODES => {
                Err("no code is asked for, or too much")
            }
            ChunkPart::Accounts(_) | ChunkPart::Storage(..) | ChunkPart::Code(_) => Ok(()),
        }
    }
}

/// A piece of a state, or why there is none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Chunk {
    /// The server does not hold the state any more, or never did. Nobody is to blame.
    Unavailable,
    /// A stretch of the account trie.
    Accounts(TrieRange),
    /// The storage tries that were asked for, in order, as many as fit: at least one. Only the last may have more leaves.
    Storage(Vec<TrieRange>),
    /// The code that was asked for, in order, as much as fits: at least one piece.
    Code(Vec<Bytes>),
}

/// All leaves of a trie from a key on, as many as fit, with the nodes on the boundaries.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrieRange {
    /// The leaves in the order of their hashed keys.
    pub leaves: Vec<TrieLeaf>,
    /// The nodes that lead to both ends, root first, each once.
    pub proof: Vec<Bytes>,
    /// Whether there are more leaves behind the last.
    pub more: bool,
}

/// A leaf of a trie.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrieLeaf {
    /// What is hashed to be the key: an address (20 bytes) or a slot (32 bytes).
    pub key: Bytes,
    /// The encoded value, as it is in the trie.
    pub value: Bytes,
}

impl Wire for Chunk {
    fn bounds(&self) -> Result<(), &'static str> {
        let range = |range: &TrieRange, key: usize| {
            if range.leaves.len() > MAX_CHUNK_LEAVES || range.proof.len() > MAX_CHUNK_LEAVES {
                return Err("a range has too many leaves or nodes");
            }
            match range.leaves.iter().all(|leaf| leaf.key.len() == key) {
                true => Ok(()),
                false => Err("the key of a leaf is neither an address nor a slot"),
            }
        };
        match self {
            Self::Unavailable => Ok(()),
            Self::Accounts(accounts) => range(accounts, 20),
            Self::Storage(tries) if tries.len() > MAX_CHUNK_TRIES => Err("there are too many tries"),
            Self::Storage(tries) => tries.iter().try_for_each(|storage| range(storage, 32)),
            Self::Code(codes) if codes.len() > MAX_CHUNK_CODES => Err("there is too much code"),
            Self::Code(_) => Ok(()),
        }
    }
}
