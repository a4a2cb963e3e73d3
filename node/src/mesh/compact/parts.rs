//! The transactions of a block that is put together: what is here, and what is missing.

use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{B256, Bytes, keccak256};
use baton_consensus::types::{CompactTransaction, Transaction, read_transaction};
use baton_execution::MAX_BLOCK_SIZE;
use std::collections::{HashMap, HashSet};
use thiserror::Error;

/// Why a compact block is wrong, whoever looks at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(super) enum Wrong {
    /// No block has a transaction twice.
    #[error("a transaction has two places")]
    Twice,
    /// The bytes of this hash are none.
    #[error("one of its transactions is none")]
    NotATransaction,
    /// No block has so many bytes.
    #[error("its transactions are more than fit into a block")]
    TooLarge,
}

/// A peer answered with what was not asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(super) enum Unusable {
    /// The answer is to blame.
    #[error("the answer holds something else than what was asked for")]
    NotAsked,
    /// The block is.
    #[error(transparent)]
    Wrong(#[from] Wrong),
}

/// The places of a block's transactions, filled as far as the transactions are here.
#[derive(Debug)]
pub(super) struct Parts {
    slots: Vec<Option<Transaction>>,
    missing: HashMap<B256, usize>,
    bytes: usize,
}

impl Parts {
    /// Fills in what came along, and what `look_up` knows.
    pub(super) fn gather(
        transactions: &[CompactTransaction],
        look_up: impl Fn(&B256) -> Option<Transaction>,
    ) -> Result<Self, Wrong> {
        let mut parts = Self { slots: Vec::with_capacity(transactions.len()), missing: HashMap::new(), bytes: 0 };
        let mut seen = HashSet::with_capacity(transactions.len());
        for (place, transaction) in transactions.iter().enumerate() {
            let hash = transaction.hash();
            if !seen.insert(hash) {
                return Err(Wrong::Twice);
            }
            parts.slots.push(None);
            match transaction {
                CompactTransaction::Whole(raw) => {
                    parts.put(place, read_transaction(raw).ok_or(Wrong::NotATransaction)?, raw.len())?;
                }
                CompactTransaction::Hash(_) => match look_up(&hash) {
                    Some(found) => {
                        let bytes = found.encode_2718_len();
                        parts.put(place, found, bytes)?;
                    }
                    None => {
                        parts.missing.insert(hash, place);
                    }
                },
            }
        }
        Ok(parts)
    }

    fn put(&mut self, place: usize, transaction: Transaction, bytes: usize) -> Result<(), Wrong> {
        self.bytes += bytes;
        if self.bytes > MAX_BLOCK_SIZE {
            return Err(Wrong::TooLarge);
        }
        if let Some(slot) = self.slots.get_mut(place) {
            *slot = Some(transaction);
        }
        Ok(())
    }

    /// Looks once more for what is missing: it may have come by itself.
    pub(super) fn look_again(&mut self, look_up: impl Fn(&B256) -> Option<Transaction>) -> Result<(), Wrong> {
        let found: Vec<_> = self.missing.keys().filter_map(|hash| Some((*hash, look_up(hash)?))).collect();
        for (hash, transaction) in found {
            if let Some(place) = self.missing.remove(&hash) {
                let bytes = transaction.encode_2718_len();
                self.put(place, transaction, bytes)?;
            }
        }
        Ok(())
    }

    /// Fills in what a peer sent; how many of them were missing.
    pub(super) fn fill(&mut self, answer: &[Bytes]) -> Result<usize, Unusable> {
        for raw in answer {
            let place = self.missing.remove(&keccak256(raw)).ok_or(Unusable::NotAsked)?;
            self.put(place, read_transaction(raw).ok_or(Wrong::NotATransaction)?, raw.len())?;
        }
        Ok(answer.len())
    }

    /// The first of the missing transactions by their places, at most `most`.
    pub(super) fn missing(&self, most: usize) -> Vec<B256> {
        let mut missing: Vec<_> = self.missing.iter().map(|(hash, place)| (*place, *hash)).collect();
        missing.sort_unstable();
        missing.into_iter().take(most).map(|(_, hash)| hash).collect()
    }

    /// Whether nothing is missing.
    pub(super) fn is_complete(&self) -> bool {
        self.missing.is_empty()
    }

    /// The transactions in their order; those that are missing are left out.
    pub(super) fn into_transactions(self) -> Vec<Transaction> {
        self.slots.into_iter().flatten().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_consensus::{SignableTransaction, TxEip1559};
    use alloy_primitives::{Signature, U256};

    fn transaction(nonce: u64, bytes: usize) -> Transaction {
        let signature = Signature::new(U256::from(nonce + 1), U256::from(2), false);
        let input = vec![7; bytes].into();
        TxEip1559 { chain_id: 7, nonce, input, ..TxEip1559::default() }.into_signed(signature).into()
    }

    fn raw(nonce: u64) -> Bytes {
        transaction(nonce, 0).encoded_2718().into()
    }

    fn hash(nonce: u64) -> CompactTransaction {
        CompactTransaction::Hash(*transaction(nonce, 0).tx_hash())
    }

    fn knows(nonces: &[u64]) -> impl Fn(&B256) -> Option<Transaction> + '_ {
        |hash| nonces.iter().map(|nonce| transaction(*nonce, 0)).find(|known| known.tx_hash() == hash)
    }

    #[test]
    fn what_is_here_is_taken_and_the_rest_is_asked_for_in_order() {
        let block = [hash(0), CompactTransaction::Whole(raw(1)), hash(2), hash(3), hash(4)];
        let mut parts = Parts::gather(&block, knows(&[0])).unwrap();
        let missing = |nonces: &[u64]| nonces.iter().map(|nonce| hash(*nonce).hash()).collect::<Vec<_>>();
        assert_eq!(parts.missing(9), missing(&[2, 3, 4]));
        assert_eq!(parts.missing(2), missing(&[2, 3]));
        assert_eq!(parts.fill(&[raw(3)]), Ok(1));
        parts.look_again(knows(&[2, 3])).unwrap();
        assert_eq!(parts.missing(9), missing(&[4]));
        assert!(!parts.is_complete());
        assert_eq!(parts.fill(&[raw(4)]), Ok(1));
        assert!(parts.is_complete());
        let whole: Vec<_> = (0..5).map(|nonce| transaction(nonce, 0)).collect();
        assert_eq!(parts.into_transactions(), whole);
    }

    #[test]
    fn what_was_not_asked_for_is_refused() {
        let mut parts = Parts::gather(&[hash(0), hash(1)], knows(&[])).unwrap();
        assert_eq!(parts.fill(&[raw(2)]), Err(Unusable::NotAsked));
        // Nor the same twice.
        assert_eq!(parts.fill(&[raw(0), raw(0)]), Err(Unusable::NotAsked));
        assert_eq!(parts.missing(9), [hash(1).hash()]);
    }

    #[test]
    fn what_is_wrong_whoever_looks_is_told_apart() {
        let twice = [hash(0), CompactTransaction::Whole(raw(0))];
        assert_eq!(Parts::gather(&twice, knows(&[0])).unwrap_err(), Wrong::Twice);
        let noise = Bytes::from_static(b"noise");
        let whole = [CompactTransaction::Whole(noise.clone())];
        assert_eq!(Parts::gather(&whole, knows(&[])).unwrap_err(), Wrong::NotATransaction);
        let named = [CompactTransaction::Hash(keccak256(&noise))];
        let mut parts = Parts::gather(&named, knows(&[])).unwrap();
        assert_eq!(parts.fill(&[noise]), Err(Unusable::Wrong(Wrong::NotATransaction)));
    }

    #[test]
    fn hashes_of_large_transactions_do_not_take_more_memory_than_a_block() {
        let large: Vec<_> = (0..70).map(|nonce| transaction(nonce, 128 << 10)).collect();
        let block: Vec<_> = large.iter().map(|large| CompactTransaction::Hash(*large.tx_hash())).collect();
        let known = |hash: &B256| large.iter().find(|large| large.tx_hash() == hash).cloned();
        assert_eq!(Parts::gather(&block, known).unwrap_err(), Wrong::TooLarge);
    }
}
