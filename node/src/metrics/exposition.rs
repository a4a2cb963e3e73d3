//! The text that Prometheus reads.

use super::Metrics;
use crate::{
    chain::ChainReader,
    mempool,
    rpc::ports::{ConsensusView, PeersView},
};
use baton_network::PeerCounters;
use prometheus_client::{encoding::text::encode, registry::Registry};
use std::{
    fmt,
    sync::{Arc, OnceLock},
};

/// Where the state is read. All of these answer at once.
#[derive(Clone)]
pub struct Sources {
    /// The chain.
    pub chain: ChainReader,
    /// What the mempool counts.
    pub pool: Arc<mempool::Metrics>,
    /// The state of consensus.
    pub consensus: Arc<dyn ConsensusView>,
    /// The state of the mesh.
    pub peers: Arc<dyn PeersView>,
}

impl fmt::Debug for Sources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sources").field("chain", &self.chain).finish_non_exhaustive()
    }
}

/// All metrics of a node.
#[derive(Debug)]
pub struct Exposition {
    metrics: Arc<Metrics>,
    registry: Registry,
    sources: Arc<OnceLock<Sources>>,
    peers: Arc<PeerCounters>,
}

impl Exposition {
    /// Shows what is counted in `metrics`, which are registered in `registry`, what the network counts of `peers`, and what is
    /// read from `sources`: as long as there are none, since the node is still on its way to its first block, that stands at
    /// zero.
    #[must_use]
    pub const fn new(
        metrics: Arc<Metrics>,
        registry: Registry,
        peers: Arc<PeerCounters>,
        sources: Arc<OnceLock<Sources>>,
    ) -> Self {
        Self { metrics, registry, sources, peers }
    }

    /// Everything as it is now, in the text format of OpenMetrics 1.0. Reads the disk.
    ///
    /// # Errors
    /// A metric that cannot be written: a fault of this program.
    pub fn text(&self) -> Result<String, fmt::Error> {
        self.metrics.peers.read(&self.peers);
        if let Some(sources) = self.sources.get() {
            self.metrics.state.read(sources);
            self.metrics.pool.read(&sources.pool);
        }
        let mut text = String::new();
        encode(&mut text, &self.registry)?;
        Ok(text)
    }
}
