//! What revm reads, with memory of what it read.

use alloy_consensus::constants::KECCAK_EMPTY;
use alloy_primitives::{
    Address, B256, U256,
    map::{AddressMap, HashMap},
};
use revm::{
    Database,
    state::{AccountInfo, Bytecode},
};

use crate::{Account, StateError, StateReader};

/// The state before a block as revm wants it. It remembers what was read, so that the block's changes can be told from what
/// stayed the same.
pub(crate) struct BlockDatabase<'a> {
    state: &'a dyn StateReader,
    parent: (u64, B256),
    accounts: AddressMap<Option<Account>>,
    storage: HashMap<(Address, U256), U256>,
}

impl<'a> BlockDatabase<'a> {
    /// Reads `state`, the one after the block with the given height and hash.
    pub(crate) fn new(state: &'a dyn StateReader, parent: (u64, B256)) -> Self {
        Self { state, parent, accounts: AddressMap::default(), storage: HashMap::default() }
    }

    /// What stood at `address` before the block.
    pub(crate) fn account_before(&mut self, address: Address) -> Result<Option<Account>, StateError> {
        if let Some(account) = self.accounts.get(&address) {
            return Ok(*account);
        }
        let account = self.state.account(address)?;
        self.accounts.insert(address, account);
        Ok(account)
    }

    /// The value of a slot before the block, if anyone asked for it. Slots of contracts that the block created are never
    /// asked for: they were zero.
    pub(crate) fn storage_before(&self, address: Address, slot: U256) -> U256 {
        self.storage.get(&(address, slot)).copied().unwrap_or_default()
    }
}

impl Database for BlockDatabase<'_> {
    type Error = StateError;

    fn basic(&mut self, address: Address) -> Result<Option<AccountInfo>, StateError> {
        let account = self.account_before(address)?;
        Ok(account.map(|account| AccountInfo {
            balance: account.balance,
            nonce: account.nonce,
            code_hash: account.code_hash,
            account_id: None,
            code: (!account.has_code()).then(Bytecode::default),
        }))
    }

    fn code_by_hash(&mut self, code_hash: B256) -> Result<Bytecode, StateError> {
        if code_hash == KECCAK_EMPTY {
            return Ok(Bytecode::default());
        }
        let code = self.state.code(code_hash)?;
        let code = code.ok_or_else(|| StateError::new(format!("the code with hash {code_hash} is missing")))?;
        Bytecode::new_raw_checked(code).map_err(StateError::new)
    }

    fn storage(&mut self, address: Address, slot: U256) -> Result<U256, StateError> {
        if let Some(value) = self.storage.get(&(address, slot)) {
            return Ok(*value);
        }
        let value = self.state.storage(address, slot)?;
        self.storage.insert((address, slot), value);
        Ok(value)
    }

    fn block_hash(&mut self, number: u64) -> Result<B256, StateError> {
        if number == self.parent.0 {
            return Ok(self.parent.1);
        }
        let hash = self.state.block_hash(number)?;
        hash.ok_or_else(|| StateError::new(format!("the hash of block {number} is missing")))
    }
}
