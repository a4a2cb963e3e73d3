//! The Baton node: what wires consensus, execution, storage and network together, and the program around it.

pub mod admin;
pub mod chain;
pub mod cli;
pub mod config;
pub mod engine;
pub mod eras;
pub mod genesis;
pub mod halt;
pub mod keys;
pub mod l1;
pub mod mempool;
pub mod mesh;
pub mod metrics;
pub mod relay;
pub mod rpc;
pub mod service;
pub mod staking;
mod stop;
pub mod supervisor;
pub mod sync;
#[cfg(test)]
mod testing;
pub mod testnet;
