//! What is counted of blocks.

use super::{Durations, define::metrics};
use prometheus_client::metrics::counter::Counter;

metrics! {
    /// Blocks that this node executed, committed and took back.
    pub struct Blocks {
        /// Blocks that became the head of this node, those that it caught up on included.
        pub blocks_committed: Counter,
        /// Transactions of committed blocks.
        pub transactions_committed: Counter,
        /// Gas that committed blocks used.
        pub gas_committed: Counter,
        /// Blocks that left the sealed chain again; their transactions are pending.
        pub blocks_reverted: Counter,
        /// Seconds that it took to execute a block that another node built.
        pub block_execution_seconds: Durations,
        /// Seconds that it took to make a block durable, its trie and indexes included.
        pub block_commit_seconds: Durations,
    }
}
