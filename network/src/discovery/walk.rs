//! When to search the mesh for more peers: often while too few are known, ever less often while nothing new is found.

use rand::Rng;
use std::time::{Duration, Instant};

/// The pace of searches.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    /// The pause after a search that found somebody new, while peers are few; doubles while nobody new is found.
    pub(crate) initial: Duration,
    /// The longest pause while peers are few.
    pub(crate) searching: Duration,
    /// The pause while there are enough peers: the table is kept fresh.
    pub(crate) resting: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self { initial: Duration::from_secs(1), searching: Duration::from_secs(60), resting: Duration::from_secs(600) }
    }
}

/// One search after another, never two at once.
#[derive(Debug)]
pub(crate) struct Walk {
    pace: Pace,
    pause: Duration,
    ended: Option<Instant>,
    is_running: bool,
}

impl Walk {
    pub(crate) const fn new(pace: Pace) -> Self {
        Self { pace, pause: pace.initial, ended: None, is_running: false }
    }

    /// Whether the next search is due; it is taken to begin then.
    pub(crate) fn is_due(&mut self, now: Instant, few: bool) -> bool {
        let pause = if few { self.pause } else { self.pace.resting };
        let due = !self.is_running && self.ended.is_none_or(|ended| now.saturating_duration_since(ended) >= pause);
        self.is_running |= due;
        due
    }

    /// The search ended.
    pub(crate) fn ended(&mut self, now: Instant, found_somebody: bool) {
        self.is_running = false;
        self.ended = Some(now);
        let longer = self.pause.saturating_mul(2).mul_f64(rand::rng().random_range(0.9..1.1));
        self.pause = if found_somebody { self.pace.initial } else { longer.min(self.pace.searching) };
    }

    /// There is somebody new to ask.
    pub(crate) fn hurry(&mut self) {
        self.pause = self.pace.initial;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_while_nobody_new_is_found() {
        let (pace, mut now) = (Pace::default(), Instant::now());
        let mut walk = Walk::new(pace);
        assert!(walk.is_due(now, true));
        assert!(!walk.is_due(now + pace.resting, true), "one at a time");
        let mut pauses = Vec::new();
        for _ in 0..12 {
            walk.ended(now, false);
            let step = Duration::from_millis(100);
            let begun = now;
            while !walk.is_due(now, true) {
                now += step;
            }
            pauses.push(now - begun);
        }
        assert!(pauses[0] <= 3 * pace.initial && pauses[11] >= pace.searching * 9 / 10, "{pauses:?}");
        assert!(pauses[11] <= pace.searching + Duration::from_secs(1), "{pauses:?}");
        walk.ended(now, false);
        walk.hurry();
        assert!(walk.is_due(now + pace.initial, true));
        walk.ended(now, true);
        assert!(!walk.is_due(now + pace.searching, false) && walk.is_due(now + pace.resting, false));
    }
}
