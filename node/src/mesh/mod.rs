//! Between the swarm and the rest of the node: every event goes to whom it concerns, signatures are checked on the way.
//!
//! - [`router`]: the loop over the network's events.
//! - [`electorates`]: the sets of this era and earlier ones.
//! - [`held`]: what waits for the next era.
//! - [`allowance`]: how often something is done that anyone can ask for.
//! - [`consensus`]: the checks of consensus messages.
//! - [`endorsers`]: the members whose word was good for nothing.
//! - [`known`]: the certificates that were checked already.
//! - [`compact`]: puts blocks together that come with the hashes of their transactions.
//! - [`requests`], [`by_hash`]: answers to peers.
//! - [`members`]: which peers the members of the set are, and where.
//! - [`records`]: how members tell each other so.
//! - [`peers`]: who is connected, for JSON-RPC, the synchronizer and the mempool.
//! - [`porter`]: the mesh before the engine runs.
//! - [`push`]: the mempool's way out.

mod allowance;
mod by_hash;
mod compact;
mod consensus;
mod electorates;
mod endorsers;
mod held;
mod known;
mod members;
mod peers;
mod porter;
mod push;
mod records;
mod requests;
mod router;

pub use compact::Assembler;
pub use electorates::Electorates;
pub use endorsers::Endorsers;
pub use held::Held;
pub use known::KnownCertificates;
pub use members::{MemberPeers, Taken};
pub use peers::{Peer, PeerBook};
pub use porter::Porter;
pub use push::MempoolMesh;
pub use records::{RecordKeeper, Recorder};
pub use router::{AtOnce, Hints, PeerNews, Router};
