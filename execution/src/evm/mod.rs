//! The EVM over a state reader: one revm instance and one journal per block.
//!
//! The journal keeps every account and slot that a block touches and is never committed in between, so that a transaction
//! costs no copying of state; the block's changes are read off it at the end.

mod changes;
mod database;
mod environment;
mod executor;

pub(crate) use database::BlockDatabase;
pub(crate) use environment::{Evm, block_env, evm, transaction_env};
pub(crate) use executor::{Executed, Executor, Failure};
