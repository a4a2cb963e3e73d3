//! What Prometheus reads of a node: `GET /metrics`, where `--metrics` says.
//!
//! *Counting.* What happens is counted where it happens, in [`Metrics`]: atomic additions, no lock and no allocation. They are
//! counted whether or not anybody reads them.
//!
//! *State.* What is the case (heads, roles, peers, the pool) is read when Prometheus asks, from the snapshots that JSON-RPC
//! answers from, so that nobody waits for consensus.
//!
//! - [`define`]: how a metric is defined. A field of a documented struct: its name is the metric's after `baton_`, its doc line
//!   the help that is shown and the meaning in `docs/operate.md`, which a test compares.
//! - [`label`], [`durations`]: families whose labels all start at zero, and histograms.
//! - [`blocks`], [`finality`], [`terms`], [`mesh`], [`l1`], [`sync`]: what is counted.
//! - [`state`], [`pool`], [`peers`]: what is read.
//! - [`awaiting`]: since when committed blocks wait for their finality.
//! - [`exposition`]: the text.
//! - [`server`]: the actor that answers.

mod awaiting;
mod blocks;
mod define;
mod durations;
mod exposition;
mod finality;
mod l1;
mod label;
mod mesh;
mod peers;
mod pool;
mod server;
mod state;
mod sync;
mod terms;

#[cfg(test)]
mod tests;

pub use awaiting::AwaitingFinality;
pub use blocks::Blocks;
pub use define::Level;
pub use durations::Durations;
pub use exposition::{Exposition, Sources};
pub use finality::Finality;
pub use l1::L1;
pub use label::{Label, PerLabel};
pub use mesh::{Judgement, Mesh};
pub use peers::Peers;
pub use pool::Pool;
pub use server::{BindError, Server, Socket};
pub use state::{Past, State, Tag};
pub use sync::Sync;
pub use terms::Terms;

use prometheus_client::registry::Registry;
use std::sync::Arc;

/// Everything that is measured. Those who count share it.
#[derive(Debug)]
pub struct Metrics {
    /// How the node stands.
    pub state: State,
    /// Blocks.
    pub blocks: Blocks,
    /// Finality, and what speaks against it.
    pub finality: Finality,
    /// Terms.
    pub terms: Terms,
    /// Messages.
    pub mesh: Mesh,
    /// Peers that misbehave.
    pub peers: Peers,
    /// The mempool.
    pub pool: Pool,
    /// L1.
    pub l1: L1,
    /// The sync.
    pub sync: Sync,
}

impl Metrics {
    /// All at zero, and where they are registered.
    #[must_use]
    pub fn new() -> (Arc<Self>, Registry) {
        let mut registry = Registry::with_prefix("baton");
        let metrics = Self {
            state: State::register(&mut registry),
            blocks: Blocks::register(&mut registry),
            finality: Finality::register(&mut registry),
            terms: Terms::register(&mut registry),
            mesh: Mesh::register(&mut registry),
            peers: Peers::register(&mut registry),
            pool: Pool::register(&mut registry),
            l1: L1::register(&mut registry),
            sync: Sync::register(&mut registry),
        };
        (Arc::new(metrics), registry)
    }
}
