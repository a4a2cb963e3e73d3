//! Takes what callers hand in as batches and sends each through preparation to the pool.

use super::{
    actor::Command,
    metrics::Metrics,
    prepare::{Incoming, Preparation},
};
use std::{sync::Arc, time::Instant};
use tokio::{sync::mpsc, task::JoinSet};
use tokio_util::sync::CancellationToken;

/// What each source may add to a batch: few enough that the first ones do not wait long for the last ones.
const SHARE: usize = 512;

/// Batches in preparation at once: the next one is decoded while the last one waits for its accounts or the pool.
const BATCHES: usize = 2;

/// Collects batches. While all preparation is busy, what comes in waits and makes the next batch bigger.
pub(super) struct Intake {
    /// From users and from peers that wait for an acknowledgement.
    pub(super) answered: mpsc::Receiver<Incoming>,
    /// From the mesh.
    pub(super) gossip: mpsc::Receiver<Incoming>,
    pub(super) preparation: Arc<Preparation>,
    pub(super) commands: mpsc::Sender<Command>,
}

impl Intake {
    pub(super) async fn run(mut self, shutdown: CancellationToken) {
        let mut busy = JoinSet::new();
        loop {
            let first = tokio::select! {
                () = shutdown.cancelled() => return,
                Some(ended) = busy.join_next() => match ended {
                    Err(failure) if failure.is_panic() => std::panic::resume_unwind(failure.into_panic()),
                    _ => continue,
                },
                first = self.answered.recv(), if busy.len() < BATCHES => first,
                first = self.gossip.recv(), if busy.len() < BATCHES => first,
            };
            let Some(first) = first else { return };
            let mut batch = vec![first];
            // Whichever came first, each source has its share of the batch.
            for source in [&mut self.answered, &mut self.gossip] {
                batch.extend(std::iter::from_fn(|| source.try_recv().ok()).take(SHARE));
            }
            let (preparation, commands) = (self.preparation.clone(), self.commands.clone());
            busy.spawn_blocking(move || {
                let started = Instant::now();
                let metrics = preparation.metrics.clone();
                Metrics::add(&metrics.batches, 1);
                if let Some(prepared) = preparation.prepare(batch) {
                    Metrics::add(&metrics.prepare_micros, usize::try_from(started.elapsed().as_micros()).unwrap_or(0));
                    // Fails only if the pool is gone; then the candidates are dropped, which answers them.
                    _ = commands.blocking_send(Command::Admit(prepared));
                }
            });
        }
    }
}
