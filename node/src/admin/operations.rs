//! How the node does what its operator asks.

use super::{Answer, Operations, Request};
use crate::engine::EngineHandle;
use std::time::Duration;

/// A node's operations, carried out by its engine.
#[derive(Clone, Debug)]
pub struct EngineOperations {
    engine: EngineHandle,
}

impl EngineOperations {
    /// The operations of this engine's node.
    #[must_use]
    pub const fn new(engine: EngineHandle) -> Self {
        Self { engine }
    }

    async fn resign(&self, patience: Duration) -> Answer {
        let before = self.engine.position();
        let term = match self.engine.resign().await {
            Some(Ok(term)) => term,
            Some(Err(reason)) => return Answer::refused(reason),
            None => return Answer::stopping(),
        };
        let mut position = self.engine.follow();
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

impl Operations for EngineOperations {
    async fn carry_out(&self, request: Request) -> Answer {
        match request {
            Request::Resign { patience_ms } => self.resign(Duration::from_millis(patience_ms)).await,
        }
    }
}
