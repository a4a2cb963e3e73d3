//! A small chain to write and read.

use alloy_consensus::{BlockBody, Header, SignableTransaction, TxEip1559, TxEnvelope};
use alloy_primitives::{Address, B64, B256, Bloom, Bytes, TxKind, U256, keccak256};
use baton_consensus::{
    election::Priorities,
    evidence::Evidence,
    finality::{FinalityProof, QuorumCertificate, SetChange},
    keys::{BlsPublicKey, BlsSignature, OperatorKey},
    messages::{Announcement, Checkpoint, CheckpointRef, L1Anchor, Proposal, Seal, Skip, SkipReason},
    signing::{Signed, SigningContext},
    types::{
        Block, BlockRef, Epoch, Era, ExtraData, Height, Round, SealedBlock, Sequencer, SequencerSet, SignedBlock,
        Stake, Term,
    },
};
use baton_storage::{
    BlockCommit, GenesisCommit, JournalWrite, StateChanges, Store, StoreOptions, StoredAccount, StoredLog,
    StoredReceipt,
};
use rocksdb::{DB, Options};
use std::{path::Path, sync::Arc};

/// The chain of all tests.
pub(crate) const CHAIN_ID: u64 = 7_357;

/// Options that open fast and write table files early.
pub(crate) fn options() -> StoreOptions {
    StoreOptions { cache_bytes: 8 << 20, write_buffer_bytes: 8 << 20, ..StoreOptions::default() }
}

/// Options that begin a new table file and a new log with every few MiB.
pub(crate) fn small_files() -> StoreOptions {
    StoreOptions { write_buffer_bytes: 4 << 20, wal_bytes: 4 << 20, ..options() }
}

/// Bytes that do not compress.
pub(crate) fn noise(seed: u64, bytes: u64) -> Vec<u8> {
    (0..bytes / 32).flat_map(|word| keccak256([seed, word].map(u64::to_be_bytes).concat()).0).collect()
}

/// Options with which a store can be opened as a database: those that it was written with, as far as they are asked for again.
pub(crate) fn tracking_logs() -> Options {
    let mut options = Options::default();
    options.set_track_and_verify_wals_in_manifest(true);
    options
}

/// The database as it is on the disk, without the store around it.
pub(crate) fn read_only(path: &Path) -> DB {
    let options = tracking_logs();
    let names = DB::list_cf(&options, path).unwrap();
    DB::open_cf_for_read_only(&options, path, names, false).unwrap()
}

/// An open store with genesis in it.
pub(crate) fn open(path: &Path) -> Store {
    open_with(path, &options())
}

/// An open store with genesis in it.
pub(crate) fn open_with(path: &Path, options: &StoreOptions) -> Store {
    let store = Store::open(path, options).unwrap();
    store.initialize(&genesis()).unwrap();
    store
}

/// The key that signs everything.
pub(crate) fn operator() -> OperatorKey {
    OperatorKey::from_bytes(&B256::repeat_byte(7)).unwrap()
}

/// What signatures are valid for.
pub(crate) fn context() -> SigningContext {
    SigningContext { chain_id: CHAIN_ID, genesis_hash: genesis().genesis_hash }
}

fn header(number: u64) -> Header {
    Header {
        number,
        gas_limit: 30_000_000,
        timestamp: 1_700_000_000 + number,
        base_fee_per_gas: Some(7),
        withdrawals_root: Some(alloy_consensus::EMPTY_ROOT_HASH),
        blob_gas_used: Some(0),
        excess_blob_gas: Some(0),
        parent_beacon_block_root: Some(B256::ZERO),
        nonce: B64::ZERO,
        logs_bloom: Bloom::ZERO,
        ..Header::default()
    }
}

/// Block 0 and one funded account.
pub(crate) fn genesis() -> GenesisCommit {
    let block =
        Block { header: header(0), body: BlockBody { withdrawals: Some(Default::default()), ..Default::default() } };
    let state = StateChanges { accounts: vec![(Address::repeat_byte(1), Some(account(0)))], ..Default::default() };
    GenesisCommit { chain_id: CHAIN_ID, genesis_hash: block.header.hash_slow(), block, state }
}

/// An account that is told apart by its nonce.
pub(crate) fn account(nonce: u64) -> StoredAccount {
    StoredAccount {
        nonce,
        balance: U256::from(10).pow(U256::from(18)),
        code_hash: keccak256([]),
        storage_root: alloy_consensus::EMPTY_ROOT_HASH,
    }
}

/// A transfer with a made-up signature.
pub(crate) fn transaction(nonce: u64) -> TxEnvelope {
    let transfer = TxEip1559 {
        chain_id: CHAIN_ID,
        nonce,
        gas_limit: 21_000,
        max_fee_per_gas: 1_000_000_000,
        max_priority_fee_per_gas: 1_000,
        to: TxKind::Call(Address::repeat_byte(2)),
        value: U256::from(1),
        ..TxEip1559::default()
    };
    let signature = alloy_primitives::Signature::new(U256::from(nonce + 1), U256::from(5), false);
    TxEnvelope::Eip1559(transfer.into_signed(signature))
}

/// The epoch of a height when three blocks make one.
pub(crate) fn epoch_of(height: Height) -> ExtraData {
    ExtraData { era: Era(0), term: Term(1), epoch: Epoch(height.0.saturating_sub(1) / 3 + 1) }
}

/// A block on `parent` that its leader signed.
pub(crate) fn signed_block(parent: BlockRef, transactions: Vec<TxEnvelope>) -> SignedBlock {
    let height = parent.height.next();
    let header = Header {
        parent_hash: parent.hash,
        beneficiary: operator().address(),
        extra_data: epoch_of(height).to_bytes(),
        gas_used: 21_000 * transactions.len() as u64,
        ..header(height.0)
    };
    let hash = header.hash_slow();
    let body = BlockBody { transactions, withdrawals: Some(Default::default()), ..Default::default() };
    let proposal = Signed::new(Proposal::new(epoch_of(height), height, hash), &context(), &operator());
    SignedBlock { block: Block { header, body }, signature: proposal.signature }
}

/// A sealed block on `parent`.
pub(crate) fn sealed_block(parent: BlockRef, transactions: Vec<TxEnvelope>) -> SealedBlock {
    let block = signed_block(parent, transactions);
    let height = parent.height.next();
    let position = epoch_of(height);
    let seal = Seal { era: position.era, term: position.term, height, hash: block.block.header.hash_slow() };
    SealedBlock { block, seal: Signed::new(seal, &context(), &operator()) }
}

/// A commit on `parent` with `count` transactions and the given changes.
pub(crate) fn commit(parent: BlockRef, count: u64, state: StateChanges) -> BlockCommit {
    let height = parent.height.next();
    let transactions = (0..count).map(|index| transaction(height.0 * 1_000_000 + index)).collect();
    let block = sealed_block(parent, transactions);
    BlockCommit {
        hash: block.seal.message.hash,
        block: Arc::new(block),
        senders: (0..count).map(|index| Address::left_padding_from(&index.to_be_bytes())).collect(),
        receipts: (0..count).map(|index| receipt(index + 1)).collect(),
        state,
        journal: Vec::new(),
        finalized: None,
    }
}

/// The receipt of a transfer that logs.
pub(crate) fn receipt(number: u64) -> StoredReceipt {
    StoredReceipt {
        tx_type: 2,
        success: true,
        cumulative_gas_used: 21_000 * number,
        gas_used: 21_000,
        contract_address: number.is_multiple_of(2).then(|| Address::repeat_byte(3)),
        logs: vec![StoredLog {
            address: Address::repeat_byte(4),
            topics: vec![B256::repeat_byte(5), B256::repeat_byte(6)],
            data: Bytes::from_static(b"data"),
        }],
    }
}

/// Changes that set the funded account's nonce, one slot and one trie node to `value`.
pub(crate) fn changes(value: u64) -> StateChanges {
    let address = Address::repeat_byte(1);
    StateChanges {
        accounts: vec![(address, Some(account(value)))],
        slots: vec![(address, U256::from(value % 4), U256::from(value))],
        code: vec![(B256::with_last_byte(value.to_be_bytes()[7]), Bytes::copy_from_slice(&value.to_be_bytes()))],
        trie: vec![(b"root".to_vec(), Some(Bytes::copy_from_slice(&value.to_be_bytes())))],
    }
}

/// Extends the chain by `count` blocks.
pub(crate) fn extend(store: &Store, count: u64) -> Vec<BlockRef> {
    let one = || {
        let parent = store.head();
        store.commit_block(&commit(parent, 2, changes(parent.height.0 + 1))).unwrap();
        store.head()
    };
    (0..count).map(|_| one()).collect()
}

/// A journal entry.
pub(crate) fn entry(key: u64, value: &[u8]) -> JournalWrite {
    JournalWrite { key: key.to_be_bytes().to_vec(), value: Bytes::copy_from_slice(value) }
}

/// The announcement of an epoch of three blocks in term 1.
pub(crate) fn announcement(epoch: u64) -> Signed<Announcement> {
    let first = (epoch - 1) * 3 + 1;
    let message = Announcement {
        era: Era(0),
        term: Term(1),
        epoch: Epoch(epoch),
        leader: operator().address(),
        first: Height(first),
        last: Height(first + 2),
        parent: B256::repeat_byte(8),
        previous: B256::repeat_byte(9),
        skipped: vec![Skip { sequencer: Address::repeat_byte(10), reason: SkipReason::Late }],
    };
    Signed::new(message, &context(), &operator())
}

/// A made-up proof that a block is final.
pub(crate) fn proof(head: BlockRef) -> FinalityProof {
    let checkpoint = Checkpoint {
        era: Era(0),
        term: Term(1),
        round: Round(head.height.0 + 1),
        head,
        state_root: B256::repeat_byte(11),
        parent: CheckpointRef::genesis(context().genesis_hash),
        set_root: B256::repeat_byte(12),
        anchor: L1Anchor::default(),
        next_set_root: None,
    };
    let certified = Checkpoint { round: checkpoint.round.next(), parent: checkpoint.reference(), ..checkpoint };
    let signature = BlsSignature([13; 96].into());
    FinalityProof { checkpoint, child: QuorumCertificate { checkpoint: certified, signers: vec![7].into(), signature } }
}

/// A made-up end of era 0 with this block.
pub(crate) fn set_change(head: BlockRef) -> SetChange {
    let member = |number: u64| Sequencer {
        address: Address::with_last_byte(u8::try_from(number).unwrap()),
        bls_public_key: BlsPublicKey([14; 48].into()),
        weight: Stake(U256::from(number)),
        peer_id: String::new(),
    };
    let set = SequencerSet::new(vec![member(1)]).unwrap();
    let priorities = Priorities::genesis(&set);
    let open = proof(head);
    let next_set_root = Some(priorities.set_root(&set));
    let checkpoint =
        Checkpoint { next_set_root, anchor: L1Anchor { number: 5, hash: B256::repeat_byte(15) }, ..open.checkpoint };
    SetChange { proof: FinalityProof { checkpoint, ..open }, members: set.members().to_vec(), priorities }
}

/// Two seals of one height.
pub(crate) fn evidence(height: u64) -> Evidence {
    let seal = |byte| {
        let hash = B256::repeat_byte(byte);
        Signed::new(Seal { era: Era(0), term: Term(1), height: Height(height), hash }, &context(), &operator())
    };
    Evidence::Seal(Box::new([seal(1), seal(2)]))
}
