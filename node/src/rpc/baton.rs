//! `baton_*`: the protocol's own state. Numbers are plain JSON numbers.

use super::{
    context::Rpc,
    errors::RpcResult,
    ports::{BlockInfo, ConsensusStatus, Role, SyncPhase, SyncReport},
};
use crate::l1::FollowerStatus;
use alloy_primitives::Address;
use baton_consensus::{
    messages::{Cause, CheckpointPosition},
    types::{Epoch, Era, Term},
};
use jsonrpsee::{RpcModule, core::RegisterMethodError};
use serde::Serialize;

pub(super) fn register(module: &mut RpcModule<Rpc>) -> Result<(), RegisterMethodError> {
    module.register_async_method("baton_status", |_, rpc, _| async move { status(&rpc).await })?;
    module.register_method("baton_epoch", |_, rpc, _| RpcResult::Ok(rpc.node.consensus.epoch()))?;
    module.register_method("baton_sequencers", |_, rpc, _| RpcResult::Ok(rpc.node.consensus.sequencers()))?;
    module.register_method("baton_sync", |_, rpc, _| RpcResult::Ok(sync(rpc)))?;
    module.register_method("baton_peers", |_, rpc, _| RpcResult::Ok(rpc.node.peers.peers()))?;
    Ok(())
}

/// How far the sync has come; of a node that follows, where its head is.
fn sync(rpc: &Rpc) -> SyncReport {
    let mut report = rpc.node.sync.borrow().clone();
    if report.phase == SyncPhase::Following {
        report.current = rpc.node.chain.head().height;
        report.highest = report.current;
    }
    report
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    peer_id: String,
    address: Option<Address>,
    role: Role,
    era: Era,
    term: Term,
    term_cause: Option<Cause>,
    fence: Term,
    epoch: Epoch,
    scheduler: Option<Address>,
    leader: Option<Address>,
    head: BlockInfo,
    safe: BlockInfo,
    finalized: BlockInfo,
    /// Era, term and round.
    certified: Option<CheckpointPosition>,
    finality_rule: String,
    peers: usize,
    pool: PoolStatus,
    version: &'static str,
    syncing: bool,
    /// How L1 is followed; none if it is not.
    l1: Option<L1Status>,
    uptime_ms: u64,
}

#[derive(Clone, Debug, Serialize)]
struct PoolStatus {
    pending: usize,
    queued: usize,
    bytes: usize,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct L1Status {
    #[serde(flatten)]
    follower: FollowerStatus,
    /// How old the newest block is that counts, in seconds.
    lag_seconds: Option<u64>,
}

impl From<&FollowerStatus> for L1Status {
    fn from(follower: &FollowerStatus) -> Self {
        Self { follower: follower.clone(), lag_seconds: follower.lag().map(|lag| lag.as_secs()) }
    }
}

async fn status(rpc: &Rpc) -> RpcResult<Status> {
    let ConsensusStatus {
        address,
        role,
        era,
        term,
        term_cause,
        fence,
        epoch,
        scheduler,
        leader,
        certified,
        finality_rule,
        syncing,
    } = rpc.node.consensus.status();
    // In this order, so that a block that arrives in between cannot make `finalized` or `safe` higher than `head`.
    let (finalized, safe, head) = rpc.read(|chain| Ok((chain.finalized(), chain.safe()?, chain.head()))).await?;
    let pool = rpc.node.pool.status();
    Ok(Status {
        peer_id: rpc.node.peers.local_peer_id(),
        address,
        role,
        era,
        term,
        term_cause,
        fence,
        epoch,
        scheduler,
        leader,
        head: head.into(),
        safe: safe.into(),
        finalized: finalized.into(),
        certified,
        finality_rule: finality_rule.to_string(),
        peers: rpc.node.peers.count(),
        pool: PoolStatus { pending: pool.pending, queued: pool.queued, bytes: pool.bytes },
        version: env!("CARGO_PKG_VERSION"),
        syncing: syncing.is_some(),
        l1: rpc.node.l1.as_ref().map(|status| L1Status::from(&*status.borrow())),
        uptime_ms: u64::try_from(rpc.started.elapsed().as_millis()).unwrap_or(u64::MAX),
    })
}
