//! JSON-RPC 2.0 over HTTP and WebSocket, on one port.
//!
//! The namespaces are `eth_*`, `net_*`, `web3_*` and `txpool_*` as Ethereum's tools expect them, and `baton_*` for what only
//! this protocol has. [`start`] takes the node's parts as [`RpcContext`]; what the server needs of consensus and the mesh it
//! names itself, in [`ports`].
//!
//! A caller can neither change anything but the pool nor starve consensus: look-ups and executions run on threads of their
//! own, a bounded number at once ([`WorkLimits`]), each with bounds of its own ([`RpcLimits`]). The requests of a batch run
//! concurrently.

mod batch;
mod baton;
mod config;
mod context;
mod convert;
mod errors;
mod eth;
mod origins;
mod params;
pub mod ports;
mod proofs;
mod server;
mod storage;
#[cfg(test)]
pub(crate) mod tests;
mod txpool;
mod waiting;
mod web3;
mod workers;

pub use config::{RpcConfig, RpcLimits, STATE_HISTORY_BLOCKS};
pub use context::RpcContext;
pub use errors::RpcError;
pub use server::{RpcHandle, RpcStartError, Socket, start, start_on};
pub use waiting::{WaitingContext, start_waiting};
pub use workers::WorkLimits;
