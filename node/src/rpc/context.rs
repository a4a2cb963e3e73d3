//! What every method works with.

use super::{
    config::RpcLimits,
    errors::{RpcError, RpcResult},
    eth::fees::TipOracle,
    ports::{ConsensusView, PeersView, SyncReport},
    workers::{Work, Workers},
};
use crate::{
    chain::{ChainError, ChainReader, HeadEvents},
    l1::FollowerStatus,
    mempool::PoolHandle,
};
use alloy_eips::{BlockId, BlockNumberOrTag};
use baton_consensus::types::Height;
use baton_execution::{CallError, EstimateError};
use baton_storage::StorageError;
use std::{fmt, sync::Arc};
use tokio::sync::watch;

/// The parts of the node that the server answers from.
#[derive(Clone)]
pub struct RpcContext {
    /// The chain.
    pub chain: ChainReader,
    /// The pool of waiting transactions.
    pub pool: PoolHandle,
    /// The state of consensus.
    pub consensus: Arc<dyn ConsensusView>,
    /// The state of the mesh.
    pub peers: Arc<dyn PeersView>,
    /// The news of the head, for subscriptions.
    pub heads: HeadEvents,
    /// How L1 is followed; none if it is not.
    pub l1: Option<watch::Receiver<FollowerStatus>>,
    /// How far the sync has come.
    pub sync: watch::Receiver<SyncReport>,
}

impl fmt::Debug for RpcContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RpcContext").field("chain", &self.chain).finish_non_exhaustive()
    }
}

/// [`RpcContext`] with the server's own limits and caches.
pub(super) struct Rpc {
    pub(super) node: RpcContext,
    pub(super) limits: RpcLimits,
    pub(super) workers: Workers,
    pub(super) tips: TipOracle,
    pub(super) started: std::time::Instant,
}

impl Rpc {
    pub(super) fn new(node: RpcContext, limits: RpcLimits) -> Self {
        let workers = Workers::new(limits.work);
        let tips = TipOracle::new(limits.minimum_priority_fee);
        Self { node, limits, workers, tips, started: std::time::Instant::now() }
    }

    /// Asks the chain a small question.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        question: impl FnOnce(&ChainReader) -> RpcResult<T> + Send + 'static,
    ) -> RpcResult<T> {
        let chain = self.node.chain.clone();
        self.workers.run(Work::Read, move || question(&chain)).await
    }

    /// Executes, or scans many blocks.
    pub(super) async fn execute<T: Send + 'static>(
        &self,
        work: impl FnOnce(&ChainReader) -> RpcResult<T> + Send + 'static,
    ) -> RpcResult<T> {
        let chain = self.node.chain.clone();
        self.workers.run(Work::Execution, move || work(&chain)).await
    }
}

/// Refuses a block whose state lies more than `most` blocks below the head and is not indexed: reading that costs more the
/// older it is.
pub(super) fn check_depth(chain: &ChainReader, at: BlockId, most: u64) -> RpcResult<()> {
    let Some((height, oldest)) = too_deep(chain, at, most)? else { return Ok(()) };
    let oldest = chain.store().kept().map_err(ChainError::from)?.indexed_state.min(oldest);
    if height >= oldest {
        return Ok(());
    }
    Err(RpcError::refused(format!(
        "the state of block {height} is not available: this node serves states from block {oldest} on; an archive may serve \
         older ones"
    )))
}

/// Refuses a block whose trie lies more than `most` blocks below the head: even an archive reads it by going back.
pub(super) fn check_proof_depth(chain: &ChainReader, at: BlockId, most: u64) -> RpcResult<()> {
    let Some((height, oldest)) = too_deep(chain, at, most)? else { return Ok(()) };
    Err(RpcError::refused(format!(
        "proofs for block {height} are not available: every node, archives too, proves the state of the last {most} blocks, \
         from block {oldest} on"
    )))
}

/// The height of a block more than `most` blocks below the head, and the lowest height that is not; none for other blocks.
fn too_deep(chain: &ChainReader, at: BlockId, most: u64) -> RpcResult<Option<(Height, Height)>> {
    if matches!(at, BlockId::Number(BlockNumberOrTag::Latest | BlockNumberOrTag::Pending)) {
        return Ok(None);
    }
    let Some(height) = chain.height(at)? else { return Err(ChainError::UnknownBlock(at).into()) };
    let oldest = Height(chain.head().height.0.saturating_sub(most));
    Ok((height < oldest).then_some((height, oldest)))
}

impl From<ChainError> for RpcError {
    fn from(error: ChainError) -> Self {
        match error {
            ChainError::UnknownBlock(id) => Self::refused(format!("header not found: block {id} is not known")),
            error @ (ChainError::NotFinal { .. } | ChainError::ProofTooFar { .. }) => Self::refused(error),
            error @ (ChainError::ReceiptsPruned { .. } | ChainError::BlockPruned { .. }) => Self::pruned(error),
            ChainError::Storage(
                error @ (StorageError::HistoryPruned { .. }
                | StorageError::TriePruned { .. }
                | StorageError::BeyondHead { .. }),
            ) => Self::refused(error),
            ChainError::Storage(error) => Self::internal(error),
            ChainError::Call(error) => error.into(),
            ChainError::Estimate(EstimateError::Reverted(output)) => Self::reverted(output),
            ChainError::Estimate(EstimateError::Call(error)) => error.into(),
            ChainError::Estimate(error) => Self::refused(error),
            ChainError::Proof(error) => Self::internal(error),
        }
    }
}

impl From<CallError> for RpcError {
    fn from(error: CallError) -> Self {
        match error {
            CallError::Invalid(reason) => Self::refused(reason),
            error @ (CallError::State(_) | CallError::Evm(_)) => Self::internal(error),
        }
    }
}
