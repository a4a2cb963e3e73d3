use baton_consensus::types::Time;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Milliseconds since the Unix epoch that never jump: the wall clock is read once, the monotonic clock from then on.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    started: Time,
    anchor: Instant,
}

impl Clock {
    /// Reads the wall clock.
    #[must_use]
    pub fn start() -> Self {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { started: Time::default().after(since_epoch), anchor: Instant::now() }
    }

    /// The time now.
    #[must_use]
    pub fn now(&self) -> Time {
        self.started.after(self.anchor.elapsed())
    }

    /// The instant of a time; now if it lies behind.
    #[must_use]
    pub fn instant(&self, time: Time) -> Instant {
        self.anchor + time.since(self.started)
    }
}
