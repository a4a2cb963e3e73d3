use super::{Block, ExtraData, MalformedBlock, SignedBlock, Transaction};
use crate::keys::OperatorKey;
use crate::messages::Proposal;
use crate::signing::Signed;
use crate::testing::CONTEXT;
use crate::types::Height;
use alloy_consensus::{Header, SignableTransaction, TxLegacy, proofs};
use alloy_primitives::{B256, Signature, U256};
use std::sync::Arc;

fn key() -> OperatorKey {
    OperatorKey::from_bytes(&B256::from(U256::from(7))).unwrap()
}

fn transaction(nonce: u64) -> Transaction {
    TxLegacy { nonce, ..TxLegacy::default() }.into_signed(Signature::test_signature()).into()
}

/// A block of these transactions, as its leader signs it.
fn signed(transactions: Vec<Transaction>) -> SignedBlock {
    let position = ExtraData::default();
    let header = Header {
        number: 6,
        beneficiary: key().address(),
        extra_data: position.to_bytes(),
        parent_beacon_block_root: Some(B256::repeat_byte(1)),
        transactions_root: proofs::calculate_transaction_root(&transactions),
        ..Header::default()
    };
    let mut block = Block { header, ..Block::default() };
    block.body.transactions = transactions;
    let proposal = Proposal::new(position, Height(6), block.header.hash_slow());
    SignedBlock { block, signature: Signed::new(proposal, &CONTEXT, &key()).signature }
}

#[test]
fn a_signed_block_has_its_own_body() {
    let block = signed(vec![transaction(1), transaction(2)]);
    let verified = Arc::new(block).verify(&CONTEXT).unwrap();
    assert_eq!(verified.leader(), key().address());
}

/// The leader signs the header alone: a body that someone put in its place must not pass for the leader's.
#[test]
fn another_body_under_a_leaders_signature_is_malformed() {
    let block = signed(vec![transaction(1), transaction(2)]);
    let with = |change: fn(&mut Block)| {
        let mut changed = block.clone();
        change(&mut changed.block);
        Arc::new(changed).verify(&CONTEXT).map(|_| ()).unwrap_err()
    };
    let transactions = MalformedBlock::Body("transactions");
    assert_eq!(with(|block| block.body.transactions.clear()), transactions);
    assert_eq!(with(|block| block.body.transactions.reverse()), transactions);
    assert_eq!(with(|block| block.body.transactions.push(transaction(3))), transactions);
    assert_eq!(with(|block| block.body.ommers.push(Header::default())), MalformedBlock::Body("ommers"));
    let withdrawals = with(|block| block.body.withdrawals = Some(vec![Default::default()].into()));
    assert_eq!(withdrawals, MalformedBlock::Body("withdrawals"));
}

#[test]
fn who_may_not_lead_is_refused_before_the_body_is_looked_at() {
    let mut block = signed(vec![transaction(1)]);
    block.block.body.transactions.clear();
    let refused = Arc::new(block).verify_by(&CONTEXT, |_| false).map(|_| ()).unwrap_err();
    assert_eq!(refused, MalformedBlock::Stranger(key().address()));
}
