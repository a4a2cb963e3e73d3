use super::*;
use crate::testing::{CONTEXT, Committee};
use crate::types::{Round, Stake, Term};
use alloy_primitives::U256;

const ANCHOR: L1Anchor = L1Anchor { number: 9, hash: B256::repeat_byte(9) };

/// A closing checkpoint of the first era, in this term and round, and the set that it names.
fn closing(term: u64, round: u64) -> (Checkpoint, Committee) {
    let committee = Committee::new(&[3, 2, 2, 1]);
    let next = committee.successor();
    let next_set_root = Some(next.electorate.set_root);
    let checkpoint = Checkpoint { anchor: ANCHOR, next_set_root, ..committee.checkpoint(1) };
    (Checkpoint { term: Term(term), round: Round(round), ..checkpoint }, next)
}

fn after(closing: &Checkpoint, next: &Committee) -> Result<Reign, InvalidSuccession> {
    Reign::after(CONTEXT, closing, next.electorate.set.members().to_vec(), next.priorities.clone())
}

#[test]
fn an_era_is_the_same_whichever_proof_opens_it() {
    let (first, next) = closing(1, 4);
    let reign = after(&first, &next).unwrap();
    assert_eq!((reign.era(), reign.base, reign.anchor), (Era(1), first.head, ANCHOR));
    assert_eq!(reign.electorate, next.electorate);
    let (second, _) = closing(3, 2);
    let parent = first.reference();
    assert_ne!(Checkpoint { parent, ..second }.hash(), first.hash());
    assert_eq!(after(&Checkpoint { parent, ..second }, &next), Ok(reign));
}

#[test]
fn whatever_differs_makes_another_root() {
    let (checkpoint, next) = closing(1, 4);
    let root = |checkpoint: &Checkpoint| after(checkpoint, &next).unwrap().root.hash;
    let BlockRef { height, hash } = checkpoint.head;
    let others = [
        Checkpoint { era: Era(1), ..checkpoint },
        Checkpoint { head: BlockRef { height: height.next(), hash }, ..checkpoint },
        Checkpoint { head: BlockRef { height, hash: B256::ZERO }, ..checkpoint },
        Checkpoint { state_root: B256::ZERO, ..checkpoint },
        Checkpoint { anchor: L1Anchor { number: 10, ..ANCHOR }, ..checkpoint },
        Checkpoint { anchor: L1Anchor { hash: B256::ZERO, ..ANCHOR }, ..checkpoint },
    ];
    // The root of a set does not name the era.
    for other in others {
        assert_ne!(root(&other), root(&checkpoint), "{other:?}");
    }
    let mut priorities = next.priorities.clone();
    priorities.take_turn(&next.electorate.set, |_| true);
    let next_set_root = Some(priorities.set_root(&next.electorate.set));
    let turned = Committee { priorities, ..next.clone() };
    let other = after(&Checkpoint { next_set_root, ..checkpoint }, &turned).unwrap();
    assert_ne!(other.root.hash, root(&checkpoint), "the priorities");
}

#[test]
fn only_the_named_set_takes_over() {
    let (checkpoint, next) = closing(1, 4);
    let members = next.electorate.set.members().to_vec();
    let of = |members: Vec<Sequencer>, priorities: &Priorities| {
        Reign::after(CONTEXT, &checkpoint, members, priorities.clone())
    };
    let refused = Err(InvalidSuccession::SetRoot(Era(1)));
    assert_eq!(of(members[1..].to_vec(), &next.priorities), refused, "a member is missing");
    let mut heavier = members.clone();
    heavier[0].weight = Stake(U256::from(99));
    assert_eq!(of(heavier, &next.priorities), refused, "another weight");
    let mut priorities = next.priorities.clone();
    priorities.take_turn(&next.electorate.set, |_| true);
    assert_eq!(of(members.clone(), &priorities), refused, "other priorities");
    let none = of(Vec::new(), &next.priorities);
    assert_eq!(none, Err(InvalidSuccession::Set { era: Era(1), error: InvalidSet::Empty }));
    let open = Checkpoint { next_set_root: None, ..checkpoint };
    assert_eq!(after(&open, &next), Err(InvalidSuccession::NotClosing(Era(0))));
}

#[test]
fn genesis_reigns_from_block_zero() {
    let committee = Committee::new(&[3, 2, 2, 1]);
    let reign = Reign::genesis(CONTEXT, Arc::clone(&committee.electorate.set), ANCHOR);
    assert_eq!((reign.era(), reign.base.height, reign.anchor), (Era(0), Height(0), ANCHOR));
    assert_eq!(reign.root, CheckpointRef::genesis(CONTEXT.genesis_hash));
    assert_eq!(reign.electorate, committee.electorate);
}
