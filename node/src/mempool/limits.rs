//! What bounds the pool.

use std::time::Duration;

/// The bounds of the pool. They hold at any moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of all encodings together.
    pub max_bytes: usize,
    /// Transactions.
    pub max_transactions: usize,
    /// Transactions of one sender.
    pub max_per_sender: usize,
    /// Bytes of one transaction's encoding.
    pub max_transaction_bytes: usize,
    /// How far a nonce may be ahead of the sender's first missing one.
    pub max_nonce_gap: u64,
    /// The least tip that a transaction must offer (a legacy one: its gas price), in wei per gas.
    pub min_priority_fee: u128,
    /// How long a transaction that cannot be executed may wait for the missing nonces or funds.
    pub queued_lifetime: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_bytes: 128 << 20,
            max_transactions: 200_000,
            max_per_sender: 4_096,
            max_transaction_bytes: 128 << 10,
            max_nonce_gap: 1_024,
            min_priority_fee: 0,
            queued_lifetime: Duration::from_secs(3 * 3600),
        }
    }
}

/// The least fee that replaces `old`: 10 % more, rounded up, and never the same.
pub(super) const fn replacement_fee(old: u128) -> u128 {
    let tenth = old.div_ceil(10);
    old.saturating_add(if tenth == 0 { 1 } else { tenth })
}
