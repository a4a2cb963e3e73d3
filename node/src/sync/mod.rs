//! Catching up: a node that was away, or missed a message, fetches blocks by range from its peers, several at once.
//!
//! The synchronizer wakes when the engine asks, when a peer tells of a higher head, and now and then. While somebody is
//! ahead it keeps a few ranges in flight, each asked of another peer, checks their signatures off the engine's thread and
//! hands them over in order. A block that is missing by name is asked for by its hash first, as its holders may have it beside
//! their chain. A range that fails is asked of the next peer. What the blocks say is checked by the engine:
//! it follows a block only if the schedule entitles its leader, it is sealed, and it executes.

mod actor;
mod branch;
mod download;

pub use actor::Synchronizer;
