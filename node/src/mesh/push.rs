//! The mempool's way out: gossip to everyone, and a push that one peer acknowledges.

use super::PeerBook;
use crate::mempool::{Mesh, MeshError, Pushed};
use alloy_primitives::Bytes;
use baton_network::{GossipMessage, NetworkHandle, Request, Response};
use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

/// How long one peer may take to acknowledge before the next one is asked.
const PATIENCE: Duration = Duration::from_millis(500);

/// What the mempool reaches other nodes by.
#[derive(Debug)]
pub struct MempoolMesh {
    network: NetworkHandle,
    peers: PeerBook,
    /// Spreads pushes over the peers.
    turn: AtomicUsize,
}

impl MempoolMesh {
    /// Nothing was pushed so far.
    #[must_use]
    pub const fn new(network: NetworkHandle, peers: PeerBook) -> Self {
        Self { network, peers, turn: AtomicUsize::new(0) }
    }
}

impl Mesh for MempoolMesh {
    async fn broadcast(&self, batch: Vec<Bytes>) -> Result<(), MeshError> {
        match self.network.publish(GossipMessage::Transactions(batch)).await {
            Ok(_) => Ok(()),
            Err(error) => Err(MeshError(error.to_string())),
        }
    }

    async fn push_to_one(&self, batch: Vec<Bytes>) -> Result<Pushed, MeshError> {
        let mut peers = self.peers.ready();
        if peers.is_empty() {
            // A single sequencer has nobody to push to.
            return if self.peers.is_single() {
                Ok(Pushed::Alone)
            } else {
                Err(MeshError("no peer is connected".to_owned()))
            };
        }
        // Sequencers first, each in turn; the others only when no sequencer answers.
        let sequencers = peers.iter().filter(|peer| self.peers.operator(&peer.id).is_some()).count();
        let first = if sequencers > 0 { sequencers } else { peers.len() };
        if let Some(part) = peers.get_mut(..first) {
            part.rotate_left(self.turn.fetch_add(1, Ordering::Relaxed) % first);
        }
        let mut last_error = None;
        for peer in peers {
            let request = self.network.request(peer.id, Request::PushTransactions(batch.clone()));
            match tokio::time::timeout(PATIENCE, request).await {
                Ok(Ok(Response::PushTransactions(received))) => {
                    return Ok(Pushed::Acknowledged { refused: received.refused });
                }
                Ok(Ok(_)) => last_error = Some("the answer is of another kind".to_owned()),
                Ok(Err(error)) => last_error = Some(error.to_string()),
                Err(_) => last_error = Some(format!("{} did not answer in {PATIENCE:?}", peer.id)),
            }
        }
        if self.peers.is_single() {
            // Observers help if they can; the chain does not depend on them.
            return Ok(Pushed::Alone);
        }
        Err(MeshError(last_error.unwrap_or_default()))
    }
}
