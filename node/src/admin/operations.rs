//! How the node does what its operator asks.

use super::{Answer, Operations, Request, peers};
use crate::{engine::EngineHandle, mesh::MemberPeers};
use baton_network::NetworkHandle;
use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

/// A node's operations, carried out by its engine and its network.
#[derive(Clone, Debug)]
pub struct NodeOperations {
    /// Who resigns; nobody while the node is on its way to the chain.
    pub engine: Arc<OnceLock<EngineHandle>>,
    /// Who knows the peers.
    pub network: NetworkHandle,
    /// Which of them are sequencers.
    pub members: MemberPeers,
}

impl NodeOperations {
    async fn resign(&self, patience: Duration) -> Answer {
        let Some(engine) = self.engine.get() else {
            return Answer::refused("it is on its way to the chain, and schedules nothing yet");
        };
        let before = engine.position();
        let term = match engine.resign().await {
            Some(Ok(term)) => term,
            Some(Err(reason)) => return Answer::refused(reason),
            None => return Answer::stopping(),
        };
        let mut position = engine.follow();
        let wanted = (before.schedule.era, term);
        let opened = position.wait_for(|position| (position.schedule.era, position.schedule.term) >= wanted);
        match tokio::time::timeout(patience, opened).await {
            Ok(Ok(after)) => {
                Answer::TermOpened { term: after.schedule.term, scheduler: after.scheduler, resigned: before.scheduler }
            }
            Ok(Err(_)) => Answer::stopping(),
            Err(_) => Answer::NotOpened { term },
        }
    }
}

impl Operations for NodeOperations {
    async fn carry_out(&self, request: Request) -> Answer {
        match request {
            Request::Resign { patience_ms } => self.resign(Duration::from_millis(patience_ms)).await,
            Request::Peers { ask } => peers::carry_out(&self.network, &self.members, ask).await,
        }
    }
}
