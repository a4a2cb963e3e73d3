//! The steps from a block to its finality as debug events, each the moment before it leaves or the moment after it is durable.
//! `scripts/bench.sh finality` reads them.

use baton_consensus::{core::Outgoing, messages::CastVote, types::BlockRef};
use tracing::debug;

/// A message is about to be handed to the mesh.
pub(super) fn sent(message: &Outgoing) {
    match message {
        Outgoing::Block(block) => {
            let header = &block.block.header;
            debug!(height = header.number, hash = %header.hash_slow(), "published");
        }
        Outgoing::Seal(signed) => debug!(height = signed.message.height.0, hash = %signed.message.hash, "sealed"),
        Outgoing::Checkpoint(proposed) => {
            let checkpoint = &proposed.checkpoint.message;
            let (term, round, head) = (checkpoint.term.0, checkpoint.round.0, checkpoint.head);
            debug!(term, round, height = head.height.0, hash = %head.hash, "checkpoint");
        }
        Outgoing::Vote(signed) => voted(&signed.message),
        Outgoing::Heartbeat(_)
        | Outgoing::Announcement(_)
        | Outgoing::TermChange(_)
        | Outgoing::Quorum(_)
        | Outgoing::Evidence(_)
        | Outgoing::SetChange(_)
        | Outgoing::Certificate(_) => {}
    }
}

/// A vote is about to leave.
pub(super) fn voted(vote: &CastVote) {
    debug!(term = vote.vote.term.0, round = vote.vote.round.0, "voted");
}

/// The newest block under a certificate changed.
pub(super) fn safe(block: BlockRef) {
    debug!(height = block.height.0, hash = %block.hash, "safe");
}

/// A block is final, and its proof durable.
pub(super) fn finalized(block: BlockRef) {
    debug!(height = block.height.0, hash = %block.hash, "final");
}
