use crate::signing::Message;
use crate::types::{BlockRef, Epoch, Era, ExtraData, Height, Term};
use alloy_primitives::B256;
use alloy_rlp::{RlpDecodable, RlpEncodable};
use serde::{Deserialize, Serialize};

/// What a leader signs of its block. Position: (era, term, epoch, height).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, RlpEncodable, RlpDecodable)]
pub struct Proposal {
    /// The era.
    pub era: Era,
    /// The term.
    pub term: Term,
    /// The epoch.
    pub epoch: Epoch,
    /// The block's number.
    pub height: Height,
    /// The block's hash.
    pub hash: B256,
}

impl Proposal {
    /// The proposal of a block whose header carries `position`.
    #[must_use]
    pub const fn new(position: ExtraData, height: Height, hash: B256) -> Self {
        Self { era: position.era, term: position.term, epoch: position.epoch, height, hash }
    }

    /// The block.
    #[must_use]
    pub const fn block(&self) -> BlockRef {
        BlockRef { height: self.height, hash: self.hash }
    }
}

impl Message for Proposal {
    const DOMAIN: &'static str = "baton/block/1";
}
