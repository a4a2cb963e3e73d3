//! The state root after a block.

use alloy_primitives::{Address, B256, U256, keccak256, map::AddressMap};
use alloy_trie::EMPTY_ROOT_HASH;
use rayon::prelude::*;

use super::{TrieUpdate, update::update_with};
use crate::{Account, StateDiff, StateError, StateReader};

/// Whether loaded nodes are checked against the hashes that lead to them.
///
/// Checking costs as much hashing again. The happy path trusts; when a root comes out different from a header's, it is
/// computed again with checks, so that a damaged store is not mistaken for an invalid block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Integrity {
    /// Nodes are taken as they are.
    Trust,
    /// Nodes are hashed.
    Check,
}

/// Slots of one account with their new values.
type Slots = Vec<(U256, U256)>;

/// Hashes the accounts and storage of `diff` into the tries under `parent_root`: fills in the accounts' storage roots and
/// the changed nodes, and gives the new state root.
///
/// The accounts carry their old storage roots; every account whose storage changes must be among them.
pub(crate) fn commit(
    state: &dyn StateReader,
    parent_root: B256,
    diff: &mut StateDiff,
    integrity: Integrity,
) -> Result<B256, StateError> {
    let mut slots: AddressMap<Slots> = AddressMap::default();
    for ((address, slot), value) in &diff.storage {
        slots.entry(*address).or_default().push((*slot, *value));
    }
    let jobs: Vec<(Address, B256, Slots)> = slots
        .into_iter()
        .map(|(address, slots)| match diff.accounts.get(&address) {
            Some(Some(account)) => Ok((address, account.storage_root, slots)),
            _ => Err(StateError::new(format!("storage of {address} changes but the account does not exist"))),
        })
        .collect::<Result<_, _>>()?;
    let storage: Vec<(Address, TrieUpdate)> = jobs
        .into_par_iter()
        .map(|(address, root, slots)| {
            let changes = slots.into_par_iter().with_min_len(64).map(storage_change).collect();
            let updated = update_with(state, Some(keccak256(address)), root, changes, integrity)?;
            Ok((address, updated))
        })
        .collect::<Result<_, StateError>>()?;
    for (address, updated) in storage {
        if let Some(Some(account)) = diff.accounts.get_mut(&address) {
            account.storage_root = updated.root;
        }
        diff.trie_nodes.extend(updated.nodes);
    }

    let accounts: Vec<(Address, Option<Account>)> =
        diff.accounts.iter().map(|(address, account)| (*address, *account)).collect();
    let changes = accounts
        .into_par_iter()
        .with_min_len(64)
        .map(|(address, account)| {
            let value = account.map(|account| alloy_rlp::encode(account.to_trie_account()));
            (keccak256(address), value)
        })
        .collect();
    let updated = update_with(state, None, parent_root, changes, integrity)?;
    diff.trie_nodes.extend(updated.nodes);
    Ok(updated.root)
}

/// Computes the root again, with every loaded node checked, for a `diff` that [`commit`] has filled in.
///
/// # Errors
/// When a node is not the one that its parent names.
pub(crate) fn recheck(state: &dyn StateReader, parent_root: B256, diff: &mut StateDiff) -> Result<B256, StateError> {
    diff.trie_nodes.clear();
    for (address, account) in &mut diff.accounts {
        if let Some(account) = account {
            let before = state.account(*address)?;
            account.storage_root = before.map_or(EMPTY_ROOT_HASH, |before| before.storage_root);
        }
    }
    commit(state, parent_root, diff, Integrity::Check)
}

fn storage_change((slot, value): (U256, U256)) -> (B256, Option<Vec<u8>>) {
    let value = (!value.is_zero()).then(|| alloy_rlp::encode(value));
    (keccak256(slot.to_be_bytes::<32>()), value)
}
