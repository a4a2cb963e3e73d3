//! What an operator may tell a node that runs on the same machine: a Unix domain socket in the data directory.
//!
//! Only the user that runs the node, and root, may use it: the file is theirs, and the kernel says who connects. A client sends
//! one request a line, as JSON, and gets one answer a line:
//!
//! ```text
//! {"command":"resign","patienceMs":30000}
//! {"termOpened":{"term":4,"scheduler":"0x…","resigned":"0x…"}}
//! {"command":"peers","ask":{"why":"12D3Koo…"}}
//! {"aboutPeers":{"peer":{"row":{…},"bans":1,"charges":[…]}}}
//! ```
//!
//! - [`protocol`]: the requests and the answers.
//! - [`socket`]: the file.
//! - [`server`]: the actor that answers.
//! - [`operations`]: how the node does what it is asked.
//! - [`peers`]: what can be asked and told about peers.
//! - [`client`]: what `baton admin` and `baton peers` use.

mod client;
mod operations;
mod peers;
mod protocol;
mod server;
mod socket;

#[cfg(test)]
mod tests;

pub use client::{ClientError, ask};
pub use operations::NodeOperations;
pub use peers::{BanRow, ChargeRow, ConnectionRow, MAX_BAN, PeerAnswer, PeerDetail, PeerRequest, PeerRow, RangeRow};
pub use protocol::{Answer, MAX_PATIENCE, Request};
pub use server::{Operations, Server};
pub use socket::{AdminSocket, SocketError};
