//! Block zero.

use std::collections::BTreeMap;

use alloy_consensus::Header;
use alloy_eips::{
    eip2935::{HISTORY_STORAGE_ADDRESS, HISTORY_STORAGE_CODE},
    eip4788::{BEACON_ROOTS_ADDRESS, BEACON_ROOTS_CODE},
};
use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use alloy_trie::EMPTY_ROOT_HASH;

use crate::{
    Account, MAX_EXTRA_DATA_SIZE, MIN_GAS_LIMIT, MemoryState, StateDiff, StateError, header::constant_fields, trie,
};

/// An account as genesis sets it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GenesisAccount {
    /// Nonce.
    pub nonce: u64,
    /// Balance in wei.
    pub balance: U256,
    /// Code; empty for none.
    pub code: Bytes,
    /// Storage slots; zeros are the same as absent ones.
    pub storage: BTreeMap<U256, U256>,
}

/// What genesis says about the header of block zero.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GenesisParameters {
    /// Seconds since the Unix epoch.
    pub timestamp: u64,
    /// The first gas limit.
    pub gas_limit: u64,
    /// The first base fee, in wei.
    pub base_fee_per_gas: u64,
    /// At most 32 bytes.
    pub extra_data: Bytes,
    /// Who block zero names as its beneficiary; it earns nothing.
    pub beneficiary: Address,
}

/// Why a genesis was refused.
#[derive(Clone, Debug, thiserror::Error)]
pub enum GenesisError {
    /// The account could be created anew over its storage (EIP-7610).
    #[error("account {0} has storage but neither code nor nonce")]
    OrphanStorage(Address),
    /// The account would not exist (EIP-161).
    #[error("account {0} is empty: it has no nonce, balance or code")]
    EmptyAccount(Address),
    /// Balances must not overflow when added up, so that no transfer ever does.
    #[error("the balances add up to more than 256 bits, at account {0}")]
    SupplyOverflow(Address),
    /// No further transaction or creation would be possible.
    #[error("the nonce of account {0} is at its maximum")]
    Nonce(Address),
    /// The gas limit is too low.
    #[error("gas limit {0} is below {MIN_GAS_LIMIT}")]
    GasLimit(u64),
    /// The extra data is too long.
    #[error("extra data of {0} bytes, {MAX_EXTRA_DATA_SIZE} are allowed")]
    ExtraData(usize),
    /// The trie could not be computed.
    #[error(transparent)]
    State(#[from] StateError),
}

/// The state of block zero: everything as a change of the empty state, and its root.
///
/// # Errors
/// When an account breaks an invariant that execution relies on.
pub fn genesis_state(alloc: &BTreeMap<Address, GenesisAccount>) -> Result<(StateDiff, B256), GenesisError> {
    let mut diff = StateDiff::default();
    let mut supply = U256::ZERO;
    for (address, genesis) in alloc {
        let slots = genesis.storage.iter().filter(|(_, value)| !value.is_zero());
        let mut account = Account { nonce: genesis.nonce, balance: genesis.balance, ..Account::default() };
        if !genesis.code.is_empty() {
            account.code_hash = keccak256(&genesis.code);
            diff.code.insert(account.code_hash, genesis.code.clone());
        }
        if genesis.nonce == 0 && !account.has_code() && slots.clone().next().is_some() {
            return Err(GenesisError::OrphanStorage(*address));
        }
        if account.is_empty() {
            return Err(GenesisError::EmptyAccount(*address));
        }
        if genesis.nonce == u64::MAX {
            return Err(GenesisError::Nonce(*address));
        }
        supply = supply.checked_add(genesis.balance).ok_or(GenesisError::SupplyOverflow(*address))?;
        diff.accounts.insert(*address, Some(account));
        diff.storage.extend(slots.map(|(slot, value)| ((*address, *slot), *value)));
    }
    let root = trie::commit(&MemoryState::new(), EMPTY_ROOT_HASH, &mut diff, trie::Integrity::Trust)?;
    Ok((diff, root))
}

/// The header of block zero over the state with the given root.
///
/// # Errors
/// When a parameter is out of bounds.
pub fn genesis_header(parameters: &GenesisParameters, state_root: B256) -> Result<Header, GenesisError> {
    let GenesisParameters { timestamp, gas_limit, base_fee_per_gas, extra_data, beneficiary } = parameters;
    if *gas_limit < MIN_GAS_LIMIT {
        return Err(GenesisError::GasLimit(*gas_limit));
    }
    if extra_data.len() > MAX_EXTRA_DATA_SIZE {
        return Err(GenesisError::ExtraData(extra_data.len()));
    }
    Ok(Header {
        state_root,
        timestamp: *timestamp,
        gas_limit: *gas_limit,
        base_fee_per_gas: Some(*base_fee_per_gas),
        extra_data: extra_data.clone(),
        beneficiary: *beneficiary,
        parent_beacon_block_root: Some(B256::ZERO),
        ..constant_fields()
    })
}

/// The system contracts that a genesis normally deploys: the beacon roots of EIP-4788 and the block hashes of EIP-2935.
#[must_use]
pub fn system_contracts() -> BTreeMap<Address, GenesisAccount> {
    let contract = |code: &Bytes| GenesisAccount { nonce: 1, code: code.clone(), ..GenesisAccount::default() };
    BTreeMap::from([
        (BEACON_ROOTS_ADDRESS, contract(&BEACON_ROOTS_CODE)),
        (HISTORY_STORAGE_ADDRESS, contract(&HISTORY_STORAGE_CODE)),
    ])
}
