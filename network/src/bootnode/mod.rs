//! A bootnode: a swarm that helps peers find each other and holds nothing of a chain.
//!
//! It keeps a Kademlia table of the chain's peers and answers searches in it (`behaviour`), tells peers by dialing back whether
//! they can be reached (AutoNAT v2), and relays for those who cannot, if its operator wants that. It speaks no `status`, no gossip
//! and no request of the chain; that is how nodes know that it is one. The table's peers are kept on disk, so that a bootnode that was
//! restarted is of use at once.

mod behaviour;
mod config;
mod task;

pub use config::BootnodeConfig;
pub use task::{Bootnode, BootnodeState};
