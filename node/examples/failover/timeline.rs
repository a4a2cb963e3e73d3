//! When something grew, and for how long it did not.

use std::time::{Duration, Instant};

/// When a number grew, as one observer saw it. What falls, or stands still, is no growth.
#[derive(Clone, Debug, Default)]
pub(crate) struct Timeline(Vec<(Instant, u64)>);

/// How long nothing grew after a kill.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Gap {
    /// Between the last growth before the kill and the first after it.
    pub(crate) across: Duration,
    /// The longest of all that end between the kill and the end of the round; at least `across`.
    pub(crate) longest: Duration,
}

impl Gap {
    /// The longer one of two observers' gaps, either way.
    pub(crate) fn max(self, other: Self) -> Self {
        Self { across: self.across.max(other.across), longest: self.longest.max(other.longest) }
    }
}

impl Timeline {
    /// The number was seen.
    pub(crate) fn note(&mut self, at: Instant, number: u64) {
        if self.0.last().is_none_or(|(_, known)| number > *known) {
            self.0.push((at, number));
        }
    }

    /// The highest number that was seen; 0 before any was.
    pub(crate) fn highest(&self) -> u64 {
        self.0.last().map_or(0, |(_, number)| *number)
    }

    /// The gaps of a round from the kill to its end; none if nothing grew before the kill or after it.
    pub(crate) fn gap(&self, kill: Instant, end: Instant) -> Option<Gap> {
        let pairs = self.0.iter().zip(self.0.iter().skip(1)).map(|((before, _), (after, _))| (*before, *after));
        let mut of_round = pairs.filter(|(_, after)| (kill..=end).contains(after));
        let (before, after) = of_round.next().filter(|(before, _)| *before <= kill)?;
        let across = after.duration_since(before);
        let longest = of_round.map(|(before, after)| after.duration_since(before)).fold(across, Duration::max);
        Some(Gap { across, longest })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    fn seen(origin: Instant, points: &[(u64, u64)]) -> Timeline {
        let mut timeline = Timeline::default();
        for (at, number) in points {
            timeline.note(origin + ms(*at), *number);
        }
        timeline
    }

    #[test]
    fn only_what_is_higher_than_ever_ends_a_gap() {
        let origin = Instant::now();
        // 12 is taken back, and the same heights come again.
        let timeline = seen(origin, &[(0, 10), (250, 11), (500, 12), (900, 11), (1100, 12), (1300, 13), (1500, 14)]);
        let gap = timeline.gap(origin + ms(600), origin + ms(1500));
        assert_eq!(gap, Some(Gap { across: ms(800), longest: ms(800) }));
    }

    #[test]
    fn a_longer_gap_later_in_the_round_counts_and_one_beyond_it_does_not() {
        let origin = Instant::now();
        let timeline = seen(origin, &[(0, 1), (100, 2), (400, 3), (500, 4), (1400, 5), (5000, 6)]);
        let gap = timeline.gap(origin + ms(200), origin + ms(1500));
        assert_eq!(gap, Some(Gap { across: ms(300), longest: ms(900) }));
        let gap = timeline.gap(origin + ms(200), origin + ms(1300));
        assert_eq!(gap, Some(Gap { across: ms(300), longest: ms(300) }));
    }

    #[test]
    fn without_growth_on_both_sides_there_is_no_gap_to_tell() {
        let origin = Instant::now();
        let timeline = seen(origin, &[(100, 1), (200, 2)]);
        assert_eq!(timeline.gap(origin + ms(50), origin + ms(300)), None, "nothing before");
        assert_eq!(timeline.gap(origin + ms(250), origin + ms(300)), None, "nothing after");
    }
}
