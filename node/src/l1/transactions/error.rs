//! Why a transaction did not come about.

use crate::l1::L1Error;
use alloy_primitives::{Address, B256, Bytes, U256};
use std::time::Duration;
use thiserror::Error;

/// Why a transaction did not come about.
#[derive(Debug, Error)]
pub enum SendError {
    /// L1 does not answer, or refuses.
    #[error(transparent)]
    L1(#[from] L1Error),
    /// It would be reverted; nothing was sent.
    #[error("the contract refuses: {message}")]
    WouldRevert {
        /// What the endpoint says.
        message: String,
        /// What the contract returned: its error, by its selector.
        data: Bytes,
    },
    /// It is in a block, and was reverted.
    #[error("transaction {0} was included and reverted; its gas is spent")]
    Reverted(B256),
    /// The account cannot pay.
    #[error("{address} has {balance} wei on L1 and may need {needed}: send it some")]
    InsufficientFunds {
        /// The account.
        address: Address,
        /// What it has, in wei.
        balance: U256,
        /// Gas at the highest fees, and what is sent along, in wei.
        needed: U256,
    },
    /// Gas is too expensive.
    #[error("gas on L1 costs {wanted} wei now and {cap} is the most that may be paid: wait, or raise the cap")]
    FeesAboveCap {
        /// What it would take, in wei per gas.
        wanted: u128,
        /// What may be paid, in wei per gas.
        cap: u128,
    },
    /// It is in no block after all that time.
    #[error("after {patience:?} the transaction is in no block; it may still be included: {}", list(.hashes))]
    TimedOut {
        /// How long it was waited for.
        patience: Duration,
        /// Its versions.
        hashes: Vec<B256>,
    },
    /// Others use the same key, all the time.
    #[error("others keep using the nonces of {0}: stop them, or use another key")]
    NoncesTaken(Address),
}

fn list(hashes: &[B256]) -> String {
    hashes.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
