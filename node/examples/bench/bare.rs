//! What no node can go below.

use crate::ceilings::Ceilings;

/// Microseconds of one processor for one signature recovery and one execution without roots.
pub(crate) fn bare_cost(ceilings: &Ceilings, load: &str) -> Option<f64> {
    let execution = if load == "transfers" { "transfers_without_root" } else { "token_transfers_without_root" };
    let cost = |name: &str| ceilings.get(name).map(|(per_second, _)| 1e6 / per_second);
    Some(cost("recoveries_one_core")? + cost(execution)?)
}
