//! A chain of four blocks in a temporary store.

use crate::chain::{ChainReader, StateAdapter, block_commit, consensus_block, state_changes};
use alloy_consensus::{
    SignableTransaction, TxEip1559, TxEip2930, TxEip7702, TxEnvelope, TxLegacy,
    transaction::{Recovered, SignerRecoverable},
};
use alloy_eips::{
    eip1559::BaseFeeParams,
    eip2930::{AccessList, AccessListItem},
    eip7702::Authorization,
};
use alloy_network::TxSignerSync;
use alloy_primitives::{Address, B256, Bytes, Sealed, TxKind, U256, address, bytes};
use alloy_signer::SignerSync;
use alloy_signer_local::PrivateKeySigner;
use baton_consensus::{
    keys::OperatorKey,
    messages::Seal,
    signing::{Signature, Signed, SigningContext},
    types::{Block, Epoch, Era, ExtraData, Height, SealedBlock, SignedBlock, Term},
};
use baton_execution::{
    BlockAttributes, BuildLimits, ChainSpec, ExecutedBlock, GenesisAccount, GenesisParameters, MAX_BLOCK_SIZE,
    build_block, genesis_header, genesis_state,
};
use baton_storage::{BlockCommit, GenesisCommit, Prune, Store, StoreOptions};
use std::{collections::BTreeMap, sync::Arc};
use tempfile::TempDir;

pub(super) const CHAIN_ID: u64 = 7_207;
pub(super) const GWEI: u128 = 1_000_000_000;
pub(super) const LEADER: Address = address!("1eade41eade41eade41eade41eade41eade41ead");
/// Stores the first word of its input in slot 0, logs it under two topics, and returns it.
pub(super) const LOGGER: Address = address!("1066e21066e21066e21066e21066e21066e21066");
/// Reverts with its input.
pub(super) const REVERTER: Address = address!("4e4e47e44e4e47e44e4e47e44e4e47e44e4e47e4");
/// What the deployment of block 1 leaves: a contract of one STOP.
const INITCODE: Bytes = bytes!("60016000f3");

/// How many rich accounts there are beside the one of [`TestChain::key`].
const SENDERS: u64 = 64;

/// A chain and its store; the directory goes with it.
pub(super) struct TestChain {
    pub(super) reader: ChainReader,
    pub(super) store: Store,
    pub(super) spec: ChainSpec,
    pub(super) key: PrivateKeySigner,
    _directory: TempDir,
}

impl TestChain {
    /// Genesis only.
    pub(super) fn genesis() -> Self {
        Self::genesis_with(None)
    }

    /// Genesis only, in a store that keeps so much of the past.
    pub(super) fn genesis_with(prune: Option<Prune>) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let small =
            StoreOptions { cache_bytes: 8 << 20, write_buffer_bytes: 32 << 20, prune, ..StoreOptions::default() };
        let store = Store::open(directory.path(), &small).unwrap();
        let spec = ChainSpec::new(CHAIN_ID, BaseFeeParams::ethereum(), None).unwrap();
        let key = PrivateKeySigner::from_bytes(&B256::repeat_byte(0x11)).unwrap();
        let balance = U256::from(1_000_000 * 1_000_000_000 * GWEI);
        let wealth = GenesisAccount { balance, ..GenesisAccount::default() };
        let contract = |code: Bytes| GenesisAccount { nonce: 1, code, ..GenesisAccount::default() };
        let mut alloc = BTreeMap::from([
            (key.address(), wealth.clone()),
            (LOGGER, contract(bytes!("60003560005260003560005560bb60aa60206000a260206000f3"))),
            (REVERTER, contract(bytes!("366000600037366000fd"))),
        ]);
        alloc.extend((0..SENDERS).map(|number| (sender(number).address(), wealth.clone())));
        let (state, root) = genesis_state(&alloc).unwrap();
        let parameters = GenesisParameters {
            timestamp: 1_700_000_000,
            gas_limit: 30_000_000,
            base_fee_per_gas: 1_000_000_000,
            ..GenesisParameters::default()
        };
        let header = genesis_header(&parameters, root).unwrap();
        let mut block = Block { header, body: Default::default() };
        block.body.withdrawals = Some(Default::default());
        store
            .initialize(&GenesisCommit {
                chain_id: CHAIN_ID,
                genesis_hash: block.header.hash_slow(),
                block,
                state: state_changes(&state),
            })
            .unwrap();
        Self { reader: ChainReader::new(store.clone(), spec), store, spec, key, _directory: directory }
    }

    /// Block 1 with a transaction of every type, block 2 empty, block 3 with three logs, block 4 empty; 2 is final and 3 safe.
    pub(super) fn with_blocks() -> Self {
        let chain = Self::genesis();
        chain.commit(vec![chain.legacy(0), chain.access_list(1), chain.creation(2), chain.delegation(3)]);
        chain.commit(Vec::new());
        chain.commit((5..8).map(|nonce| chain.logging(nonce, nonce)).collect());
        chain.commit(Vec::new());
        chain.store.set_finalized(Height(2), true).unwrap();
        let safe = chain.reader.header_at(Height(3)).unwrap().unwrap();
        chain.reader.set_safe(baton_consensus::types::BlockRef { height: Height(3), hash: safe.hash() });
        chain
    }

    /// Builds and commits the next block; every transaction must get in.
    pub(super) fn commit(&self, transactions: Vec<TxEnvelope>) -> BlockCommit {
        let parent = self.reader.header_at(self.reader.head().height).unwrap().unwrap();
        let count = transactions.len();
        let state = StateAdapter::head(&self.store).unwrap();
        let position = ExtraData { era: Era(0), term: Term(1), epoch: Epoch(1) };
        let attributes = BlockAttributes {
            timestamp: parent.timestamp + 1,
            beneficiary: LEADER,
            gas_limit: parent.gas_limit,
            extra_data: position.to_bytes(),
            parent_beacon_block_root: B256::repeat_byte(0xbe),
        };
        let recovered = transactions.into_iter().map(|transaction| {
            let sender = transaction.recover_signer().unwrap();
            Recovered::new_unchecked(transaction.into(), sender)
        });
        let limits = BuildLimits { max_bytes: MAX_BLOCK_SIZE, keep_going: &mut || true };
        let built = build_block(&self.spec, &parent, &attributes, recovered, limits, &state).unwrap();
        assert_eq!((built.skipped.len(), built.executed.senders.len()), (0, count));
        let commit = block_commit(&built.executed, Arc::new(seal(&built.executed)), Vec::new(), None);
        drop(state);
        self.store.commit_block(&commit).unwrap();
        commit
    }

    fn sign<T: SignableTransaction<alloy_primitives::Signature>>(&self, mut transaction: T) -> TxEnvelope
    where
        TxEnvelope: From<alloy_consensus::Signed<T>>,
    {
        let signature = self.key.sign_transaction_sync(&mut transaction).unwrap();
        transaction.into_signed(signature).into()
    }

    pub(super) fn legacy(&self, nonce: u64) -> TxEnvelope {
        self.sign(TxLegacy {
            chain_id: Some(CHAIN_ID),
            nonce,
            gas_price: 3 * GWEI,
            gas_limit: 21_000,
            to: TxKind::Call(Address::repeat_byte(0xaa)),
            value: U256::from(5),
            input: Bytes::new(),
        })
    }

    pub(super) fn access_list(&self, nonce: u64) -> TxEnvelope {
        let item = AccessListItem { address: LOGGER, storage_keys: vec![B256::ZERO] };
        self.sign(TxEip2930 {
            chain_id: CHAIN_ID,
            nonce,
            gas_price: 2 * GWEI,
            gas_limit: 100_000,
            to: TxKind::Call(LOGGER),
            value: U256::ZERO,
            input: B256::repeat_byte(0x22).into(),
            access_list: AccessList(vec![item]),
        })
    }

    pub(super) fn creation(&self, nonce: u64) -> TxEnvelope {
        self.sign(TxEip1559 { to: TxKind::Create, input: INITCODE, ..dynamic(nonce, 1) })
    }

    pub(super) fn delegation(&self, nonce: u64) -> TxEnvelope {
        let authorization = Authorization { chain_id: U256::from(CHAIN_ID), address: LOGGER, nonce: nonce + 1 };
        let signature = self.key.sign_hash_sync(&authorization.signature_hash()).unwrap();
        self.sign(TxEip7702 {
            chain_id: CHAIN_ID,
            nonce,
            gas_limit: 100_000,
            max_fee_per_gas: 4 * GWEI,
            max_priority_fee_per_gas: GWEI / 2,
            to: Address::repeat_byte(0xaa),
            value: U256::ZERO,
            access_list: AccessList::default(),
            authorization_list: vec![authorization.into_signed(signature)],
            input: Bytes::new(),
        })
    }

    /// Logs `word`, for a tip of one gwei.
    pub(super) fn logging(&self, nonce: u64, word: u64) -> TxEnvelope {
        let input = B256::from(U256::from(word)).into();
        self.sign(TxEip1559 { to: TxKind::Call(LOGGER), input, ..dynamic(nonce, 1) })
    }

    /// A transfer by one of the other rich accounts.
    pub(super) fn transfer_of(&self, number: u64, nonce: u64) -> TxEnvelope {
        let mut transaction = TxEip1559 { gas_limit: 21_000, ..dynamic(nonce, 1) };
        let signature = sender(number).sign_transaction_sync(&mut transaction).unwrap();
        transaction.into_signed(signature).into()
    }

    /// A transfer, for a tip of `tip` gwei.
    pub(super) fn transfer(&self, nonce: u64, tip: u128) -> TxEnvelope {
        self.sign(TxEip1559 { gas_limit: 21_000, ..dynamic(nonce, tip) })
    }
}

/// The key of a rich account.
fn sender(number: u64) -> PrivateKeySigner {
    PrivateKeySigner::from_bytes(&B256::from(U256::from(number + 1_000))).unwrap()
}

fn dynamic(nonce: u64, tip: u128) -> TxEip1559 {
    TxEip1559 {
        chain_id: CHAIN_ID,
        nonce,
        gas_limit: 100_000,
        max_fee_per_gas: 10 * GWEI,
        max_priority_fee_per_gas: tip * GWEI,
        to: TxKind::Call(Address::repeat_byte(0xaa)),
        value: U256::from(1),
        access_list: AccessList::default(),
        input: Bytes::new(),
    }
}

/// A seal that nobody here checks.
fn seal(executed: &ExecutedBlock) -> SealedBlock {
    let key = OperatorKey::from_bytes(&B256::repeat_byte(0x77)).unwrap();
    let context = SigningContext { chain_id: CHAIN_ID, genesis_hash: B256::ZERO };
    let header: Sealed<_> = executed.sealed_header();
    let seal = Seal { era: Era(0), term: Term(1), height: Height(header.number), hash: header.hash() };
    SealedBlock {
        block: SignedBlock { block: consensus_block(executed.block.clone()), signature: Signature::ZERO },
        seal: Signed::new(seal, &context, &key),
    }
}
