//! Transactions and accounts for tests.

use crate::mempool::{Account, Origin, PooledTransaction};
use alloy_consensus::{SignableTransaction, TxEip1559, TxLegacy};
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{Address, Bytes, Signature, TxKind, U256};
use alloy_signer::SignerSync;
use alloy_signer_local::PrivateKeySigner;
use baton_execution::{RecoveredTransaction, Transaction};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Instant,
};

/// What matters of a transaction.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spec {
    pub(super) sender: u8,
    pub(super) nonce: u64,
    pub(super) fee_cap: u128,
    pub(super) priority_fee: u128,
    pub(super) value: u64,
    pub(super) data: usize,
}

impl Default for Spec {
    fn default() -> Self {
        Self { sender: 1, nonce: 0, fee_cap: 1_000, priority_fee: 10, value: 0, data: 0 }
    }
}

pub(super) fn address(sender: u8) -> Address {
    Address::repeat_byte(sender)
}

pub(super) fn rich(nonce: u64) -> Account {
    Account { nonce, balance: U256::MAX }
}

impl Spec {
    fn unsigned(&self) -> TxEip1559 {
        TxEip1559 {
            chain_id: 7,
            nonce: self.nonce,
            gas_limit: 21_000,
            max_fee_per_gas: self.fee_cap,
            max_priority_fee_per_gas: self.priority_fee,
            to: TxKind::Call(address(self.sender)),
            value: U256::from(self.value),
            input: vec![1; self.data].into(),
            ..TxEip1559::default()
        }
    }

    /// With a signature that nobody checks, received after all others.
    pub(super) fn pooled(&self) -> Arc<PooledTransaction> {
        static SEQUENCE: AtomicU64 = AtomicU64::new(0);
        self.at(SEQUENCE.fetch_add(1, Relaxed), Instant::now())
    }

    pub(super) fn at(&self, sequence: u64, now: Instant) -> Arc<PooledTransaction> {
        let transaction = Transaction::Eip1559(self.unsigned().into_signed(Signature::test_signature()));
        wrap(transaction, address(self.sender), sequence, now)
    }

    /// The encoding, really signed by a key that stands for the sender.
    pub(super) fn signed(&self) -> Bytes {
        let unsigned = self.unsigned();
        let signature = key(self.sender).sign_hash_sync(&unsigned.signature_hash()).unwrap();
        Transaction::Eip1559(unsigned.into_signed(signature)).encoded_2718().into()
    }
}

pub(super) fn legacy(sender: u8, nonce: u64, gas_price: u128) -> Arc<PooledTransaction> {
    let unsigned = TxLegacy { chain_id: Some(7), nonce, gas_price, gas_limit: 21_000, ..TxLegacy::default() };
    let transaction = Transaction::Legacy(unsigned.into_signed(Signature::test_signature()));
    wrap(transaction, address(sender), 1_000_000 + nonce, Instant::now())
}

pub(super) fn key(sender: u8) -> PrivateKeySigner {
    PrivateKeySigner::from_slice(&[sender; 32]).unwrap()
}

fn wrap(transaction: Transaction, sender: Address, sequence: u64, now: Instant) -> Arc<PooledTransaction> {
    let raw = transaction.encoded_2718().into();
    let recovered = RecoveredTransaction::new_unchecked(transaction, sender);
    Arc::new(PooledTransaction::new(recovered, raw, sequence, Origin::Gossip, now))
}
