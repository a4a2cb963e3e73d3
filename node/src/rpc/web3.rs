//! `web3_*` and `net_*`: who answers, and on which network.

use super::{context::Rpc, errors::RpcResult, params::Arguments};
use alloy_primitives::{B256, Bytes, U64, keccak256};
use jsonrpsee::{RpcModule, core::RegisterMethodError, types::Params};
use std::env::consts::{ARCH, OS};

pub(super) fn register(module: &mut RpcModule<Rpc>) -> Result<(), RegisterMethodError> {
    module.register_method("web3_clientVersion", |_, _, _| client_version())?;
    module.register_method("web3_sha3", |params, _, _| sha3(&params))?;
    module.register_method("net_version", |_, rpc, _| rpc.node.chain.spec().chain_id().to_string())?;
    module.register_method("net_listening", |_, _, _| true)?;
    module.register_method("net_peerCount", |_, rpc, _| RpcResult::Ok(U64::from(rpc.node.peers.count())))?;
    Ok(())
}

/// As other clients write it: name, version, platform.
pub(super) fn client_version() -> String {
    format!("baton/v{}/{OS}-{ARCH}", env!("CARGO_PKG_VERSION"))
}

fn sha3(params: &Params<'_>) -> RpcResult<B256> {
    let data: Bytes = Arguments::new(params, 1)?.required("data")?;
    Ok(keccak256(data))
}
