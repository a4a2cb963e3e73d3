//! Timing that follows from the block time alone.

use baton_consensus::Parameters;
use std::time::Duration;

/// The default parameters, slowed down where the pace of the leaders asks for it.
///
/// A leader may be late by two block times, and before a sequencer wants another scheduler, four leaders in a row may
/// have failed: a slow chain must not depose schedulers that do their work.
#[must_use]
pub fn parameters_for(block_time: Duration) -> Parameters {
    let defaults = Parameters::default();
    let leader_timeout = defaults.leader_timeout.max(block_time.saturating_mul(2));
    let patience = block_time.saturating_add(leader_timeout).saturating_mul(4);
    Parameters { block_time, leader_timeout, term_timeout: defaults.term_timeout.max(patience), ..defaults }
}
