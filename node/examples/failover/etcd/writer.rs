//! A client that puts one key after the other, and turns to another member where one does not take it.
//!
//! Puts begin on time, whatever became of those before: a client that waited for an answer from a dead leader would add
//! its own patience to the gap.

use super::endpoint::Endpoint;
use crate::timeline::Timeline;
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use tokio::{
    task::JoinSet,
    time::{MissedTickBehavior, interval},
};
use tokio_util::sync::CancellationToken;

/// The time between two puts.
const PACE: Duration = Duration::from_millis(10);

/// After what time a put is given up.
const DEADLINE: Duration = Duration::from_secs(1);

#[derive(Debug, Default)]
struct Written {
    acknowledgements: Timeline,
    keys: Vec<u64>,
}

/// A client that is at work.
pub(crate) struct Writer {
    written: Arc<Mutex<Written>>,
    stop: CancellationToken,
    task: JoinSet<()>,
}

impl Writer {
    /// Puts until it is told to stop.
    pub(crate) fn start(endpoints: &[Endpoint]) -> Self {
        let (written, stop) = (Arc::<Mutex<Written>>::default(), CancellationToken::new());
        let mut task = JoinSet::new();
        task.spawn(write(endpoints.to_vec(), Arc::clone(&written), stop.clone()));
        Self { written, stop, task }
    }

    /// When puts were acknowledged, as far as it is known.
    pub(crate) fn acknowledgements(&self) -> Timeline {
        lock(&self.written).acknowledgements.clone()
    }

    /// Stops; the keys whose puts were acknowledged.
    pub(crate) async fn stop(mut self) -> Vec<u64> {
        self.stop.cancel();
        while self.task.join_next().await.is_some() {}
        std::mem::take(&mut lock(&self.written).keys)
    }
}

async fn write(endpoints: Vec<Endpoint>, written: Arc<Mutex<Written>>, stop: CancellationToken) {
    let mut ticks = interval(PACE);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut puts = JoinSet::new();
    for key in 0u64.. {
        if stop.run_until_cancelled(ticks.tick()).await.is_none() {
            break;
        }
        let (mut endpoints, written) = (endpoints.clone(), Arc::clone(&written));
        let turn = key as usize % endpoints.len().max(1);
        endpoints.rotate_left(turn);
        puts.spawn(async move {
            if put(&endpoints, key).await {
                let mut written = lock(&written);
                written.keys.push(key);
                let number = written.keys.len() as u64;
                written.acknowledgements.note(Instant::now(), number);
            }
        });
        // Those that are done are not to pile up.
        while puts.try_join_next().is_some() {}
    }
    while puts.join_next().await.is_some() {}
}

/// Offers a key to one member after the other; false if none acknowledges it before the time is up.
async fn put(endpoints: &[Endpoint], key: u64) -> bool {
    let started = Instant::now();
    for endpoint in endpoints {
        let left = DEADLINE.saturating_sub(started.elapsed());
        if !left.is_zero() && endpoint.put(key, left).await.is_ok() {
            return true;
        }
    }
    false
}

fn lock(written: &Mutex<Written>) -> MutexGuard<'_, Written> {
    written.lock().unwrap_or_else(PoisonError::into_inner)
}
