//! A transaction as the pool holds it.

use super::ordering::Bid;
use alloy_consensus::Transaction as _;
use alloy_primitives::{Address, B256, Bytes, U256};
use baton_execution::{RecoveredTransaction, Transaction};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Instant,
};

/// How a transaction came to this node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Origin {
    /// Through this node's RPC: this node answers for it until it is included.
    Local,
    /// Pushed by a peer that was told that this node holds it: as local.
    Pushed,
    /// From the mesh, which has many holders.
    Gossip,
}

/// A transaction in the pool: decoded, valid without state, its signer recovered. Shared as an `Arc`.
#[derive(Clone, Debug)]
pub struct PooledTransaction {
    recovered: Arc<RecoveredTransaction>,
    hash: B256,
    raw: Bytes,
    sequence: u64,
    origin: Origin,
    received_at: Instant,
    nonce: u64,
    bid: Bid,
    cost: U256,
    unacknowledged: Arc<AtomicBool>,
}

impl PooledTransaction {
    /// Wraps a transaction. `raw` is its EIP-2718 encoding, `sequence` its place in this node's order of arrival.
    #[must_use]
    pub fn new(
        recovered: RecoveredTransaction,
        raw: Bytes,
        sequence: u64,
        origin: Origin,
        received_at: Instant,
    ) -> Self {
        let transaction = recovered.inner();
        let bid = Bid::new(transaction.max_fee_per_gas(), transaction.priority_fee_or_price(), sequence);
        let gas = U256::from(transaction.gas_limit()).saturating_mul(U256::from(transaction.max_fee_per_gas()));
        Self {
            hash: *transaction.tx_hash(),
            raw,
            sequence,
            origin,
            received_at,
            nonce: transaction.nonce(),
            bid,
            cost: gas.saturating_add(transaction.value()),
            recovered: Arc::new(recovered),
            unacknowledged: Arc::default(),
        }
    }

    /// The transaction with its signer, as execution takes it.
    #[must_use]
    pub const fn recovered(&self) -> &Arc<RecoveredTransaction> {
        &self.recovered
    }

    /// The transaction.
    #[must_use]
    pub fn transaction(&self) -> &Transaction {
        self.recovered.inner()
    }

    /// Who signed it.
    #[must_use]
    pub fn sender(&self) -> Address {
        self.recovered.signer()
    }

    /// Its hash.
    #[must_use]
    pub const fn hash(&self) -> B256 {
        self.hash
    }

    /// Its EIP-2718 encoding.
    #[must_use]
    pub const fn raw(&self) -> &Bytes {
        &self.raw
    }

    /// The bytes of its encoding.
    #[must_use]
    pub fn size(&self) -> usize {
        self.raw.len()
    }

    /// Its place in this node's order of arrival.
    #[must_use]
    pub const fn sequence(&self) -> u64 {
        self.sequence
    }

    /// How it came to this node.
    #[must_use]
    pub const fn origin(&self) -> Origin {
        self.origin
    }

    /// When it came to this node.
    #[must_use]
    pub const fn received_at(&self) -> Instant {
        self.received_at
    }

    /// Its nonce.
    #[must_use]
    pub const fn nonce(&self) -> u64 {
        self.nonce
    }

    /// The most that it can take from its sender, in wei: gas limit × fee cap + value.
    #[must_use]
    pub const fn cost(&self) -> U256 {
        self.cost
    }

    /// Its gas limit.
    #[must_use]
    pub fn gas_limit(&self) -> u64 {
        self.recovered.inner().gas_limit()
    }

    /// Whether its user was told last that no peer acknowledged it.
    pub(super) fn is_unacknowledged(&self) -> bool {
        self.unacknowledged.load(Relaxed)
    }

    /// Notes whether a peer acknowledged it when a user asked.
    pub(super) fn set_acknowledged(&self, acknowledged: bool) {
        self.unacknowledged.store(!acknowledged, Relaxed);
    }

    /// What the leader earns per gas at this base fee, in wei; none if it cannot pay the base fee.
    #[must_use]
    pub const fn effective_tip(&self, base_fee: u64) -> Option<u128> {
        self.bid.tip(base_fee)
    }

    /// What it offers.
    pub(super) const fn bid(&self) -> Bid {
        self.bid
    }
}
