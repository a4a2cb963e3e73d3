//! Many seeds on all cores.

use crate::run::{Outcome, Setup, run};
use crate::scenarios::Scenario;
use rayon::prelude::*;
use std::{
    collections::BTreeMap,
    ops::Range,
    time::{Duration, Instant},
};

/// What came of a campaign.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    /// Runs, all scenarios together.
    pub runs: usize,
    /// How long it took.
    pub elapsed: Duration,
    /// The runs that failed, in order.
    pub failures: Vec<Outcome>,
    /// Every span that was measured, by name, sorted.
    pub measured: BTreeMap<&'static str, Vec<Duration>>,
}

/// Runs each scenario on each seed.
#[must_use]
pub fn campaign(scenarios: &[&Scenario], seeds: Range<u64>, setup: &Setup) -> Summary {
    let begin = Instant::now();
    let runs: Vec<_> = seeds.flat_map(|seed| scenarios.iter().map(move |scenario| (*scenario, seed))).collect();
    let outcomes: Vec<_> = runs.par_iter().map(|(scenario, seed)| run(scenario, *seed, setup)).collect();
    let mut summary = Summary { runs: runs.len(), elapsed: begin.elapsed(), ..Summary::default() };
    for outcome in outcomes {
        for (name, span) in &outcome.measured {
            summary.measured.entry(*name).or_default().push(*span);
        }
        if outcome.failure.is_some() {
            summary.failures.push(outcome);
        }
    }
    summary.measured.values_mut().for_each(|spans| spans.sort_unstable());
    summary
}

/// The first seed below `limit` on which a scenario fails, with what was seen; all cores look for one.
#[must_use]
pub fn first_failure(scenarios: &[&Scenario], limit: u64, setup: &Setup) -> Option<Outcome> {
    (0..limit).into_par_iter().find_map_first(|seed| {
        scenarios.iter().map(|scenario| run(scenario, seed, setup)).find(|outcome| outcome.failure.is_some())
    })
}

/// The value below which `percent` of the sorted spans lie.
#[must_use]
pub fn percentile(sorted: &[Duration], percent: usize) -> Duration {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied().unwrap_or_default()
}
