//! `eth_*`: the Ethereum JSON-RPC specification (ethereum/execution-apis), as far as a chain without proof of work, blobs and
//! accounts of its own needs it.

mod blocks;
mod call;
pub(super) mod fees;
mod logs;
mod node;
mod state;
mod subscribe;
mod transactions;

pub(super) use node::sync_info;

use super::context::Rpc;
use jsonrpsee::{RpcModule, core::RegisterMethodError};

pub(super) fn register(module: &mut RpcModule<Rpc>) -> Result<(), RegisterMethodError> {
    node::register(module)?;
    blocks::register(module)?;
    transactions::register(module)?;
    state::register(module)?;
    call::register(module)?;
    fees::register(module)?;
    logs::register(module)?;
    subscribe::register(module)
}
