//! Whatever transactions come, what the leader builds everyone else executes to the same bytes.

mod common;

use alloy_primitives::{Address, TxKind, U256};
use baton_execution::RecoveredTransaction;
use common::*;
use proptest::prelude::*;

/// What a sender may do; nonces are right but for the wrong ones.
#[derive(Clone, Debug)]
enum Action {
    Transfer { to: u8, value: u64 },
    Store { value: u64 },
    Deploy { destroy: bool },
    CallDeployed { of: u64, nonce: u64 },
    Delegate { of: u64, nonce: u64, clear: bool },
    Revert,
    WrongNonce { nonce: u64 },
    Blob,
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        3 => (any::<u8>(), 0u64..1000).prop_map(|(to, value)| Action::Transfer { to, value }),
        3 => (0u64..3).prop_map(|value| Action::Store { value }),
        2 => any::<bool>().prop_map(|destroy| Action::Deploy { destroy }),
        2 => (0u64..6, 0u64..4).prop_map(|(of, nonce)| Action::CallDeployed { of, nonce }),
        2 => (0u64..6, 0u64..4, any::<bool>()).prop_map(|(of, nonce, clear)| Action::Delegate { of, nonce, clear }),
        1 => Just(Action::Revert),
        1 => (0u64..9).prop_map(|nonce| Action::WrongNonce { nonce }),
        1 => Just(Action::Blob),
    ]
}

fn transaction(id: u64, nonce: u64, action: &Action) -> RecoveredTransaction {
    let word = U256::from(nonce + 1).to_be_bytes::<32>();
    match action {
        Action::Transfer { to, value } => transfer(id, nonce, Address::with_last_byte(*to), *value),
        Action::Store { value } => store(id, nonce, *value),
        Action::Deploy { destroy: false } => tx1559(id, nonce, TxKind::Create, 0, &deploy(&STORE)),
        Action::Deploy { destroy: true } => {
            tx1559(id, nonce, TxKind::Create, 7, &[0x60, 0x01, 0x60, 0x00, 0x55, 0x33, 0xff])
        }
        Action::CallDeployed { of, nonce: created } => {
            tx1559(id, nonce, TxKind::Call(key(*of).address().create(*created)), 0, &word)
        }
        Action::Delegate { of, nonce: at, clear } => {
            let delegate = if *clear { Address::ZERO } else { STORE_AT };
            tx7702(id, nonce, key(*of).address(), &word, vec![authorization(*of, *at, delegate)])
        }
        Action::Revert => tx1559(id, nonce, TxKind::Call(REVERT_AT), 1, &[]),
        Action::WrongNonce { nonce } => transfer(id, *nonce, BENEFICIARY, 1),
        Action::Blob => blob(id, nonce),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn a_built_block_is_executed_to_the_same_bytes(
        blocks in prop::collection::vec(prop::collection::vec((0u64..6, action()), 0..25), 1..4),
    ) {
        let mut chain = Chain::new(spec());
        for actions in blocks {
            let mut nonces: Vec<u64> = (0..6).map(|id| chain.nonce(key(id).address())).collect();
            let transactions: Vec<_> = actions
                .iter()
                .map(|(id, action)| {
                    let nonce = &mut nonces[*id as usize];
                    let transaction = transaction(*id, *nonce, action);
                    *nonce += u64::from(!matches!(action, Action::WrongNonce { .. } | Action::Blob));
                    transaction
                })
                .collect();
            let built = chain.build(&transactions);
            prop_assert_eq!(built.executed.receipts.len() + built.skipped.len(), transactions.len());
            // `accept` compares bytes, receipts and changes, and the root with an outside judge.
            chain.accept(&built.executed);
        }
    }
}
