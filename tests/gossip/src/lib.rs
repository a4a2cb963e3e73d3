//! The node's gossipsub among a thousand nodes: how soon a block is everywhere, and what that costs.
//!
//! Every node is a libp2p swarm with the real gossipsub, configured by `baton-network`, and the real Yamux. What lies between
//! them is made here: each node has a [`pipe`] to each of its peers, which takes as long as between their regions of the world,
//! and one line out for all of its pipes. Time is tokio's, which stands still while there is anything to do: `shims` puts it where
//! libp2p looks at the clock. So nothing depends on how fast this machine is. Chance comes from one seed ([`chance`]).
//! What a node sends is counted on its streams ([`tally`]).
//!
//! What is not there: Noise, the slow start and the losses of TCP, and the work of checking a block, which is a fixed time.

#![expect(clippy::missing_panics_doc, reason = "a simulation that cannot go on has failed")]

mod chance;
mod hub;
mod node;
mod pipe;
pub mod report;
pub mod run;
mod tally;

pub use tally::Sent;
