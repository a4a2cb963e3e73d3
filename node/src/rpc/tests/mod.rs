//! The server over a real store with a few executed blocks, asked by real clients.

mod chain;
pub(crate) mod node;
mod proofs;
mod pruning;
mod shapes;
mod throughput;
mod websocket;

mod errors;
mod methods;
