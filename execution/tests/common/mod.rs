//! A chain in memory, signers, and small contracts.
#![allow(dead_code, unreachable_pub, reason = "every test file uses its own part")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeMap;

use alloy_consensus::{SignableTransaction, TxEip1559, TxEip2930, TxEip4844, TxEip7702, TxLegacy};
use alloy_eips::{
    eip1559::BaseFeeParams,
    eip2930::AccessList,
    eip7702::{Authorization, SignedAuthorization},
};
use alloy_primitives::{Address, B256, Bytes, Sealed, Signature, TxKind, U256, hex, keccak256};
use alloy_signer::SignerSync;
use alloy_signer_local::PrivateKeySigner;
use baton_execution::{
    BlockAttributes, BuildLimits, BuiltBlock, ChainSpec, ExecutedBlock, GenesisAccount, GenesisParameters,
    MAX_BLOCK_SIZE, MemoryState, RecoveredTransaction, SealedHeader, StateReader, Transaction, build_block,
    execute_block, genesis_header, genesis_state, system_contracts,
};

pub const CHAIN_ID: u64 = 7;
pub const ETHER: u64 = 1_000_000_000_000_000_000;
pub const BASE_FEE: u64 = 1_000_000_000;
pub const BENEFICIARY: Address = Address::repeat_byte(0xbe);

/// Stores calldata's first word in slot 0.
pub const STORE: [u8; 6] = hex!("600035600055");
pub const STORE_AT: Address = Address::repeat_byte(0x51);
/// Stores the hash of the parent block in slot 0, PREVRANDAO in slot 1 and CHAINID in slot 2.
pub const LOOK: [u8; 16] = hex!("60014303406000554460015546600255");
pub const LOOK_AT: Address = Address::repeat_byte(0x52);
/// Reverts with the word 42.
pub const REVERT: [u8; 10] = hex!("602a60005260206000fd");
pub const REVERT_AT: Address = Address::repeat_byte(0x53);
/// Returns the caller's balance, and emits a log without topics.
pub const BALANCE: [u8; 15] = hex!("60006000a0333160005260206000f3");

pub fn key(id: u64) -> PrivateKeySigner {
    PrivateKeySigner::from_bytes(&keccak256(id.to_be_bytes())).unwrap()
}

pub fn spec() -> ChainSpec {
    ChainSpec::new(CHAIN_ID, BaseFeeParams::ethereum(), None).unwrap()
}

pub fn attributes(timestamp: u64) -> BlockAttributes {
    BlockAttributes {
        timestamp,
        beneficiary: BENEFICIARY,
        gas_limit: 30_000_000,
        extra_data: Bytes::from_static(b"term and epoch"),
        parent_beacon_block_root: B256::repeat_byte(0xa1),
    }
}

pub struct Chain {
    pub spec: ChainSpec,
    pub state: MemoryState,
    pub head: SealedHeader,
}

impl Chain {
    pub fn new(spec: ChainSpec) -> Self {
        let mut alloc = system_contracts();
        for id in 0..8 {
            alloc.insert(key(id).address(), GenesisAccount { balance: U256::from(ETHER), ..GenesisAccount::default() });
        }
        let contracts: [(Address, &[u8]); 3] = [(STORE_AT, &STORE), (LOOK_AT, &LOOK), (REVERT_AT, &REVERT)];
        for (address, code) in contracts {
            let code = Bytes::copy_from_slice(code);
            alloc.insert(address, GenesisAccount { nonce: 1, code, ..GenesisAccount::default() });
        }
        Self::with_alloc(spec, &alloc)
    }

    pub fn with_alloc(spec: ChainSpec, alloc: &BTreeMap<Address, GenesisAccount>) -> Self {
        let (diff, root) = genesis_state(alloc).unwrap();
        let parameters = GenesisParameters {
            gas_limit: 30_000_000,
            base_fee_per_gas: BASE_FEE,
            timestamp: 100,
            ..GenesisParameters::default()
        };
        let header = genesis_header(&parameters, root).unwrap();
        let hash = header.hash_slow();
        let mut state = MemoryState::new();
        state.apply(&diff);
        state.insert_block_hash(0, hash);
        assert_eq!(judge_root(&state), root);
        Self { spec, state, head: Sealed::new_unchecked(header, hash) }
    }

    pub fn build(&self, transactions: &[RecoveredTransaction]) -> BuiltBlock {
        self.build_with(&attributes(self.head.timestamp + 1), transactions)
    }

    pub fn build_with(&self, attributes: &BlockAttributes, transactions: &[RecoveredTransaction]) -> BuiltBlock {
        let limits = BuildLimits { max_bytes: MAX_BLOCK_SIZE, keep_going: &mut || true };
        build_block(&self.spec, &self.head, attributes, transactions, limits, &self.state).unwrap()
    }

    /// Builds a block of all the transactions, has it checked as by another node, and applies it.
    pub fn push(&mut self, transactions: &[RecoveredTransaction]) -> ExecutedBlock {
        let built = self.build(transactions);
        assert_eq!(built.skipped, vec![]);
        self.accept(&built.executed)
    }

    pub fn accept(&mut self, built: &ExecutedBlock) -> ExecutedBlock {
        let checked = execute_block(&self.spec, &self.head, built.block.clone(), &|_| None, &self.state).unwrap();
        assert_eq!(alloy_rlp::encode(&checked.block), alloy_rlp::encode(&built.block));
        assert_eq!(checked.hash, built.hash);
        assert_eq!(checked.senders, built.senders);
        assert_eq!(checked.receipts, built.receipts);
        assert_eq!(checked.diff.accounts, built.diff.accounts);
        assert_eq!(checked.diff.storage, built.diff.storage);
        assert_eq!(checked.diff.code, built.diff.code);
        assert_eq!(checked.diff.trie_nodes, built.diff.trie_nodes);
        self.state.apply_block(&checked);
        assert_eq!(judge_root(&self.state), checked.block.header.state_root);
        self.head = checked.sealed_header();
        checked
    }

    pub fn balance(&self, address: Address) -> U256 {
        self.state.account(address).unwrap().map_or(U256::ZERO, |account| account.balance)
    }

    pub fn nonce(&self, address: Address) -> u64 {
        self.state.account(address).unwrap().map_or(0, |account| account.nonce)
    }

    pub fn slot(&self, address: Address, slot: u64) -> U256 {
        self.state.storage(address, U256::from(slot)).unwrap()
    }
}

/// The state root as `alloy_trie` computes it from all accounts and slots.
pub fn judge_root(state: &MemoryState) -> B256 {
    let mut storage: BTreeMap<Address, Vec<(B256, U256)>> = BTreeMap::new();
    for ((address, slot), value) in state.all_storage() {
        storage.entry(*address).or_default().push((B256::from(*slot), *value));
    }
    alloy_trie::root::state_root_unhashed(state.accounts().iter().map(|(address, account)| {
        let slots = storage.get(address).cloned().unwrap_or_default();
        let mut account = account.to_trie_account();
        assert_eq!(account.storage_root, alloy_trie::root::storage_root_unhashed(slots.clone()));
        account.storage_root = alloy_trie::root::storage_root_unhashed(slots);
        (*address, account)
    }))
}

fn signed<T: SignableTransaction<Signature>>(signer: &PrivateKeySigner, tx: T) -> RecoveredTransaction
where
    Transaction: From<alloy_consensus::Signed<T>>,
{
    let signature = signer.sign_hash_sync(&tx.signature_hash()).unwrap();
    RecoveredTransaction::new_unchecked(Transaction::from(tx.into_signed(signature)), signer.address())
}

/// An EIP-1559 transaction that pays a tip of 1 gwei.
pub fn tx1559(id: u64, nonce: u64, to: TxKind, value: u64, input: &[u8]) -> RecoveredTransaction {
    edited(id, nonce, to, value, input, |_| {})
}

pub fn edited(
    id: u64,
    nonce: u64,
    to: TxKind,
    value: u64,
    input: &[u8],
    edit: impl FnOnce(&mut TxEip1559),
) -> RecoveredTransaction {
    let mut tx = TxEip1559 {
        chain_id: CHAIN_ID,
        nonce,
        gas_limit: 200_000,
        max_fee_per_gas: 3 * u128::from(BASE_FEE),
        max_priority_fee_per_gas: 1_000_000_000,
        to,
        value: U256::from(value),
        access_list: AccessList::default(),
        input: Bytes::copy_from_slice(input),
    };
    edit(&mut tx);
    signed(&key(id), tx)
}

pub fn transfer(id: u64, nonce: u64, to: Address, value: u64) -> RecoveredTransaction {
    tx1559(id, nonce, TxKind::Call(to), value, &[])
}

pub fn store(id: u64, nonce: u64, value: u64) -> RecoveredTransaction {
    tx1559(id, nonce, TxKind::Call(STORE_AT), 0, &U256::from(value).to_be_bytes::<32>())
}

pub fn legacy(id: u64, nonce: u64, chain_id: Option<u64>, to: Address) -> RecoveredTransaction {
    let tx = TxLegacy {
        chain_id,
        nonce,
        gas_price: 3 * u128::from(BASE_FEE),
        gas_limit: 21_000,
        to: TxKind::Call(to),
        value: U256::from(5),
        input: Bytes::new(),
    };
    signed(&key(id), tx)
}

pub fn tx2930(id: u64, nonce: u64, to: Address, access_list: AccessList, input: &[u8]) -> RecoveredTransaction {
    let tx = TxEip2930 {
        chain_id: CHAIN_ID,
        nonce,
        gas_price: 3 * u128::from(BASE_FEE),
        gas_limit: 100_000,
        to: TxKind::Call(to),
        value: U256::ZERO,
        access_list,
        input: Bytes::copy_from_slice(input),
    };
    signed(&key(id), tx)
}

pub fn authorization(id: u64, nonce: u64, delegate: Address) -> SignedAuthorization {
    let authorization = Authorization { chain_id: U256::from(CHAIN_ID), address: delegate, nonce };
    let signature = key(id).sign_hash_sync(&authorization.signature_hash()).unwrap();
    authorization.into_signed(signature)
}

pub fn tx7702(
    id: u64,
    nonce: u64,
    to: Address,
    input: &[u8],
    authorization_list: Vec<SignedAuthorization>,
) -> RecoveredTransaction {
    let tx = TxEip7702 {
        chain_id: CHAIN_ID,
        nonce,
        gas_limit: 300_000,
        max_fee_per_gas: 3 * u128::from(BASE_FEE),
        max_priority_fee_per_gas: 1,
        to,
        value: U256::ZERO,
        access_list: AccessList::default(),
        authorization_list,
        input: Bytes::copy_from_slice(input),
    };
    signed(&key(id), tx)
}

pub fn blob(id: u64, nonce: u64) -> RecoveredTransaction {
    let tx = TxEip4844 {
        chain_id: CHAIN_ID,
        nonce,
        gas_limit: 100_000,
        max_fee_per_gas: 3 * u128::from(BASE_FEE),
        max_priority_fee_per_gas: 1,
        to: BENEFICIARY,
        value: U256::ZERO,
        access_list: AccessList::default(),
        blob_versioned_hashes: vec![B256::with_last_byte(1)],
        max_fee_per_blob_gas: 100,
        input: Bytes::new(),
    };
    signed(&key(id), tx)
}

/// Initcode that deploys `code` (at most 32 bytes).
pub fn deploy(code: &[u8]) -> Vec<u8> {
    let length = code.len() as u8;
    // PUSHn code, MSTORE at 0, RETURN the last n bytes of the word.
    let mut initcode = vec![0x5f + length];
    initcode.extend_from_slice(code);
    initcode.extend_from_slice(&[0x60, 0x00, 0x52, 0x60, length, 0x60, 32 - length, 0xf3]);
    initcode
}
