//! Calls and estimates, as RPC asks for them, and genesis.

mod common;

use std::collections::BTreeMap;

use alloy_primitives::{Address, Bytes, TxKind, U256, hex};
use baton_execution::{
    CallError, CallRequest, CallStatus, EstimateError, GenesisAccount, GenesisError, StateReader, TransactionError,
    call, estimate_gas, genesis_state,
};
use common::*;

fn request(to: Address, data: &[u8]) -> CallRequest {
    CallRequest { from: key(0).address(), to: Some(to), data: Bytes::copy_from_slice(data), ..CallRequest::default() }
}

#[test]
fn a_call_returns_reverts_or_halts_and_changes_nothing() {
    let chain = Chain::new(spec());
    let run = |request: &CallRequest| call(&chain.spec, &chain.head, request, &chain.state).unwrap();

    let outcome = run(&request(REVERT_AT, &[]));
    assert_eq!(outcome.status, CallStatus::Revert);
    assert_eq!(U256::from_be_slice(&outcome.output), U256::from(42));

    let create = CallRequest { to: None, data: deploy(&BALANCE).into(), ..request(STORE_AT, &[]) };
    let outcome = run(&create);
    assert_eq!(outcome.status, CallStatus::Success);
    assert_eq!(outcome.output, Bytes::from(BALANCE));
    assert_eq!(outcome.created, Some(key(0).address().create(0)));

    let invalid = CallRequest { to: None, data: Bytes::from(hex!("fe")), ..request(STORE_AT, &[]) };
    assert!(matches!(run(&invalid).status, CallStatus::Halt(_)));

    assert_eq!(run(&request(STORE_AT, &[1; 32])).status, CallStatus::Success);
    assert_eq!(chain.state.storage(STORE_AT, U256::ZERO).unwrap(), U256::ZERO);

    // A contract may call, and the nonce does not matter.
    let from_contract = CallRequest { from: REVERT_AT, nonce: Some(9), ..request(STORE_AT, &[]) };
    assert_eq!(run(&from_contract).status, CallStatus::Success);
}

#[test]
fn value_and_a_named_price_must_be_covered() {
    let chain = Chain::new(spec());
    let poor = CallRequest { from: Address::repeat_byte(0x77), ..request(STORE_AT, &[]) };
    let run = |request: &CallRequest| call(&chain.spec, &chain.head, request, &chain.state);
    assert!(run(&poor).is_ok());
    let value = CallRequest { value: U256::ONE, ..poor.clone() };
    assert!(matches!(run(&value), Err(CallError::Invalid(TransactionError::InsufficientFunds { .. }))));
    let price = CallRequest { gas_price: u128::from(BASE_FEE), ..poor };
    assert!(matches!(run(&price), Err(CallError::Invalid(TransactionError::InsufficientFunds { .. }))));
    let low = CallRequest { gas_price: 1, ..request(STORE_AT, &[]) };
    assert!(matches!(run(&low), Err(CallError::Invalid(TransactionError::FeeBelowBaseFee))));
}

#[test]
fn an_estimate_is_enough_and_little_more() {
    let mut chain = Chain::new(spec());
    chain.push(&[]);
    let estimate = |request: &CallRequest| estimate_gas(&chain.spec, &chain.head, request, &chain.state);
    assert_eq!(estimate(&request(Address::repeat_byte(0x99), &[])).unwrap(), 21_000);

    for request in [
        request(STORE_AT, &[1; 32]),
        request(LOOK_AT, &[]),
        CallRequest { to: None, data: deploy(&STORE).into(), ..request(STORE_AT, &[]) },
        request(Address::repeat_byte(0x99), &[1; 500]),
    ] {
        let gas = estimate(&request).unwrap();
        let kind = request.to.map_or(TxKind::Create, TxKind::Call);
        let receipt = |gas| {
            let transaction = edited(0, 0, kind, 0, &request.data, |tx| tx.gas_limit = gas);
            chain.build(&[transaction]).executed.receipts.first().is_some_and(|receipt| receipt.success)
        };
        assert!(receipt(gas), "{gas} gas is not enough");
        assert!(!receipt(gas - gas / 32), "{gas} gas is far too much");
    }

    let reverted = estimate(&request(REVERT_AT, &[]));
    let Err(EstimateError::Reverted(data)) = reverted else { panic!("{reverted:?}") };
    assert_eq!(U256::from_be_slice(&data), U256::from(42));
    let capped = CallRequest { gas: Some(22_000), ..request(STORE_AT, &[1; 32]) };
    assert!(matches!(estimate(&capped), Err(EstimateError::AboveAllowance(22_000))));
    let halted = CallRequest { to: None, data: Bytes::from(hex!("fe")), ..request(STORE_AT, &[]) };
    assert!(matches!(estimate(&halted), Err(EstimateError::Halted(_))));
}

#[test]
fn genesis_refuses_what_execution_could_not_bear() {
    let address = Address::repeat_byte(1);
    let alone = |account: GenesisAccount| genesis_state(&BTreeMap::from([(address, account)])).unwrap_err();
    let storage = BTreeMap::from([(U256::ZERO, U256::ONE)]);
    let orphan = GenesisAccount { balance: U256::ONE, storage, ..GenesisAccount::default() };
    assert!(matches!(alone(orphan), GenesisError::OrphanStorage(_)));
    assert!(matches!(alone(GenesisAccount::default()), GenesisError::EmptyAccount(_)));
    assert!(matches!(alone(GenesisAccount { nonce: u64::MAX, ..Default::default() }), GenesisError::Nonce(_)));
    let rich = GenesisAccount { balance: U256::MAX, ..GenesisAccount::default() };
    let two = BTreeMap::from([(address, rich.clone()), (Address::repeat_byte(2), rich)]);
    assert!(matches!(genesis_state(&two).unwrap_err(), GenesisError::SupplyOverflow(_)));
}
