//! Range proofs: true ones convince, and nothing else does.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod tries;

use std::{collections::BTreeMap, sync::Arc};

use alloy_primitives::{B256, Bytes, U256, keccak256};
use alloy_trie::EMPTY_ROOT_HASH;
use baton_execution::{
    MemoryState, TrieKey,
    trie::{self, InvalidRange, Leaf, ProofError, RangeProof, prove_range, verify_range},
};
use eth_trie::{EthTrie, MemoryDB, Trie};
use proptest::{prelude::*, sample::Index};
use tries::{Contents, apply, hash_builder_root, key, value};

const LAST: B256 = B256::repeat_byte(0xff);

/// A trie, and what is in it.
#[derive(Debug)]
struct Scene {
    state: MemoryState,
    owner: Option<B256>,
    root: B256,
    contents: Contents,
    nodes: BTreeMap<TrieKey, Bytes>,
}

impl Scene {
    fn new(owner: Option<B256>, contents: Contents) -> Self {
        let changes = contents.iter().map(|(key, value)| (*key, Some(value.clone()))).collect();
        let mut state = MemoryState::new();
        let built = trie::update(&state, owner, EMPTY_ROOT_HASH, changes).unwrap();
        let root = built.root;
        assert_eq!(root, hash_builder_root(&contents));
        let nodes = built.nodes.iter().map(|(key, node)| (*key, node.clone().unwrap())).collect();
        apply(&mut state, built.nodes);
        Self { state, owner, root, contents, nodes }
    }

    fn prove(&self, from: B256, max_bytes: usize) -> RangeProof {
        prove_range(&self.state, self.owner, self.root, from, max_bytes).unwrap()
    }

    fn verify(&self, from: B256, range: &RangeProof) -> Result<trie::VerifiedRange, InvalidRange> {
        verify_range(self.owner, self.root, from, range)
    }

    /// Whether what `range` says is so.
    fn is_true(&self, from: B256, range: &RangeProof) -> bool {
        let last = if range.more { range.leaves.last().map_or(from, |leaf| leaf.key) } else { LAST };
        let inside = self.contents.range(from..=last);
        let leaves = inside.map(|(key, value)| Leaf { key: *key, value: value.clone().into() });
        let more = self.contents.keys().any(|key| *key > last);
        leaves.eq(range.leaves.iter().cloned()) && more == range.more
    }
}

fn contents() -> impl Strategy<Value = Contents> {
    prop::collection::btree_map(key(), value().prop_filter_map("a value", |value| value), 0..60)
}

fn scene() -> impl Strategy<Value = Scene> {
    (contents(), any::<bool>()).prop_map(|(contents, owner)| Scene::new(owner.then(|| B256::repeat_byte(7)), contents))
}

/// A key to begin with: of the trie, right beside one, or any.
fn start(contents: &Contents, index: Index, offset: i8) -> B256 {
    if contents.is_empty() || offset == 5 {
        return keccak256([index.index(256) as u8]);
    }
    let key = U256::from_be_bytes(contents.keys().nth(index.index(contents.len())).unwrap().0);
    match offset {
        -1 => key.wrapping_sub(U256::from(1)),
        1 => key.wrapping_add(U256::from(1)),
        4 => U256::ZERO,
        _ => key,
    }
    .into()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn stretches_that_cover_the_keys_leave_the_whole_trie_behind(scene in scene(), max_bytes in 0usize..2000) {
        let mut from = Some(B256::ZERO);
        let (mut nodes, mut leaves) = (BTreeMap::new(), Contents::new());
        while let Some(begin) = from {
            let range = scene.prove(begin, max_bytes);
            prop_assert!(scene.is_true(begin, &range));
            let bytes: usize = range.leaves.iter().map(|leaf| leaf.value.len() + 32).sum();
            prop_assert!(bytes <= max_bytes || range.leaves.len() == 1);
            let verified = scene.verify(begin, &range).unwrap();
            nodes.extend(verified.nodes);
            leaves.extend(range.leaves.into_iter().map(|leaf| (leaf.key, leaf.value.to_vec())));
            from = verified.next;
        }
        prop_assert_eq!(leaves, scene.contents);
        prop_assert_eq!(nodes, scene.nodes);
    }

    #[test]
    fn what_is_to_be_persisted_convinces_the_outside_judge(
        scene in scene(), index in any::<Index>(), offset in -1i8..6, max_bytes in 0usize..2000,
    ) {
        let from = start(&scene.contents, index, offset);
        let range = scene.prove(from, max_bytes);
        let judge = EthTrie::new(Arc::new(MemoryDB::new(false)));
        let nodes = scene.verify(from, &range).unwrap().nodes;
        let nodes: Vec<_> = nodes.into_iter().map(|(_, node)| node.to_vec()).collect();
        // An empty trie has no root to begin with.
        let begin = (!scene.contents.is_empty()).then_some(from);
        for key in range.leaves.iter().map(|leaf| leaf.key).chain(begin) {
            let proved = judge.verify_proof(scene.root.0.into(), key.as_slice(), nodes.clone()).unwrap();
            prop_assert_eq!(proved.as_ref(), scene.contents.get(&key));
        }
    }

    #[test]
    fn every_change_to_a_proof_is_refused(
        scene in scene(), index in any::<Index>(), offset in -1i8..6, max_bytes in 0usize..2000,
        other in key(), at in any::<Index>(), made_up in value(),
    ) {
        let from = start(&scene.contents, index, offset);
        let range = scene.prove(from, max_bytes);
        prop_assert!(scene.verify(from, &range).is_ok());
        let refused = |what: &str, change: &dyn Fn(&mut RangeProof)| {
            let mut changed = range.clone();
            change(&mut changed);
            assert_ne!(changed, range, "{what}");
            assert!(scene.verify(from, &changed).is_err(), "{what}: {changed:?}");
        };
        for i in 0..range.leaves.len() {
            // Without its last leaf it is a shorter range, which the same nodes may prove.
            let mut shorter = range.clone();
            shorter.leaves.remove(i);
            let is_shorter = range.more && i > 0 && i + 1 == range.leaves.len();
            prop_assert!(scene.verify(from, &shorter).is_err() || is_shorter && scene.is_true(from, &shorter));
            refused("a leaf comes twice", &|range| range.leaves.insert(i, range.leaves[i].clone()));
            refused("a value is altered", &|range| {
                let mut value = range.leaves[i].value.to_vec();
                let byte = at.index(value.len());
                value[byte] ^= 1;
                range.leaves[i].value = value.into();
            });
            refused("a value is emptied", &|range| range.leaves[i].value = Bytes::new());
            refused("a key is altered", &|range| range.leaves[i].key[at.index(32)] ^= 0x10);
            if i > 0 {
                refused("leaves are swapped", &|range| range.leaves.swap(i - 1, i));
            }
        }
        if !range.leaves.is_empty() {
            refused("all leaves are dropped", &|range| range.leaves.clear());
            refused("all leaves are dropped and none follow", &|range| {
                range.leaves.clear();
                range.more = false;
            });
        }
        if !scene.contents.contains_key(&other) {
            refused("a leaf is made up", &|range| {
                let value = made_up.clone().unwrap_or_default().into();
                let place = range.leaves.partition_point(|leaf| leaf.key < other);
                range.leaves.insert(place, Leaf { key: other, value });
            });
        }
        refused("it is the other way with what follows", &|range| range.more = !range.more);
        for i in 0..range.nodes.len() {
            refused("a node is dropped", &|range| drop(range.nodes.remove(i)));
            refused("a node comes twice", &|range| range.nodes.insert(i, range.nodes[i].clone()));
            refused("a node is altered", &|range| {
                let mut node = range.nodes[i].to_vec();
                let byte = at.index(node.len());
                node[byte] ^= 1;
                range.nodes[i] = node.into();
            });
        }
        if range.nodes.len() > 1 {
            refused("nodes are swapped", &|range| range.nodes.swap(0, 1));
        }
        refused("a node is added", &|range| range.nodes.push(Bytes::from_static(&[0xc0])));

        // Under another trie, or from another key, what is accepted is true.
        if let Ok(verified) = scene.verify(other, &range) {
            prop_assert!(scene.is_true(other, &range));
            for (key, node) in verified.nodes {
                prop_assert_eq!(scene.nodes.get(&key), Some(&node));
            }
        }
        prop_assert!(verify_range(scene.owner, B256::repeat_byte(9), from, &range).is_err());
    }

    #[test]
    fn what_is_accepted_is_true(
        scene in scene(), from in key(), picked in prop::collection::vec(any::<bool>(), 60), more in any::<bool>(),
        boundary in key(), max_bytes in 0usize..2000,
    ) {
        // Any choice of leaves, with the nodes of another proof.
        let pairs = scene.contents.iter().zip(picked).filter(|((key, _), picked)| *picked || **key >= boundary);
        let leaves = pairs.map(|((key, value), _)| Leaf { key: *key, value: value.clone().into() }).collect();
        let range = RangeProof { leaves, more, nodes: scene.prove(boundary, max_bytes).nodes };
        for from in [from, boundary, B256::ZERO] {
            prop_assert!(scene.verify(from, &range).is_err() || scene.is_true(from, &range));
        }
    }

    #[test]
    fn malformed_nodes_are_refused(
        bytes in prop::collection::vec(any::<u8>(), 0..100), scene in scene(), from in key(), at in any::<Index>(),
        byte in any::<u8>(), cut in any::<Index>(),
    ) {
        // The root is that of the malformed node, so that only its form can be at fault.
        let check = |node: Vec<u8>| {
            let root = keccak256(&node);
            let range = RangeProof { leaves: Vec::new(), more: false, nodes: vec![node.into()] };
            let _ = verify_range(None, root, from, &range);
        };
        check(bytes);
        if let Some(root) = scene.nodes.values().next() {
            let mut node = root.to_vec();
            let place = at.index(node.len());
            node[place] = byte;
            check(node.clone());
            node.truncate(cut.index(node.len()));
            check(node);
        }
    }
}

#[test]
fn an_empty_trie_has_one_empty_range() {
    let scene = Scene::new(None, Contents::new());
    for from in [B256::ZERO, B256::repeat_byte(1), LAST] {
        let range = scene.prove(from, 1000);
        assert_eq!(range, RangeProof::default());
        let verified = scene.verify(from, &range).unwrap();
        assert_eq!((verified.nodes.len(), verified.next), (0, None));
        let leaf = Leaf { key: LAST, value: vec![1].into() };
        assert!(scene.verify(from, &RangeProof { leaves: vec![leaf], ..range.clone() }).is_err());
        assert!(scene.verify(from, &RangeProof { more: true, ..range.clone() }).is_err());
        assert!(scene.verify(from, &RangeProof { nodes: vec![vec![0x80].into()], ..range }).is_err());
    }
}

#[test]
fn a_single_leaf_is_its_own_root() {
    let key = B256::repeat_byte(0x77);
    let scene = Scene::new(None, Contents::from([(key, vec![1])]));
    let whole = scene.prove(B256::ZERO, 0);
    assert_eq!((whole.leaves.len(), whole.more, whole.nodes.len()), (1, false, 0));
    assert_eq!(scene.verify(B256::ZERO, &whole).unwrap().nodes.len(), 1);
    let rest = scene.prove(B256::repeat_byte(0x78), 0);
    assert_eq!((rest.leaves.len(), rest.more, rest.nodes.len()), (0, false, 1));
    assert_eq!(scene.verify(B256::repeat_byte(0x78), &rest).unwrap().next, None);
    assert!(scene.verify(key, &rest).is_err(), "the leaf is withheld");
}

#[test]
fn the_highest_key_is_the_end() {
    let scene = Scene::new(None, Contents::from([(B256::ZERO, vec![1; 40]), (LAST, vec![2; 40])]));
    let first = scene.prove(B256::ZERO, 0);
    assert!(first.more);
    let next = scene.verify(B256::ZERO, &first).unwrap().next.unwrap();
    let second = scene.prove(next, 0);
    assert_eq!((second.leaves[0].key, second.more), (LAST, false));
    assert_eq!(scene.verify(next, &second).unwrap().next, None);
    assert!(scene.verify(next, &RangeProof { more: true, ..second }).is_err());
}

#[test]
fn another_root_is_not_proved() {
    let scene = Scene::new(None, Contents::from([(LAST, vec![1])]));
    let proof = prove_range(&scene.state, None, B256::repeat_byte(3), B256::ZERO, 1000);
    assert!(matches!(proof, Err(ProofError::NotStored { .. })));
}
