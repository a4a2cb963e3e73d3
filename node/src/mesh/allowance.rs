//! How often something is done that anyone can ask for.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// Once in an interval, whoever asks.
#[derive(Debug)]
pub(super) struct Allowance {
    interval: Duration,
    last: Mutex<Option<Instant>>,
}

impl Allowance {
    /// Once in this time.
    pub(super) const fn once_in(interval: Duration) -> Self {
        Self { interval, last: Mutex::new(None) }
    }

    /// Whether to do it now; then it counts as done.
    pub(super) fn take(&self) -> bool {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let due = last.is_none_or(|last| last.elapsed() >= self.interval);
        if due {
            *last = Some(Instant::now());
        }
        due
    }
}
