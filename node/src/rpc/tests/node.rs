//! A server on a test chain, with a pool and views that stand still.

use super::chain::TestChain;
use crate::{
    chain::HeadEvents,
    mempool::{ChainRules, Config, Mempool, Mesh, MeshError, PoolHandle, Pushed},
    rpc::{
        RpcConfig, RpcContext, RpcHandle,
        ports::{
            ConsensusStatus, ConsensusView, Direction, EpochInfo, PeerInfo, PeersView, Role, SequencerInfo,
            SkippedInfo, StrikeInfo, SyncProgress, SyncReport,
        },
        start,
    },
};
use alloy_primitives::{Address, B256, Bytes, U256};
use baton_consensus::{
    FinalityRule,
    keys::OperatorKey,
    messages::{CheckpointPosition, SkipReason},
    types::{BlockRef, Epoch, Era, Height, Round, Stake, Term},
};
use serde_json::{Value, json};
use std::{net::SocketAddr, sync::Arc, time::Duration};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// A running server.
pub(super) struct TestNode {
    pub(super) chain: TestChain,
    pub(super) heads: HeadEvents,
    pub(super) pool: PoolHandle,
    pub(super) address: SocketAddr,
    _handle: RpcHandle,
    shutdown: CancellationToken,
}

impl TestNode {
    pub(super) async fn start(chain: TestChain) -> Self {
        Self::start_with(chain, RpcConfig::default()).await
    }

    pub(super) async fn start_with(chain: TestChain, config: RpcConfig) -> Self {
        let shutdown = CancellationToken::new();
        let pool = pool(&chain, &shutdown);
        let heads = HeadEvents::new();
        let context = RpcContext {
            chain: chain.reader.clone(),
            pool: pool.clone(),
            consensus: Arc::new(StillConsensus),
            peers: Arc::new(StillPeers),
            heads: heads.clone(),
            l1: None,
            sync: watch::channel(SyncReport::default()).1,
        };
        let config = RpcConfig { listen: SocketAddr::from(([127, 0, 0, 1], 0)), ..config };
        let (handle, address) = start(config, context).unwrap();
        Self { chain, heads, pool, address, _handle: handle, shutdown }
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Posts a body as it is and parses the answer.
    pub(super) async fn post(&self, body: impl Into<String>) -> Value {
        let request =
            reqwest::Client::new().post(self.url()).header("content-type", "application/json").body(body.into());
        serde_json::from_str(&request.send().await.unwrap().text().await.unwrap()).unwrap()
    }

    /// Calls a method; the whole answer.
    pub(super) async fn ask(&self, method: &str, params: Value) -> Value {
        let answer =
            self.post(json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).to_string()).await;
        assert_eq!((&answer["jsonrpc"], &answer["id"]), (&json!("2.0"), &json!(1)));
        answer
    }

    /// Calls a method that must succeed; its result.
    pub(super) async fn call(&self, method: &str, params: Value) -> Value {
        let mut answer = self.ask(method, params).await;
        assert!(answer.get("error").is_none(), "{method}: {answer}");
        answer["result"].take()
    }

    /// Calls a method that must fail; code and message.
    pub(super) async fn fail(&self, method: &str, params: Value) -> (i64, String) {
        let answer = self.ask(method, params).await;
        let error = &answer["error"];
        let code = error["code"].as_i64().unwrap_or_else(|| panic!("{method}: {answer}"));
        (code, error["message"].as_str().unwrap().to_owned())
    }
}

impl Drop for TestNode {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

fn pool(chain: &TestChain, shutdown: &CancellationToken) -> PoolHandle {
    let head = chain.reader.header_at(chain.reader.head().height).unwrap().unwrap();
    let next = baton_execution::next_base_fee(&chain.spec, &head);
    let rules = Arc::new(ChainRules::new(chain.spec, head.gas_limit));
    let source = Arc::new(chain.reader.clone());
    let (handle, mempool) = Mempool::new(Config::default(), (head.number, next), rules, source, Arc::new(PromptMesh));
    tokio::spawn(mempool.run(shutdown.clone()));
    handle
}

/// A mesh whose peers acknowledge within a millisecond.
struct PromptMesh;

impl Mesh for PromptMesh {
    async fn broadcast(&self, _batch: Vec<Bytes>) -> Result<(), MeshError> {
        Ok(())
    }

    async fn push_to_one(&self, _batch: Vec<Bytes>) -> Result<Pushed, MeshError> {
        tokio::time::sleep(Duration::from_millis(1)).await;
        Ok(Pushed::Acknowledged { refused: Vec::new() })
    }
}

/// The key of a member that signed twice.
pub(super) fn convict() -> OperatorKey {
    OperatorKey::from_bytes(&B256::repeat_byte(0x55)).unwrap()
}

pub(crate) struct StillConsensus;

impl ConsensusView for StillConsensus {
    fn status(&self) -> ConsensusStatus {
        ConsensusStatus {
            address: Some(Address::repeat_byte(1)),
            role: Role::Follower,
            era: Era(0),
            term: Term(1),
            term_cause: None,
            fence: Term(1),
            epoch: Epoch(1),
            scheduler: Some(Address::repeat_byte(2)),
            leader: None,
            certified: Some(CheckpointPosition { era: Era(0), term: Term(1), round: Round(7) }),
            finality_rule: FinalityRule::Quorum,
            syncing: Some(SyncProgress { starting: Height(0), current: Height(4), highest: Height(20) }),
        }
    }

    fn epoch(&self) -> Option<EpochInfo> {
        Some(EpochInfo {
            era: Era(0),
            term: Term(1),
            epoch: Epoch(1),
            leader: Address::repeat_byte(1),
            scheduler: Address::repeat_byte(2),
            first: Height(1),
            last: Height(8),
            parent: B256::repeat_byte(3),
            hash: B256::repeat_byte(4),
            skipped: vec![SkippedInfo { sequencer: Address::repeat_byte(5), reason: "silent".to_owned() }],
        })
    }

    fn sequencers(&self) -> Vec<SequencerInfo> {
        let honest = SequencerInfo {
            address: Address::repeat_byte(1),
            weight: Stake(U256::MAX),
            peer_id: "12D3".to_owned(),
            live: true,
            role: Role::Leader,
            head: Some(BlockRef { height: Height(4), hash: B256::repeat_byte(6) }),
            last_heartbeat_ms: Some(12),
            version: None,
            strikes: 2,
            last_strike: Some(StrikeInfo { epoch: Epoch(6), reason: SkipReason::Late }),
            redemptions: 1,
            jailed_until_epoch: Some(Epoch(9)),
            jail_reason: Some("late in epoch 6".to_owned()),
            convicted: false,
            blocks_led: 3,
        };
        let convicted = SequencerInfo { address: convict().address(), convicted: true, ..honest.clone() };
        vec![honest, convicted]
    }
}

pub(crate) struct StillPeers;

impl PeersView for StillPeers {
    fn local_peer_id(&self) -> String {
        "12D3KooWself".to_owned()
    }

    fn count(&self) -> usize {
        1
    }

    fn peers(&self) -> Vec<PeerInfo> {
        vec![PeerInfo {
            peer_id: "12D3KooWother".to_owned(),
            address: "/ip4/127.0.0.1/tcp/9000".to_owned(),
            direction: Direction::Outbound,
            agent: None,
            height: Some(Height(4)),
            sequencer: Some(Address::repeat_byte(1)),
            connected_ms: Some(1_000),
        }]
    }
}
