//! Every field of a header, tampered with, is refused for its own reason.

mod common;

use alloy_consensus::{BlockBody, Header};
use alloy_primitives::{B64, B256, Bloom, Bytes, U256};
use baton_execution::{Block, BlockError, InvalidBlock, StateError, execute_block};
use common::*;

fn refusal(edit: impl FnOnce(&mut Block)) -> InvalidBlock {
    let mut chain = Chain::new(spec());
    chain.push(&[]);
    let mut block = chain.build(&[transfer(0, 0, BENEFICIARY, 1), store(1, 0, 3)]).executed.block;
    edit(&mut block);
    match execute_block(&chain.spec, &chain.head, block, &|_| None, &chain.state) {
        Err(BlockError::Invalid(reason)) => *reason,
        other => panic!("not refused: {other:?}"),
    }
}

macro_rules! refused {
    ($($name:ident: $edit:expr => $reason:pat,)+) => {$(
        #[test]
        fn $name() {
            let edit: fn(&mut Header) = $edit;
            let reason = refusal(|block| edit(&mut block.header));
            assert!(matches!(reason, $reason), "{reason:?}");
        }
    )+};
}

refused! {
    parent_hash: |header| header.parent_hash = B256::ZERO => InvalidBlock::ParentHash { .. },
    ommers_hash: |header| header.ommers_hash = B256::ZERO => InvalidBlock::OmmersHash { .. },
    beneficiary: |header| header.beneficiary = STORE_AT => InvalidBlock::StateRoot { .. },
    state_root: |header| header.state_root = B256::ZERO => InvalidBlock::StateRoot { .. },
    transactions_root: |header| header.transactions_root = B256::ZERO => InvalidBlock::TransactionsRoot { .. },
    receipts_root: |header| header.receipts_root = B256::ZERO => InvalidBlock::ReceiptsRoot { .. },
    logs_bloom: |header| header.logs_bloom = Bloom::repeat_byte(1) => InvalidBlock::LogsBloom { .. },
    difficulty: |header| header.difficulty = U256::ONE => InvalidBlock::Difficulty { .. },
    number_above: |header| header.number += 1 => InvalidBlock::Number { expected: 2, found: 3 },
    number_below: |header| header.number -= 1 => InvalidBlock::Number { expected: 2, found: 1 },
    gas_limit_far_above: |header| header.gas_limit += header.gas_limit / 1024 => InvalidBlock::GasLimit { .. },
    gas_limit_far_below: |header| header.gas_limit -= header.gas_limit / 1024 => InvalidBlock::GasLimit { .. },
    gas_limit_below_the_least: |header| header.gas_limit = 4_999 => InvalidBlock::GasLimit { .. },
    gas_used_above: |header| header.gas_used += 1 => InvalidBlock::GasUsed { .. },
    gas_used_below: |header| header.gas_used -= 1 => InvalidBlock::GasUsed { .. },
    gas_used_above_limit: |header| header.gas_used = header.gas_limit + 1 => InvalidBlock::GasUsedAboveLimit { .. },
    timestamp: |header| header.timestamp -= 2 => InvalidBlock::Timestamp { .. },
    extra_data: |header| header.extra_data = Bytes::from_static(&[0; 33]) => InvalidBlock::ExtraData { size: 33 },
    mix_hash: |header| header.mix_hash = B256::repeat_byte(1) => InvalidBlock::MixHash { .. },
    nonce: |header| header.nonce = B64::repeat_byte(1) => InvalidBlock::Nonce { .. },
    base_fee: |header| header.base_fee_per_gas = Some(1) => InvalidBlock::BaseFee { found: Some(1), .. },
    no_base_fee: |header| header.base_fee_per_gas = None => InvalidBlock::BaseFee { found: None, .. },
    withdrawals_root: |header| header.withdrawals_root = Some(B256::ZERO) => InvalidBlock::WithdrawalsRoot { .. },
    no_withdrawals_root: |header| header.withdrawals_root = None => InvalidBlock::WithdrawalsRoot { found: None },
    blob_gas_used: |header| header.blob_gas_used = Some(1) => InvalidBlock::BlobGasUsed { .. },
    excess_blob_gas: |header| header.excess_blob_gas = None => InvalidBlock::ExcessBlobGas { .. },
    no_beacon_root: |header| header.parent_beacon_block_root = None => InvalidBlock::NoParentBeaconBlockRoot,
    other_beacon_root: |header| header.parent_beacon_block_root = Some(B256::ZERO) => InvalidBlock::StateRoot { .. },
    requests_hash: |header| header.requests_hash = Some(B256::ZERO) => InvalidBlock::RequestsHash { .. },
    access_list_hash: |header| header.block_access_list_hash = Some(B256::ZERO) => InvalidBlock::UnknownField(_),
    slot_number: |header| header.slot_number = Some(1) => InvalidBlock::UnknownField(_),
}

#[test]
fn the_body_is_checked_too() {
    let reason = refusal(|block| block.body.withdrawals = None);
    assert_eq!(reason, InvalidBlock::Withdrawals);
    let reason = refusal(|block| block.body.ommers.push(Header::default()));
    assert_eq!(reason, InvalidBlock::Ommers { found: 1 });
    let reason = refusal(|block| block.body.transactions.swap(0, 1));
    assert!(matches!(reason, InvalidBlock::TransactionsRoot { .. }));
    let reason = refusal(|block| {
        block.body =
            BlockBody { transactions: vec![transfer(0, 1, BENEFICIARY, 1).into_inner()], ..block.body.clone() };
        block.header.transactions_root = alloy_consensus::proofs::calculate_transaction_root(&block.body.transactions);
    });
    assert!(matches!(reason, InvalidBlock::Transaction { index: 0, .. }), "{reason:?}");
    let reason = refusal(|block| {
        let huge = edited(0, 0, alloy_primitives::TxKind::Call(BENEFICIARY), 0, &vec![0; 8 * 1024 * 1024], |_| {});
        block.body.transactions.push(huge.into_inner());
    });
    assert!(matches!(reason, InvalidBlock::Size { .. }), "{reason:?}");
}

#[test]
fn a_timestamp_may_equal_its_parents() {
    let mut chain = Chain::new(spec());
    let built = chain.build_with(&attributes(chain.head.timestamp), &[transfer(0, 0, BENEFICIARY, 1)]);
    chain.accept(&built.executed);
}

#[test]
fn a_damaged_state_says_nothing_about_the_block() {
    struct Damaged<'a>(&'a baton_execution::MemoryState, bool);
    impl baton_execution::StateReader for Damaged<'_> {
        fn account(&self, address: alloy_primitives::Address) -> Result<Option<baton_execution::Account>, StateError> {
            if self.1 { Err(StateError::new("the disk is gone")) } else { self.0.account(address) }
        }
        fn storage(&self, address: alloy_primitives::Address, slot: U256) -> Result<U256, StateError> {
            self.0.storage(address, slot)
        }
        fn code(&self, code_hash: B256) -> Result<Option<Bytes>, StateError> {
            self.0.code(code_hash)
        }
        fn block_hash(&self, number: u64) -> Result<Option<B256>, StateError> {
            self.0.block_hash(number)
        }
        fn trie_node(&self, key: &baton_execution::TrieKey) -> Result<Option<Bytes>, StateError> {
            // One bit of the root node is not as it was written.
            let mut node = self.0.trie_node(key)?.map(|node| node.to_vec());
            if key.path.is_empty()
                && key.owner.is_none()
                && let Some(byte) = node.as_mut().and_then(|node| node.get_mut(10))
            {
                *byte ^= 1;
            }
            Ok(node.map(Bytes::from))
        }
    }
    let chain = Chain::new(spec());
    let block = chain.build(&[transfer(0, 0, BENEFICIARY, 1)]).executed.block;
    for unreadable in [true, false] {
        let state = Damaged(&chain.state, unreadable);
        let result = execute_block(&chain.spec, &chain.head, block.clone(), &|_| None, &state);
        assert!(matches!(result, Err(BlockError::State(_))), "{result:?}");
    }
}
