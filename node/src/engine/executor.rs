//! The thread that executes and builds blocks, and the results that wait for their seal.

use crate::{
    chain::{StateAdapter, consensus_block, execution_block},
    mempool::{Demand, PoolHandle},
    metrics::Metrics,
};
use alloy_consensus::Transaction as _;
use alloy_primitives::{Address, B256};
use baton_consensus::{
    core::{BuildRequest, ExecutionFailure, Input},
    types::VerifiedBlock,
};
use baton_execution::{
    BlockAttributes, BlockError, BuildLimits, ChainSpec, ExecutedBlock, Overlay, SealedHeader, build_block,
    execute_block, next_base_fee,
};
use baton_storage::Store;
use eyre::{WrapErr, bail};
use rayon::{ThreadPool, ThreadPoolBuilder};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};
use tokio::sync::mpsc;
use tracing::{debug, warn};

/// The largest body that a leader builds, in bytes: well below what gossip carries.
const MAX_BODY_BYTES: usize = 4 << 20;

/// The state of a parent may be committed while it is looked up; then the look-up is repeated.
const PARENT_ATTEMPTS: usize = 8;

/// What the executor is asked to do.
#[derive(Debug)]
pub(super) enum Job {
    Execute(VerifiedBlock),
    Build(BuildRequest),
}

/// What comes back: an input for the core, or the end of the node.
pub(super) type JobResult = eyre::Result<Input>;

/// Executed blocks that are not committed, by hash.
#[derive(Clone, Debug, Default)]
pub(super) struct ExecutedBlocks(Arc<Mutex<HashMap<B256, Arc<ExecutedBlock>>>>);

impl ExecutedBlocks {
    pub(super) fn get(&self, hash: &B256) -> Option<Arc<ExecutedBlock>> {
        self.lock().get(hash).cloned()
    }

    pub(super) fn remove(&self, hash: &B256) {
        self.lock().remove(hash);
    }

    fn insert(&self, block: ExecutedBlock) {
        self.lock().insert(block.hash, Arc::new(block));
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<B256, Arc<ExecutedBlock>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What executing takes.
pub(super) struct Executor {
    pub(super) store: Store,
    pub(super) spec: ChainSpec,
    pub(super) pool: PoolHandle,
    pub(super) executed: ExecutedBlocks,
    pub(super) metrics: Arc<Metrics>,
    /// The gas limit that blocks move towards.
    pub(super) gas_limit: u64,
    /// How long filling a block may take.
    pub(super) build_time: Duration,
    pub(super) runtime: tokio::runtime::Handle,
}

impl Executor {
    /// Works jobs off in order until the engine is gone.
    pub(super) fn run(self, workers: &ThreadPool, mut jobs: mpsc::Receiver<Job>, results: &mpsc::Sender<JobResult>) {
        while let Some(job) = jobs.blocking_recv() {
            let result = workers.install(|| match job {
                Job::Execute(block) => self.execute(&block),
                Job::Build(request) => self.build(request),
            });
            if results.blocking_send(result).is_err() {
                return;
            }
        }
    }

    fn execute(&self, block: &VerifiedBlock) -> JobResult {
        let (hash, started) = (block.hash(), Instant::now());
        let Some((state, layers, parent)) = self.state_of(block.parent())? else {
            return Ok(Input::Executed { hash, result: Err(ExecutionFailure::Unavailable) });
        };
        let senders = self.pool.senders();
        let body = execution_block(block.signed().block.clone());
        let overlay = Overlay::new(layers, &state);
        let result = match execute_block(&self.spec, &parent, body, &|hash| senders.get(hash), &overlay) {
            Ok(executed) => {
                let elapsed = started.elapsed();
                debug!(height = %block.height(), %hash, ?elapsed, "executed");
                self.metrics.blocks.block_execution_seconds.observe(elapsed);
                self.executed.insert(executed);
                Ok(())
            }
            Err(BlockError::Invalid(reason)) => {
                warn!(height = %block.height(), %hash, leader = %block.leader(), %reason, "invalid block");
                Err(ExecutionFailure::Invalid)
            }
            Err(error) => bail!("cannot execute block {}: {error}", block.reference()),
        };
        Ok(Input::Executed { hash, result })
    }

    fn build(&self, request: BuildRequest) -> JobResult {
        let started = Instant::now();
        let Some((state, layers, parent)) = self.state_of(request.parent.hash)? else {
            return Ok(Input::Built { request, result: None });
        };
        let attributes = BlockAttributes {
            timestamp: request.timestamp,
            beneficiary: request.beneficiary,
            gas_limit: self.gas_limit,
            extra_data: request.position.to_bytes(),
            parent_beacon_block_root: request.announcement,
        };
        let demand = Demand {
            base_fee: next_base_fee(&self.spec, &parent),
            gas_limit: parent.gas_limit,
            max_bytes: MAX_BODY_BYTES,
            in_flight: next_nonces(&layers),
        };
        let transactions = self.runtime.block_on(self.pool.best(demand));
        let overlay = Overlay::new(layers, &state);
        let mut keep_going = || started.elapsed() < self.build_time;
        let limits = BuildLimits { max_bytes: MAX_BODY_BYTES, keep_going: &mut keep_going };
        let offered = transactions.len();
        let transactions = transactions.iter().map(|transaction| Arc::clone(transaction.recovered()));
        let built = build_block(&self.spec, &parent, &attributes, transactions, limits, &overlay)
            .wrap_err_with(|| format!("cannot build on block {}", request.parent))?;
        let refused: Vec<_> =
            (built.skipped.into_iter()).filter(|(_, error)| error.is_permanent()).map(|(hash, _)| hash).collect();
        if !refused.is_empty() {
            self.runtime.block_on(self.pool.discard(refused));
        }
        let block = consensus_block(built.executed.block.clone());
        let (height, included) = (block.header.number, block.body.transactions.len());
        debug!(height, offered, included, elapsed = ?started.elapsed(), "built");
        self.executed.insert(built.executed);
        Ok(Input::Built { request, result: Some(Box::new(block)) })
    }

    /// The state after `parent`: a snapshot of the disk and the executed blocks between it and `parent`, newest first.
    #[expect(clippy::type_complexity, reason = "three things that belong to one moment")]
    fn state_of(
        &self,
        parent: B256,
    ) -> eyre::Result<Option<(StateAdapter<'_>, Vec<Arc<ExecutedBlock>>, SealedHeader)>> {
        for _ in 0..PARENT_ATTEMPTS {
            let (layers, base) = self.layers_above(parent);
            let state = StateAdapter::head(&self.store)?;
            // On the head, as nearly always; or on a block below it, where another branch begins.
            let state = if state.block().hash == base {
                state
            } else {
                let Some(height) = self.store.height_of(base)? else { continue };
                match StateAdapter::at(&self.store, height) {
                    Ok(state) if state.block().hash == base => state,
                    Ok(_) => continue,
                    Err(error) => {
                        debug!(%error, %height, "the state that a branch begins with is not at hand");
                        continue;
                    }
                }
            };
            let header = match layers.first() {
                Some(layer) => layer.sealed_header(),
                None => match self.store.header_by_hash(parent)? {
                    Some(stored) => SealedHeader::new_unchecked(stored.header, stored.hash),
                    None => bail!("the header of block {parent} is missing from the database"),
                },
            };
            return Ok(Some((state, layers, header)));
        }
        Ok(None)
    }

    /// The executed blocks from `tip` down to the first that is not among them, which must be committed.
    fn layers_above(&self, tip: B256) -> (Vec<Arc<ExecutedBlock>>, B256) {
        let (mut layers, mut hash) = (Vec::new(), tip);
        while let Some(layer) = self.executed.get(&hash) {
            hash = layer.block.header.parent_hash;
            layers.push(layer);
        }
        (layers, hash)
    }
}

/// Every sender's next nonce after the unsealed blocks.
fn next_nonces(layers: &[Arc<ExecutedBlock>]) -> HashMap<Address, u64> {
    let mut next = HashMap::new();
    for layer in layers.iter().rev() {
        for (sender, transaction) in layer.senders.iter().zip(&layer.block.body.transactions) {
            next.insert(*sender, transaction.nonce() + 1);
        }
    }
    next
}

/// Starts the executor's thread, and those that share its work. They are its own: in the common pool, a block would queue
/// behind the signatures of the transactions that arrive meanwhile.
pub(super) fn spawn(
    executor: Executor,
    jobs: mpsc::Receiver<Job>,
    results: mpsc::Sender<JobResult>,
) -> std::io::Result<std::thread::JoinHandle<()>> {
    let workers = ThreadPoolBuilder::new().thread_name(|index| format!("execute-{index}")).build();
    let workers = workers.map_err(std::io::Error::other)?;
    std::thread::Builder::new().name("executor".to_owned()).spawn(move || executor.run(&workers, jobs, &results))
}

/// Jobs that wait for the executor at most: more than the core ever has open.
pub(super) const JOBS: usize = 4096;
