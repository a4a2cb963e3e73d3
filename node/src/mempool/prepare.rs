//! From bytes to candidates for the pool: everything that takes time, on threads that may block.

use super::{
    budget::Reply,
    error::PoolError,
    index::TransactionIndex,
    metrics::Metrics,
    ports::{Account, AccountSource, Rules},
    sender_cache::SenderCache,
    transaction::{Origin, PooledTransaction},
};
use alloy_eips::eip2718::Decodable2718;
use alloy_primitives::{Address, B256, Bytes, keccak256};
use baton_execution::{RecoveredTransaction, Transaction, recover_signer};
use rayon::iter::{IndexedParallelIterator, IntoParallelIterator, ParallelIterator};
use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Acquire},
    },
    time::Instant,
};

/// The types of this chain beside legacy: EIP-2930, EIP-1559, EIP-7702. Not EIP-4844, whose blobs nobody would serve.
const TYPES: [u8; 3] = [1, 2, 4];

/// The last type byte that EIP-2718 leaves for types; above, there is RLP.
const LAST_TYPE: u8 = 0x7f;

/// A transaction as it came in.
#[derive(Debug)]
pub(super) struct Incoming {
    pub(super) raw: Bytes,
    pub(super) origin: Origin,
    pub(super) sequence: u64,
    pub(super) received_at: Instant,
    pub(super) reply: Reply,
}

/// A transaction that is valid without state.
#[derive(Debug)]
pub(super) struct Candidate {
    pub(super) transaction: Arc<PooledTransaction>,
    pub(super) reply: Reply,
}

/// Candidates with their signers' accounts.
#[derive(Debug)]
pub(super) struct Prepared {
    pub(super) candidates: Vec<Candidate>,
    pub(super) readings: Readings,
}

/// Accounts as they were in one state.
#[derive(Debug, Default)]
pub(super) struct Readings {
    /// The height of that state.
    pub(super) height: u64,
    /// The pool's branch counter from before they were read.
    pub(super) branch: u64,
    /// The accounts.
    pub(super) accounts: HashMap<Address, Account>,
}

/// What preparing takes; shared by all threads that do it.
pub(super) struct Preparation {
    pub(super) rules: Arc<dyn Rules>,
    pub(super) state: Arc<dyn AccountSource>,
    pub(super) index: Arc<TransactionIndex>,
    pub(super) senders: Arc<SenderCache>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) max_transaction_bytes: usize,
    /// Counts the changes of branch that the pool has followed.
    pub(super) branch: Arc<AtomicU64>,
}

impl Preparation {
    /// Decodes, checks and recovers a batch on all cores and reads the accounts. Answers those that fail.
    pub(super) fn prepare(&self, batch: Vec<Incoming>) -> Option<Prepared> {
        let checked: Vec<_> = batch
            .into_par_iter()
            .with_min_len(4)
            .map(|Incoming { raw, origin, sequence, received_at, reply }| {
                let checked = self
                    .check(&raw, origin)
                    .map(|recovered| PooledTransaction::new(recovered, raw, sequence, origin, received_at));
                (checked, reply)
            })
            .collect();
        let mut candidates = Vec::with_capacity(checked.len());
        for (checked, reply) in checked {
            match checked {
                Ok(transaction) => candidates.push(Candidate { transaction: Arc::new(transaction), reply }),
                Err(error) => self.refuse(reply, error),
            }
        }
        self.read_accounts(candidates)
    }

    /// Reads the accounts of all signers. Answers all candidates if that fails.
    pub(super) fn read_accounts(&self, candidates: Vec<Candidate>) -> Option<Prepared> {
        if candidates.is_empty() {
            return None;
        }
        let mut signers: Vec<_> = candidates.iter().map(|candidate| candidate.transaction.sender()).collect();
        signers.sort_unstable();
        signers.dedup();
        match self.read(&signers) {
            Ok(readings) => Some(Prepared { candidates, readings }),
            Err(error) => {
                tracing::error!(%error, "cannot read accounts for the mempool");
                candidates.into_iter().for_each(|candidate| self.refuse(candidate.reply, error.clone()));
                None
            }
        }
    }

    /// Reads accounts from the head state.
    pub(super) fn read(&self, addresses: &[Address]) -> Result<Readings, PoolError> {
        let branch = self.branch.load(Acquire);
        let read = self.state.accounts(addresses).map_err(|error| PoolError::StateUnavailable(error.0))?;
        if read.accounts.len() != addresses.len() {
            return Err(PoolError::StateUnavailable("not every account was answered".into()));
        }
        let accounts = addresses.iter().copied().zip(read.accounts).collect();
        Ok(Readings { height: read.height, branch, accounts })
    }

    fn check(&self, raw: &Bytes, origin: Origin) -> Result<RecoveredTransaction, PoolError> {
        let (size, limit) = (raw.len(), self.max_transaction_bytes);
        if size > limit {
            return Err(PoolError::Oversized { size, limit });
        }
        if matches!(raw.first(), Some(ty) if *ty <= LAST_TYPE && !TYPES.contains(ty)) {
            return Err(PoolError::TypeNotSupported);
        }
        let hash = keccak256(raw);
        // A known one goes on where the pool has to do something for it: answer for it from now on, or ask peers again.
        let nothing_to_do = match origin {
            Origin::Pushed => false,
            Origin::Local => self.index.get(&hash).is_some_and(|known| !known.is_unacknowledged()),
            Origin::Gossip => self.index.contains(&hash),
        };
        if nothing_to_do {
            return Err(PoolError::AlreadyKnown);
        }
        let transaction =
            Transaction::decode_2718_exact(raw).map_err(|error| PoolError::Malformed(error.to_string()))?;
        if *transaction.tx_hash() != hash {
            return Err(PoolError::Malformed("the encoding is not canonical".into()));
        }
        self.rules.check(&transaction)?;
        let signer = self.signer(&transaction, hash)?;
        Ok(RecoveredTransaction::new_unchecked(transaction, signer))
    }

    fn signer(&self, transaction: &Transaction, hash: B256) -> Result<Address, PoolError> {
        if let Some(signer) = self.senders.get(&hash) {
            return Ok(signer);
        }
        let signer = recover_signer(transaction)?;
        Metrics::add(&self.metrics.recovered, 1);
        self.senders.insert(hash, signer);
        Ok(signer)
    }

    fn refuse(&self, reply: Reply, error: PoolError) {
        self.metrics.count_refusal(&error);
        reply.send(Err(error));
    }
}
