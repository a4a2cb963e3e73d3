use super::bindings::ICheckpointVerifier::{
    Anchor, BlockReference, Checkpoint, CheckpointReference, FinalityProof, Member, Position, submitCall,
};
use alloy_primitives::B256;
use baton_consensus::{
    election::Priorities,
    finality,
    keys::InvalidKey,
    messages,
    types::{Sequencer, SequencerSet},
};

/// The call that submits a finality proof. The set is that of the proof's era, with the priorities with which the era began.
///
/// # Errors
/// [`InvalidKey`] if a member's key or the proof's signature is no point: a proof that was verified has none such.
pub fn submission(
    proof: &finality::FinalityProof,
    set: &SequencerSet,
    priorities: &Priorities,
) -> Result<submitCall, InvalidKey> {
    let finality::FinalityProof { checkpoint, child } = proof;
    let members = set.members().iter().map(|entry| member(entry, priorities)).collect::<Result<_, _>>()?;
    let proof = FinalityProof {
        checkpoint: as_submitted(checkpoint),
        child: as_submitted(&child.checkpoint),
        signers: child.signers.clone(),
        signature: words(child.signature.to_eip2537()?.as_ref()),
        members,
    };
    Ok(submitCall { proof })
}

fn member(sequencer: &Sequencer, priorities: &Priorities) -> Result<Member, InvalidKey> {
    let Sequencer { address, bls_public_key, weight, peer_id } = sequencer;
    let priority = priorities.get(*address).into_raw().to_be_bytes::<64>();
    Ok(Member {
        operator: *address,
        weight: weight.0,
        publicKey: words(bls_public_key.to_eip2537()?.as_ref()),
        priority: words(&priority),
        peerId: peer_id.clone(),
    })
}

fn as_submitted(checkpoint: &messages::Checkpoint) -> Checkpoint {
    let messages::Checkpoint { era: _, term: _, round: _, head, state_root, parent, set_root, anchor, next_set_root } =
        checkpoint;
    Checkpoint {
        position: position(checkpoint.position()),
        head: BlockReference { height: head.height.0, hash: head.hash },
        stateRoot: *state_root,
        parent: CheckpointReference { position: position(parent.position), hash: parent.hash },
        setRoot: *set_root,
        anchor: Anchor { number: anchor.number, hash: anchor.hash },
        nextSetRoot: next_set_root.unwrap_or_default(),
    }
}

fn position(position: messages::CheckpointPosition) -> Position {
    let messages::CheckpointPosition { era, term, round } = position;
    Position { era: era.0, term: term.0, round: round.0 }
}

/// Bytes in words of 32, as many as there are.
fn words<const N: usize>(bytes: &[u8]) -> [B256; N] {
    let mut words = [B256::ZERO; N];
    for (word, bytes) in words.iter_mut().zip(bytes.chunks_exact(32)) {
        *word = B256::from_slice(bytes);
    }
    words
}

#[cfg(test)]
mod tests;
