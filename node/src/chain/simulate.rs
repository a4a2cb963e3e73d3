//! Calls, estimates and proofs on a stored state.

use super::{ChainError, ChainReader};
use alloy_eips::BlockId;
use alloy_primitives::{Address, Bytes, U256};
use baton_execution::{
    Account, CallError, CallOutcome, CallRequest, StateReader,
    trie::{AccountProof, prove},
};

/// All of these read the state after the named block. They fail with [`ChainError::UnknownBlock`] if there is no such block,
/// with [`baton_storage::StorageError::HistoryPruned`] if its state is not kept any more, or if the disk refuses.
impl ChainReader {
    /// An account; none if it does not exist.
    ///
    /// # Errors
    /// See above.
    pub fn account(&self, address: Address, at: BlockId) -> Result<Option<Account>, ChainError> {
        let (state, _) = self.state(at)?;
        Ok(state.account(address).map_err(CallError::from)?)
    }

    /// The value of a storage slot; zero if it is not set.
    ///
    /// # Errors
    /// See above.
    pub fn storage(&self, address: Address, slot: U256, at: BlockId) -> Result<U256, ChainError> {
        let (state, _) = self.state(at)?;
        Ok(state.storage(address, slot).map_err(CallError::from)?)
    }

    /// The code of an account; empty if it has none.
    ///
    /// # Errors
    /// See above.
    pub fn code(&self, address: Address, at: BlockId) -> Result<Bytes, ChainError> {
        let (state, _) = self.state(at)?;
        match state.account(address).map_err(CallError::from)? {
            Some(account) if account.has_code() => {
                Ok(state.code(account.code_hash).map_err(CallError::from)?.unwrap_or_default())
            }
            _ => Ok(Bytes::new()),
        }
    }

    /// Executes a call inside the block, on the state after it.
    ///
    /// # Errors
    /// See above, or [`ChainError::Call`] if the call cannot be executed. One that reverts or halts is an outcome.
    pub fn call(&self, request: &CallRequest, at: BlockId) -> Result<CallOutcome, ChainError> {
        let (state, header) = self.state(at)?;
        Ok(baton_execution::call(self.spec(), &header, request, &state)?)
    }

    /// The gas limit that a call needs.
    ///
    /// # Errors
    /// See above, or [`ChainError::Estimate`] if it fails with as much gas as it may have.
    pub fn estimate_gas(&self, request: &CallRequest, at: BlockId) -> Result<u64, ChainError> {
        let (state, header) = self.state(at)?;
        Ok(baton_execution::estimate_gas(self.spec(), &header, request, &state)?)
    }

    /// Proves an account and some of its slots under the state root of the block (EIP-1186).
    ///
    /// # Errors
    /// See above, [`baton_storage::StorageError::TriePruned`] if only accounts and slots of the state are kept, or
    /// [`ChainError::Proof`] if the tries do not fit the state root.
    pub fn proof(&self, address: Address, slots: &[U256], at: BlockId) -> Result<AccountProof, ChainError> {
        let (state, header) = self.state(at)?;
        state.has_trie()?;
        Ok(prove(&state, header.state_root, address, slots)?)
    }
}
