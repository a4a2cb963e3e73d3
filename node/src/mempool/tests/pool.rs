//! The pool, rule by rule.

use super::support::{Spec, address, legacy, rich};
use crate::mempool::{Account, CommittedBlock, Demand, Limits, Pool, PoolError, PooledTransaction, Status};
use alloy_primitives::{B256, U256};
use std::{collections::HashMap, sync::Arc, time::Duration};

const BASE_FEE: u64 = 100;

fn pool(limits: Limits) -> Pool {
    Pool::new(limits, 1, BASE_FEE)
}

fn small(max_transactions: usize) -> Pool {
    pool(Limits { max_transactions, ..Limits::default() })
}

fn add(pool: &mut Pool, spec: Spec) -> Result<B256, PoolError> {
    let transaction = spec.pooled();
    pool.insert(transaction.clone(), rich(0), 1).map(|_| transaction.hash())
}

fn demand() -> Demand {
    Demand { base_fee: BASE_FEE, gas_limit: 30_000_000, max_bytes: 1 << 20, in_flight: HashMap::new() }
}

fn order(pool: &mut Pool) -> Vec<(u8, u64)> {
    places(&pool.best(&demand()))
}

fn places(transactions: &[Arc<PooledTransaction>]) -> Vec<(u8, u64)> {
    transactions.iter().map(|transaction| (transaction.sender().0[0], transaction.nonce())).collect()
}

fn tip(sender: u8, nonce: u64, priority_fee: u128) -> Spec {
    Spec { sender, nonce, priority_fee, ..Spec::default() }
}

fn commit(height: u64, accounts: &[(u8, Account)], transactions: Vec<B256>) -> CommittedBlock {
    let accounts = accounts.iter().map(|(sender, account)| (address(*sender), *account)).collect();
    CommittedBlock { height, next_base_fee: BASE_FEE, accounts, transactions }
}

#[test]
fn equal_tips_are_served_in_order_of_arrival() {
    let mut pool = pool(Limits::default());
    for sender in [9, 3, 7, 1] {
        add(&mut pool, tip(sender, 0, 10)).unwrap();
    }
    assert_eq!(order(&mut pool), [(9, 0), (3, 0), (7, 0), (1, 0)]);
}

#[test]
fn higher_tips_go_first_but_nonces_stay_in_order() {
    let mut pool = pool(Limits::default());
    add(&mut pool, tip(1, 1, 500)).unwrap();
    add(&mut pool, tip(1, 0, 5)).unwrap();
    add(&mut pool, tip(2, 0, 50)).unwrap();
    assert_eq!(order(&mut pool), [(2, 0), (1, 0), (1, 1)]);
}

#[test]
fn the_order_follows_the_base_fee() {
    let mut pool = pool(Limits::default());
    add(&mut pool, Spec { sender: 1, fee_cap: 1_000, priority_fee: 40, ..Spec::default() }).unwrap();
    add(&mut pool, Spec { sender: 2, fee_cap: 150, priority_fee: 150, ..Spec::default() }).unwrap();
    assert_eq!(order(&mut pool), [(2, 0), (1, 0)], "50 above 40");
    let at = |base_fee| Demand { base_fee, ..demand() };
    assert_eq!(places(&pool.best(&at(120))), [(1, 0), (2, 0)], "40 above 30");
    assert_eq!(places(&pool.best(&at(151))), [(1, 0)], "cap below the base fee");
    assert_eq!(places(&pool.best(&at(0))), [(2, 0), (1, 0)]);
}

#[test]
fn gaps_wait_and_are_closed() {
    let mut pool = pool(Limits { max_nonce_gap: 3, ..Limits::default() });
    add(&mut pool, tip(1, 2, 10)).unwrap();
    assert_eq!(order(&mut pool), []);
    assert_eq!(pool.pending_nonce(&address(1)), Some(0));
    add(&mut pool, tip(1, 0, 10)).unwrap();
    assert_eq!(pool.pending_nonce(&address(1)), Some(1));
    assert_eq!(add(&mut pool, tip(1, 5, 10)), Err(PoolError::NonceTooHigh { next: 1, nonce: 5, gap: 3 }));
    add(&mut pool, tip(1, 1, 10)).unwrap();
    assert_eq!(pool.pending_nonce(&address(1)), Some(3));
    assert_eq!(order(&mut pool), [(1, 0), (1, 1), (1, 2)]);
}

#[test]
fn replacement_takes_a_tenth_more_of_both_fees() {
    let mut pool = pool(Limits::default());
    let old = Spec { fee_cap: 1_000, priority_fee: 100, ..Spec::default() };
    let first = add(&mut pool, old).unwrap();
    let cheap = Err(PoolError::ReplacementUnderpriced);
    assert_eq!(add(&mut pool, Spec { fee_cap: 1_100, priority_fee: 109, ..old }), cheap);
    assert_eq!(add(&mut pool, Spec { fee_cap: 1_099, priority_fee: 110, ..old }), cheap);
    let second = add(&mut pool, Spec { fee_cap: 1_100, priority_fee: 110, ..old }).unwrap();
    assert!(!pool.index().contains(&first) && pool.index().contains(&second));
    assert_eq!(pool.status().pending, 1);
    pool.insert(legacy(2, 0, 1_000), rich(0), 1).unwrap();
    assert_eq!(pool.insert(legacy(2, 0, 1_099), rich(0), 1).unwrap_err(), PoolError::ReplacementUnderpriced);
    assert!(pool.insert(legacy(2, 0, 1_100), rich(0), 1).unwrap().replaced.is_some());
    // A tip of zero has to rise as well.
    add(&mut pool, Spec { sender: 3, priority_fee: 0, ..Spec::default() }).unwrap();
    assert_eq!(add(&mut pool, Spec { sender: 3, priority_fee: 0, fee_cap: 2_000, ..Spec::default() }), cheap);
}

#[test]
fn the_full_pool_gives_up_its_cheapest_for_a_better_one() {
    let mut pool = small(3);
    for (sender, nonce, priority_fee) in [(1, 0, 30), (2, 0, 10), (2, 1, 20)] {
        add(&mut pool, tip(sender, nonce, priority_fee)).unwrap();
    }
    assert_eq!(add(&mut pool, tip(3, 0, 20)), Err(PoolError::Full), "pays as much as the cheapest last one");
    add(&mut pool, tip(3, 0, 21)).unwrap();
    assert_eq!(order(&mut pool), [(1, 0), (3, 0), (2, 0)], "the later nonce goes first");
    // A sender's own next one does not drive out what it stands on.
    assert_eq!(add(&mut pool, tip(2, 1, 900)), Err(PoolError::Full));
    assert_eq!(order(&mut pool), [(1, 0), (3, 0), (2, 0)]);
}

#[test]
fn queued_ones_never_drive_out_executable_ones() {
    let mut pool = small(2);
    add(&mut pool, tip(1, 0, 1)).unwrap();
    assert!(add(&mut pool, tip(2, 5, 900)).is_ok());
    assert_eq!(add(&mut pool, tip(3, 5, 900)), Err(PoolError::Full));
    add(&mut pool, tip(4, 0, 1)).unwrap();
    assert_eq!(pool.status(), Status { pending: 2, queued: 0, bytes: pool.status().bytes });
}

#[test]
fn a_refused_newcomer_changes_nothing() {
    let mut pool = pool(Limits { max_bytes: 1_200, ..Limits::default() });
    for (sender, priority_fee) in [(1, 5), (2, 5), (3, 50), (4, 50), (5, 5)] {
        add(&mut pool, tip(sender, 0, priority_fee)).unwrap();
    }
    add(&mut pool, Spec { priority_fee: 100, ..tip(6, 0, 100) }).unwrap();
    let (status, before) = (pool.status(), order(&mut pool));
    // Three cheap ones make room for some of it, the others pay more.
    let big = Spec { data: 900, ..tip(7, 0, 20) };
    assert_eq!(add(&mut pool, big), Err(PoolError::Full));
    assert_eq!((pool.status(), order(&mut pool)), (status, before.clone()));
    // The same as a replacement, whose predecessor stays.
    let bigger = Spec { data: 900, fee_cap: 2_000, ..tip(1, 0, 20) };
    assert_eq!(add(&mut pool, bigger), Err(PoolError::Full));
    assert_eq!((pool.status(), order(&mut pool)), (status, before));
}

#[test]
fn one_sender_has_its_share_but_may_close_gaps() {
    let mut pool = pool(Limits { max_per_sender: 2, ..Limits::default() });
    add(&mut pool, tip(1, 1, 10)).unwrap();
    add(&mut pool, tip(1, 2, 10)).unwrap();
    assert_eq!(add(&mut pool, tip(1, 3, 10)), Err(PoolError::SenderLimit(2)));
    add(&mut pool, tip(1, 0, 10)).unwrap();
    assert_eq!(order(&mut pool), [(1, 0), (1, 1)]);
}

#[test]
fn balance_covers_all_that_is_executable() {
    let mut pool = pool(Limits::default());
    let cost = 21_000 * 1_000;
    let account = Account { nonce: 0, balance: U256::from(2 * cost + 500) };
    let mut add = |spec: Spec| pool.insert(spec.pooled(), account, 1).map(|_| ());
    add(tip(1, 0, 10)).unwrap();
    let too_much = Spec { value: 501, ..tip(1, 1, 10) };
    let (balance, total) = (account.balance, U256::from(cost + 501));
    assert_eq!(
        add(too_much),
        Err(PoolError::InsufficientFunds { balance, cost: total, queued: U256::from(cost) }),
        "not together with the first"
    );
    assert!(matches!(add(Spec { value: 2 * cost, ..tip(1, 9, 10) }), Err(PoolError::InsufficientFunds { .. })));
    add(Spec { value: 500, ..tip(1, 1, 10) }).unwrap();
    // The balance falls: the second one waits; it rises: it is back.
    pool.commit(&commit(2, &[(1, Account { nonce: 0, balance: U256::from(cost) })], vec![]));
    assert_eq!(pool.pending_nonce(&address(1)), Some(1));
    pool.commit(&commit(3, &[(1, account)], vec![]));
    assert_eq!(pool.pending_nonce(&address(1)), Some(2));
}

#[test]
fn unsealed_blocks_are_an_overlay() {
    let mut pool = pool(Limits::default());
    for nonce in 0..4 {
        add(&mut pool, tip(1, nonce, 10)).unwrap();
    }
    add(&mut pool, tip(2, 0, 5)).unwrap();
    // Another leader's block may hold nonces that never came here.
    add(&mut pool, tip(3, 2, 50)).unwrap();
    let in_flight = HashMap::from([(address(1), 2), (address(3), 2), (address(4), 9)]);
    let demand = Demand { in_flight, ..demand() };
    assert_eq!(places(&pool.best(&demand)), [(3, 2), (1, 2), (1, 3), (2, 0)]);
    assert_eq!(pool.status().pending, 5, "nothing left the pool");
    // The pool may be ahead of what the leader knows.
    pool.commit(&commit(2, &[(1, rich(3))], vec![]));
    assert_eq!(places(&pool.best(&demand)), [(3, 2), (1, 3), (2, 0)]);
}

#[test]
fn blocks_are_bounded() {
    let mut pool = pool(Limits::default());
    for sender in 1..=5 {
        add(&mut pool, tip(sender, 0, 10)).unwrap();
        add(&mut pool, tip(sender, 1, 10)).unwrap();
    }
    assert_eq!(pool.best(&Demand { gas_limit: 3 * 21_000, ..demand() }).len(), 3);
    assert_eq!(pool.best(&Demand { gas_limit: 20_999, ..demand() }).len(), 0);
    let size = Spec::default().pooled().size();
    assert_eq!(pool.best(&Demand { max_bytes: 4 * size + size / 2, ..demand() }).len(), 4);
    // A big one that does not fit is passed over, with its sender's later ones.
    add(&mut pool, Spec { data: 5_000, ..tip(6, 0, 99) }).unwrap();
    add(&mut pool, tip(6, 1, 99)).unwrap();
    let best = pool.best(&Demand { max_bytes: 4_000, ..demand() });
    assert!(best.len() == 10 && best.iter().all(|transaction| transaction.sender() != address(6)));
}

#[test]
fn committed_ones_leave_and_come_back_after_a_change_of_branch() {
    let mut pool = pool(Limits::default());
    let specs = [tip(1, 0, 10), tip(1, 1, 10), tip(1, 2, 10)];
    let transactions: Vec<_> = specs.iter().map(Spec::pooled).collect();
    for transaction in &transactions {
        pool.insert(transaction.clone(), rich(0), 1).unwrap();
    }
    let hashes: Vec<_> = transactions.iter().map(|transaction| transaction.hash()).collect();
    assert!(!pool.commit(&commit(2, &[(1, rich(2))], hashes[..2].to_vec())));
    assert_eq!(order(&mut pool), [(1, 2)]);
    // Included ones are known, others of that nonce are too late.
    let again = |pool: &mut Pool| pool.insert(transactions[1].clone(), rich(2), 2).map(|_| ());
    assert_eq!(again(&mut pool), Err(PoolError::AlreadyKnown));
    let late = pool.insert(tip(1, 1, 99).pooled(), rich(2), 2).unwrap_err();
    assert_eq!(late, PoolError::NonceTooLow { next: 2, nonce: 1 });

    // Height 2 is sealed anew, with the first transaction only.
    assert!(pool.commit(&commit(2, &[], hashes[..1].to_vec())));
    assert!(pool.refresh(address(1), rich(1), 2));
    assert_eq!(order(&mut pool), [], "nonce 1 is missing");
    let (account, as_of) = pool.resolve(&address(1), rich(1), 2).unwrap();
    pool.insert(transactions[1].clone(), account, as_of).unwrap();
    assert_eq!(order(&mut pool), [(1, 1), (1, 2)]);
}

#[test]
fn old_readings_are_brought_up_to_date() {
    let mut pool = pool(Limits::default());
    pool.commit(&commit(2, &[(1, rich(1))], vec![]));
    pool.commit(&commit(3, &[(1, rich(2)), (2, rich(7))], vec![]));
    pool.commit(&commit(4, &[], vec![]));
    assert_eq!(pool.resolve(&address(1), rich(0), 1), Some((rich(2), 4)));
    assert_eq!(pool.resolve(&address(1), rich(1), 2), Some((rich(2), 4)));
    assert_eq!(pool.resolve(&address(3), rich(5), 2), Some((rich(5), 4)));
    // A reading from before all that is remembered.
    assert_eq!(pool.resolve(&address(1), rich(0), 0), Some((rich(2), 4)));
    for height in 5..200 {
        pool.commit(&commit(height, &[], vec![]));
    }
    assert_eq!(pool.resolve(&address(1), rich(0), 1), None);

    // A reading from a later state than the pool's, and then the commits up to it.
    pool.insert(tip(1, 2, 10).pooled(), rich(2), 199).unwrap();
    assert_eq!(pool.resolve(&address(1), rich(9), 202), Some((rich(9), 202)));
    pool.insert(tip(1, 9, 10).pooled(), rich(9), 202).unwrap();
    assert_eq!(order(&mut pool), [(1, 9)]);
    pool.commit(&commit(200, &[(1, rich(5))], vec![]));
    assert_eq!(pool.pending_nonce(&address(1)), Some(10), "older news are no news");
}

#[test]
fn queued_ones_expire() {
    let mut pool = pool(Limits::default());
    let old = tip(1, 1, 10).pooled();
    let now = old.received_at() + Duration::from_secs(3 * 3600);
    pool.insert(old, rich(0), 1).unwrap();
    add(&mut pool, tip(2, 0, 10)).unwrap();
    pool.insert(tip(2, 2, 10).at(77_777, now), rich(0), 1).unwrap();
    assert_eq!(pool.expire(now - Duration::from_secs(1)), 0);
    assert_eq!(pool.expire(now), 1);
    let Status { pending, queued, .. } = pool.status();
    assert_eq!((pending, queued), (1, 1));
}

#[test]
fn other_refusals_and_their_words() {
    let limits = Limits { min_priority_fee: 5, max_transaction_bytes: 200, ..Limits::default() };
    let mut pool = pool(limits);
    assert_eq!(add(&mut pool, tip(1, 0, 4)), Err(PoolError::Underpriced { tip: 4, minimum: 5 }));
    let big = add(&mut pool, Spec { data: 200, ..Spec::default() }).unwrap_err();
    assert!(big.to_string().starts_with("oversized data"));
    let transaction = tip(1, 0, 10).pooled();
    pool.insert(transaction.clone(), rich(0), 1).unwrap();
    assert_eq!(pool.insert(transaction, rich(0), 1).unwrap_err().to_string(), "already known");
    assert_eq!(PoolError::Full.to_string(), "txpool is full");
    assert!(PoolError::NonceTooLow { next: 1, nonce: 0 }.to_string().starts_with("nonce too low"));
}

#[test]
fn invalid_ones_can_be_thrown_out() {
    let mut pool = pool(Limits::default());
    let first = add(&mut pool, tip(1, 0, 10)).unwrap();
    add(&mut pool, tip(1, 1, 10)).unwrap();
    assert!(pool.discard(&first).is_some() && pool.discard(&first).is_none());
    assert_eq!(order(&mut pool), []);
    assert_eq!(pool.pending_nonce(&address(1)), Some(0));
}
