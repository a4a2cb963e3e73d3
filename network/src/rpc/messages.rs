//! What the request/response protocols carry.

use crate::{
    text::Text,
    wire::{MAX_BATCH_TRANSACTIONS, MAX_RANGE_BLOCKS, Wire},
};
use baton_consensus::types::{ExtraData, Height};
use serde::{Deserialize, Serialize};

/// The longest reason for a refusal, in bytes.
pub const MAX_REFUSAL_BYTES: usize = 256;

/// Asks for a stretch of the sealed chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlocksByRange {
    /// The height of the first block.
    pub from: Height,
    /// How many blocks at most: 1 to [`MAX_RANGE_BLOCKS`]. The answer may hold fewer.
    pub count: u32,
    /// The newest announcement that the asker has; the answer holds those after it.
    pub known: ExtraData,
}

impl Wire for BlocksByRange {
    fn bounds(&self) -> Result<(), &'static str> {
        if (1..=MAX_RANGE_BLOCKS).contains(&self.count) { Ok(()) } else { Err("the range is empty or too long") }
    }
}

/// Asks for the newest record of every member of the set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordsRequest;

impl Wire for RecordsRequest {}

/// The scheduler's answer to a leader's block, or to a vote.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Submission {
    /// It has it and will judge it.
    Accepted,
    /// It has no use for it, for this reason.
    Refused(Text<MAX_REFUSAL_BYTES>),
}

impl Wire for Submission {}

/// Acknowledges pushed transactions: the peer holds them now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Received {
    /// How many of them the peer took.
    pub count: u32,
    /// The places in the batch of those that it did not take; at most [`MAX_BATCH_TRANSACTIONS`].
    pub refused: Vec<u32>,
}

impl Wire for Received {
    fn bounds(&self) -> Result<(), &'static str> {
        if self.refused.len() <= MAX_BATCH_TRANSACTIONS { Ok(()) } else { Err("more are refused than a batch holds") }
    }
}
