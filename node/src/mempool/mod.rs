//! The mempool: transactions that wait for a block.
//!
//! # The way of a transaction
//! 1. It enters through [`PoolHandle`]: [`PoolHandle::submit`] from RPC, [`PoolHandle::pushed`] from a peer that wants
//!    an acknowledgement, [`PoolHandle::gossiped`] from the mesh. Room is bounded in bytes (`budget`): RPC waits for it,
//!    gossip is dropped.
//! 2. `intake` takes whatever waits as one batch and hands it to a blocking thread. There, on all cores, each transaction
//!    is hashed (known ones end here), decoded, checked against the chain's rules ([`Rules`]) and its signer is recovered;
//!    then the signers' accounts are read from the head state in one go ([`AccountSource`]).
//! 3. `actor` owns the [`Pool`] and admits the batch. It never waits for anything but its next command.
//! 4. `outbox` gossips what RPC brought, in batches, and pushes the same batch to one peer ([`Mesh`]). Only that peer's
//!    acknowledgement answers the user: the answer survives the death of this node.
//! 5. A leader takes the best ones ([`PoolHandle::best`]); they stay in the pool until a *sealed* block contains them
//!    ([`PoolHandle::on_committed`]). What users or peers handed to this node is gossiped again, with growing pauses,
//!    until then.
//!
//! # The order
//! Effective tip at the block's base fee, then arrival; a sender's nonces always in order. See `ordering` for how this
//! order survives a change of the base fee without sorting, and `sender_queue` for what "executable" means.
//!
//! # Two views
//! [`Pool`] is a pure data structure: no clock, no tasks. What other tasks look up often (a transaction or a signer by
//! its hash, the counts) they read from shared indexes, without asking the actor.

mod actor;
mod budget;
mod error;
mod handle;
mod index;
mod intake;
mod limits;
mod metrics;
mod ordering;
mod outbox;
mod pool;
mod ports;
mod prepare;
mod rebroadcast;
mod recent;
mod rules;
mod selection;
mod sender_cache;
mod sender_queue;
mod service;
#[cfg(test)]
mod tests;
mod transaction;

pub use error::PoolError;
pub use handle::{GossipOutcome, PoolHandle, PushOutcome, Verdict};
pub use index::TransactionIndex;
pub use limits::Limits;
pub use metrics::Metrics;
pub use pool::{Admission, CommittedBlock, Content, Pool, Status};
pub use ports::{Account, AccountError, AccountSource, Accounts, Mesh, MeshError, Pushed, Rules};
pub use rules::ChainRules;
pub use selection::Demand;
pub use sender_cache::SenderCache;
pub use service::{Config, Mempool};
pub use transaction::{Origin, PooledTransaction};
