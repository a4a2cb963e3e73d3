//! The mempool's tasks with a fake mesh and a fake state.

use super::support::{Spec, address, key, rich};
use crate::mempool::{
    Account, AccountError, AccountSource, Accounts, CommittedBlock, Config, Demand, GossipOutcome, Limits, Mempool,
    Mesh, MeshError, Origin, PoolError, PoolHandle, PushOutcome, Pushed, Rules, Status, Verdict,
};
use alloy_primitives::{Address, Bytes, keccak256};
use baton_execution::Transaction;
use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};
use tokio::{
    sync::watch,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

/// A chain without rules of its own.
#[derive(Debug)]
pub(super) struct NoRules;

impl Rules for NoRules {
    fn check(&self, _: &Transaction) -> Result<(), PoolError> {
        Ok(())
    }
}

/// A head state to play with; who is not in it is rich.
#[derive(Debug, Default)]
pub(super) struct FakeState {
    height: Mutex<u64>,
    accounts: Mutex<HashMap<Address, Account>>,
    readings: AtomicUsize,
}

impl FakeState {
    fn set(&self, height: u64, address: Address, account: Account) {
        *self.height.lock().unwrap() = height;
        self.accounts.lock().unwrap().insert(address, account);
    }
}

impl AccountSource for FakeState {
    fn accounts(&self, addresses: &[Address]) -> Result<Accounts, AccountError> {
        self.readings.fetch_add(1, SeqCst);
        let accounts = self.accounts.lock().unwrap();
        let accounts = addresses.iter().map(|address| accounts.get(address).copied().unwrap_or(rich(0))).collect();
        Ok(Accounts { height: *self.height.lock().unwrap(), accounts })
    }
}

/// A mesh whose one peer acknowledges when the test lets it.
#[derive(Debug)]
struct FakeMesh {
    broadcasts: Mutex<Vec<Vec<Bytes>>>,
    pushes: Mutex<Vec<Vec<Bytes>>>,
    acknowledges: watch::Sender<bool>,
    answer: Mutex<Result<Pushed, MeshError>>,
}

impl Default for FakeMesh {
    fn default() -> Self {
        Self {
            broadcasts: Mutex::default(),
            pushes: Mutex::default(),
            acknowledges: watch::channel(true).0,
            answer: Mutex::new(Ok(Pushed::Acknowledged { refused: vec![] })),
        }
    }
}

impl FakeMesh {
    fn broadcasts(&self) -> Vec<Vec<Bytes>> {
        self.broadcasts.lock().unwrap().clone()
    }
}

impl Mesh for FakeMesh {
    async fn broadcast(&self, batch: Vec<Bytes>) -> Result<(), MeshError> {
        self.broadcasts.lock().unwrap().push(batch);
        Ok(())
    }

    async fn push_to_one(&self, batch: Vec<Bytes>) -> Result<Pushed, MeshError> {
        self.pushes.lock().unwrap().push(batch);
        let mut acknowledges = self.acknowledges.subscribe();
        acknowledges.wait_for(|yes| *yes).await.map_err(|_| MeshError("gone".into()))?;
        self.answer.lock().unwrap().clone()
    }
}

struct Node {
    pool: PoolHandle,
    state: Arc<FakeState>,
    mesh: Arc<FakeMesh>,
    shutdown: CancellationToken,
}

impl Drop for Node {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

fn node(config: Config) -> Node {
    let (state, mesh, shutdown) = (Arc::<FakeState>::default(), Arc::<FakeMesh>::default(), CancellationToken::new());
    let (pool, mempool) = Mempool::new(config, (0, 1), Arc::new(NoRules), state.clone(), mesh.clone());
    tokio::spawn(mempool.run(shutdown.clone()));
    Node { pool, state, mesh, shutdown }
}

fn quick() -> Config {
    Config {
        acknowledge_timeout: Duration::from_millis(200),
        rebroadcast_after: Duration::from_millis(40),
        ..Config::default()
    }
}

fn transfer(sender: u8, nonce: u64) -> Bytes {
    Spec { sender, nonce, ..Spec::default() }.signed()
}

fn demand() -> Demand {
    Demand { base_fee: 1, gas_limit: 30_000_000, max_bytes: 1 << 20, in_flight: HashMap::new() }
}

async fn eventually(condition: impl Fn() -> bool) {
    timeout(Duration::from_secs(20), async {
        while !condition() {
            sleep(Duration::from_millis(2)).await;
        }
    })
    .await
    .expect("it never came true");
}

#[tokio::test]
async fn a_user_is_answered_when_a_peer_holds_the_transaction() {
    let node = node(Config { acknowledge_timeout: Duration::from_secs(20), ..Config::default() });
    node.mesh.acknowledges.send_replace(false);
    let raw = transfer(1, 0);
    let submission = tokio::spawn({
        let (pool, raw) = (node.pool.clone(), raw.clone());
        async move { pool.submit(vec![raw]).await }
    });
    eventually(|| node.mesh.pushes.lock().unwrap().len() == 1).await;
    sleep(Duration::from_millis(30)).await;
    assert!(!submission.is_finished(), "nobody has acknowledged it");
    assert_eq!(node.pool.best(demand()).await.len(), 1, "though it could be in a block already");
    node.mesh.acknowledges.send_replace(true);
    assert_eq!(submission.await.unwrap(), [Ok(keccak256(&raw))]);
    assert_eq!(node.mesh.broadcasts(), [vec![raw]]);
}

#[tokio::test]
async fn without_an_acknowledgement_the_user_learns_so_and_the_transaction_stays() {
    let node = node(quick());
    node.mesh.acknowledges.send_replace(false);
    let raw = transfer(1, 0);
    assert_eq!(node.pool.submit(vec![raw.clone()]).await, [Err(PoolError::NotAcknowledged)]);
    assert!(node.pool.get(&keccak256(&raw)).is_some());

    // A peer may refuse some; a network of one has nobody to ask.
    node.mesh.acknowledges.send_replace(true);
    *node.mesh.answer.lock().unwrap() = Ok(Pushed::Acknowledged { refused: vec![0] });
    assert_eq!(node.pool.submit(vec![transfer(2, 0)]).await, [Err(PoolError::NotAcknowledged)]);
    *node.mesh.answer.lock().unwrap() = Err(MeshError("no peers".into()));
    assert_eq!(node.pool.submit(vec![transfer(3, 0)]).await, [Err(PoolError::NotAcknowledged)]);
    *node.mesh.answer.lock().unwrap() = Ok(Pushed::Alone);
    assert!(node.pool.submit(vec![transfer(4, 0)]).await[0].is_ok());
}

#[tokio::test]
async fn a_user_who_asks_again_is_accepted_only_when_a_peer_holds_the_transaction() {
    let node = node(quick());
    *node.mesh.answer.lock().unwrap() = Err(MeshError("no peers".into()));
    let raw = transfer(1, 0);
    for _ in 0..3 {
        assert_eq!(node.pool.submit(vec![raw.clone()]).await, [Err(PoolError::NotAcknowledged)]);
    }
    *node.mesh.answer.lock().unwrap() = Ok(Pushed::Acknowledged { refused: vec![] });
    assert_eq!(node.pool.submit(vec![raw.clone()]).await, [Ok(keccak256(&raw))]);
    assert_eq!(node.pool.submit(vec![raw.clone()]).await, [Err(PoolError::AlreadyKnown)]);
    assert_eq!(node.pool.best(demand()).await.len(), 1);
}

#[tokio::test]
async fn many_users_share_batches() {
    let node = node(Config::default());
    let transactions: Vec<_> = (1..=40).map(|sender| transfer(sender, 0)).collect();
    let users = transactions.into_iter().map(|raw| {
        let pool = node.pool.clone();
        tokio::spawn(async move { pool.submit(vec![raw]).await })
    });
    for user in users.collect::<Vec<_>>() {
        assert!(user.await.unwrap()[0].is_ok());
    }
    let broadcasts = node.mesh.broadcasts();
    assert_eq!(broadcasts.iter().map(Vec::len).sum::<usize>(), 40);
    assert!(broadcasts.len() < 20, "{} batches", broadcasts.len());
    assert!(node.state.readings.load(SeqCst) < 20);
}

#[tokio::test]
async fn answers_come_in_the_order_of_the_questions() {
    let node = node(Config { limits: Limits { max_transaction_bytes: 1_000, ..Limits::default() }, ..quick() });
    let raw = transfer(1, 0);
    assert!(node.pool.submit(vec![raw.clone()]).await[0].is_ok());
    let mut forged = transfer(2, 0).to_vec();
    let length = forged.len();
    forged[length - 32..].fill(0xff);
    let batch = vec![
        vec![0xc0, 0xff].into(),
        transfer(3, 0),
        raw,
        forged.into(),
        vec![2; 1_001].into(),
        vec![3, 0xc0].into(),
        vec![0x7e, 0xc0].into(),
        transfer(3, 1),
    ];
    let answers = node.pool.submit(batch.clone()).await;
    assert!(matches!(answers[0], Err(PoolError::Malformed(_))), "{:?}", answers[0]);
    assert!(answers[1].is_ok() && answers[7].is_ok());
    assert_eq!(answers[2], Err(PoolError::AlreadyKnown));
    assert_eq!(answers[3], Err(PoolError::InvalidSignature));
    assert!(matches!(answers[4], Err(PoolError::Oversized { .. })));
    assert_eq!(answers[5], Err(PoolError::TypeNotSupported));
    assert_eq!(answers[6], Err(PoolError::TypeNotSupported));
    assert_eq!(node.mesh.broadcasts().concat().len(), 3, "only what is good leaves");

    let outcome = node.pool.gossiped(batch).await;
    assert_eq!(outcome, GossipOutcome { known: 3, invalid: 4, refused: 1, ..GossipOutcome::default() });
    assert_eq!(outcome.verdict(), Verdict::Reject);
}

#[tokio::test]
async fn gossip_is_judged_and_not_sent_again() {
    let node = node(quick());
    let mut admissions = node.pool.subscribe();
    let batch = vec![transfer(1, 0), transfer(1, 1)];
    let outcome = node.pool.gossiped(batch.clone()).await;
    assert_eq!((outcome.new, outcome.verdict()), (2, Verdict::Accept));
    let outcome = node.pool.gossiped(batch.clone()).await;
    assert_eq!((outcome.known, outcome.verdict()), (2, Verdict::Accept));
    node.state.set(0, key(2).address(), rich(5));
    let outcome = node.pool.gossiped(vec![transfer(2, 0)]).await;
    assert_eq!((outcome.refused, outcome.verdict()), (1, Verdict::Ignore));
    assert_eq!(admissions.recv().await.unwrap().hash(), keccak256(&batch[0]));
    assert_eq!(admissions.recv().await.unwrap().hash(), keccak256(&batch[1]));
    assert_eq!(node.pool.senders().get(&keccak256(&batch[0])), Some(key(1).address()));
    assert_eq!(node.pool.metrics().recovered.load(SeqCst), 3, "known ones are not recovered again");
    assert_eq!(node.pool.pending_nonce(key(1).address()).await, Some(2));
    assert_eq!(node.pool.pending_nonce(key(2).address()).await, None);
    eventually(|| node.pool.status() == Status { pending: 2, queued: 0, bytes: batch.concat().len() }).await;
    sleep(Duration::from_millis(150)).await;
    assert_eq!(node.mesh.broadcasts(), Vec::<Vec<Bytes>>::new());
}

#[tokio::test]
async fn what_a_peer_pushed_is_gossiped_again_until_it_is_included() {
    let node = node(quick());
    let (known, new) = (transfer(1, 0), transfer(1, 1));
    assert_eq!(node.pool.gossiped(vec![known.clone()]).await.new, 1);
    let outcome = node.pool.pushed(vec![known.clone(), vec![1, 2].into(), new.clone()]).await;
    assert_eq!(outcome, PushOutcome { held: 2, new: 1, refused: vec![1], invalid: 1 });
    assert_eq!(node.pool.get(&keccak256(&new)).unwrap().origin(), Origin::Pushed);
    eventually(|| node.mesh.broadcasts().concat().iter().filter(|raw| **raw == new).count() >= 2).await;
    assert!(node.mesh.broadcasts().concat().contains(&known), "this node answers for it since it was pushed");
    assert!(node.mesh.pushes.lock().unwrap().concat().contains(&new), "and pushes it on");

    let sender = key(1).address();
    let transactions = vec![keccak256(&known), keccak256(&new)];
    node.state.set(1, sender, rich(2));
    let block = CommittedBlock { height: 1, next_base_fee: 1, accounts: vec![(sender, rich(2))], transactions };
    node.pool.on_committed(block).await;
    assert!(node.pool.best(demand()).await.is_empty());
    sleep(Duration::from_millis(200)).await;
    let sent = node.mesh.broadcasts().len();
    sleep(Duration::from_millis(500)).await;
    assert_eq!(node.mesh.broadcasts().len(), sent);
    assert_eq!(node.pool.pushed(vec![new]).await.held, 1, "included is held");
}

#[tokio::test]
async fn a_change_of_branch_makes_the_pool_read_again() {
    let node = node(quick());
    let sender = key(1).address();
    for height in 1..=3 {
        node.pool.on_committed(CommittedBlock { height, next_base_fee: 1, ..CommittedBlock::default() }).await;
    }
    node.state.set(3, sender, rich(1));
    let batch = vec![transfer(1, 0), transfer(1, 1), transfer(1, 2)];
    let outcome = node.pool.gossiped(batch.clone()).await;
    assert_eq!((outcome.new, outcome.refused), (2, 1));

    // Block 3 is abandoned, and with it nonce 0 comes back.
    node.state.set(3, sender, rich(0));
    node.pool.on_committed(CommittedBlock { height: 3, next_base_fee: 1, ..CommittedBlock::default() }).await;
    assert_eq!(node.pool.pushed(batch).await.held, 3);
    let pool = &node.pool;
    timeout(Duration::from_secs(20), async {
        while pool.best(demand()).await.len() < 3 {
            sleep(Duration::from_millis(2)).await;
        }
    })
    .await
    .unwrap();
    assert_eq!(node.pool.transactions(&[keccak256(transfer(1, 0)), keccak256(b"?")]).iter().flatten().count(), 1);
}

#[tokio::test]
async fn gossip_without_room_is_dropped() {
    let limits = Limits { max_transaction_bytes: 1_000, ..Limits::default() };
    let node = node(Config { limits, gossip_in_flight: 4, ..quick() });
    let batch: Vec<_> = (0..4).map(|nonce| transfer(1, nonce)).collect();
    let (one, two) = tokio::join!(node.pool.gossiped(batch.clone()), node.pool.gossiped(batch));
    assert_eq!(one.new, 4);
    assert_eq!((two.overloaded, two.verdict()), (4, Verdict::Ignore));
}

#[tokio::test]
async fn the_end_is_told() {
    let node = node(quick());
    node.mesh.acknowledges.send_replace(false);
    node.shutdown.cancel();
    sleep(Duration::from_millis(20)).await;
    assert_eq!(node.pool.submit(vec![transfer(1, 0)]).await, [Err(PoolError::Closed)]);
    assert!(node.pool.best(demand()).await.is_empty());
    assert_eq!(node.pool.pending_nonce(address(1)).await, None);
}
