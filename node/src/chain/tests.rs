use super::*;
use crate::{
    genesis::{Genesis, GenesisFile, GenesisSequencer},
    keys::NodeKeys,
};
use alloy_eips::{BlockId, BlockNumberOrTag};
use alloy_primitives::{Address, B256, U256, keccak256};
use baton_consensus::{
    Parameters,
    types::{BlockRef, Height, Stake},
};
use baton_execution::{GenesisAccount, system_contracts};
use baton_storage::{StorageError, Store, StoreOptions};
use tempfile::TempDir;

const RICH: Address = Address::repeat_byte(0xaa);

fn genesis(chain_id: u64) -> Genesis {
    let mut alloc = system_contracts();
    alloc.insert(RICH, GenesisAccount { balance: U256::from(7), ..GenesisAccount::default() });
    let keys = NodeKeys::generate().unwrap().public();
    Genesis::new(GenesisFile {
        chain_id,
        timestamp: 1_700_000_000,
        gas_limit: 60_000_000,
        base_fee_per_gas: 1_000_000_000,
        base_fee_recipient: None,
        parameters: Parameters::default(),
        sequencers: vec![GenesisSequencer::new(keys, Stake(U256::ONE))],
        l1: None,
        bootnodes: Vec::new(),
        alloc,
    })
    .unwrap()
}

fn store() -> (Store, TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let small = StoreOptions { cache_bytes: 8 << 20, write_buffer_bytes: 16 << 20, ..StoreOptions::default() };
    (Store::open(directory.path(), &small).unwrap(), directory)
}

#[test]
fn a_store_takes_one_genesis_and_refuses_another() {
    let (store, _directory) = store();
    let genesis_of_chain = genesis(7);
    for _ in 0..2 {
        init_genesis(&store, &genesis_of_chain).unwrap();
        assert_eq!(store.head(), BlockRef { height: Height(0), hash: genesis_of_chain.hash });
    }
    for other in [genesis(8), genesis(7)] {
        let error = init_genesis(&store, &other).unwrap_err();
        assert!(matches!(error, ChainError::Storage(StorageError::OtherGenesis { .. })), "{error}");
    }
}

#[test]
fn the_state_of_genesis_is_read_and_proven() {
    let (store, _directory) = store();
    let genesis = genesis(7);
    init_genesis(&store, &genesis).unwrap();
    let chain = ChainReader::new(store, genesis.chain);
    for at in [BlockId::latest(), BlockId::earliest(), BlockId::number(0), BlockId::from(genesis.hash)] {
        assert_eq!(chain.account(RICH, at).unwrap().unwrap().balance, U256::from(7));
        let proof = chain.proof(RICH, &[], at).unwrap();
        assert_eq!(keccak256(&proof.proof[0]), genesis.header.state_root);
        assert_eq!(proof.account.unwrap().balance, U256::from(7));
    }
    for unknown in [BlockId::number(1), BlockId::from(B256::ZERO)] {
        assert!(matches!(chain.account(RICH, unknown), Err(ChainError::UnknownBlock(_))));
        assert!(chain.block(unknown).unwrap().is_none());
    }
    assert!(chain.head_block().unwrap().receipts.is_empty());
}

#[test]
fn safe_is_never_below_final_and_never_off_the_chain() {
    let (store, _directory) = store();
    let genesis = genesis(7);
    init_genesis(&store, &genesis).unwrap();
    let chain = ChainReader::new(store, genesis.chain);
    let block = chain.finalized();
    assert_eq!(chain.safe().unwrap(), block);
    chain.set_safe(BlockRef { height: Height(3), hash: B256::repeat_byte(1) });
    assert_eq!(chain.safe().unwrap(), block, "there is no such block");
    assert_eq!(chain.height(BlockId::Number(BlockNumberOrTag::Safe)).unwrap(), Some(Height(0)));
}
