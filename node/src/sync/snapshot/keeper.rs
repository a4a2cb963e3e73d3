//! The states that this node holds for others.
//!
//! A pin costs little while nobody asks: a snapshot of the database, which keeps what was overwritten since. The newest
//! states stay; an older one stays as long as somebody fetches it, so that a large state can be fetched over a slow link.

use super::serve;
use crate::metrics::Metrics;
use baton_consensus::types::{BlockRef, Height};
use baton_network::{Chunk, ChunkRequest, SnapshotOffers};
use baton_storage::{PinnedState, Store};
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

/// The time between two states that are pinned, about: what a newcomer has to execute after it took one over.
const SPACING: Duration = Duration::from_secs(120);

/// The least and the most blocks between two pinned states.
const INTERVAL: (u64, u64) = (64, 8192);

/// The newest states that are kept whether or not anybody asks.
const KEPT: usize = 2;

/// The most states at a time.
const MOST: usize = 6;

/// How long an older state is kept after somebody asked for a part of it.
const IN_USE_FOR: Duration = Duration::from_secs(120);

/// How long after its pin a state is kept in any case: who has just been offered it begins to fetch.
const FRESH_FOR: Duration = Duration::from_secs(60);

/// How far below the head a state may lie that is pinned: it is gathered from what later blocks overwrote.
const REACH: u64 = 512;

/// How often it is looked whether there is another state to pin.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How many blocks lie between two pinned states by default: two minutes, as a power of two, so that all nodes of a chain
/// pin the same ones.
#[must_use]
pub fn interval_for(block_time: Duration) -> u64 {
    let blocks = SPACING.as_millis() / block_time.as_millis().max(1);
    let blocks = u64::try_from(blocks).unwrap_or(u64::MAX).clamp(INTERVAL.0, INTERVAL.1);
    1 << blocks.ilog2()
}

/// The states that are pinned. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Snapshots {
    store: Store,
    interval: u64,
    held: Arc<Mutex<Vec<Held>>>,
    metrics: Arc<Metrics>,
}

/// A pinned state.
#[derive(Clone, Debug)]
struct Held {
    state: PinnedState,
    pinned: Instant,
    asked: Option<Instant>,
}

impl Snapshots {
    /// Nothing is pinned until [`Self::run`]. An interval of 0 pins nothing ever.
    #[must_use]
    pub fn new(store: Store, interval: u64, metrics: Arc<Metrics>) -> Self {
        Self { store, interval, held: Arc::default(), metrics }
    }

    /// Pins states as they become final, until `shutdown`.
    pub async fn run(self, shutdown: CancellationToken) {
        let mut look = tokio::time::interval(LOOK_EVERY);
        loop {
            tokio::select! {
                () = shutdown.cancelled() => break,
                _ = look.tick() => {}
            }
            let Some(height) = self.due() else { continue };
            let snapshots = self.clone();
            let pinned = tokio::task::spawn_blocking(move || snapshots.pin(height)).await;
            if let Err(error) = pinned {
                warn!(%error, "pinning a state failed");
            }
        }
        // The pins keep the database open.
        self.lock().clear();
    }

    /// The height whose state should be pinned and is not.
    fn due(&self) -> Option<Height> {
        let height = Height((self.store.finalized().height.0 / self.interval.max(1)) * self.interval);
        let newest = self.lock().last().map(|held| held.state.block().height);
        let is_new = newest.is_none_or(|newest| height > newest);
        let is_near = self.store.head().height.0 - height.0 <= REACH;
        (self.interval > 0 && height.0 > 0 && height >= self.store.earliest() && is_new && is_near).then_some(height)
    }

    fn pin(&self, height: Height) {
        self.drop_unused();
        match self.store.pin(height) {
            Ok(state) => {
                debug!(%height, "pinned a state for peers that join");
                self.lock().push(Held { state, pinned: Instant::now(), asked: None });
            }
            Err(error) => warn!(%height, %error, "cannot pin a state for peers that join"),
        }
        self.metrics.sync.sync_states_pinned.set(self.lock().len() as u64);
    }

    /// Makes room for another state.
    fn drop_unused(&self) {
        let now = Instant::now();
        let mut held = self.lock();
        let old = held.len().saturating_sub(KEPT - 1);
        let mut place = 0;
        held.retain(|held| {
            place += 1;
            let in_use = held.asked.is_some_and(|asked| now - asked < IN_USE_FOR) || now - held.pinned < FRESH_FOR;
            place > old || in_use
        });
        let too_many = (held.len() + 1).saturating_sub(MOST);
        held.drain(..too_many);
    }

    pub(in crate::sync) const fn store(&self) -> &Store {
        &self.store
    }

    /// What is offered to peers, highest first. Reads the disk.
    ///
    /// # Errors
    /// If the disk refuses.
    pub fn offers(&self) -> eyre::Result<SnapshotOffers> {
        let blocks: Vec<_> = self.lock().iter().rev().map(|held| held.state.block()).collect();
        serve::offers(&self.store, &blocks)
    }

    /// A piece of a state. Reads the disk, and may take a while.
    ///
    /// # Errors
    /// If the disk refuses, or what is asked for is not in the state.
    pub fn chunk(&self, request: &ChunkRequest) -> eyre::Result<Chunk> {
        let Some(state) = self.use_of(request.block) else { return Ok(Chunk::Unavailable) };
        let chunk = serve::chunk(&self.store, &state, request.part.clone())?;
        self.metrics.sync.sync_chunks_served.inc();
        Ok(chunk)
    }

    fn use_of(&self, block: BlockRef) -> Option<PinnedState> {
        let mut held = self.lock();
        let held = held.iter_mut().find(|held| held.state.block() == block)?;
        held.asked = Some(Instant::now());
        Some(held.state.clone())
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Held>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_is_about_two_minutes_and_a_power_of_two() {
        let of = |ms| interval_for(Duration::from_millis(ms));
        assert_eq!([of(50), of(250), of(1000), of(2000)], [2048, 256, 64, 64]);
        assert_eq!((of(0), of(10), of(60_000)), (8192, 8192, 64));
    }
}
