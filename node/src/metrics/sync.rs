//! What is counted of the sync.

use super::{Level, PerLabel, define::metrics, label::label};
use crate::rpc::ports::SyncPhase;
use prometheus_client::metrics::counter::Counter;

metrics! {
    /// The sync: how a node comes to the head of the chain.
    pub struct Sync {
        /// 1 for what the sync does at the moment, 0 for the rest.
        pub sync_phase: PerLabel<SyncPhase, Level>,
        /// The height that the sync makes for.
        pub sync_target_height: Level,
        /// How much of a snapshot's state is here, in thousandths.
        pub sync_state_permille: Level,
        /// Chunks of a snapshot's state that were fetched and verified.
        pub sync_chunks: Counter,
        /// Bytes of keys and values in these chunks.
        pub sync_bytes: Counter,
        /// Answers of peers that their own proofs or signatures contradict.
        pub sync_lies: Counter,
        /// Final states that this node holds for others.
        pub sync_states_pinned: Level,
        /// Chunks of a state that were served to others.
        pub sync_chunks_served: Counter,
    }
}

label! {
    SyncPhase as "phase" {
        Following = "following",
        Proofs = "proofs",
        Snapshot = "snapshot",
        Blocks = "blocks",
    }
}
