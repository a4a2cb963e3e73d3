//! Coming to the head of the chain, and helping others to.
//!
//! *Before the engine runs* ([`arrival`]): a new node that finds its peers far ahead verifies what their chain rests on from
//! genesis ([`provenance`]), and takes over the state of a final block ([`snapshot`]), unless it is to execute everything.
//!
//! *While it runs* ([`actor`]): a node that was away, or missed a message, fetches blocks by range from its peers, several
//! at once. The synchronizer wakes when the engine asks, when a peer tells of a higher head, and now and then. While
//! somebody is ahead it keeps ranges in flight, each asked of another peer, checks them off the engine's thread
//! ([`download`]) and hands them over in order, one while the engine executes the one before; a range that fails is asked
//! of the next peer. A block that is missing by name is asked for by its hash first ([`branch`]), as its holders may have it
//! beside their chain. What the blocks say is checked by the engine: it follows a block only if the schedule entitles its
//! leader, it is sealed, and it executes.
//!
//! Whom to ask, how long to wait, and who is to blame: [`servers`]. How far it has come: [`progress`]. What others are
//! answered: [`answers`].

mod actor;
mod answers;
mod arrival;
mod branch;
mod download;
mod progress;
mod provenance;
mod servers;
mod snapshot;

pub use actor::{Sources, Synchronizer};
pub use arrival::{Arrival, FAR_AHEAD, Plan};
pub use progress::Progress;
pub use snapshot::{Snapshots, interval_for};
