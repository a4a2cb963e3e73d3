//! The Baton protocol, pure: no clock, no network, no disk.
//!
//! [`core`] is the state machine that a node drives: verified messages, timers and execution results go in, effects come
//! out. It stands on small parts, each a page: [`election`] (whose turn it is), [`schedule`] (the chain of announcements),
//! [`liveness`] and [`jail`] (who may lead), [`reign`] (what an era begins with), [`finality`] (what is final, and its proofs), [`evidence`] (who cheated),
//! [`journal`] (what was signed).
//! [`types`] and [`messages`] are the vocabulary, [`signing`] the wall between received and verified, and [`codec`] the
//! one format of the wire and the disk.

pub mod certificate;
pub mod codec;
pub mod core;
pub mod election;
pub mod endorsement;
pub mod evidence;
pub mod finality;
#[cfg(test)]
mod golden;
pub mod jail;
pub mod journal;
pub mod keys;
pub mod liveness;
pub mod messages;
mod parameters;
pub mod reign;
pub mod schedule;
pub mod signing;
#[cfg_attr(not(feature = "simulation"), doc(hidden))]
pub mod simulation;
#[cfg(test)]
pub(crate) mod testing;
pub mod types;

pub use parameters::{FinalityRule, InvalidParameter, Parameters};
