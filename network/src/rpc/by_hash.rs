//! What is asked for by its hash: transactions that a compact block names, and blocks off the asker's chain.

use crate::wire::{MAX_RANGE_ANNOUNCEMENTS, MAX_RANGE_CERTIFICATES, Wire, check_announcements};
use alloy_primitives::{B256, Bytes};
use baton_consensus::{
    certificate::TermCertificate,
    codec::at_most,
    messages::{Announcement, Seal},
    signing::Signed,
    types::SignedBlock,
};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The most transactions that one request may ask for, and its answer hold.
pub const MAX_ASKED_TRANSACTIONS: usize = 16_384;

/// The most blocks of a branch that one request may ask for, and its answer hold.
pub const MAX_BRANCH_BLOCKS: u32 = 64;

/// Asks for transactions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransactionsByHash {
    /// Their hashes: 1 to [`MAX_ASKED_TRANSACTIONS`].
    #[serde(deserialize_with = "at_most::<_, _, MAX_ASKED_TRANSACTIONS>")]
    pub hashes: Vec<B256>,
}

impl Wire for TransactionsByHash {
    fn bounds(&self) -> Result<(), &'static str> {
        match self.hashes.len() {
            0 => Err("no transaction is asked for"),
            1..=MAX_ASKED_TRANSACTIONS => Ok(()),
            _ => Err("too many transactions are asked for"),
        }
    }
}

/// Those of the transactions that the server has, in the order in which they were asked for, as many as fit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FoundTransactions {
    /// EIP-2718 envelopes, at most [`MAX_ASKED_TRANSACTIONS`].
    #[serde(deserialize_with = "at_most::<_, _, MAX_ASKED_TRANSACTIONS>")]
    pub transactions: Vec<Bytes>,
}

impl Wire for FoundTransactions {
    fn bounds(&self) -> Result<(), &'static str> {
        if self.transactions.len() > MAX_ASKED_TRANSACTIONS {
            return Err("there are too many transactions");
        }
        if self.transactions.iter().any(|raw| raw.is_empty()) { Err("a transaction is empty") } else { Ok(()) }
    }
}

/// Asks for a block, sealed or not, on whatever branch, and for its ancestors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlocksByHash {
    /// The hash of the block.
    pub hash: B256,
    /// How many blocks at most, itself counted: 1 to [`MAX_BRANCH_BLOCKS`]. The answer may hold fewer.
    pub count: u32,
}

impl Wire for BlocksByHash {
    fn bounds(&self) -> Result<(), &'static str> {
        if (1..=MAX_BRANCH_BLOCKS).contains(&self.count) { Ok(()) } else { Err("no block is asked for, or too many") }
    }
}

/// A block of a branch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BranchBlock {
    /// The block and its leader's signature.
    pub block: SignedBlock,
    /// The seal on it, if the server knows one.
    pub seal: Option<Signed<Seal>>,
}

/// A block and its ancestors, with the schedule of their terms. Nothing at all if the server has not the block.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Branch {
    /// What opened the terms of the blocks.
    pub certificates: Vec<Arc<TermCertificate>>,
    /// The announcements of these terms, in order.
    pub announcements: Vec<Signed<Announcement>>,
    /// The block that was asked for, its parent, and so on: highest first, at most [`MAX_BRANCH_BLOCKS`].
    #[serde(deserialize_with = "at_most::<_, _, { MAX_BRANCH_BLOCKS as usize }>")]
    pub blocks: Vec<BranchBlock>,
}

impl Wire for Branch {
    fn bounds(&self) -> Result<(), &'static str> {
        if self.blocks.len() > MAX_BRANCH_BLOCKS as usize {
            return Err("the branch has too many blocks");
        }
        if self.announcements.len() > MAX_RANGE_ANNOUNCEMENTS || self.certificates.len() > MAX_RANGE_CERTIFICATES {
            return Err("the branch has too many announcements or certificates");
        }
        self.certificates.iter().try_for_each(Wire::bounds)?;
        check_announcements(&self.announcements)
    }
}
