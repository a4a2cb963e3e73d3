//! The beginning of a chain in the store.

use super::{ChainError, commit::state_changes};
use crate::genesis::Genesis;
use baton_storage::{GenesisCommit, GenesisId, Store};

/// Refuses a store that holds another chain; one that holds none may become any.
///
/// # Errors
/// [`baton_storage::StorageError::OtherGenesis`].
pub fn check_genesis(store: &Store, genesis: &Genesis) -> Result<(), ChainError> {
    if store.genesis().is_none() {
        return Ok(());
    }
    Ok(store.ensure_genesis(GenesisId { chain_id: genesis.chain_id(), genesis_hash: genesis.hash })?)
}

/// Writes block 0 and its state into an empty store; does nothing in one that holds this chain already.
///
/// # Errors
/// [`baton_storage::StorageError::OtherGenesis`] in a store that belongs to another chain, or what the store says.
pub fn init_genesis(store: &Store, genesis: &Genesis) -> Result<(), ChainError> {
    if store.genesis().is_some() {
        return check_genesis(store, genesis);
    }
    let commit = GenesisCommit {
        chain_id: genesis.chain_id(),
        genesis_hash: genesis.hash,
        block: genesis.block(),
        state: state_changes(&genesis.state),
    };
    Ok(store.initialize(&commit)?)
}
