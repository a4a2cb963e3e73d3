//! Executed blocks that are not stored yet, stacked on a stored state.

use std::{fmt, sync::Arc};

use alloy_primitives::{Address, B256, Bytes, U256};

use crate::{Account, ExecutedBlock, StateError, StateReader, TrieKey};

/// The state after a chain of executed blocks on top of a stored state, so that blocks can execute on parents that are
/// only in memory. A read costs one look-up per layer.
#[derive(Clone)]
pub struct Overlay<'a> {
    layers: Vec<Arc<ExecutedBlock>>,
    base: &'a dyn StateReader,
}

impl<'a> Overlay<'a> {
    /// Stacks `layers`, newest first, on `base`. Each layer's parent is the next one; the last one's parent is the block
    /// whose state `base` reads.
    #[must_use]
    pub fn new(layers: Vec<Arc<ExecutedBlock>>, base: &'a dyn StateReader) -> Self {
        debug_assert!(
            layers.windows(2).all(|pair| pair[0].block.header.parent_hash == pair[1].hash),
            "layers must be a chain, newest first"
        );
        Self { layers, base }
    }

    /// The layers, newest first.
    #[must_use]
    pub fn layers(&self) -> &[Arc<ExecutedBlock>] {
        &self.layers
    }
}

impl fmt::Debug for Overlay<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let heights: Vec<_> = self.layers.iter().map(|layer| layer.block.header.number).collect();
        f.debug_struct("Overlay").field("heights", &heights).finish_non_exhaustive()
    }
}

impl StateReader for Overlay<'_> {
    fn account(&self, address: Address) -> Result<Option<Account>, StateError> {
        match self.layers.iter().find_map(|layer| layer.diff.accounts.get(&address)) {
            Some(account) => Ok(*account),
            None => self.base.account(address),
        }
    }

    fn storage(&self, address: Address, slot: U256) -> Result<U256, StateError> {
        let key = (address, slot);
        match self.layers.iter().find_map(|layer| layer.diff.storage.get(&key)) {
            Some(value) => Ok(*value),
            None => self.base.storage(address, slot),
        }
    }

    fn code(&self, code_hash: B256) -> Result<Option<Bytes>, StateError> {
        match self.layers.iter().find_map(|layer| layer.diff.code.get(&code_hash)) {
            Some(code) => Ok(Some(code.clone())),
            None => self.base.code(code_hash),
        }
    }

    fn block_hash(&self, number: u64) -> Result<Option<B256>, StateError> {
        match self.layers.iter().find(|layer| layer.block.header.number == number) {
            Some(layer) => Ok(Some(layer.hash)),
            None => self.base.block_hash(number),
        }
    }

    fn trie_node(&self, key: &TrieKey) -> Result<Option<Bytes>, StateError> {
        match self.layers.iter().find_map(|layer| layer.diff.trie_nodes.get(key)) {
            Some(node) => Ok(node.clone()),
            None => self.base.trie_node(key),
        }
    }
}
