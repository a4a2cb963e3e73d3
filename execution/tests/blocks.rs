//! What blocks do to the state, transaction type by transaction type and rule by rule.

mod common;

use std::sync::Arc;

use alloy_eips::{
    eip1559::BaseFeeParams,
    eip2930::{AccessList, AccessListItem},
    eip2935::HISTORY_STORAGE_ADDRESS,
    eip4788::BEACON_ROOTS_ADDRESS,
};
use alloy_primitives::{Address, B256, TxKind, U256, keccak256};
use alloy_trie::EMPTY_ROOT_HASH;
use baton_execution::{
    BlockError, BuildLimits, ChainSpec, InvalidBlock, Overlay, StateReader, TransactionError, build_block,
    execute_block, validate_stateless,
};
use common::*;

const SOMEONE: Address = Address::repeat_byte(0x99);

#[test]
fn transfers_move_value_and_pay_fees() {
    let mut chain = Chain::new(spec());
    let executed =
        chain.push(&[transfer(0, 0, SOMEONE, 10), transfer(0, 1, SOMEONE, 20), legacy(1, 0, Some(CHAIN_ID), SOMEONE)]);
    let base_fee = executed.block.header.base_fee_per_gas.unwrap();
    assert_eq!(chain.balance(SOMEONE), U256::from(35));
    assert_eq!(chain.nonce(key(0).address()), 2);
    let tip = 1_000_000_000u64;
    let spent = 2 * 21_000 * (base_fee + tip) + 30;
    assert_eq!(chain.balance(key(0).address()), U256::from(ETHER - spent));
    let legacy_tip = 3 * BASE_FEE - base_fee;
    assert_eq!(chain.balance(BENEFICIARY), U256::from(21_000 * (2 * tip + legacy_tip)));
    let cumulative: Vec<_> = executed.receipts.iter().map(|receipt| receipt.cumulative_gas_used).collect();
    assert_eq!(cumulative, [21_000, 42_000, 63_000]);
}

#[test]
fn the_base_fee_goes_to_its_recipient_or_is_burnt() {
    let recipient = Address::repeat_byte(0xfe);
    for named in [None, Some(recipient)] {
        let mut chain = Chain::new(ChainSpec::new(CHAIN_ID, BaseFeeParams::ethereum(), named).unwrap());
        let supply = |chain: &Chain| chain.state.accounts().values().map(|account| account.balance).sum::<U256>();
        let before = supply(&chain);
        let executed = chain.push(&[transfer(0, 0, SOMEONE, 10), store(1, 0, 7)]);
        let header = &executed.block.header;
        let base_fees = U256::from(header.base_fee_per_gas.unwrap()) * U256::from(header.gas_used);
        if named.is_some() {
            assert_eq!(chain.balance(recipient), base_fees);
            assert_eq!(supply(&chain), before);
        } else {
            assert_eq!(chain.balance(recipient), U256::ZERO);
            assert_eq!(supply(&chain), before - base_fees);
        }
    }
}

#[test]
fn contracts_are_created_called_and_revert() {
    let mut chain = Chain::new(spec());
    let created = key(0).address().create(0);
    let executed = chain.push(&[
        tx1559(0, 0, TxKind::Create, 0, &deploy(&STORE)),
        tx1559(0, 1, TxKind::Call(created), 0, &U256::from(42).to_be_bytes::<32>()),
        tx1559(1, 0, TxKind::Call(REVERT_AT), 0, &[]),
    ]);
    let successes: Vec<_> = executed.receipts.iter().map(|receipt| receipt.success).collect();
    assert_eq!(successes, [true, true, false]);
    assert_eq!(chain.slot(created, 0), U256::from(42));
    let account = chain.state.account(created).unwrap().unwrap();
    assert_eq!(account.code_hash, keccak256(STORE));
    assert_eq!(chain.state.code(account.code_hash).unwrap().unwrap()[..], STORE);
    assert_eq!(chain.nonce(key(1).address()), 1);
}

#[test]
fn access_lists_and_delegations_work() {
    let mut chain = Chain::new(spec());
    let access_list = AccessList(vec![AccessListItem { address: STORE_AT, storage_keys: vec![B256::ZERO] }]);
    let sponsored = key(3).address();
    chain.push(&[
        tx2930(0, 0, STORE_AT, access_list, &U256::from(9).to_be_bytes::<32>()),
        tx7702(1, 0, sponsored, &U256::from(8).to_be_bytes::<32>(), vec![authorization(3, 0, STORE_AT)]),
    ]);
    assert_eq!(chain.slot(STORE_AT, 0), U256::from(9));
    assert_eq!(chain.slot(sponsored, 0), U256::from(8));
    assert_eq!(chain.nonce(sponsored), 1);
    // A delegated account still sends, and can clear its delegation; its storage stays.
    chain.push(&[transfer(3, 1, SOMEONE, 1), tx7702(1, 1, SOMEONE, &[], vec![authorization(3, 2, Address::ZERO)])]);
    let account = chain.state.account(sponsored).unwrap().unwrap();
    assert!(!account.has_code());
    assert_eq!(account.nonce, 3);
    assert_eq!(chain.slot(sponsored, 0), U256::from(8));
}

#[test]
fn the_base_fee_follows_the_gas_used() {
    let mut chain = Chain::new(spec());
    let empty = chain.push(&[]);
    let after_empty = chain.push(&[]).block.header.base_fee_per_gas.unwrap();
    assert!(after_empty < empty.block.header.base_fee_per_gas.unwrap());
    // Calls that burn their whole limit of 2^24 gas fill more than the half that is the target.
    let burn = edited(0, 0, TxKind::Create, 0, &[0xfe], |tx| tx.gas_limit = 1 << 24);
    let full = chain.push(&[burn]);
    assert!(full.block.header.gas_used > 15_000_000);
    let after_full = chain.push(&[]).block.header.base_fee_per_gas.unwrap();
    assert!(after_full > full.block.header.base_fee_per_gas.unwrap());
}

#[test]
fn what_cannot_be_executed_is_skipped_with_its_reason() {
    let chain = Chain::new(spec());
    let (to, poor) = (TxKind::Call(SOMEONE), 77);
    let cases = [
        blob(0, 0),
        legacy(0, 0, None, SOMEONE),
        edited(0, 0, to, 0, &[], |tx| tx.chain_id = 8),
        transfer(0, 1, SOMEONE, 1),
        edited(0, 0, to, 0, &[], |tx| tx.max_fee_per_gas = 1_000_000_000 / 2),
        edited(0, 0, to, 0, &[], |tx| {
            tx.max_fee_per_gas = 1;
            tx.max_priority_fee_per_gas = 2;
        }),
        edited(0, 0, to, 0, &[], |tx| tx.gas_limit = 20_999),
        edited(0, 0, to, 0, &[1; 1000], |tx| tx.gas_limit = 60_000),
        edited(0, 0, to, 0, &[], |tx| tx.gas_limit = (1 << 24) + 1),
        edited(0, 0, to, 0, &[], |tx| tx.gas_limit = 40_000_000),
        tx1559(0, 0, TxKind::Create, 0, &[0; 49_153]),
        tx7702(0, 0, SOMEONE, &[], vec![]),
        transfer(poor, 0, SOMEONE, 1),
        transfer(0, 0, SOMEONE, 1),
        transfer(0, 0, SOMEONE, 1),
    ];
    let built = chain.build(&cases);
    assert_eq!(built.executed.receipts.len(), 1);
    let reasons: Vec<_> = built.skipped.iter().map(|(_, reason)| reason).collect();
    use TransactionError as Error;
    assert!(
        matches!(
            reasons.as_slice(),
            [
                Error::Blob,
                Error::MissingChainId,
                Error::WrongChainId { expected: 7, found: 8 },
                Error::NonceTooHigh { transaction: 1, account: 0 },
                Error::TipAboveFeeCap,
                Error::TipAboveFeeCap,
                Error::IntrinsicGas { required: 21_000, limit: 20_999 },
                Error::IntrinsicGas { required: 61_000, limit: 60_000 },
                Error::GasAboveCap { .. },
                Error::DoesNotFit { .. },
                Error::InitcodeTooLarge,
                Error::EmptyAuthorizationList,
                Error::InsufficientFunds { .. },
                Error::NonceTooLow { transaction: 0, account: 1 },
            ]
        ),
        "{reasons:?}"
    );
    // The stateless check refuses exactly those that are wrong in themselves.
    let verdicts: Vec<_> = cases.iter().map(|tx| validate_stateless(&chain.spec, tx.inner()).is_ok()).collect();
    let fine = [3, 12, 13, 14];
    for (index, ok) in verdicts.into_iter().enumerate() {
        assert_eq!(ok, fine.contains(&index), "case {index}");
    }
}

#[test]
fn a_fee_below_the_base_fee_waits() {
    let chain = Chain::new(spec());
    let low = edited(0, 0, TxKind::Call(SOMEONE), 0, &[], |tx| {
        tx.max_fee_per_gas = 1000;
        tx.max_priority_fee_per_gas = 1;
    });
    let built = chain.build(&[low]);
    assert_eq!(built.skipped[0].1, TransactionError::FeeBelowBaseFee);
    assert!(!built.skipped[0].1.is_permanent());
}

#[test]
fn time_and_size_end_a_block() {
    let chain = Chain::new(spec());
    let transactions: Vec<_> = (0..50).map(|nonce| transfer(0, nonce, SOMEONE, 1)).collect();
    let mut asked = 0;
    let mut three = || {
        asked += 1;
        asked <= 3
    };
    let limits = BuildLimits { max_bytes: usize::MAX, keep_going: &mut three };
    let built = build_block(&chain.spec, &chain.head, &attributes(200), &transactions, limits, &chain.state).unwrap();
    assert_eq!(built.executed.receipts.len(), 3);
    assert_eq!(built.skipped, vec![]);
    let limits = BuildLimits { max_bytes: 2_000, keep_going: &mut || true };
    let built = build_block(&chain.spec, &chain.head, &attributes(200), &transactions, limits, &chain.state).unwrap();
    assert!(!built.executed.receipts.is_empty() && built.executed.receipts.len() < 20);
    assert!(alloy_rlp::encode(&built.executed.block).len() <= 2_000);
    assert!(matches!(built.skipped[0].1, TransactionError::DoesNotFitSize { .. }));
}

#[test]
fn a_blob_transaction_makes_a_block_invalid() {
    let chain = Chain::new(spec());
    let mut block = chain.build(&[]).executed.block;
    block.body.transactions.push(blob(0, 0).into_inner());
    block.header.transactions_root = alloy_consensus::proofs::calculate_transaction_root(&block.body.transactions);
    let error = execute_block(&chain.spec, &chain.head, block, &|_| None, &chain.state).unwrap_err();
    let BlockError::Invalid(reason) = error else { panic!("{error}") };
    assert!(matches!(*reason, InvalidBlock::Transaction { index: 0, reason: TransactionError::Blob, .. }));
}

#[test]
fn contracts_see_block_hashes_and_the_system_contracts_keep_them() {
    let mut chain = Chain::new(spec());
    chain.push(&[]);
    let parent = chain.head.clone();
    let executed = chain.push(&[tx1559(0, 0, TxKind::Call(LOOK_AT), 0, &[])]);
    assert!(executed.receipts[0].success);
    assert_eq!(B256::from(chain.slot(LOOK_AT, 0)), parent.hash());
    assert_eq!(chain.slot(LOOK_AT, 1), U256::ZERO);
    assert_eq!(chain.slot(LOOK_AT, 2), U256::from(CHAIN_ID));
    assert_eq!(B256::from(chain.slot(HISTORY_STORAGE_ADDRESS, parent.number % 8191)), parent.hash());
    let timestamp = executed.block.header.timestamp;
    assert_eq!(chain.slot(BEACON_ROOTS_ADDRESS, timestamp % 8191), U256::from(timestamp));
    assert_eq!(B256::from(chain.slot(BEACON_ROOTS_ADDRESS, timestamp % 8191 + 8191)), B256::repeat_byte(0xa1));
}

#[test]
fn a_contract_that_destroys_itself_at_once_leaves_nothing() {
    let mut chain = Chain::new(spec());
    // SSTORE 1 at 0, then SELFDESTRUCT to the caller, in initcode.
    let initcode = [0x60, 0x01, 0x60, 0x00, 0x55, 0x33, 0xff];
    let (first, second) = (key(0).address().create(0), key(1).address().create(0));
    chain.push(&[
        tx1559(0, 0, TxKind::Create, 5, &initcode),
        tx1559(1, 0, TxKind::Create, 5, &initcode),
        // Value that comes later in the block makes a plain account of it.
        transfer(2, 0, second, 9),
    ]);
    assert_eq!(chain.state.account(first).unwrap(), None);
    let account = chain.state.account(second).unwrap().unwrap();
    assert_eq!((account.nonce, account.balance, account.has_code()), (0, U256::from(9), false));
    assert_eq!(account.storage_root, EMPTY_ROOT_HASH);
    assert_eq!(chain.slot(second, 0), U256::ZERO);
    // One that existed before is destroyed with its balance.
    chain.push(&[transfer(2, 1, key(4).address().create(0), 3)]);
    chain.push(&[tx1559(4, 0, TxKind::Create, 5, &initcode)]);
    assert_eq!(chain.state.account(key(4).address().create(0)).unwrap(), None);
}

#[test]
fn empty_accounts_and_zero_slots_do_not_stay() {
    let mut chain = Chain::new(spec());
    chain.push(&[transfer(0, 0, SOMEONE, 0), store(1, 0, 5)]);
    assert_eq!(chain.state.account(SOMEONE).unwrap(), None);
    assert_eq!(chain.slot(STORE_AT, 0), U256::from(5));
    chain.push(&[store(1, 1, 0)]);
    assert_eq!(chain.slot(STORE_AT, 0), U256::ZERO);
    assert_eq!(chain.state.account(STORE_AT).unwrap().unwrap().storage_root, EMPTY_ROOT_HASH);
    // A slot that is set and cleared in one block is no change at all.
    let executed = chain.push(&[store(1, 2, 5), store(1, 3, 0)]);
    assert!(!executed.diff.accounts.contains_key(&STORE_AT));
}

#[test]
fn an_overlay_of_two_blocks_is_the_same_as_the_state_after_them() {
    let base = Chain::new(spec());
    let mut chain = Chain::new(spec());
    let first = chain.push(&[transfer(0, 0, SOMEONE, 10), store(1, 0, 5)]);
    let second = chain.push(&[tx1559(0, 1, TxKind::Create, 0, &deploy(&LOOK)), store(1, 1, 0)]);
    let overlay = Overlay::new(vec![Arc::new(second), Arc::new(first)], &base.state);
    for (address, account) in chain.state.accounts() {
        assert_eq!(overlay.account(*address).unwrap(), Some(*account));
    }
    assert_eq!(overlay.storage(STORE_AT, U256::ZERO).unwrap(), U256::ZERO);
    for number in 0..=2 {
        assert_eq!(overlay.block_hash(number).unwrap(), chain.state.block_hash(number).unwrap());
    }
    let created = key(0).address().create(1);
    let transactions = [store(1, 2, 6), tx1559(2, 0, TxKind::Call(created), 0, &[])];
    let limits = || BuildLimits { max_bytes: usize::MAX, keep_going: Box::leak(Box::new(|| true)) };
    let on = |state: &dyn StateReader| {
        build_block(&chain.spec, &chain.head, &attributes(300), &transactions, limits(), state).unwrap().executed
    };
    let (on_overlay, on_flat) = (on(&overlay), on(&chain.state));
    assert_eq!(on_overlay.hash, on_flat.hash);
    assert_eq!(on_overlay.diff.trie_nodes, on_flat.diff.trie_nodes);
}
