use crate::election::Priorities;
use crate::finality::{FinalityProof, QuorumCertificate};
use crate::keys::{BlsKey, BlsSignature, OperatorKey};
use crate::messages::{CastVote, Checkpoint, CheckpointRef, L1Anchor, Vote};
use crate::signing::{Signed, SigningContext};
use crate::types::{BlockRef, Electorate, Era, Height, Round, Sequencer, SequencerSet, Stake, Term};
use alloy_primitives::{Address, B256, U256};
use std::sync::Arc;

/// The chain of all tests.
pub(crate) const CONTEXT: SigningContext = SigningContext { chain_id: 7, genesis_hash: B256::repeat_byte(7) };

/// The members of an era's set with their keys, in order of their addresses.
#[derive(Clone, Debug)]
pub(crate) struct Committee {
    pub(crate) keys: Vec<(OperatorKey, BlsKey)>,
    pub(crate) electorate: Electorate,
    pub(crate) priorities: Priorities,
}

/// The places whose bit is set.
pub(crate) fn subset(bits: u32, members: usize) -> Vec<usize> {
    (0..members).filter(|member| bits >> member & 1 == 1).collect()
}

impl Committee {
    /// A chain's first set.
    pub(crate) fn new(weights: &[u64]) -> Self {
        Self::of_stakes(&weights.iter().copied().map(U256::from).collect::<Vec<_>>())
    }

    pub(crate) fn of_stakes(stakes: &[U256]) -> Self {
        Self::of_keys(keys(1, stakes.len()), stakes)
    }

    /// A chain's first set, of these keys.
    pub(crate) fn of_keys(keys: Vec<(OperatorKey, BlsKey)>, stakes: &[U256]) -> Self {
        let set = set_of(&keys, stakes);
        let priorities = Priorities::genesis(&set);
        Self { keys, electorate: Electorate::genesis(CONTEXT, set), priorities }
    }

    /// The set of the next era: as many members with other keys and the weights turned about.
    pub(crate) fn successor(&self) -> Self {
        let era = Era(self.electorate.era.0 + 1);
        let stakes: Vec<_> = self.electorate.set.members().iter().rev().map(|member| member.weight.0).collect();
        let keys = keys(1 + era.0 * 100, stakes.len());
        let set = set_of(&keys, &stakes);
        let mut priorities = self.priorities.carried_into(&set);
        priorities.take_turn(&set, |_| true);
        Self { keys, electorate: Electorate::new(CONTEXT, era, set, &priorities), priorities }
    }

    pub(crate) fn len(&self) -> usize {
        self.keys.len()
    }

    pub(crate) fn all(&self) -> Vec<usize> {
        (0..self.len()).collect()
    }

    pub(crate) fn address(&self, member: usize) -> Address {
        self.keys[member].0.address()
    }

    /// The place of a member.
    pub(crate) fn place(&self, address: Address) -> usize {
        self.electorate.set.index_of(address).unwrap()
    }

    /// A first checkpoint of this era, in this round of term 1, of block 10 and more.
    pub(crate) fn checkpoint(&self, round: u64) -> Checkpoint {
        let height = 10 * self.electorate.era.0 + round;
        let number = u8::try_from(height).unwrap();
        Checkpoint {
            era: self.electorate.era,
            term: Term(1),
            round: Round(round),
            head: BlockRef { height: Height(height), hash: B256::repeat_byte(number) },
            state_root: B256::repeat_byte(number.wrapping_add(100)),
            parent: CheckpointRef::genesis(CONTEXT.genesis_hash),
            set_root: self.electorate.set_root,
            anchor: L1Anchor::default(),
            next_set_root: None,
        }
    }

    /// The checkpoint of the next round on this one, with the same head.
    pub(crate) fn child(&self, parent: &Checkpoint) -> Checkpoint {
        Checkpoint { round: parent.round.next(), parent: parent.reference(), ..*parent }
    }

    pub(crate) fn vote(&self, member: usize, checkpoint: CheckpointRef) -> BlsSignature {
        self.keys[member].1.sign(CONTEXT.digest(&Vote::new(checkpoint)))
    }

    /// A vote as it travels.
    pub(crate) fn cast(&self, member: usize, checkpoint: CheckpointRef) -> Signed<CastVote> {
        let (operator, bls) = &self.keys[member];
        CastVote::sign(Vote::new(checkpoint), &CONTEXT, (operator, bls))
    }

    /// A vote whose operator signature is good, with this in place of the BLS signature.
    pub(crate) fn cast_with(
        &self,
        member: usize,
        checkpoint: CheckpointRef,
        signature: BlsSignature,
    ) -> Signed<CastVote> {
        Signed::new(CastVote { vote: Vote::new(checkpoint), signature }, &CONTEXT, &self.keys[member].0)
    }

    /// The votes of these members, added up; nothing is checked.
    pub(crate) fn certificate(&self, checkpoint: Checkpoint, signers: &[usize]) -> QuorumCertificate {
        let votes: Vec<_> = signers.iter().map(|member| self.vote(*member, checkpoint.reference())).collect();
        QuorumCertificate {
            checkpoint,
            signers: self.bitmap(signers).into(),
            signature: BlsSignature::aggregate(&votes).unwrap(),
        }
    }

    pub(crate) fn bitmap(&self, signers: &[usize]) -> Vec<u8> {
        self.electorate.set.bitmap(signers.iter().map(|member| self.address(*member)))
    }

    /// What makes a checkpoint's head final: its child, with everyone's votes.
    pub(crate) fn finality(&self, checkpoint: &Checkpoint) -> FinalityProof {
        let child = self.certificate(self.child(checkpoint), &self.all());
        FinalityProof { checkpoint: *checkpoint, child }
    }
}

/// So many members' keys, in order of their addresses; another number makes others.
fn keys(first: u64, count: usize) -> Vec<(OperatorKey, BlsKey)> {
    let keys = (first..).take(count).map(|number| {
        let operator = OperatorKey::from_bytes(&B256::from(U256::from(number))).unwrap();
        let bls = BlsKey::generate(operator.to_bytes().as_slice()).unwrap();
        (operator, bls)
    });
    let mut keys: Vec<_> = keys.collect();
    keys.sort_by_key(|(operator, _)| operator.address());
    keys
}

fn set_of(keys: &[(OperatorKey, BlsKey)], stakes: &[U256]) -> Arc<SequencerSet> {
    let member = |((operator, bls), stake): (&(OperatorKey, BlsKey), &U256)| Sequencer {
        address: operator.address(),
        bls_public_key: bls.public_key(),
        weight: Stake(*stake),
        peer_id: String::new(),
    };
    Arc::new(SequencerSet::new(keys.iter().zip(stakes).map(member).collect()).unwrap())
}
