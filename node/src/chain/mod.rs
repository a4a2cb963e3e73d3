//! Where storage and execution meet: neither knows the other, the node joins them here.
//!
//! *Writing.* [`block_commit`] turns an executed block and its seal into what the store commits, and [`init_genesis`] begins
//! a chain. After a commit the engine tells [`HeadEvents`], whose listeners (subscriptions, the pool) follow the head.
//!
//! *Reading.* [`StateAdapter`] shows a stored state to execution: build and check blocks on it. [`ChainReader`] is the read
//! side for everyone else: it resolves block tags, joins blocks with receipts and senders, and simulates calls.
//!
//! *Remembering.* [`RecentBlocks`] has the blocks of the last moments, whatever became of them.
//!
//! Everything that touches the store blocks; call it from a thread that may.

mod blocks;
mod commit;
mod error;
mod finality;
mod genesis;
mod heads;
mod pool;
mod reader;
mod recent;
mod simulate;
mod state;
#[cfg(test)]
mod tests;

pub use blocks::{BlockWithReceipts, RecoveredBlock, consensus_block, execution_block};
pub use commit::{block_commit, state_changes, stored_receipts, trie_changes};
pub use error::ChainError;
pub use genesis::{check_genesis, init_genesis};
pub(crate) use heads::block_logs;
pub use heads::{BlockLog, HeadEvent, HeadEvents, NewHead};
pub use pool::committed_block;
pub use reader::ChainReader;
pub use recent::RecentBlocks;
pub use state::{LentState, StateAdapter};
