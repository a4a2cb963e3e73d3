//! What must hold of votes, certificates and finality at every step, told independently of the core.

use alloy_primitives::{Address, B256, U256};
use baton_consensus::{
    core::{Effect, Outgoing},
    finality::{FinalityProof, QuorumCertificate},
    journal::{JournalEntry, SafetyState},
    messages::{Checkpoint, CheckpointPosition, L1Anchor},
    types::Electorate,
};
use std::collections::{HashMap, HashSet};

/// The checkpoint that has a certificate at each position, whoever showed it.
#[derive(Debug, Default)]
pub(crate) struct Certified {
    known: HashMap<CheckpointPosition, Checkpoint>,
    /// The L1 blocks that changed the registry's set.
    pub(crate) anchors: HashSet<L1Anchor>,
}

impl Certified {
    /// Looks at every certificate that an effect carries.
    pub(crate) fn effect(&mut self, electorate: &Electorate, effect: &Effect) {
        match effect {
            Effect::PersistSafety { state, .. } => {
                self.all(electorate, state.highest.as_deref());
                self.all(electorate, state.certificate.as_ref().and_then(|opening| opening.highest.as_deref()));
            }
            Effect::Gossip(Outgoing::Quorum(certified)) => self.all(electorate, Some(&certified.certificate)),
            Effect::Gossip(Outgoing::Checkpoint(proposed)) => self.all(electorate, proposed.parent.as_deref()),
            Effect::Gossip(Outgoing::TermChange(request)) => self.all(electorate, request.certificate.as_deref()),
            Effect::Finalize { proof, .. } => self.all(electorate, Some(&proof.child)),
            _ => {}
        }
    }

    fn all(&mut self, electorate: &Electorate, certificate: Option<&QuorumCertificate>) {
        let Some(certificate) = certificate else { return };
        let checkpoint = certificate.checkpoint;
        let position = checkpoint.position();
        assert!(has_quorum(electorate, certificate), "a certificate without a quorum: {position}");
        let is_registered = self.anchors.contains(&checkpoint.anchor);
        assert!(!checkpoint.is_closing() || is_registered, "{position} certifies a set that L1 never had");
        let known = *self.known.entry(position).or_insert(checkpoint);
        assert_eq!(known, checkpoint, "two certificates at {position}");
        let below = self.known.get(&checkpoint.parent.position).filter(|below| below.is_closing());
        if let Some(closing) = below.filter(|below| below.reference() == checkpoint.parent) {
            assert!(checkpoint.repeats(closing), "{position} does not repeat the end of the era");
        }
    }
}

/// What binds each honest node, as it told it itself, whatever its disk has kept of it.
#[derive(Debug, Default)]
pub(crate) struct Bonds {
    /// The floor and the last vote.
    nodes: HashMap<Address, (CheckpointPosition, Option<CheckpointPosition>)>,
    /// The position of the parent of every checkpoint that was ever sent.
    parents: HashMap<B256, CheckpointPosition>,
}

impl Bonds {
    pub(crate) fn proposed(&mut self, checkpoint: &Checkpoint) {
        self.parents.insert(checkpoint.hash(), checkpoint.parent.position);
    }

    /// Looks at what binds a node before it is made durable: votes come in order, none below the floor, and the floor falls
    /// only with another term.
    pub(crate) fn binds(&mut self, node: Address, next: &SafetyState, journal: &[JournalEntry], enters: bool) {
        let (floor, last) = self.nodes.entry(node).or_default();
        let highest = next.highest.as_ref().map(|highest| highest.checkpoint.position());
        assert!(enters || next.floor >= *floor, "{node} lowers its floor from {floor} to {}", next.floor);
        let bound = Some(next.floor).filter(|floor| *floor > CheckpointPosition::root(floor.era));
        assert!(bound <= highest, "{node} is bound by nothing that it holds");
        for entry in journal {
            match entry {
                JournalEntry::Vote(vote) => {
                    let checkpoint = vote.message.vote.checkpoint();
                    assert!(
                        Some(checkpoint.position) > *last,
                        "{node} votes at {} after {last:?}",
                        checkpoint.position
                    );
                    let parent = self.parents.get(&checkpoint.hash).copied();
                    assert!(parent.is_none_or(|parent| parent >= *floor), "{node} votes below its floor {floor}");
                    *last = Some(checkpoint.position);
                }
                // The scheduler's own goes out after this.
                JournalEntry::Checkpoint(signed) => {
                    self.parents.extend([(signed.message.hash(), signed.message.parent.position)]);
                }
                _ => {}
            }
        }
        *floor = next.floor;
    }
}

/// Looks at a proof of finality: the direct parent, in the same term, by a quorum (R12).
pub(crate) fn concludes(node: Address, electorate: &Electorate, proof: &FinalityProof) {
    let (parent, child) = (&proof.checkpoint, &proof.child.checkpoint);
    let direct = (child.era, child.term, child.round.0) == (parent.era, parent.term, parent.round.0 + 1);
    let linked = child.parent.hash == parent.hash() && child.parent.position == parent.position();
    assert!(direct && linked, "{node} concludes from {} and {}", parent.position(), child.position());
    assert!(has_quorum(electorate, &proof.child), "{node} concludes without a quorum");
}

fn has_quorum(electorate: &Electorate, certificate: &QuorumCertificate) -> bool {
    let members = electorate.set.members().iter().enumerate();
    let signed = members.filter(|(index, _)| certificate.signers[index / 8] >> (index % 8) & 1 == 1);
    is_quorum(electorate, signed.map(|(_, member)| member.address))
}

/// More than two thirds of the weight.
pub(crate) fn is_quorum(electorate: &Electorate, signers: impl Iterator<Item = Address>) -> bool {
    let weight = signers.fold(U256::ZERO, |sum, signer| sum + electorate.set.get(signer).unwrap().weight.0);
    weight * U256::from(3) > electorate.set.total().0 * U256::from(2)
}
