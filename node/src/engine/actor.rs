//! The engine's loop.

use super::{
    Branch, CatchUp, Clock, EngineHandle, EngineMessage, EngineView, Origin, Segment,
    endorser::Endorser,
    executor::{self, ExecutedBlocks, Executor, Job, JobResult},
    handle::{MAILBOX, Position},
    outbox::Outbox,
    restore::restore,
    timers::Timers,
};
use crate::{
    chain::{ChainReader, HeadEvents, RecentBlocks},
    eras::CurrentEra,
    genesis::Genesis,
    l1::{EvidenceReport, ReporterHandle},
    mempool::PoolHandle,
    mesh::MemberPeers,
    metrics::{AwaitingFinality, Metrics},
};
use baton_consensus::{
    certificate::VerifiedCertificate,
    core::{Core, Identity, Input, MAX_PENDING_HEIGHTS},
    evidence::{Evidence, VerifiedEvidence},
    keys::{BlsKey, OperatorKey},
    messages::{Announcement, Seal},
    reign::Reign,
    signing::{SigningContext, Verified},
    types::{ExtraData, SealedBlock, VerifiedBlock, VerifiedSealedBlock},
};
use baton_network::NetworkHandle;
use eyre::{WrapErr, bail};
use std::{collections::VecDeque, path::PathBuf, sync::Arc, time::Duration};
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

/// How often the snapshot for JSON-RPC is replaced even if nothing happened.
const VIEW_INTERVAL: Duration = Duration::from_millis(200);

/// What the engine needs of the rest of the node.
#[derive(Debug)]
pub struct EngineConfig {
    /// The chain.
    pub genesis: Arc<Genesis>,
    /// The operator's keys, as [`Identity::keys`] has them; none for an observer.
    pub keys: Option<(OperatorKey, Vec<BlsKey>)>,
    /// The era that the database is in, and where to say when that changes.
    pub era: CurrentEra,
    /// Who wants to hear of evidence, to bring it to L1; nobody if the chain has no registry there.
    pub evidence: Option<ReporterHandle>,
    /// The software version that heartbeats carry.
    pub version: String,
    /// See [`Identity::without_checkpoints`].
    pub without_checkpoints: bool,
    /// Own blocks travel with all their transactions in them, for measurements alone.
    pub whole_blocks: bool,
    /// Where the halt file goes.
    pub data_dir: PathBuf,
    /// The store and what is read from it.
    pub chain: ChainReader,
    /// The pool that blocks are built from.
    pub pool: PoolHandle,
    /// Where blocks are remembered for peers.
    pub recent: RecentBlocks,
    /// The mesh.
    pub network: NetworkHandle,
    /// Which peers the members are.
    pub members: MemberPeers,
    /// Who wants to hear of new heads.
    pub heads: HeadEvents,
    /// What this node tells peers of itself.
    pub status: watch::Sender<baton_network::Status>,
    /// Asks the synchronizer to fetch what lies between the head and a height.
    pub catch_up: mpsc::Sender<CatchUp>,
    /// Where it is counted what happens.
    pub metrics: Arc<Metrics>,
}

/// The engine, ready to run.
pub struct Engine {
    pub(super) core: Core,
    pub(super) genesis: Arc<Genesis>,
    pub(super) data_dir: PathBuf,
    pub(super) clock: Clock,
    pub(super) chain: ChainReader,
    pub(super) pool: PoolHandle,
    pub(super) recent: RecentBlocks,
    pub(super) network: NetworkHandle,
    pub(super) outbox: Outbox,
    pub(super) heads: HeadEvents,
    pub(super) status: watch::Sender<baton_network::Status>,
    pub(super) position: watch::Sender<Position>,
    pub(super) catch_up: mpsc::Sender<CatchUp>,
    pub(super) view: EngineView,
    pub(super) timers: Timers,
    pub(super) executed: ExecutedBlocks,
    pub(super) jobs: mpsc::Sender<Job>,
    pub(super) era: CurrentEra,
    pub(super) evidence: Option<ReporterHandle>,
    pub(super) members: MemberPeers,
    pub(super) commits_since_prune: u64,
    /// Blocks that were just taken back, highest first: the core gets to see them once more.
    pub(super) reverted: Vec<SealedBlock>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) awaiting: AwaitingFinality,
    /// Who waits until this node, which is about to stop, is not relied upon any more.
    farewell: Option<oneshot::Sender<()>>,
    results: mpsc::Receiver<JobResult>,
    executor: std::thread::JoinHandle<()>,
    messages: mpsc::Receiver<EngineMessage>,
}

impl Engine {
    /// Restores the protocol's state from the store and starts the executor. Must be called on a tokio runtime.
    ///
    /// # Errors
    /// If the database is damaged or a thread cannot be started.
    pub fn new(config: EngineConfig) -> eyre::Result<(Self, EngineHandle, EngineView)> {
        let EngineConfig {
            genesis,
            keys,
            era,
            evidence,
            version,
            without_checkpoints,
            whole_blocks,
            data_dir,
            chain,
            pool,
            recent,
            network,
            members,
            heads,
            status,
            catch_up,
            metrics,
        } = config;
        let reign = Reign::clone(&era.get());
        let restored = restore(chain.store(), &reign, genesis.parameters.finality)?;
        if let Some(reporter) = &evidence {
            // It sees to it that nothing goes out twice.
            for known in &restored.evidence {
                report_evidence(reporter, known, &reign, &genesis.signing_context());
            }
        }
        metrics.finality.holds(&restored.evidence);
        let context = genesis.signing_context();
        if without_checkpoints {
            warn!("this node puts nothing to the vote: nothing becomes final; this is for measurements alone");
        }
        let endorser = Endorser::new(keys.as_ref().map(|(operator, _)| operator.clone()), reign.electorate.clone());
        let identity = Identity { keys, version, without_checkpoints };
        let core = Core::new(context, genesis.parameters.clone(), reign, identity, restored);
        chain.set_safe(core.safe());
        let clock = Clock::start();
        let view = EngineView::new(&core, genesis.parameters.finality, clock.now());
        let (message_sender, messages) = mpsc::channel(MAILBOX);
        let (position, position_receiver) = watch::channel(position_of(&core));
        let (jobs, job_receiver) = mpsc::channel(executor::JOBS);
        let (result_sender, results) = mpsc::channel(executor::JOBS);
        let executed = ExecutedBlocks::default();
        let executor = Executor {
            store: chain.store().clone(),
            spec: genesis.chain,
            pool: pool.clone(),
            executed: executed.clone(),
            metrics: Arc::clone(&metrics),
            gas_limit: genesis.header.gas_limit,
            build_time: genesis.parameters.block_time.mul_f64(0.75),
            runtime: tokio::runtime::Handle::current(),
        };
        let executor = executor::spawn(executor, job_receiver, result_sender);
        let executor = executor.wrap_err("cannot start the executor's thread")?;
        let handle = EngineHandle::new(message_sender, position_receiver);
        let engine = Self {
            core,
            genesis,
            data_dir,
            clock,
            chain,
            outbox: Outbox::start(network.clone(), endorser, pool.clone(), recent.clone(), whole_blocks),
            pool,
            recent,
            network,
            heads,
            status,
            position,
            catch_up,
            view: view.clone(),
            timers: Timers::default(),
            executed,
            jobs,
            era,
            evidence,
            members,
            commits_since_prune: 0,
            reverted: Vec::new(),
            metrics,
            awaiting: AwaitingFinality::default(),
            farewell: None,
            results,
            executor,
            messages,
        };
        Ok((engine, handle, view))
    }

    /// Runs until `shutdown`, or until the node cannot go on.
    ///
    /// # Errors
    /// If the disk or the execution fails: the node must stop.
    pub async fn run(mut self, shutdown: CancellationToken) -> eyre::Result<()> {
        self.prune_journal()?;
        let proposals = self.own_proposals()?;
        self.feed(Input::Start { proposals }, None).await?;
        let mut refresh = tokio::time::interval(VIEW_INTERVAL);
        loop {
            let now = self.clock.now();
            if let Some(timer) = self.timers.pop(now) {
                self.feed(Input::Timer(timer), None).await?;
                continue;
            }
            let wake = self.timers.next_at().map(|at| tokio::time::Instant::from_std(self.clock.instant(at)));
            let timer = async {
                match wake {
                    Some(at) => tokio::time::sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                () = shutdown.cancelled() => break,
                result = self.results.recv() => match result {
                    Some(result) => self.feed(result?, None).await?,
                    None => bail!("the executor has stopped; the log above says why"),
                },
                () = timer => {}
                message = self.messages.recv() => match message {
                    Some(message) => self.take(message).await?,
                    None => break,
                },
                _ = refresh.tick() => self.refresh_view(),
            }
        }
        self.chain.store().sync()?;
        info!(head = %self.core.head(), "engine stopped");
        // The executor ends when nobody gives it work or takes its results; it must not outlive the database.
        let Self { jobs, results, executor, .. } = self;
        drop((jobs, results));
        if executor.join().is_err() {
            bail!("the executor panicked");
        }
        Ok(())
    }

    async fn take(&mut self, message: EngineMessage) -> eyre::Result<()> {
        match message {
            EngineMessage::Heartbeat(heartbeat, origin) => self.feed(Input::Heartbeat(heartbeat), Some(origin)).await,
            EngineMessage::Announcement(announcement, certificate, origin) => {
                self.feed(Input::Announcement { announcement, certificate }, Some(origin)).await
            }
            EngineMessage::TermChange(change, origin) => self.feed(Input::TermChange(change), Some(origin)).await,
            EngineMessage::Certificate(certificate, origin) => {
                self.feed(Input::Certificate(certificate), Some(origin)).await
            }
            EngineMessage::Block(block, origin) => self.feed(Input::Block(block), Some(origin)).await,
            EngineMessage::Proposal(proposal) => self.feed(Input::Proposal(proposal), None).await,
            EngineMessage::Seal(seal, origin) => self.feed(Input::Seal(seal), Some(origin)).await,
            EngineMessage::Checkpoint(checkpoint, parent, origin) => {
                self.feed(Input::Checkpoint { checkpoint, parent }, Some(origin)).await
            }
            EngineMessage::Vote(vote, origin) => self.feed(Input::Vote(vote), Some(origin)).await,
            EngineMessage::Quorum(certificate, parent, origin) => {
                self.feed(Input::Quorum { certificate, parent }, Some(origin)).await
            }
            EngineMessage::Evidence(evidence, origin) => self.feed(Input::Evidence(evidence), Some(origin)).await,
            EngineMessage::SetChange(change, origin) => self.feed(Input::SetChange(*change), Some(origin)).await,
            EngineMessage::Registry(version) => self.feed(Input::Registry(version), None).await,
            EngineMessage::RegistryReverted { above } => self.feed(Input::RegistryReverted { above }, None).await,
            EngineMessage::Segment(segment, done) => {
                self.take_segment(segment).await?;
                // The synchronizer may have given up waiting.
                let _ = done.send(());
                Ok(())
            }
            EngineMessage::Branch(branch) => self.take_branch(branch).await,
            EngineMessage::Resign(asker) => self.feed(Input::Resign, Some(Origin::Operator(asker))).await,
            EngineMessage::Leave(asker) => {
                self.farewell = Some(asker);
                self.feed(Input::Leave, None).await
            }
        }
    }

    async fn take_segment(&mut self, segment: Segment) -> eyre::Result<()> {
        let Segment { certificates, finality, announcements, blocks, change } = segment;
        self.take_certificates(certificates).await?;
        // Before the blocks: it tells which branch to go over to.
        if let Some(finality) = finality {
            let (certificate, parent) = (finality.child().clone(), Some(*finality.checkpoint()));
            self.feed(Input::Quorum { certificate, parent }, None).await?;
        }
        self.take_announcements(announcements).await?;
        for VerifiedSealedBlock { block, seal } in blocks {
            self.take_block(block, Some(seal)).await?;
        }
        if let Some(change) = change {
            self.feed(Input::SetChange(*change), None).await?;
        }
        Ok(())
    }

    async fn take_branch(&mut self, Branch { certificates, announcements, blocks }: Branch) -> eyre::Result<()> {
        self.take_certificates(certificates).await?;
        self.take_announcements(announcements).await?;
        for (block, seal) in blocks {
            self.take_block(block, seal).await?;
        }
        Ok(())
    }

    async fn take_certificates(&mut self, certificates: Vec<VerifiedCertificate>) -> eyre::Result<()> {
        for certificate in certificates {
            self.feed(Input::Certificate(certificate), None).await?;
        }
        Ok(())
    }

    async fn take_announcements(&mut self, announcements: Vec<Verified<Announcement>>) -> eyre::Result<()> {
        for announcement in announcements {
            self.feed(Input::Announcement { announcement, certificate: None }, None).await?;
        }
        Ok(())
    }

    /// Takes a block in, the seal first: it entitles blocks of past epochs and of other branches.
    async fn take_block(&mut self, block: VerifiedBlock, seal: Option<Verified<Seal>>) -> eyre::Result<()> {
        if let Some(seal) = seal {
            self.feed(Input::Seal(seal), None).await?;
        }
        self.feed(Input::Block(block), None).await
    }

    async fn feed(&mut self, input: Input, mut origin: Option<Origin>) -> eyre::Result<()> {
        let mut inputs = VecDeque::from([input]);
        while let Some(input) = inputs.pop_front() {
            let effects = self.core.handle(input, self.clock.now());
            for effect in effects {
                self.carry_out(effect, &mut origin).await?;
            }
            inputs.extend(self.take_reverted()?);
        }
        let position = position_of(&self.core);
        self.position.send_if_modified(|known| std::mem::replace(known, position) != position);
        if let Some(asker) = self.farewell.take_if(|_| !self.core.is_relied_upon()) {
            self.outbox.mark(asker);
        }
        Ok(())
    }

    /// The blocks that were just taken back, as a peer would hand them in, lowest first.
    fn take_reverted(&mut self) -> eyre::Result<Vec<Input>> {
        let context = self.genesis.signing_context();
        let mut inputs = Vec::new();
        let lowest = std::mem::take(&mut self.reverted).into_iter().rev();
        for SealedBlock { block, seal } in lowest.take(usize::try_from(MAX_PENDING_HEIGHTS)?) {
            let damaged = "a block that is taken back is damaged in the database";
            inputs.push(Input::Seal(seal.verify(&context).wrap_err(damaged)?));
            inputs.push(Input::Block(Arc::new(block).verify(&context).wrap_err(damaged)?));
        }
        Ok(inputs)
    }

    pub(super) fn refresh_view(&self) {
        self.view.update(&self.core, self.genesis.parameters.finality, self.clock.now());
        self.metrics.finality.sealing_waits_for_finality.set(self.core.waits_for_finality().into());
        let (status, chain) = (self.core.status(), self.chain.finalized());
        self.status.send_if_modified(|known| {
            let next = baton_network::Status {
                head: status.head,
                finalized: chain.height,
                earliest: self.chain.store().earliest(),
                era: status.era,
                term: status.term,
                epoch: status.epoch,
                ..known.clone()
            };
            let changed = *known != next;
            *known = next;
            changed
        });
    }

    /// Own blocks that were signed and not sealed, from before a restart.
    fn own_proposals(&self) -> eyre::Result<Vec<baton_consensus::types::VerifiedBlock>> {
        let context = self.genesis.signing_context();
        let mut proposals = Vec::new();
        for block in self.chain.store().proposals()? {
            let verified = Arc::new(block).verify(&context).wrap_err("a stored own block is damaged")?;
            debug!(block = %verified.reference(), "sending an own block again");
            proposals.push(verified);
        }
        Ok(proposals)
    }
}

/// Hands evidence to whoever brings it to L1.
pub(super) fn report_evidence(reporter: &ReporterHandle, evidence: &Evidence, reign: &Reign, context: &SigningContext) {
    let Some(evidence) = VerifiedEvidence::restore(evidence.clone(), context) else { return };
    // Of earlier eras the registry knows all keys that an operator ever had.
    let of_era = evidence.fault().era == reign.era();
    let member = reign.electorate.set.get(evidence.fault().signer).filter(|_| of_era);
    let bls_public_key = member.map(|member| member.bls_public_key);
    if !reporter.report(EvidenceReport { evidence, bls_public_key }) {
        warn!("too much evidence waits for L1; some is brought after the next start only");
    }
}

fn position_of(core: &Core) -> Position {
    let schedule = core.schedule();
    let (era, term, epoch) = (schedule.era(), schedule.term(), schedule.epoch());
    let leader = schedule.latest().map(|latest| latest.announcement.leader);
    Position { head: core.head(), schedule: ExtraData { era, term, epoch }, scheduler: schedule.scheduler(), leader }
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").field("head", &self.core.head()).finish_non_exhaustive()
    }
}
