//! A peer's points, as they decay.

use super::{BAN_AT, Class, DISCONNECT_AT, HALF_LIFE};
use std::time::SystemTime;

/// Points below this are none.
const NOTHING: f64 = 0.5;

/// The two accounts of a peer at one moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Score {
    pub(super) faults: f64,
    pub(super) slowness: f64,
    pub(super) at: SystemTime,
}

impl Score {
    pub(super) const fn clean(at: SystemTime) -> Self {
        Self { faults: 0.0, slowness: 0.0, at }
    }

    /// The score as it is later. A clock that was set back forgives nothing and charges nothing.
    pub(super) fn at(self, now: SystemTime) -> Self {
        let Ok(passed) = now.duration_since(self.at) else { return Self { at: now, ..self } };
        let factor = (-passed.as_secs_f64() / HALF_LIFE.as_secs_f64()).exp2();
        let decayed = |points: f64| if points * factor < NOTHING { 0.0 } else { points * factor };
        Self { faults: decayed(self.faults), slowness: decayed(self.slowness), at: now }
    }

    pub(super) fn charge(&mut self, class: Class, now: SystemTime) {
        *self = self.at(now);
        match class {
            Class::Fatal | Class::Severe | Class::Mild => self.faults += class.points(),
            Class::Slow => self.slowness += class.points(),
        }
    }

    pub(super) fn total(self) -> f64 {
        self.faults + self.slowness
    }

    pub(super) fn is_ban(self) -> bool {
        self.faults >= BAN_AT
    }

    pub(super) fn is_refused(self) -> bool {
        self.faults >= DISCONNECT_AT
    }

    /// Whether the peer has to go for its slowness; if so, that account starts anew.
    pub(super) fn take_slowness(&mut self) -> bool {
        let too_slow = self.slowness >= DISCONNECT_AT;
        if too_slow {
            self.slowness = 0.0;
        }
        too_slow
    }

    pub(super) fn is_clean(self) -> bool {
        self.total() == 0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn after(class: Class, times: u32, apart: Duration) -> Score {
        let mut now = SystemTime::UNIX_EPOCH;
        let mut score = Score::clean(now);
        for _ in 0..times {
            now += apart;
            score.charge(class, now);
        }
        score
    }

    #[test]
    fn the_table_is_as_told() {
        let at_once = Duration::ZERO;
        assert!(after(Class::Fatal, 1, at_once).is_ban());
        assert!(!after(Class::Severe, 4, at_once).is_ban() && after(Class::Severe, 5, at_once).is_ban());
        assert!(!after(Class::Mild, 19, at_once).is_ban() && after(Class::Mild, 20, at_once).is_ban());
        assert!(!after(Class::Severe, 2, at_once).is_refused() && after(Class::Severe, 3, at_once).is_refused());
    }

    #[test]
    fn slowness_never_bans_and_starts_anew() {
        let mut score = after(Class::Slow, 100_000, Duration::ZERO);
        assert!(!score.is_refused() && !score.is_ban());
        assert!(score.take_slowness() && !score.take_slowness());
        assert!(!after(Class::Slow, 9, Duration::ZERO).take_slowness());
    }

    #[test]
    fn points_halve_and_vanish() {
        let score = after(Class::Severe, 1, Duration::ZERO);
        assert!((score.at(score.at + HALF_LIFE).faults - 10.0).abs() < 1e-9);
        assert!(score.at(score.at + 6 * HALF_LIFE).is_clean());
        // One severe offence in each half-life for ever comes to less than two at once.
        assert!(!after(Class::Severe, 10_000, HALF_LIFE).is_refused());
    }

    #[test]
    fn a_clock_set_back_changes_nothing() {
        let score = after(Class::Severe, 2, HALF_LIFE);
        let earlier = score.at(SystemTime::UNIX_EPOCH);
        assert!((earlier.faults - score.faults).abs() < 1e-9);
    }
}
