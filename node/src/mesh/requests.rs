//! Answers to peers.

use crate::mempool::PoolHandle;
use alloy_primitives::Bytes;
use baton_consensus::{certificate::TermCertificate, journal::SafetyState, types::ExtraData};
use baton_network::{BlocksByRange, MAX_RANGE_BLOCKS, MAX_SEGMENT_BYTES, Received, Responder, Response};
use baton_storage::{StorageError, Store};
use std::sync::Arc;
use tracing::{debug, warn};

/// A segment's encoding is a little longer than the blocks in it.
const SEGMENT_BUDGET: usize = MAX_SEGMENT_BYTES / 8 * 7;

/// Reads a stretch of the chain off the disk.
pub(super) fn serve_blocks(store: &Store, request: BlocksByRange, responder: Responder) {
    let count = request.count.min(MAX_RANGE_BLOCKS) as usize;
    match store.segment(request.from, count, SEGMENT_BUDGET, request.known) {
        Ok(mut segment) => {
            segment.certificates.extend(newest_certificate(store, request.known));
            if let Err(error) = responder.respond(&Response::BlocksByRange(segment)) {
                debug!(%error, "could not serve blocks");
            }
        }
        // Anybody may ask for them.
        Err(error @ StorageError::BlocksPruned { .. }) => debug!(%error, "cannot serve blocks"),
        Err(error) => warn!(%error, "cannot read blocks for a peer"),
    }
}

/// What opened the term that this node is in, if it is later than what the asker knows.
fn newest_certificate(store: &Store, known: ExtraData) -> Option<Arc<TermCertificate>> {
    let safety = SafetyState::from_bytes(&store.safety_state().ok()??).ok()?;
    safety.certificate.filter(|certificate| certificate.term > known.term)
}

/// Takes pushed transactions in and says which of them this node holds.
pub(super) async fn take_transactions(pool: &PoolHandle, batch: Vec<Bytes>, responder: Responder) {
    let outcome = pool.pushed(batch).await;
    let count = u32::try_from(outcome.held).unwrap_or(u32::MAX);
    let received = Received { count, refused: outcome.refused };
    if let Err(error) = responder.respond(&Response::PushTransactions(received)) {
        debug!(%error, "could not acknowledge transactions");
    }
}
