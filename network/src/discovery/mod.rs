//! How nodes find each other.
//!
//! - A node starts from **bootnodes** and from its own **peer store** (`store`), and dials both while it has too few peers.
//! - It **walks** (`walk`): it asks the peers that it knows for those near a random point of a Kademlia table (`kademlia`), dials
//!   whom it finds until it has enough, and rests then. Sequencers that it must keep are searched for by their ids.
//! - On a LAN it may also listen for others by mDNS, if asked.
//! - Which addresses are believed, dialed and spread is decided in one place (`policy`, `scope`), and libp2p's own protocols are
//!   held to it (`guard`).
//! - Its own addresses (`own`) are what the operator gives, what peers confirm by dialing back (AutoNAT v2), what a gateway opens
//!   (UPnP), what a relay lends, and where it listens if that is no secret of a private network.
//! - While it is alone it says so, rarely (`loneliness`).

mod behaviour;
mod guard;
mod kademlia;
mod loneliness;
mod own;
mod policy;
mod reachability;
mod scope;
mod store;
mod walk;

pub(crate) use behaviour::{DiscoveryBehaviour, DiscoveryBehaviourEvent};
pub(crate) use guard::{Dials, Guard};
pub(crate) use kademlia::{Kademlia, build as build_kademlia, insert, protocol as kademlia_protocol};
pub(crate) use loneliness::{Loneliness, Tried};
pub(crate) use own::{OwnAddresses, announce};
pub(crate) use policy::AddressPolicy;
pub(crate) use scope::{Scope, is_relayed};
pub use store::PEERS_FILE;
pub(crate) use store::PeerStore;
pub(crate) use walk::{Pace, Walk};

pub use reachability::Reachability;
