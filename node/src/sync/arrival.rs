//! The way of a node to its first block: before the engine runs.
//!
//! 1. **Is there anything to do?** A node that has a chain goes on with it. A new one waits for its first peers: if they are
//!    not far ahead, it executes what there is, as everyone did.
//! 2. **Proofs first** ([`Provenance`]): from several peers, the ends of all eras and a finality proof, verified from genesis.
//!    With a checkpoint of the operator's, only from those who prove that it is in their chain. Two histories with proofs that
//!    hold are more than the protocol can tell apart: then the node waits for its operator.
//! 3. **A snapshot** ([`snapshot`]), unless all blocks are to be executed: the newest state that peers offer and prove,
//!    in verified pieces. If it is interrupted it goes on where it was; if nobody offers the state any more, with a newer one.
//!
//! Then the engine begins at that block, and the [`Synchronizer`](super::Synchronizer) fetches the rest.

use super::{
    progress::Progress,
    provenance::{ProvenHeader, Provenance},
    servers::{Fault, Servers},
    snapshot::{Fetcher, Interrupted, Offers, Target, finish},
};
use crate::{chain::init_genesis, config::SyncMode, genesis::Genesis, mesh::PeerBook, rpc::ports::SyncPhase};
use alloy_primitives::B256;
use baton_consensus::types::{BlockRef, Height};
use baton_network::{
    HeadersRequest, MAX_SET_CHANGES, NetworkHandle, PeerId, Protocol, Request, Response, SetChangesRequest,
};
use baton_storage::{GenesisId, Store};
use eyre::{WrapErr, bail};
use futures::{StreamExt, stream};
use std::{
    collections::HashSet,
    sync::Arc,
    time::{Duration, Instant},
};
use tracing::{error, info, warn};

/// How far ahead peers must be for a snapshot to be worth it, in blocks, unless one is asked for.
pub const FAR_AHEAD: u64 = 4096;

/// How long a member of genesis' set waits for its first peer: the chain may be about to begin.
const PATIENCE_OF_MEMBER: Duration = Duration::from_millis(1500);

/// How long anybody else does.
const PATIENCE_OF_OTHERS: Duration = Duration::from_secs(20);

/// How long others are waited for after the first peer.
const GATHERING: Duration = Duration::from_millis(300);

/// How long peers are asked for proofs, or for a snapshot, that nobody insisted on.
const PATIENCE: Duration = Duration::from_secs(20);

/// The pause between two looks.
const PAUSE: Duration = Duration::from_millis(100);

/// The pause after peers could not help.
const LONG_PAUSE: Duration = Duration::from_secs(2);

/// How often it is told what the node waits for.
const TELL_EVERY: Duration = Duration::from_secs(30);

/// After how long it is told for the first time.
const TELL_AFTER: Duration = Duration::from_secs(5);

/// How many peers are asked for proofs.
const WITNESSES: usize = 8;

/// How many of them at a time.
const WITNESSES_AT_ONCE: usize = 4;

/// What a node does before its engine runs.
#[derive(Debug)]
pub struct Arrival {
    /// The chain.
    pub genesis: Arc<Genesis>,
    /// Where it is kept.
    pub store: Store,
    /// The mesh.
    pub network: NetworkHandle,
    /// Who is connected.
    pub peers: PeerBook,
    /// What the operator asked for; none leaves it to the node.
    pub mode: Option<SyncMode>,
    /// The hash of a block that the operator knows to be final.
    pub checkpoint: Option<B256>,
    /// Whether this node is of the set that the chain began with.
    pub is_member: bool,
    /// Where progress is noted.
    pub progress: Progress,
}

/// What is to be done before the engine runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plan {
    /// Nothing: the chain is here, or begins.
    Nothing,
    /// Proofs, then blocks.
    Proofs,
    /// Proofs, then a snapshot.
    Snapshot,
}

impl Arrival {
    /// Waits for the first peers if it depends on them what is to be done.
    ///
    /// # Errors
    /// If the disk refuses.
    pub async fn plan(&self) -> eyre::Result<Plan> {
        let Self { store, mode, .. } = self;
        let full = *mode == Some(SyncMode::Full);
        let under_way = store.import()?.is_some();
        if under_way && !full {
            return Ok(Plan::Snapshot);
        }
        if under_way {
            warn!("the snapshot that was under way is dropped, as --sync full says");
            store.abandon_import()?;
        }
        let is_new = store.head().height == Height(0);
        if let Some(checkpoint) = self.checkpoint {
            if store.height_of(checkpoint)?.is_some() {
                return Ok(Plan::Nothing);
            }
            return Ok(if full || !is_new { Plan::Proofs } else { Plan::Snapshot });
        }
        if !is_new || (self.is_member && self.peers.is_single()) {
            return Ok(Plan::Nothing);
        }
        if *mode == Some(SyncMode::Snapshot) {
            return Ok(Plan::Snapshot);
        }
        let ahead = self.first_peers().await;
        Ok(match (ahead.0 > FAR_AHEAD, full) {
            (false, _) => Plan::Nothing,
            (true, true) => Plan::Proofs,
            (true, false) => Plan::Snapshot,
        })
    }

    /// How far the first peers that come say they are.
    async fn first_peers(&self) -> Height {
        let patience = if self.is_member { PATIENCE_OF_MEMBER } else { PATIENCE_OF_OTHERS };
        let began = Instant::now();
        let mut first = None;
        loop {
            let heights = self.peers.ready().into_iter().map(|peer| peer.status.finalized);
            let best = heights.max();
            if best.is_some() && first.is_none() {
                first = Some(Instant::now());
            }
            if first.is_some_and(|first| first.elapsed() >= GATHERING) || began.elapsed() >= patience {
                return best.unwrap_or_default();
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Does it, and says which blocks are proven final.
    ///
    /// # Errors
    /// If the disk refuses, or the node's own chain is another one than the checkpoint's.
    pub async fn carry_out(&self, plan: Plan) -> eyre::Result<Vec<BlockRef>> {
        if plan == Plan::Nothing {
            self.begin_at_genesis().await?;
            return Ok(Vec::new());
        }
        self.progress.enter(SyncPhase::Proofs, self.store.head().height, None);
        self.warn_of_old_keys();
        let servers = Servers::new(self.network.clone(), self.peers.clone());
        let insists = plan == Plan::Snapshot && self.mode == Some(SyncMode::Snapshot);
        let under_way = self.store.import()?.is_some();
        let proven = self.prove(&servers, insists || under_way).await;
        let Some((known, checkpoint)) = proven else {
            warn!(
                "no peer proved within {PATIENCE:?} which block is final; this node executes all blocks from genesis on"
            );
            self.begin_at_genesis().await?;
            self.progress.enter(SyncPhase::Following, Height(0), None);
            return Ok(Vec::new());
        };
        let anchors: Vec<_> = known.finalized().into_iter().chain(checkpoint).collect();
        hold_against(&self.store, &anchors)?;
        if plan == Plan::Snapshot {
            self.take_over(&servers, &known, insists).await?;
        }
        self.begin_at_genesis().await?;
        self.progress.enter(SyncPhase::Following, self.store.head().height, None);
        Ok(anchors)
    }

    /// Writes block 0, unless there is a chain.
    async fn begin_at_genesis(&self) -> eyre::Result<()> {
        let (store, genesis) = (self.store.clone(), Arc::clone(&self.genesis));
        Ok(tokio::task::spawn_blocking(move || init_genesis(&store, &genesis)).await??)
    }

    fn warn_of_old_keys(&self) {
        if self.checkpoint.is_none() && self.genesis.l1.is_some() {
            warn!(
                "stake of this chain can be withdrawn, and this node was given no --checkpoint: whoever holds enough keys of \
                 members that left long ago could show it another history. Give it the hash of a block that another node of \
                 yours, or somebody you trust, calls final, younger than the unbonding delay"
            );
        }
    }

    /// What peers prove from genesis on, and the checkpoint in it. None if nobody proves anything for long and nobody insists.
    async fn prove(&self, servers: &Servers, insists: bool) -> Option<(Arc<Provenance>, Option<BlockRef>)> {
        let began = Instant::now();
        let mut tell_at = began + TELL_AFTER;
        let mut is_time_to_tell = || {
            let is_due = Instant::now() >= tell_at;
            if is_due {
                tell_at = Instant::now() + TELL_EVERY;
            }
            is_due
        };
        loop {
            match self.witnesses(servers).await {
                Ok(Some((known, checkpoint))) => {
                    info!(era = %known.era(), finalized = ?known.finalized(), "verified the chain of set changes from genesis");
                    return Some((Arc::new(known), checkpoint));
                }
                Ok(None) if !insists && self.checkpoint.is_none() && began.elapsed() >= PATIENCE => return None,
                Ok(None) if is_time_to_tell() => match self.checkpoint {
                    Some(checkpoint) => error!(
                        %checkpoint,
                        peers = self.peers.ready().len(),
                        "no peer proves that its chain contains the block that --checkpoint names; this node follows no \
                         other. If the hash is right, wait for a peer that keeps so old a block"
                    ),
                    None => {
                        warn!(peers = self.peers.ready().len(), "waiting for a peer that proves which block is final");
                    }
                },
                Ok(None) => {}
                Err(conflict) if is_time_to_tell() => error!("{conflict:#}"),
                Err(_) => {}
            }
            tokio::time::sleep(if began.elapsed() < LONG_PAUSE { PAUSE } else { LONG_PAUSE }).await;
        }
    }

    /// Asks several peers; the one that reaches furthest, if they agree.
    async fn witnesses(&self, servers: &Servers) -> eyre::Result<Option<(Provenance, Option<BlockRef>)>> {
        let peers: Vec<_> = servers.ready().into_iter().take(WITNESSES).map(|peer| peer.id).collect();
        let answers = stream::iter(peers).map(|peer| async move { (peer, self.witness(servers, peer).await) });
        let mut answers = answers.buffer_unordered(WITNESSES_AT_ONCE);
        let mut best: Option<(PeerId, Provenance, Option<BlockRef>)> = None;
        while let Some((peer, answer)) = answers.next().await {
            let Some((known, checkpoint)) = answer else { continue };
            let Some((first, before, _)) = &best else {
                best = Some((peer, known, checkpoint));
                continue;
            };
            if let Some(era) = before.contradicts(&known) {
                let what_to_do = match self.checkpoint {
                    None => "give it the hash of a final block of the right one with --checkpoint",
                    Some(_) => "give it a newer --checkpoint",
                };
                bail!(
                    "peers {first} and {peer} prove two histories that part in era {era}: members with more than a third of an \
                     era's weight signed both. This node does not choose; {what_to_do}"
                );
            }
            if known.is_ahead_of(before) {
                best = Some((peer, known, checkpoint));
            }
        }
        Ok(best.map(|(_, known, checkpoint)| (known, checkpoint)))
    }

    /// What one peer proves; nothing if it proves nothing, or its chain does not contain the checkpoint.
    async fn witness(&self, servers: &Servers, peer: PeerId) -> Option<(Provenance, Option<BlockRef>)> {
        let known = self.provenance(servers, peer).await?;
        known.finalized()?;
        let Some(checkpoint) = self.checkpoint else { return Some((known, None)) };
        let Ok(Response::Headers(proof)) = servers.ask(peer, Request::Headers(HeadersRequest::Proof(checkpoint))).await
        else {
            return None;
        };
        // It may be on another history, or not keep the block: either way it is of no use.
        if proof.headers.is_empty() {
            return None;
        }
        let asked = known.clone();
        let proven = tokio::task::spawn_blocking(move || asked.prove(&proof)).await.ok()?;
        match proven {
            Ok(ProvenHeader { block, finality, .. }) if block.hash == checkpoint => {
                // A history that ends below it would not contain it.
                let reaches = known.finalized()?.height >= finality.block().height;
                reaches.then_some((known, Some(block)))
            }
            Ok(_) => {
                servers.blame(
                    peer,
                    &Fault::Lie(Protocol::Headers, "the proof of another block than was asked for".to_owned()),
                );
                None
            }
            Err(error) => {
                servers.blame(
                    peer,
                    &Fault::Invalid(Protocol::Headers, format!("the proof of a block that is not final: {error}")),
                );
                None
            }
        }
    }

    /// The ends of all eras, one request after the other, and the newest final block.
    async fn provenance(&self, servers: &Servers, peer: PeerId) -> Option<Provenance> {
        let mut known = Provenance::genesis(&self.genesis);
        loop {
            let request = SetChangesRequest { from: known.era(), count: MAX_SET_CHANGES };
            let Ok(Response::SetChanges(answer)) = servers.ask(peer, Request::SetChanges(request)).await else {
                return None;
            };
            let is_last = answer.changes.is_empty() || answer.finality.is_some();
            let extended = tokio::task::spawn_blocking(move || known.extend(answer).map(|()| known)).await.ok()?;
            known = match extended {
                Ok(known) => known,
                Err(error) => {
                    servers.blame(
                        peer,
                        &Fault::Invalid(
                            Protocol::SetChanges,
                            format!("a history that its own members did not sign: {error}"),
                        ),
                    );
                    return None;
                }
            };
            if is_last {
                return Some(known);
            }
        }
    }

    /// Takes a state over, the newest that is offered, until one is here whole.
    async fn take_over(&self, servers: &Servers, known: &Arc<Provenance>, insists: bool) -> eyre::Result<()> {
        let (mut began, mut told) = (Instant::now(), Instant::now());
        let mut known = Arc::clone(known);
        loop {
            let offers = Offers::ask(servers, &known).await;
            let under_way = self.store.import()?.and_then(|import| offers.of(import.target));
            let Some(offered) = under_way.or_else(|| offers.best()) else {
                if !insists && self.store.import()?.is_none() && began.elapsed() >= PATIENCE {
                    warn!("no peer offers a snapshot; this node executes all blocks from genesis on");
                    return Ok(());
                }
                if told.elapsed() >= TELL_EVERY {
                    told = Instant::now();
                    warn!(peers = self.peers.ready().len(), "waiting for a peer that offers a snapshot");
                }
                tokio::time::sleep(LONG_PAUSE).await;
                continue;
            };
            match self.fetch(servers, &known, offered).await {
                Ok(()) => return Ok(()),
                Err(Interrupted::TargetGone(block)) => {
                    warn!(%block, "no peer serves this state any more; the newest that is offered is taken");
                    began = Instant::now();
                    // Eras may have ended meanwhile.
                    if let Some((newer, _)) = self.prove(servers, true).await {
                        known = newer;
                    }
                }
                Err(Interrupted::Failed(error)) => return Err(error),
            }
        }
    }

    async fn fetch(
        &self,
        servers: &Servers,
        known: &Arc<Provenance>,
        (target, holders): (Arc<Target>, HashSet<PeerId>),
    ) -> Result<(), Interrupted> {
        let began = Instant::now();
        self.progress.enter(SyncPhase::Snapshot, Height(0), Some(target.block));
        let id = GenesisId { chain_id: self.genesis.chain_id(), genesis_hash: self.genesis.hash };
        let (tools, store) = ((servers.clone(), Arc::clone(known), self.progress.clone()), self.store.clone());
        let begin = {
            let target = Arc::clone(&target);
            move || Fetcher::begin(tools, store, id, (target, holders))
        };
        let fetcher = tokio::task::spawn_blocking(begin).await.wrap_err("cannot begin a snapshot")??;
        fetcher.run().await?;
        finish(servers, known, (&self.store, &self.genesis), &target).await?;
        let report = self.progress.follow().borrow().clone();
        info!(
            height = %target.block.height,
            accounts = report.accounts,
            slots = report.slots,
            mebibytes = report.bytes >> 20,
            elapsed = ?began.elapsed(),
            "the snapshot is complete"
        );
        Ok(())
    }
}

/// Fails if a chain has called another block final than one that is proven final.
///
/// # Errors
/// Then the node must not go on.
pub(super) fn hold_against(store: &Store, anchors: &[BlockRef]) -> eyre::Result<()> {
    for is_final in anchors.iter().filter(|is_final| is_final.height <= store.finalized().height) {
        // What is not kept any more cannot be compared.
        match store.block_hash(is_final.height)? {
            Some(hash) if hash != is_final.hash => bail!(
                "this node has called block {hash} at height {} final, but {} is proven final there: its database is of another \
                 history than --checkpoint, or its peers, vouch for. Remove it to join that one",
                is_final.height,
                is_final.hash
            ),
            _ => {}
        }
    }
    Ok(())
}
