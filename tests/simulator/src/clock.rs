//! Clocks that are wrong: each node's own, against the simulation's.

use baton_consensus::types::Time;
use rand::{Rng, rngs::StdRng};

/// When simulations begin.
pub(crate) const START: Time = Time(1_700_000_000_000);

/// A node's clock: off by a fixed span, and going too fast or too slow.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Clock {
    /// In ms; positive is ahead.
    offset: i64,
    /// In parts per million; positive is fast.
    drift: i64,
}

impl Clock {
    /// Up to ten seconds off, and a thousandth too fast or too slow: far worse than what NTP leaves.
    pub(crate) fn skewed(random: &mut StdRng) -> Self {
        Self { offset: random.random_range(-10_000..=10_000), drift: random.random_range(-1_000..=1_000) }
    }

    /// What the clock shows.
    pub(crate) fn at(self, now: Time) -> Time {
        let elapsed = now.0 as i64 - START.0 as i64;
        Time((now.0 as i64 + self.offset + elapsed * self.drift / 1_000_000) as u64)
    }

    /// The first instant at which the clock shows `shown` or more.
    pub(crate) fn when(self, shown: Time) -> Time {
        let elapsed = shown.0 as i64 - self.offset - START.0 as i64;
        let mut at = Time((START.0 as i64 + elapsed - elapsed * self.drift / 1_000_000 - 2) as u64);
        while self.at(at) < shown {
            at.0 += 1;
        }
        at
    }
}
