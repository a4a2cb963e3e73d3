//! Simulated calls.

use super::{
    super::{
        context::{Rpc, check_depth},
        errors::{RpcError, RpcResult},
        params::Arguments,
    },
    state::block,
};
use alloy_eips::BlockId;
use alloy_primitives::{Bytes, TxKind, U64};
use alloy_rpc_types_eth::TransactionRequest;
use baton_execution::{CallOutcome, CallRequest, CallStatus};
use jsonrpsee::{RpcModule, core::RegisterMethodError, types::Params};
use serde_json::Value;

pub(super) fn register(module: &mut RpcModule<Rpc>) -> Result<(), RegisterMethodError> {
    module.register_async_method("eth_call", |params, rpc, _| async move { call(&params, &rpc).await })?;
    module
        .register_async_method("eth_estimateGas", |params, rpc, _| async move { estimate_gas(&params, &rpc).await })?;
    Ok(())
}

async fn call(params: &Params<'_>, rpc: &Rpc) -> RpcResult<Bytes> {
    let (request, at) = arguments(params, rpc, 4)?;
    let history = rpc.limits.state_history_blocks;
    rpc.execute(move |chain| {
        check_depth(chain, at, history)?;
        output(chain.call(&request, at)?)
    })
    .await
}

async fn estimate_gas(params: &Params<'_>, rpc: &Rpc) -> RpcResult<U64> {
    let (request, at) = arguments(params, rpc, 3)?;
    let history = rpc.limits.state_history_blocks;
    rpc.execute(move |chain| {
        check_depth(chain, at, history)?;
        Ok(U64::from(chain.estimate_gas(&request, at)?))
    })
    .await
}

/// The call and its block. Overrides of the state or the block are refused rather than ignored.
fn arguments(params: &Params<'_>, rpc: &Rpc, most: usize) -> RpcResult<(CallRequest, BlockId)> {
    let mut arguments = Arguments::new(params, most)?;
    let request: TransactionRequest = arguments.required("transaction")?;
    let at = block(&mut arguments)?;
    for name in ["state overrides", "block overrides"] {
        let overrides: Option<Value> = arguments.optional(name)?;
        if overrides.is_some_and(|value| value.as_object().is_none_or(|fields| !fields.is_empty())) {
            return Err(RpcError::invalid_params(format!("{name} are not supported")));
        }
    }
    Ok((call_request(request, rpc.node.chain.spec().chain_id())?, at))
}

/// The request as execution takes it.
fn call_request(request: TransactionRequest, chain_id: u64) -> RpcResult<CallRequest> {
    let TransactionRequest {
        from,
        to,
        gas_price,
        max_fee_per_gas,
        max_priority_fee_per_gas,
        max_fee_per_blob_gas,
        gas,
        value,
        input,
        nonce,
        chain_id: asked_chain,
        access_list,
        transaction_type: _,
        blob_versioned_hashes,
        sidecar,
        authorization_list,
    } = request;
    if let Some(asked) = asked_chain.filter(|asked| *asked != chain_id) {
        return Err(RpcError::invalid_params(format!("the call names chain {asked}, this is chain {chain_id}")));
    }
    if max_fee_per_blob_gas.is_some() || blob_versioned_hashes.is_some() || sidecar.is_some() {
        return Err(RpcError::invalid_params("blob transactions (EIP-4844) are not supported on this chain"));
    }
    if gas_price.is_some() && (max_fee_per_gas.is_some() || max_priority_fee_per_gas.is_some()) {
        let message = "both gasPrice and (maxFeePerGas or maxPriorityFeePerGas) are specified";
        return Err(RpcError::invalid_params(message));
    }
    if let (Some(cap), Some(tip)) = (max_fee_per_gas, max_priority_fee_per_gas)
        && tip > cap
    {
        let message = format!("maxFeePerGas ({cap}) is less than maxPriorityFeePerGas ({tip})");
        return Err(RpcError::invalid_params(message));
    }
    let data = input.try_into_unique_input().map_err(RpcError::invalid_params)?;
    let gas_price = gas_price.or(max_fee_per_gas).unwrap_or_default();
    Ok(CallRequest {
        from: from.unwrap_or_default(),
        to: to.and_then(TxKind::into_to),
        value: value.unwrap_or_default(),
        data: data.unwrap_or_default(),
        gas,
        gas_price,
        // A tip without a cap has nothing to be paid from: the call is free, as one without either.
        priority_fee: max_priority_fee_per_gas.filter(|_| gas_price != 0),
        nonce,
        access_list: access_list.unwrap_or_default(),
        authorization_list: authorization_list.unwrap_or_default(),
    })
}

fn output(outcome: CallOutcome) -> RpcResult<Bytes> {
    match outcome.status {
        CallStatus::Success => Ok(outcome.output),
        CallStatus::Revert => Err(RpcError::reverted(outcome.output)),
        CallStatus::Halt(reason) => {
            let reason = format!("{reason:?}");
            Err(RpcError::refused(if reason.starts_with("OutOfGas") {
                format!("out of gas: the call used all {} gas that it had", outcome.gas_used)
            } else {
                format!("execution failed: {reason}")
            }))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::{Address, U256};
    use serde_json::json;

    fn parse(value: Value) -> RpcResult<CallRequest> {
        call_request(serde_json::from_value(value).unwrap(), 7)
    }

    #[test]
    fn a_request_may_name_its_data_twice_but_not_differently() {
        let data = Bytes::from_static(&[1, 2]);
        assert_eq!(parse(json!({"data": "0x0102"})).unwrap().data, data);
        assert_eq!(parse(json!({"input": "0x0102"})).unwrap().data, data);
        assert_eq!(parse(json!({"input": "0x0102", "data": "0x0102"})).unwrap().data, data);
        assert_eq!(parse(json!({"input": "0x0102", "data": "0x03"})).unwrap_err().code(), -32602);
    }

    #[test]
    fn fees_and_chain_are_checked() {
        for (value, message) in [
            (json!({"gasPrice": "0x1", "maxFeePerGas": "0x1"}), "both gasPrice and"),
            (json!({"maxFeePerGas": "0x1", "maxPriorityFeePerGas": "0x2"}), "maxFeePerGas (1) is less than"),
            (json!({"chainId": "0x8"}), "the call names chain 8, this is chain 7"),
            (json!({"blobVersionedHashes": []}), "blob transactions"),
        ] {
            let error = parse(value).unwrap_err();
            assert!(error.code() == -32602 && error.to_string().starts_with(message), "{error}");
        }
        let request = parse(json!({"maxFeePerGas": "0x5", "maxPriorityFeePerGas": "0x2", "chainId": "0x7"})).unwrap();
        assert_eq!((request.gas_price, request.priority_fee), (5, Some(2)));
    }

    #[test]
    fn a_transfer_and_a_creation_are_told_apart() {
        let to = Address::repeat_byte(1);
        let request = parse(json!({"to": to, "value": "0x10", "gas": "0x5208", "nonce": "0x3"})).unwrap();
        assert_eq!(
            (request.to, request.value, request.gas, request.nonce),
            (Some(to), U256::from(16), Some(21000), Some(3))
        );
        assert_eq!(parse(json!({"to": null, "data": "0x00"})).unwrap().to, None);
    }
}
