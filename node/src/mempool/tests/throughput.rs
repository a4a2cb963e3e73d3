//! How fast it is. Run with `cargo test --release -p baton-node --lib mempool::tests::throughput -- --ignored --nocapture`.

use super::{
    actor::{FakeState, NoRules},
    support::{Spec, address, rich},
};
use crate::mempool::{CommittedBlock, Config, Demand, Limits, Mempool, Mesh, MeshError, Pool, PoolHandle, Pushed};
use alloy_primitives::Bytes;
use rayon::iter::{IntoParallelIterator, ParallelIterator};
use std::{
    collections::HashMap,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::{Duration, Instant},
};
use tokio_util::sync::CancellationToken;

const SENDERS: u8 = 200;
const NONCES: u64 = 250;

fn report(what: &str, count: usize, since: Instant) {
    let elapsed = since.elapsed();
    println!("{what}: {count} in {elapsed:?}, {:.0} per second", count as f64 / elapsed.as_secs_f64());
}

/// Nonce by nonce, with tips that vary.
fn specs() -> Vec<Spec> {
    let of_nonce = |nonce| {
        (1..=SENDERS).map(move |sender| Spec {
            sender,
            nonce,
            priority_fee: 1 + u128::from(sender) * 7 % 50,
            ..Spec::default()
        })
    };
    (0..NONCES).flat_map(of_nonce).collect()
}

#[test]
#[ignore = "a measurement"]
fn the_structure() {
    let transactions: Vec<_> = specs().iter().map(Spec::pooled).collect();
    let mut pool = Pool::new(Limits::default(), 0, 100);
    let since = Instant::now();
    for transaction in &transactions {
        let (account, as_of) = pool.resolve(&transaction.sender(), rich(0), 0).unwrap();
        pool.insert(transaction.clone(), account, as_of).unwrap();
    }
    report("insert", transactions.len(), since);

    let mut demand = Demand { base_fee: 100, gas_limit: 2_500 * 21_000, max_bytes: 1 << 20, in_flight: HashMap::new() };
    let (mut height, mut left) = (0, transactions.len());
    let (mut best, mut commits) = (Duration::ZERO, Duration::ZERO);
    let since = Instant::now();
    while left > 0 {
        demand.base_fee += 1;
        let started = Instant::now();
        let block = pool.best(&demand);
        best += started.elapsed();
        let mut accounts = HashMap::new();
        for transaction in &block {
            accounts.insert(transaction.sender(), rich(transaction.nonce() + 1));
        }
        (height, left) = (height + 1, left - block.len());
        let started = Instant::now();
        pool.commit(&CommittedBlock {
            height,
            next_base_fee: demand.base_fee,
            accounts: accounts.into_iter().collect(),
            transactions: block.iter().map(|transaction| transaction.hash()).collect(),
        });
        commits += started.elapsed();
    }
    report("best and commit", transactions.len(), since);
    println!("{height} blocks: best {:?}, commit {:?} each", best / height as u32, commits / height as u32);

    // A full pool in which everything is evicted once.
    let mut pool = Pool::new(Limits { max_transactions: 25_000, ..Limits::default() }, 0, 100);
    let since = Instant::now();
    let accepted = transactions.iter().filter(|one| pool.insert((*one).clone(), rich(0), 0).is_ok()).count();
    report("insert into a full pool", transactions.len(), since);
    println!("{accepted} accepted, {:?}, {:?}", pool.status(), pool.pending_nonce(&address(1)));
}

struct Instantly;

impl Mesh for Instantly {
    async fn broadcast(&self, _: Vec<Bytes>) -> Result<(), MeshError> {
        Ok(())
    }

    async fn push_to_one(&self, _: Vec<Bytes>) -> Result<Pushed, MeshError> {
        Ok(Pushed::Acknowledged { refused: vec![] })
    }
}

fn mempool() -> (PoolHandle, CancellationToken) {
    let shutdown = CancellationToken::new();
    let state = Arc::<FakeState>::default();
    let (pool, mempool) = Mempool::new(Config::default(), (0, 100), Arc::new(NoRules), state, Arc::new(Instantly));
    tokio::spawn(mempool.run(shutdown.clone()));
    (pool, shutdown)
}

async fn submit_all(pool: &PoolHandle, transactions: &[Bytes], what: &str) {
    let since = Instant::now();
    let users = transactions.chunks(transactions.len() / 100).map(|chunk| {
        let (pool, chunk) = (pool.clone(), chunk.to_vec());
        tokio::spawn(async move {
            for raw in chunk.chunks(20) {
                assert!(pool.submit(raw.to_vec()).await.iter().all(Result::is_ok));
            }
        })
    });
    for user in users.collect::<Vec<_>>() {
        user.await.unwrap();
    }
    report(what, transactions.len(), since);
    println!("{} batches", pool.metrics().batches.load(Relaxed));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement"]
async fn the_whole_way() {
    let transactions: Vec<Bytes> = specs().into_par_iter().map(|spec| spec.signed()).collect();
    let (cold, shutdown) = mempool();
    submit_all(&cold, &transactions, "submit").await;
    shutdown.cancel();

    // The same with signers known, to see what everything else takes.
    let (warm, shutdown) = mempool();
    for raw in &transactions {
        let hash = alloy_primitives::keccak256(raw);
        warm.senders().insert(hash, cold.senders().get(&hash).unwrap());
    }
    submit_all(&warm, &transactions, "submit with known signers").await;
    shutdown.cancel();
}
