//! State snapshots: taking over the state of a final block instead of executing all blocks up to it.
//!
//! *Serving* ([`keeper`], [`serve`]). Every node pins the states of the final blocks whose heights are multiples of an
//! interval, so that many offer the same one, and serves them in ranges of leaves with their proofs.
//!
//! *Taking over* ([`target`], [`fetch`], [`writer`]). A node asks its peers what they offer, takes the newest state that is
//! proven final, fetches it from all who offer it, and stores each range as it is verified, with what is left to do beside
//! it. [`chain`] adds what the engine needs around the block.

mod chain;
mod fetch;
mod keeper;
mod plan;
mod serve;
mod target;
mod writer;

#[cfg(test)]
mod tests;

pub(super) use chain::finish;
pub(super) use fetch::{Fetcher, Interrupted};
pub use keeper::{Snapshots, interval_for};
pub(super) use serve::header_proof;
pub(super) use target::{Offers, Target};
