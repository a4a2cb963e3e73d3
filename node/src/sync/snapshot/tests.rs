//! What is served is taken over whole; what is altered, cut or a crumb is refused.

use super::{
    plan::{Part, Plan},
    serve,
    writer::{self, BadPiece, StorageTrie},
};
use crate::{
    chain::{init_genesis, state_changes},
    genesis::Genesis,
    testing::Committee,
};
use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use baton_consensus::types::Height;
use baton_execution::{
    GenesisAccount, genesis_state,
    trie::{self, RangeProof},
};
use baton_network::{Chunk, ChunkPart, MAX_CHUNK_CODES, MAX_CHUNK_TRIES, TrieLeaf, TrieRange};
use baton_storage::{PinnedState, StateChanges, Store, StoreOptions, StoredAccount};
use std::collections::BTreeMap;
use tempfile::TempDir;

/// More accounts, and slots of one contract, than fit into one piece.
const ACCOUNTS: u64 = 8_000;
const SLOTS: u64 = 12_000;

/// A pinned state.
struct Served {
    store: Store,
    pin: PinnedState,
    root: B256,
    whole: Contents,
    _directory: TempDir,
}

/// A state, in order.
#[derive(Debug, Default, PartialEq, Eq)]
struct Contents {
    accounts: BTreeMap<Address, Option<StoredAccount>>,
    slots: BTreeMap<(Address, U256), U256>,
    code: BTreeMap<B256, Bytes>,
    trie: BTreeMap<Vec<u8>, Option<Bytes>>,
}

impl Contents {
    fn add(&mut self, StateChanges { accounts, slots, code, trie }: StateChanges) {
        self.accounts.extend(accounts);
        self.slots.extend(slots.into_iter().map(|(address, slot, value)| ((address, slot), value)));
        self.code.extend(code);
        self.trie.extend(trie);
    }
}

/// Every hundredth account is a contract; the first one has many slots.
fn account(number: u64) -> (Address, GenesisAccount) {
    let is_contract = number.is_multiple_of(100);
    let slots = if number == 0 { SLOTS } else { number / 100 };
    let storage = (0..slots).map(|slot| (U256::from(slot), U256::from(slot).pow(U256::from(5)) + U256::from(1)));
    let account = GenesisAccount {
        nonce: number,
        balance: U256::from(number).pow(U256::from(6)),
        code: if is_contract { Bytes::from(number.to_be_bytes().repeat(100)) } else { Bytes::new() },
        storage: if is_contract { storage.collect() } else { BTreeMap::new() },
    };
    (Address::from_word(keccak256(number.to_be_bytes())), account)
}

impl Served {
    fn new() -> Self {
        let mut file = Committee::new(1).file;
        file.alloc.extend((0..ACCOUNTS).map(account));
        let (diff, root) = genesis_state(&file.alloc).unwrap();
        let mut whole = Contents::default();
        whole.add(state_changes(&diff));
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(directory.path(), &StoreOptions::default()).unwrap();
        init_genesis(&store, &Genesis::new(file).unwrap()).unwrap();
        let pin = store.pin(Height(0)).unwrap();
        Self { store, pin, root, whole, _directory: directory }
    }

    fn chunk(&self, part: ChunkPart) -> Chunk {
        serve::chunk(&self.store, &self.pin, part).unwrap()
    }

    fn accounts(&self, from: B256) -> TrieRange {
        match self.chunk(ChunkPart::Accounts(from)) {
            Chunk::Accounts(range) => range,
            other => panic!("{other:?}"),
        }
    }

    fn storage(&self, tries: &[StorageTrie], from: B256) -> Vec<TrieRange> {
        match self.chunk(ChunkPart::Storage(tries.iter().map(|trie| (trie.owner, trie.root)).collect(), from)) {
            Chunk::Storage(ranges) => ranges,
            other => panic!("{other:?}"),
        }
    }

    fn code(&self, hashes: &[B256]) -> Vec<Bytes> {
        match self.chunk(ChunkPart::Code(hashes.to_vec())) {
            Chunk::Code(codes) => codes,
            other => panic!("{other:?}"),
        }
    }
}

/// What makes an answer false, and how.
type Change<'a, T> = (&'a str, &'a dyn Fn(&mut T));

/// The part that is the whole state.
fn everything() -> Part {
    Plan::whole().parts()[0]
}

#[test]
fn a_state_that_is_taken_over_in_parts_is_the_same_state() {
    let served = Served::new();
    let (mut taken, mut pieces) = (Contents::default(), 0);
    let mut plan = Plan::whole();
    plan.cut(U256::MAX / U256::from(5));
    assert!(plan.parts().len() > 4);
    while let Some(part) = plan.parts().pop() {
        let accounts = writer::accounts(served.root, part, served.accounts(part.next)).unwrap();
        for tries in accounts.tries.chunks(MAX_CHUNK_TRIES) {
            let (mut rest, mut from) = (tries, B256::ZERO);
            while !rest.is_empty() {
                let slots = writer::slots(rest, from, served.storage(rest, from)).unwrap();
                (rest, from) = (&rest[slots.complete..], slots.next);
                taken.add(slots.changes);
                pieces += 1;
            }
        }
        for hashes in accounts.code.chunks(MAX_CHUNK_CODES) {
            taken.add(writer::code(hashes, served.code(hashes)).unwrap());
        }
        plan.advance(part.next, accounts.next);
        taken.add(accounts.changes);
        pieces += 1;
    }
    assert!(pieces > 8, "{pieces} pieces are one for each part");
    assert_eq!(taken, served.whole);
}

#[test]
fn an_altered_piece_is_refused() {
    let served = Served::new();
    let accounts = |range| writer::accounts(served.root, everything(), range);
    let honest = served.accounts(B256::ZERO);
    assert!(honest.more);
    let first = accounts(honest.clone()).unwrap();
    let altered: [Change<'_, TrieRange>; 8] = [
        ("an account", &|range| range.leaves[3].value = range.leaves[4].value.clone()),
        ("an address", &|range| range.leaves[3].key = Address::ZERO.to_vec().into()),
        ("no address", &|range| range.leaves[3].key = Bytes::new()),
        ("no account", &|range| range.leaves[3].value = Bytes::new()),
        ("one less", &|range| drop(range.leaves.remove(3))),
        ("the end is hidden", &|range| range.more = false),
        ("no proof", &|range| range.proof.clear()),
        ("nothing", &|range| *range = TrieRange::default()),
    ];
    for (what, change) in altered {
        let mut range = honest.clone();
        change(&mut range);
        assert!(accounts(range).is_err(), "{what}");
    }

    let (large, _) = account(0);
    let tries: Vec<_> = first.tries.into_iter().filter(|trie| trie.address != large).take(2).collect();
    let ranges = served.storage(&tries, B256::ZERO);
    assert_eq!(ranges.len(), 2);
    writer::slots(&tries, B256::ZERO, ranges.clone()).unwrap();
    let altered: [Change<'_, Vec<TrieRange>>; 5] = [
        ("a value", &|ranges| ranges[0].leaves[1].value = ranges[0].leaves[0].value.clone()),
        ("a slot", &|ranges| ranges[0].leaves[1].key = B256::repeat_byte(1).into()),
        ("another order", &|ranges| ranges.reverse()),
        ("one too many", &|ranges| ranges.push(TrieRange::default())),
        ("none", &Vec::clear),
    ];
    for (what, change) in altered {
        let mut changed = ranges.clone();
        change(&mut changed);
        assert!(writer::slots(&tries, B256::ZERO, changed).is_err(), "{what}");
    }

    let hashes = &first.code[..2];
    let mut codes = served.code(hashes);
    writer::code(hashes, codes.clone()).unwrap();
    codes.reverse();
    assert!(matches!(writer::code(hashes, codes), Err(BadPiece::Code)));
    assert!(matches!(writer::code(hashes, Vec::new()), Err(BadPiece::Kind)));
}

#[test]
fn crumbs_are_refused() {
    let served = Served::new();
    let root = served.root;
    let crumb = served.pin.read(move |view| {
        let state = crate::chain::LentState::new(view);
        let RangeProof { leaves, more, nodes } = trie::prove_range(&state, None, root, B256::ZERO, 1_000).unwrap();
        let leaf = |leaf: trie::Leaf| TrieLeaf {
            key: view.address_of(leaf.key).unwrap().unwrap().to_vec().into(),
            value: leaf.value,
        };
        TrieRange { leaves: leaves.into_iter().map(leaf).collect(), proof: nodes, more }
    });
    let refused = writer::accounts(served.root, everything(), crumb.unwrap());
    assert!(matches!(refused, Err(BadPiece::Crumbs(_))), "{refused:?}");
    // The end may be as small as it is.
    let last = served.accounts(B256::repeat_byte(0xff));
    assert!(writer::accounts(served.root, Part { next: B256::repeat_byte(0xff), ..everything() }, last).is_ok());
}
