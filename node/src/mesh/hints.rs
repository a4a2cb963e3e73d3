//! How often strangers are believed that there is a later era.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// Whoever is behind by an era learns of it within this time, from whomever.
const INTERVAL: Duration = Duration::from_secs(1);

/// A heartbeat of a later era may be of a member of a set that this node has not seen, or of anyone: it cannot tell. Looking
/// whether there is such an era takes a question to peers, so it looks once in a while.
#[derive(Debug, Default)]
pub struct Hints(Mutex<Option<Instant>>);

impl Hints {
    /// Whether to look now.
    pub(super) fn take(&self) -> bool {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let due = last.is_none_or(|last| last.elapsed() >= INTERVAL);
        if due {
            *last = Some(Instant::now());
        }
        due
    }
}
