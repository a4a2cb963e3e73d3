//! What the mempool needs from the rest of the node.

use super::error::PoolError;
use alloy_primitives::{Address, Bytes, U256};
use baton_execution::Transaction;
use std::future::Future;
use thiserror::Error;

/// What the pool needs to know of an account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// The nonce of its next transaction.
    pub nonce: u64,
    /// Its balance, in wei.
    pub balance: U256,
}

/// Accounts as they are in one state.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Accounts {
    /// The height of the block after which they are so.
    pub height: u64,
    /// In the order of the addresses asked for; an account that does not exist is all zero.
    pub accounts: Vec<Account>,
}

/// The head state could not be read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct AccountError(pub String);

/// The head state: that of the newest *sealed* and executed block.
pub trait AccountSource: Send + Sync + 'static {
    /// Reads accounts from one consistent snapshot of the head state and names its height. Blocking; called on threads
    /// that may block.
    ///
    /// # Errors
    /// [`AccountError`] if the state cannot be read.
    fn accounts(&self, addresses: &[Address]) -> Result<Accounts, AccountError>;
}

/// The chain's rules for a transaction on its own, without any state.
pub trait Rules: Send + Sync + 'static {
    /// Checks type, chain id, fees, gas limit against intrinsic gas and the block's gas limit, init code and the like. The
    /// signature is not its business.
    ///
    /// # Errors
    /// The rule that is broken.
    fn check(&self, transaction: &Transaction) -> Result<(), PoolError>;
}

/// What came of a push.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pushed {
    /// By configuration there is nobody to push to: a network of one node.
    Alone,
    /// A peer holds them now, except those refused.
    Acknowledged {
        /// Places in the batch of the transactions that the peer did not take ([`PushOutcome::refused`] there).
        ///
        /// [`PushOutcome::refused`]: super::PushOutcome::refused
        refused: Vec<u32>,
    },
}

/// A batch did not leave.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct MeshError(pub String);

/// The other nodes. A batch is at most 128 KiB of encodings (or one transaction) and 1,024 transactions.
pub trait Mesh: Send + Sync + 'static {
    /// Gossips a batch: done when it is handed to the swarm. A later batch may have the same bytes: it is meant to reach
    /// those whom the first one did not, so that it must not count as a duplicate.
    fn broadcast(&self, batch: Vec<Bytes>) -> impl Future<Output = Result<(), MeshError>> + Send;

    /// Pushes a batch to one connected peer and waits until that peer says that it holds it; tries other peers if one
    /// fails. The caller bounds the time by dropping the future.
    fn push_to_one(&self, batch: Vec<Bytes>) -> impl Future<Output = Result<Pushed, MeshError>> + Send;
}
