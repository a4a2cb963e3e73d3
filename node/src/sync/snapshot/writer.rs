//! Verified pieces of a state on their way to the disk.

use super::plan::{Part, Plan, number};
use crate::chain::trie_changes;
use alloy_consensus::{EMPTY_ROOT_HASH, TrieAccount, constants::KECCAK_EMPTY};
use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use baton_consensus::types::BlockRef;
use baton_execution::trie::{InvalidRange, Leaf, RangeProof, verify_range};
use baton_network::{MIN_CHUNK_BYTES, TrieRange};
use baton_storage::{StateChanges, StorageError, Store, StoredAccount};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use thiserror::Error;

/// Why a piece is not what was asked for: whoever served it is at fault.
#[derive(Debug, Error)]
pub(super) enum BadPiece {
    #[error("{0}")]
    Range(#[from] InvalidRange),
    #[error("an account or a slot is not encoded as the state demands")]
    Value,
    #[error("it is another kind of piece than was asked for, or another number of them")]
    Kind,
    #[error("the code is not the one that was asked for")]
    Code,
    #[error("only {0} bytes of what was asked for, though there is more")]
    Crumbs(u64),
}

/// A stretch of accounts, verified.
#[derive(Debug, Default)]
pub(super) struct Accounts {
    pub(super) changes: StateChanges,
    /// Where the next stretch begins; none at the end of the trie.
    pub(super) next: Option<B256>,
    /// The storage that belongs to them.
    pub(super) tries: Vec<StorageTrie>,
    /// The hashes of their code.
    pub(super) code: Vec<B256>,
    pub(super) bytes: u64,
}

/// A storage trie that is to be fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct StorageTrie {
    pub(super) address: Address,
    pub(super) owner: B256,
    pub(super) root: B256,
}

/// Slots, verified.
#[derive(Debug, Default)]
pub(super) struct Slots {
    pub(super) changes: StateChanges,
    /// How many of the tries that were asked for are complete.
    pub(super) complete: usize,
    /// Where the next one goes on.
    pub(super) next: B256,
    pub(super) bytes: u64,
}

/// Checks a stretch of the account trie that begins in a part.
pub(super) fn accounts(root: B256, part: Part, range: TrieRange) -> Result<Accounts, BadPiece> {
    let (proof, keys, bytes) = unpack(range);
    let verified = verify_range(None, root, part.next, &proof)?;
    no_crumbs(bytes, !proof.more)?;
    let mut accounts = Accounts { next: verified.next, bytes, ..Accounts::default() };
    accounts.changes.trie = trie_changes(verified.nodes);
    for (leaf, key) in proof.leaves.iter().zip(&keys) {
        if leaf.key > part.last {
            // Of the next part.
            break;
        }
        let address = Address::try_from(&key[..]).map_err(|_| BadPiece::Value)?;
        let account: TrieAccount = alloy_rlp::decode_exact(&leaf.value).map_err(|_| BadPiece::Value)?;
        let TrieAccount { nonce, balance, storage_root, code_hash } = account;
        accounts.changes.accounts.push((address, Some(StoredAccount { nonce, balance, code_hash, storage_root })));
        if storage_root != EMPTY_ROOT_HASH {
            accounts.tries.push(StorageTrie { address, owner: leaf.key, root: storage_root });
        }
        if code_hash != KECCAK_EMPTY {
            accounts.code.push(code_hash);
        }
    }
    accounts.code.sort_unstable();
    accounts.code.dedup();
    Ok(accounts)
}

/// Checks ranges of storage tries, the first of which begins at `from`.
pub(super) fn slots(tries: &[StorageTrie], from: B256, ranges: Vec<TrieRange>) -> Result<Slots, BadPiece> {
    if ranges.is_empty() || ranges.len() > tries.len() {
        return Err(BadPiece::Kind);
    }
    let mut slots = Slots::default();
    let (mut from, count) = (from, ranges.len());
    for (index, (trie, range)) in tries.iter().zip(ranges).enumerate() {
        let (proof, keys, bytes) = unpack(range);
        let verified = verify_range(Some(trie.owner), trie.root, from, &proof)?;
        slots.bytes += bytes;
        slots.changes.trie.extend(trie_changes(verified.nodes));
        for (leaf, key) in proof.leaves.iter().zip(&keys) {
            let slot = U256::try_from_be_slice(key).ok_or(BadPiece::Value)?;
            let value: U256 = alloy_rlp::decode_exact(&leaf.value).map_err(|_| BadPiece::Value)?;
            slots.changes.slots.push((trie.address, slot, value));
        }
        match verified.next {
            Some(next) if index + 1 == count => slots.next = next,
            // Only the last one may go on.
            Some(_) => return Err(BadPiece::Kind),
            None => slots.complete += 1,
        }
        from = B256::ZERO;
    }
    no_crumbs(slots.bytes, slots.complete == tries.len())?;
    Ok(slots)
}

/// Checks code against its hashes.
pub(super) fn code(hashes: &[B256], codes: Vec<Bytes>) -> Result<StateChanges, BadPiece> {
    if codes.is_empty() || codes.len() > hashes.len() {
        return Err(BadPiece::Kind);
    }
    no_crumbs(codes.iter().map(|code| code.len() as u64).sum(), codes.len() == hashes.len())?;
    let pairs = hashes.iter().copied().zip(codes);
    let code: Vec<_> = pairs
        .map(|(hash, code)| (keccak256(&code) == hash).then_some((hash, code)))
        .collect::<Option<_>>()
        .ok_or(BadPiece::Code)?;
    Ok(StateChanges { code, ..StateChanges::default() })
}

/// Refuses an answer that leaves out most of what was asked for.
const fn no_crumbs(bytes: u64, is_all: bool) -> Result<(), BadPiece> {
    if is_all || bytes >= MIN_CHUNK_BYTES as u64 { Ok(()) } else { Err(BadPiece::Crumbs(bytes)) }
}

/// The proof with hashed keys, what was hashed, and the bytes of both.
fn unpack(range: TrieRange) -> (RangeProof, Vec<Bytes>, u64) {
    let TrieRange { leaves, proof, more } = range;
    let bytes = leaves.iter().map(|leaf| leaf.key.len() + leaf.value.len()).sum::<usize>() as u64;
    let (leaves, keys) =
        leaves.into_iter().map(|leaf| (Leaf { key: keccak256(&leaf.key), value: leaf.value }, leaf.key)).unzip();
    (RangeProof { leaves, more, nodes: proof }, keys, bytes)
}

/// The state on disk, and what is left of it.
#[derive(Debug)]
pub(super) struct Writer {
    store: Store,
    /// The block after which the state is.
    target: BlockRef,
    plan: Mutex<Plan>,
}

impl Writer {
    pub(super) fn new(store: Store, target: BlockRef, plan: Plan) -> Arc<Self> {
        Arc::new(Self { store, target, plan: Mutex::new(plan) })
    }

    pub(super) fn parts(&self) -> Vec<Part> {
        self.plan().parts()
    }

    pub(super) fn share(&self) -> f64 {
        self.plan().share()
    }

    /// Stores what changes nothing in what is left: storage and code, before the accounts that they belong to.
    pub(super) fn store(&self, changes: &StateChanges) -> Result<(), StorageError> {
        let plan = self.plan();
        self.store.import_state(self.target, changes, plan.to_bytes().into())
    }

    /// Stores accounts whose storage and code are there, and with them that they are done.
    pub(super) fn finish(&self, part: Part, accounts: &Accounts) -> Result<(), StorageError> {
        let mut plan = self.plan();
        let mut next = plan.clone();
        next.advance(part.next, accounts.next);
        let done = accounts.next.map_or(U256::MAX, |next| number(next).saturating_sub(number(part.next)));
        // A part that takes two more such stretches is worth a share of its own.
        next.cut(done.saturating_mul(U256::from(2)));
        self.store.import_state(self.target, &accounts.changes, next.to_bytes().into())?;
        *plan = next;
        Ok(())
    }

    /// A panic of an earlier holder left the plan as it is on disk, or one step behind, which is done again.
    fn plan(&self) -> MutexGuard<'_, Plan> {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
