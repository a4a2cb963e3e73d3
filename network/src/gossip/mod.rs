//! Gossip: what everyone is told.
//!
//! - Transactions travel in an instance of gossipsub of their own, so that they give way to everything else (`channels`).
//! - One gossipsub topic for each kind of message (`topics`), one row for each kind in one table (`kind`).
//! - A message is the codec's bytes in one raw snappy block (`envelope`). Its size on the wire and the size that it
//!   declares are checked against the kind's cap before a byte is decompressed.
//! - What cannot be decoded is rejected inside this crate. Everything else goes to the node with a ticket, and is
//!   forwarded only after the node's verdict (`ticket`).
//! - A message that finds no peer is kept until one subscribes (`kept`).
//! - Gossipsub scores its peers (`scoring`); our own penalties are the larger part of it.

mod behaviour;
mod channels;
mod envelope;
mod kept;
mod kind;
mod scoring;
mod ticket;
mod topics;

pub(crate) use behaviour::build;
pub(crate) use channels::Gossip;
pub(crate) use envelope::{open, seal};
pub(crate) use kept::Kept;
pub(crate) use scoring::reserved_score;
pub(crate) use topics::{Topics, chain_prefix};

pub use kind::{GossipMessage, Kind};
pub use ticket::{GossipTicket, Verdict};
