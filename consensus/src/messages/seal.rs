use crate::signing::Message;
use crate::types::{BlockRef, Era, Height, Term};
use alloy_primitives::B256;
use alloy_rlp::{RlpDecodable, RlpEncodable};
use serde::{Deserialize, Serialize};

/// The scheduler's signature on a block that it has executed, made durable and accepted. Position: (era, term, height).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, RlpEncodable, RlpDecodable)]
pub struct Seal {
    /// The era.
    pub era: Era,
    /// The term.
    pub term: Term,
    /// The block's number.
    pub height: Height,
    /// The block's hash.
    pub hash: B256,
}

impl Seal {
    /// The sealed block.
    #[must_use]
    pub const fn block(&self) -> BlockRef {
        BlockRef { height: self.height, hash: self.hash }
    }
}

impl Message for Seal {
    const DOMAIN: &'static str = "baton/seal/1";
}
