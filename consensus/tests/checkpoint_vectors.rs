//! The finality proofs that the tests of the L1 contract `CheckpointVerifier` submit: made of real keys by the types of this
//! crate, and kept as JSON in `contracts/test/vectors`. The files must be what is made here.
//!
//! After a change of an encoding, `BATON_UPDATE_VECTORS=1 cargo test -p baton-consensus --test checkpoint_vectors` writes
//! them anew.

#![expect(clippy::unwrap_used, reason = "the helpers of a test: what is not as expected fails it")]

use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use baton_consensus::{
    election::Priorities,
    finality::{FinalityProof, QuorumCertificate},
    keys::{BlsKey, BlsPublicKey, BlsSignature},
    messages::{Checkpoint, CheckpointPosition, CheckpointRef, L1Anchor, Vote},
    signing::SigningContext,
    types::{BlockRef, Electorate, Era, Height, Round, Sequencer, SequencerSet, Stake, Term},
};
use serde_json::{Value, json};
use std::{collections::BTreeMap, env, fs, path::PathBuf, sync::Arc};

const CONTEXT: SigningContext = SigningContext { chain_id: 27_182, genesis_hash: B256::repeat_byte(0x6e) };

#[test]
fn the_vectors_of_the_checkpoint_verifier_are_fresh() {
    for members in [4, 50, 100] {
        let chain = chain(members);
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
            .join(format!("../contracts/test/vectors/finality-of-{members}.json"));
        if env::var_os("BATON_UPDATE_VECTORS").is_some() {
            fs::write(&path, format!("{chain:#}\n")).unwrap();
        }
        let kept: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        assert!(kept == chain, "{} is stale", path.display());
    }
}

/// Two eras of a chain whose first set has so many members.
fn chain(members: u64) -> Value {
    let first = Committee::new(Era(0), 1..=members, Priorities::genesis);
    let mut turned = Priorities::genesis(&first.electorate.set);
    for _ in 0..5 {
        turned.take_turn(&first.electorate.set, |_| true);
    }
    // Two leave, two join.
    let second = Committee::new(Era(1), 3..=members + 2, |set| turned.carried_into(set));

    let one = first.checkpoint(1, 1, 1, CheckpointRef::genesis(CONTEXT.genesis_hash));
    let two = first.checkpoint(1, 2, 2, one.reference());
    let three = first.checkpoint(1, 3, 2, two.reference());
    let skipped = first.checkpoint(1, 3, 2, one.reference());
    let later = first.checkpoint(2, 1, 300, three.reference());
    let later_child = first.checkpoint(2, 2, 70_000, later.reference());
    // Rounds count on as if terms did not matter.
    let next_term = first.checkpoint(2, 4, 300, three.reference());
    let closing = Checkpoint {
        next_set_root: Some(second.electorate.set_root),
        ..first.checkpoint(2, 3, 70_000, later_child.reference())
    };
    let closing_child = Checkpoint {
        next_set_root: closing.next_set_root,
        anchor: closing.anchor,
        ..first.checkpoint(2, 4, 70_000, closing.reference())
    };
    let unrepeated = Checkpoint { next_set_root: None, ..closing_child };
    let moved = Checkpoint { anchor: L1Anchor { number: 1, ..closing.anchor }, ..closing_child };
    let opening = second.checkpoint(1, 1, 70_001, closing_child.reference());
    let opening_child = second.checkpoint(1, 2, 70_002, opening.reference());
    let foreign = Checkpoint { set_root: second.electorate.set_root, ..two };
    // What a quorum without honesty could sign: another block at a height, another checkpoint at a position, a way back.
    let at_position = Checkpoint { state_root: B256::ZERO, ..one };
    let at_position_child = Checkpoint { parent: at_position.reference(), ..two };
    let at_height = Checkpoint { head: BlockRef { hash: B256::ZERO, ..two.head }, ..three };
    let at_height_child = first.checkpoint(1, 4, 2, at_height.reference());
    let below = first.checkpoint(1, 3, 1, two.reference());
    let below_child = first.checkpoint(1, 4, 2, below.reference());
    let rewritten = first.checkpoint(1, 3, 1, two.reference());

    json!({
        "chainId": CONTEXT.chain_id,
        "genesisHash": CONTEXT.genesis_hash,
        "eras": [
            first.to_json(&[
                ("first", first.accepted(one, two)),
                ("retried", first.accepted(two, three)),
                ("nextTerm", first.accepted(later, later_child)),
                ("closing", first.accepted(closing, closing_child)),
                ("conflictAtPosition", first.accepted(at_position, at_position_child)),
                ("conflictAtHeight", first.accepted(at_height, at_height_child)),
                ("wayBack", first.accepted(below, below_child)),
                ("skippedRound", first.refused(one, skipped)),
                ("acrossTerms", first.refused(three, next_term)),
                ("changeNotRepeated", first.refused(closing, unrepeated)),
                ("anchorNotRepeated", first.refused(closing, moved)),
                ("foreignSet", first.refused(one, foreign)),
                ("notParent", first.refused(one, rewritten)),
            ]),
            second.to_json(&[("opening", second.accepted(opening, opening_child))]),
        ],
    })
}

/// A set with its keys.
struct Committee {
    keys: BTreeMap<Address, BlsKey>,
    electorate: Electorate,
    priorities: Priorities,
}

impl Committee {
    fn new(era: Era, numbers: impl Iterator<Item = u64>, priorities: impl FnOnce(&SequencerSet) -> Priorities) -> Self {
        let mut keys = BTreeMap::new();
        let mut members = Vec::new();
        for number in numbers {
            let seed = keccak256(number.to_be_bytes());
            let (address, key) = (Address::from_word(seed), BlsKey::generate(seed.as_slice()).unwrap());
            members.push(Sequencer {
                address,
                bls_public_key: key.public_key(),
                weight: Stake(weight(number)),
                // One says nothing.
                peer_id: if number == 3 { String::new() } else { format!("12D3KooW{number:0>44}") },
            });
            keys.insert(address, key);
        }
        let set = Arc::new(SequencerSet::new(members).unwrap());
        let priorities = priorities(&set);
        Self { keys, electorate: Electorate::new(CONTEXT, era, set, &priorities), priorities }
    }

    fn checkpoint(&self, term: u64, round: u64, height: u64, parent: CheckpointRef) -> Checkpoint {
        Checkpoint {
            era: self.electorate.era,
            term: Term(term),
            round: Round(round),
            head: BlockRef { height: Height(height), hash: keccak256(format!("block {height}")) },
            state_root: keccak256(format!("state {height}")),
            parent,
            set_root: self.electorate.set_root,
            anchor: L1Anchor { number: 20_000_000 + height / 100, hash: keccak256(format!("anchor {height}")) },
            next_set_root: None,
        }
    }

    /// A proof that a node takes.
    fn accepted(&self, checkpoint: Checkpoint, child: Checkpoint) -> FinalityProof {
        let proof = self.proof(checkpoint, child);
        proof.verify(&self.electorate).unwrap();
        proof
    }

    /// What a node refuses, though a quorum signed it.
    fn refused(&self, checkpoint: Checkpoint, child: Checkpoint) -> FinalityProof {
        let proof = self.proof(checkpoint, child);
        proof.verify(&self.electorate).unwrap_err();
        proof
    }

    /// Signed by as few as a quorum needs: the heaviest.
    fn proof(&self, checkpoint: Checkpoint, child: Checkpoint) -> FinalityProof {
        let set = &self.electorate.set;
        let digest = CONTEXT.digest(&Vote::new(child.reference()));
        let (mut weight, mut signers, mut votes) = (Stake::default(), Vec::new(), Vec::new());
        let mut heaviest: Vec<_> = set.members().iter().collect();
        heaviest.sort_by_key(|member| std::cmp::Reverse(member.weight));
        for member in heaviest {
            if weight.is_quorum_of(set.total()) {
                break;
            }
            weight = weight.checked_add(member.weight).unwrap();
            signers.push(member.address);
            votes.push(self.keys[&member.address].sign(digest));
        }
        let child = QuorumCertificate {
            checkpoint: child,
            signers: set.bitmap(signers).into(),
            signature: BlsSignature::aggregate(&votes).unwrap(),
        };
        FinalityProof { checkpoint, child }
    }

    fn to_json(&self, proofs: &[(&str, FinalityProof)]) -> Value {
        let members = self.electorate.set.members().iter().map(|member| {
            let priority = self.priorities.get(member.address).into_raw().to_be_bytes::<64>();
            json!({
                "operator": member.address,
                "weight": member.weight.0.to_string(),
                "compressedKey": member.bls_public_key,
                "publicKey": words(public_key(&member.bls_public_key).as_ref()),
                "priority": words(&priority),
                "peerId": member.peer_id,
            })
        });
        json!({
            "setRoot": self.electorate.set_root,
            "members": members.collect::<Vec<_>>(),
            "proofs": proofs.iter().map(|(name, proof)| ((*name).to_owned(), self.proof_json(proof))).collect::<Value>(),
        })
    }

    fn proof_json(&self, FinalityProof { checkpoint, child }: &FinalityProof) -> Value {
        json!({
            "checkpointHash": checkpoint.hash(),
            "childHash": child.checkpoint.hash(),
            "voteDigest": self.electorate.context.digest(&Vote::new(child.checkpoint.reference())),
            "checkpoint": checkpoint_json(checkpoint),
            "child": checkpoint_json(&child.checkpoint),
            "signers": child.signers,
            "signature": words(child.signature.to_eip2537().unwrap().as_ref()),
        })
    }
}

/// The first three weigh 1, 2 and 3, all others 3, each with 18 zeros: a group can have exactly two thirds of four.
fn weight(number: u64) -> U256 {
    U256::from(number.min(3)) * U256::from(10).pow(U256::from(18))
}

fn public_key(key: &BlsPublicKey) -> Bytes {
    Bytes::copy_from_slice(key.to_eip2537().unwrap().as_ref())
}

fn checkpoint_json(checkpoint: &Checkpoint) -> Value {
    json!({
        "position": position_json(checkpoint.position()),
        "head": { "height": checkpoint.head.height, "hash": checkpoint.head.hash },
        "stateRoot": checkpoint.state_root,
        "parent": { "position": position_json(checkpoint.parent.position), "hash": checkpoint.parent.hash },
        "setRoot": checkpoint.set_root,
        "anchor": { "number": checkpoint.anchor.number, "hash": checkpoint.anchor.hash },
        "nextSetRoot": checkpoint.next_set_root.unwrap_or_default(),
    })
}

fn position_json(position: CheckpointPosition) -> Value {
    json!({ "era": position.era, "term": position.term, "round": position.round })
}

/// In words of 32 bytes.
fn words(bytes: &[u8]) -> Vec<B256> {
    bytes.chunks_exact(32).map(B256::from_slice).collect()
}
