use super::*;
use crate::finality::{InvalidQuorum, QuorumCertificate};
use crate::messages::L1Anchor;
use crate::testing::{CONTEXT, Committee};
use crate::types::{Era, InvalidSet, Round, Term};
use alloy_primitives::{B256, FixedBytes};
use proptest::prelude::*;
use serde_json::Value;

/// A chain with set changes, each at a height that ends in 0, whose newest checkpoint is of the newest block.
struct Scene {
    committees: Vec<Committee>,
    headers: Vec<Header>,
    changes: Vec<SetChange>,
    finality: FinalityProof,
}

impl Scene {
    /// With this many set changes and blocks; ten blocks an era at least.
    fn new(changes: usize, blocks: u64) -> Self {
        let mut committees = vec![Committee::new(&[3, 2, 2, 1])];
        (0..changes).for_each(|era| committees.push(committees[era].successor()));
        let headers = chain(blocks, 1);
        let changes = (0..changes).map(|era| {
            let next = &committees[era + 1];
            let next_set_root = Some(next.electorate.set_root);
            let anchor = L1Anchor { number: 100 + era as u64, hash: B256::repeat_byte(9) };
            let checkpoint = checkpoint(&committees[era], &headers[10 * (era + 1) - 1]);
            let proof = committees[era].finality(&Checkpoint { next_set_root, anchor, ..checkpoint });
            let members = next.electorate.set.members().to_vec();
            SetChange { proof, members, priorities: next.priorities.clone() }
        });
        let changes = changes.collect();
        let newest = committees.last().unwrap();
        let finality = newest.finality(&checkpoint(newest, headers.last().unwrap()));
        Self { committees, headers, changes, finality }
    }

    /// The proof of a block so many below the newest one.
    fn proof(&self, below: usize) -> BlockProof {
        let headers = self.headers[self.headers.len() - 1 - below..].to_vec();
        BlockProof { changes: self.changes.clone(), finality: self.finality.clone(), headers }
    }

    fn genesis(&self) -> Trusted {
        Trusted::genesis(CONTEXT, Arc::clone(&self.committees[0].electorate.set))
    }

    fn block(&self, height: u64) -> BlockRef {
        let header = &self.headers[usize::try_from(height).unwrap() - 1];
        BlockRef { height: Height(height), hash: header.hash_slow() }
    }
}

/// Headers 1, 2, 3 … on genesis; another salt makes other headers.
fn chain(blocks: u64, salt: u8) -> Vec<Header> {
    let mut parent_hash = CONTEXT.genesis_hash;
    let header = |number: u64| {
        let state_root = alloy_primitives::keccak256([&number.to_be_bytes()[..], &[salt]].concat());
        let header = Header { number, parent_hash, state_root, extra_data: vec![salt; 24].into(), ..Header::default() };
        parent_hash = header.hash_slow();
        header
    };
    (1..=blocks).map(header).collect()
}

/// A checkpoint of this era whose head has this header.
fn checkpoint(committee: &Committee, header: &Header) -> Checkpoint {
    let head = BlockRef { height: Height(header.number), hash: header.hash_slow() };
    Checkpoint { round: Round(header.number), head, state_root: header.state_root, ..committee.checkpoint(1) }
}

/// Trust in a checkpoint, with the set and the priorities of this committee.
fn trust(committee: &Committee, checkpoint: Checkpoint) -> Result<Trusted, NotConvinced> {
    let members = committee.electorate.set.members().to_vec();
    let priorities = committee.priorities.clone();
    Trusted::checkpoint(CONTEXT, TrustedCheckpoint { checkpoint, members, priorities })
}

/// The paths of everything in a JSON value that is neither a list nor an object.
fn leaves(value: &Value, path: &str, found: &mut Vec<String>) {
    match value {
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(index, item)| leaves(item, &format!("{path}/{index}"), found));
        }
        Value::Object(fields) => {
            fields.iter().for_each(|(name, field)| leaves(field, &format!("{path}/{name}"), found));
        }
        _ => found.push(path.to_owned()),
    }
}

/// Another value of the same kind.
fn changed(leaf: &Value, at: usize) -> Value {
    match leaf {
        Value::Number(number) => (number.as_u64().unwrap() ^ 1 << (at % 63)).into(),
        Value::String(text) if text.len() > 2 => {
            let place = 2 + at % (text.len() - 2);
            let digit = u8::from_str_radix(&text[place..=place], 16).unwrap();
            let other = format!("{:x}", digit ^ 1 << (at % 4));
            format!("{}{other}{}", &text[..place], &text[place + 1..]).into()
        }
        Value::String(text) => format!("{text}0").into(),
        Value::Null => B256::repeat_byte(1).to_string().into(),
        other => unreachable!("{other}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// From genesis and from every closing checkpoint on.
    #[test]
    fn a_chain_of_proofs_convinces(changes in 0usize..4, more in 1u64..12, below in 0usize..10) {
        let scene = Scene::new(changes, 10 * changes as u64 + more);
        let below = below.min(scene.headers.len() - 1);
        let proof = scene.proof(below);
        let height = scene.headers.len() - below;
        let proven = scene.genesis().verify_block(&proof).unwrap();
        prop_assert_eq!(proven.block, scene.block(height as u64));
        prop_assert_eq!(&proven.header, &scene.headers[height - 1]);
        prop_assert_eq!(proven.finality.block(), scene.block(scene.headers.len() as u64));
        // What was proven is where the next proof may start.
        let again = Trusted::checkpoint(CONTEXT, proven.checkpoint());
        prop_assert_eq!(again.as_ref(), Ok(&proven.trusted));
        let rest = BlockProof { changes: Vec::new(), ..proof.clone() };
        prop_assert_eq!(&proven.trusted.verify_block(&rest).unwrap(), &proven);
        for (era, change) in scene.changes.iter().enumerate() {
            let trusted = trust(&scene.committees[era], change.proof.checkpoint).unwrap();
            let rest = BlockProof { changes: scene.changes[era..].to_vec(), ..proof.clone() };
            prop_assert_eq!(trusted.verify_block(&rest).unwrap().block, proven.block);
            // A change too many or too few is of another era.
            let all = BlockProof { changes: scene.changes[era + 1..].to_vec(), ..proof.clone() };
            prop_assert!(trusted.verify_block(&all).is_err());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// Every field of the proof, of a set change or of a header binds.
    #[test]
    fn whatever_is_changed_is_refused(changes in 0usize..3, below in 0usize..3, leaf: prop::sample::Index, at in 0usize..1000) {
        let scene = Scene::new(changes, 10 * changes as u64 + 3);
        let mut json = serde_json::to_value(scene.proof(below)).unwrap();
        prop_assert!(scene.genesis().verify_block(&serde_json::from_value(json.clone()).unwrap()).is_ok());
        let mut paths = Vec::new();
        leaves(&json, "", &mut paths);
        let path = leaf.get(&paths);
        let field = json.pointer_mut(path).unwrap();
        *field = changed(field, at);
        if let Ok(proof) = serde_json::from_value::<BlockProof>(json) {
            let verified = scene.genesis().verify_block(&proof);
            prop_assert!(verified.is_err(), "{path}: {verified:?}");
        }
    }
}

#[test]
fn a_proof_has_1_to_1024_headers() {
    let scene = Scene::new(0, MAX_HEADERS as u64 + 2);
    let genesis = scene.genesis();
    let most = scene.proof(MAX_HEADERS - 1);
    assert_eq!(most.headers.len(), MAX_HEADERS);
    assert_eq!(genesis.verify_block(&most).unwrap().block, scene.block(3));
    assert_eq!(genesis.verify_block(&scene.proof(MAX_HEADERS)), Err(NotConvinced::Size));
    let none = BlockProof { headers: Vec::new(), ..scene.proof(0) };
    assert_eq!(genesis.verify_block(&none), Err(NotConvinced::Size));
    let mut gap = scene.proof(4);
    gap.headers.remove(2);
    assert_eq!(genesis.verify_block(&gap), Err(NotConvinced::Headers(Height(gap.headers[1].number))));
    let mut short = scene.proof(4);
    short.headers.pop();
    let top = short.headers.last().unwrap().number;
    assert_eq!(genesis.verify_block(&short), Err(NotConvinced::Headers(Height(top))), "the final header is missing");
    let mut turned = scene.proof(4);
    turned.headers.reverse();
    assert!(matches!(genesis.verify_block(&turned), Err(NotConvinced::Headers(_))));
}

#[test]
fn what_contradicts_the_trusted_block_is_refused() {
    let scene = Scene::new(0, 8);
    let committee = &scene.committees[0];
    let trusted_at = |height: usize| trust(committee, checkpoint(committee, &scene.headers[height - 1])).unwrap();
    // What is trusted itself convinces, and so does what is above; what is below is older.
    assert!(trusted_at(8).verify_block(&scene.proof(0)).is_ok());
    assert!(trusted_at(3).verify_block(&scene.proof(7)).is_ok());
    let older = committee.finality(&checkpoint(committee, &scene.headers[4]));
    let (proven, trusted) = (scene.block(5), scene.block(8));
    assert_eq!(trusted_at(8).verify(&[], &older), Err(NotConvinced::Older { proven, trusted }));
    // Signed later, about what lies below.
    let later = Checkpoint { term: Term(2), ..older.checkpoint };
    let verdict = trusted_at(8).verify(&[], &committee.finality(&later));
    assert_eq!(verdict, Err(NotConvinced::Contradicts { proven, trusted }));

    let fork = chain(8, 2);
    let proven = BlockRef { height: Height(8), hash: fork[7].hash_slow() };
    let same_height = committee.finality(&Checkpoint { term: Term(2), ..checkpoint(committee, &fork[7]) });
    let verdict = trusted_at(8).verify(&[], &same_height);
    assert_eq!(verdict, Err(NotConvinced::Contradicts { proven, trusted }));

    // A higher block of another branch: only its headers tell.
    let finality = committee.finality(&checkpoint(committee, &fork[7]));
    let trusted = scene.block(6);
    assert!(trusted_at(6).verify(&[], &finality).is_ok(), "a proof alone names no ancestors");
    let proven = BlockRef { height: Height(6), hash: fork[5].hash_slow() };
    let proof = BlockProof { changes: Vec::new(), finality, headers: fork[4..].to_vec() };
    assert_eq!(trusted_at(6).verify_block(&proof), Err(NotConvinced::Contradicts { proven, trusted }));

    // The trusted checkpoint's own position, taken by another one.
    let position = checkpoint(committee, &scene.headers[5]);
    let other = Checkpoint { head: scene.block(7), state_root: scene.headers[6].state_root, ..position };
    let verdict = trusted_at(6).verify(&[], &committee.finality(&other));
    assert_eq!(verdict, Err(NotConvinced::Contradicts { proven: scene.block(7), trusted }));
}

#[test]
fn headers_contradict_no_block_on_the_way() {
    let scene = Scene::new(1, 12);
    let genesis = scene.genesis();
    let newest = &scene.committees[1];
    let fork = chain(12, 2);
    let finality = newest.finality(&checkpoint(newest, &fork[11]));
    let reaching = |from: usize| {
        let proof =
            BlockProof { changes: scene.changes.clone(), finality: finality.clone(), headers: fork[from..].to_vec() };
        genesis.verify_block(&proof)
    };
    assert!(reaching(10).is_ok(), "they lied, and no header shows it yet");
    let proven = BlockRef { height: Height(10), hash: fork[9].hash_slow() };
    assert_eq!(reaching(9), Err(NotConvinced::Contradicts { proven, trusted: scene.block(10) }));
    assert!(genesis.verify_block(&scene.proof(11)).is_ok(), "down to the first block");
}

#[test]
fn a_set_change_brings_the_set_that_was_voted_on() {
    let scene = Scene::new(2, 23);
    let verdict = |change: SetChange| {
        let changes = [change, scene.changes[1].clone()];
        scene.genesis().verify(&changes, &scene.finality)
    };
    let change = || scene.changes[0].clone();
    assert!(verdict(change()).is_ok());
    // The order in which members come does not matter: a set sorts them.
    let mut turned = change();
    turned.members.reverse();
    assert!(verdict(turned).is_ok());

    let refused = Err(NotConvinced::Succession(InvalidSuccession::SetRoot(Era(1))));
    let mut fewer = change();
    fewer.members.pop();
    assert_eq!(verdict(fewer), refused);
    let genesis = Priorities::genesis(&scene.committees[1].electorate.set);
    assert_eq!(verdict(SetChange { priorities: genesis, ..change() }), refused);
    // The root binds members' priorities alone; those of others would be carried over once they join.
    let both: Vec<_> = scene.committees[..2].iter().flat_map(|committee| priorities(&committee.priorities)).collect();
    let with_strangers = serde_json::from_value(serde_json::to_value(both).unwrap()).unwrap();
    assert_eq!(verdict(SetChange { priorities: with_strangers, ..change() }), refused);

    let mut nobody = change();
    nobody.members.clear();
    let empty = InvalidSuccession::Set { era: Era(1), error: InvalidSet::Empty };
    assert_eq!(verdict(nobody), Err(NotConvinced::Succession(empty)));
    let open = SetChange { proof: scene.committees[0].finality(&scene.committees[0].checkpoint(1)), ..change() };
    assert_eq!(verdict(open), Err(NotConvinced::Succession(InvalidSuccession::NotClosing(Era(0)))));
    let repeated = scene.genesis().verify(&[change(), change()], &scene.finality);
    assert!(matches!(repeated, Err(NotConvinced::Proof { error: InvalidProof::Quorum(InvalidQuorum::Era), .. })));
    let swapped = scene.genesis().verify(&[scene.changes[1].clone(), change()], &scene.finality);
    assert!(matches!(swapped, Err(NotConvinced::Proof { error: InvalidProof::Quorum(InvalidQuorum::Era), .. })));
    let none = scene.genesis().verify(&[], &scene.finality);
    assert!(matches!(none, Err(NotConvinced::Proof { error: InvalidProof::Quorum(InvalidQuorum::Era), .. })));
    let too_many = vec![change(); MAX_CHANGES + 1];
    assert_eq!(scene.genesis().verify(&too_many, &scene.finality), Err(NotConvinced::Size));
}

fn priorities(priorities: &Priorities) -> Vec<(alloy_primitives::Address, FixedBytes<64>)> {
    serde_json::from_value(serde_json::to_value(priorities).unwrap()).unwrap()
}

#[test]
fn who_left_the_set_convinces_nobody() {
    let scene = Scene::new(1, 12);
    let (old, new) = (&scene.committees[0], &scene.committees[1]);
    let checkpoint = scene.finality.checkpoint;
    let child = new.child(&checkpoint);
    // The old members sign for the new era.
    let forged = QuorumCertificate { signers: vec![0b1111].into(), ..old.certificate(child, &old.all()) };
    let verdict = scene.genesis().verify(&scene.changes, &FinalityProof { checkpoint, child: forged });
    assert!(matches!(verdict, Err(NotConvinced::Proof { error: InvalidProof::Quorum(InvalidQuorum::Signature), .. })));
    // A checkpoint that names another set than the one beside it is trusted by nobody.
    assert_eq!(trust(old, checkpoint), Err(NotConvinced::TrustedSet));
    let elsewhere = SigningContext { chain_id: 8, ..CONTEXT };
    let trusted = Trusted::genesis(elsewhere, Arc::clone(&old.electorate.set));
    assert!(trusted.verify(&scene.changes, &scene.finality).is_err(), "another chain");
}

#[test]
fn the_final_header_has_the_state_root_that_was_voted_on() {
    let scene = Scene::new(0, 3);
    let committee = &scene.committees[0];
    let wrong = Checkpoint { state_root: B256::ZERO, ..scene.finality.checkpoint };
    let proof = BlockProof { finality: committee.finality(&wrong), ..scene.proof(1) };
    assert_eq!(scene.genesis().verify_block(&proof), Err(NotConvinced::StateRoot(Height(3))));
}
