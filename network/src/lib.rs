//! The network of a Baton node: one libp2p swarm behind one typed handle and one stream of events.
//!
//! [`start`] makes three things. The [`NetworkTask`] owns the swarm; its caller runs and supervises it. The
//! [`NetworkHandle`] tells it what to do, the [`NetworkEvents`] tell what happened. No other type of libp2p than
//! addresses, peer ids and the key crosses this border.
//!
//! - **Transport**: TCP and QUIC, Noise, Yamux. Both sides' connection limits hold, two connections a peer.
//! - **Status** comes first: the dialer of every new connection sends its [`Status`] and gets the peer's. Peers of another
//!   chain are told so and sent away on both sides; the others become ready, and stay current every few seconds. The
//!   node only keeps its own status in a watch channel up to date.
//! - **Gossip** goes to everyone; transactions give way to the rest, on streams of their own. A message is forwarded only
//!   after the node's verdict; what cannot be decoded is rejected here. See [`GossipMessage`] for the kinds and their caps.
//! - **Requests** go to one peer. See [`Request`] for the protocols.
//! - **Quotas** (`quotas`): how much one peer may ask and gossip in a second; what this node asks keeps to them.
//! - **Reconnection**: explicit peers (the sequencers) and added ones always, bootnodes while connected peers are few, with back-off.
//! - **The gate** (`gate`) decides who may connect: limits in both directions, by peer and by address range.
//! - **Penalties** (`penalties`): what a peer is blamed for is an [`Offence`] of one of four classes, and leads to its being
//!   sent away or banned by one arithmetic.
//!
//! Nothing that comes out of this crate is verified beyond its form: signatures and entitlement are for the node.

mod behaviour;
mod bootnode;
mod config;
mod counters;
mod discovery;
mod error;
mod event;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
mod gate;
#[cfg(test)]
mod golden;
mod gossip;
mod handle;
mod lanes;
mod lists;
mod muxer;
mod oversight;
mod peers;
mod penalties;
mod quotas;
mod reconnect;
mod rpc;
#[cfg(feature = "simulation")]
pub mod simulation;
pub mod state_file;
mod status;
mod task;
mod text;
mod wire;

pub use bootnode::{Bootnode, BootnodeConfig, BootnodeState};
pub use config::{ConnectionLimits, DiscoveryConfig, NetworkConfig, RelayUse, Timing};
pub use counters::{NetworkCounters, PeerCounters};
pub use discovery::{PEERS_FILE, Reachability};
pub use error::{DialFailure, NetworkError, Publication, PublishError, RequestError, RespondError};
pub use event::NetworkEvent;
pub use gate::{AddressRange, InvalidRange, Refusal};
pub use gossip::{GossipMessage, GossipTicket, Kind, Verdict};
pub use handle::NetworkHandle;
pub use lanes::NetworkEvents;
pub use libp2p::{Multiaddr, PeerId, identity::Keypair};
pub use lists::{ListError, MAX_LISTED_PEERS};
pub use oversight::{BannedRange, PeerAccount, PeerOverview};
pub use peers::{Direction, PeerInfo};
pub use penalties::{Account, BAN_AT, Ban, BanCause, Charge, Class, DISCONNECT_AT, Offence};

pub use rpc::{
    BlocksByHash, BlocksByRange, Branch, BranchBlock, Chunk, ChunkPart, ChunkRequest, FoundTransactions, HeaderProof,
    HeadersRequest, MAX_ASKED_TRANSACTIONS, MAX_BRANCH_BLOCKS, MAX_CHUNK_BYTES, MAX_CHUNK_CODES, MAX_CHUNK_LEAVES,
    MAX_CHUNK_TRIES, MAX_FOUND_BYTES, MAX_HEADER_BYTES, MAX_OFFER_HEADERS, MAX_REFUSAL_BYTES, MAX_SEGMENT_BYTES,
    MAX_SET_CHANGES, MAX_SET_CHANGES_BYTES, MAX_SNAPSHOT_OFFERS, MIN_CHUNK_BYTES, Protocol, Received, RecordsRequest,
    Request, Responder, Response, SetChanges, SetChangesRequest, SnapshotOffers, SnapshotOffersRequest, Submission,
    TransactionsByHash, TrieLeaf, TrieRange,
};
pub use status::{Agent, MAX_AGENT_BYTES, PROTOCOL_VERSION, Status};
pub use task::{NetworkTask, start};
pub use text::{InvalidText, Text};
pub use wire::{MAX_BATCH_TRANSACTIONS, MAX_RANGE_ANNOUNCEMENTS, MAX_RANGE_BLOCKS, WireError};

/// The most connections to one peer: one for each side that dialed.
pub const MAX_CONNECTIONS_PER_PEER: u32 = 2;
