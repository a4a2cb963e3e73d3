//! The synchronizer's loop.

use super::{
    branch,
    download::{DownloadError, download},
};
use crate::{
    chain::ChainReader,
    engine::{CatchUp, EngineHandle, EngineMessage, EngineView, Position, Segment},
    eras::Eras,
    mesh::{Peer, PeerBook, PeerNews},
    rpc::ports::SyncProgress,
};
use alloy_primitives::B256;
use baton_consensus::{
    reign::Reign,
    types::{ExtraData, Height},
};
use baton_network::{MAX_BRANCH_BLOCKS, NetworkHandle, Offence, PeerId, Protocol};
use futures::stream::{FuturesUnordered, StreamExt};
use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

/// Blocks asked for at once: no more than the engine takes above its head.
const RANGE: u32 = 32;

/// Ranges in flight at most.
const RANGES_IN_FLIGHT: usize = 4;

/// A lead smaller than this comes by gossip; it is fetched only if the engine asks.
const LEAD_TO_FETCH: u64 = 4;

/// Rounds without progress before the synchronizer gives up until it is asked again.
const ATTEMPTS: usize = 3;

/// Longer syncs are told to the operator, in blocks.
const WORTH_TELLING: u64 = 64;

/// How long a peer that lied is not asked.
const SHUNNED_FOR: Duration = Duration::from_secs(60);

/// How long the engine may take to execute a block of a range.
const EXECUTION_PATIENCE: Duration = Duration::from_secs(10);

/// How long a round waits before it tries again what nobody served.
const PAUSE: Duration = Duration::from_millis(200);

/// How often progress is told.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(5);

/// Fetches what this node lacks.
#[derive(Debug)]
pub struct Synchronizer {
    network: NetworkHandle,
    engine: EngineHandle,
    view: EngineView,
    peers: PeerBook,
    eras: Eras,
    chain: ChainReader,
    shunned: HashMap<PeerId, Instant>,
    /// How far below the head the next range begins: more and more where the peers' chain is another branch.
    back: u64,
}

impl Synchronizer {
    /// Nothing runs until [`Self::run`].
    #[must_use]
    pub fn new(
        network: NetworkHandle,
        engine: EngineHandle,
        view: EngineView,
        peers: PeerBook,
        eras: Eras,
        chain: ChainReader,
    ) -> Self {
        Self { network, engine, view, peers, eras, chain, shunned: HashMap::new(), back: 0 }
    }

    /// Runs until `shutdown`.
    pub async fn run(
        mut self,
        mut asked: mpsc::Receiver<CatchUp>,
        mut news: mpsc::Receiver<PeerNews>,
        shutdown: CancellationToken,
    ) {
        loop {
            let target = tokio::select! {
                () = shutdown.cancelled() => return,
                target = asked.recv() => match target {
                    Some(target) => target,
                    None => return,
                },
                piece = news.recv() => match piece {
                    Some(PeerNews) if self.is_far_behind() => CatchUp::default(),
                    Some(PeerNews) => continue,
                    None => return,
                },
            };
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = self.catch_up(target) => {}
            }
            self.view.set_syncing(None);
        }
    }

    fn best_height(&self) -> Height {
        self.peers.ready().iter().map(|peer| peer.status.head.height).max().unwrap_or_default()
    }

    fn is_far_behind(&self) -> bool {
        self.is_behind_in_era() || self.best_height().0 > self.engine.position().head.height.0 + LEAD_TO_FETCH
    }

    /// Whether a peer is in a later era.
    fn is_behind_in_era(&self) -> bool {
        let era = self.eras.get().era();
        self.peers.ready().iter().any(|peer| peer.status.era > era)
    }

    /// Fetches until nobody is ahead any more, or nobody serves. `target` is a height that the engine knows of; peers may
    /// not have told of it yet.
    async fn catch_up(&mut self, CatchUp { target, block, holders }: CatchUp) {
        if let Some(hash) = block {
            self.fetch_by_hash(target, hash, &holders).await;
        }
        let start = self.engine.position().head.height;
        let (began, mut told) = (Instant::now(), Instant::now());
        let mut failures = 0;
        while failures < ATTEMPTS {
            let before = self.engine.position();
            let best = self.best_height().max(target);
            if best.0 > start.0 + WORTH_TELLING {
                let current = before.head.height;
                self.view.set_syncing(Some(SyncProgress { starting: start, current, highest: best }));
                if told.elapsed() >= PROGRESS_INTERVAL {
                    told = Instant::now();
                    tell_progress(start, current, best, began);
                }
            }
            let diverged = self.round(best, failures, &holders).await;
            let after = self.engine.position();
            if diverged {
                // Further back next time, down to the final block: a few rounds at most.
                continue;
            }
            if after == before {
                failures += 1;
            } else {
                failures = 0;
            }
            if after.head.height >= self.best_height().max(target) && !self.is_behind_in_era() {
                break;
            }
            if after == before {
                tokio::time::sleep(PAUSE).await;
            }
        }
        self.back = 0;
        let fetched = self.engine.position().head.height.0.saturating_sub(start.0);
        if fetched > WORTH_TELLING {
            info!(blocks = fetched, elapsed = ?began.elapsed(), "caught up");
        }
    }

    /// Fetches a block that is missing by name, with what it stands on, if it is near enough to be of use.
    async fn fetch_by_hash(&mut self, height: Height, hash: B256, holders: &[PeerId]) {
        let reach = self.engine.position().head.height.0 + u64::from(MAX_BRANCH_BLOCKS) / 2;
        if height.0 > reach || height <= self.chain.finalized().height || self.hash_at(height) == Some(hash) {
            return;
        }
        let others = self.servers().into_iter().map(|peer| peer.id).filter(|peer| !holders.contains(peer));
        let peers: Vec<_> = holders.iter().copied().chain(others).collect();
        if let Some(branch) = branch::fetch(&self.network, peers, &self.eras.get(), hash).await {
            debug!(%height, %hash, blocks = branch.blocks.len(), "fetched a block by its hash");
            self.engine.tell(EngineMessage::Branch(branch)).await;
        }
    }

    /// Fetches a few ranges above the head at once, each from another peer, and feeds them in order. Where the peer's chain
    /// is another branch, one range from further back; whether it must be still further.
    async fn round(&mut self, best: Height, failures: usize, holders: &[PeerId]) -> bool {
        let head = self.chain.store().head();
        let mut peers = self.servers();
        // Stable: holders first, in the order of their heads.
        peers.sort_by_key(|peer| !holders.contains(&peer.id));
        let Some(first) = peers.first() else { return false };
        let theirs = first.status.head;
        if self.back == 0 && theirs.height <= head.height && self.hash_at(theirs.height) != Some(theirs.hash) {
            self.back = head.height.0 - theirs.height.0 + 1;
        }
        let floor = self.chain.finalized().height;
        let parent = Height(head.height.0.saturating_sub(self.back)).max(floor);
        // Nothing of a later era than this node's is served, as it could not be checked.
        let reign = self.eras.get();
        let known = self.position_at(parent).max(ExtraData { era: reign.era(), ..ExtraData::default() });
        let head = parent;
        // What one peer does not have, another may.
        let others = failures % peers.len();
        peers.rotate_left(others);
        let most = if self.back > 0 { 1 } else { RANGES_IN_FLIGHT as u64 };
        let ranges = (best.0.saturating_sub(head.0)).div_ceil(u64::from(RANGE)).clamp(1, most);
        let mut downloads: FuturesUnordered<_> = (0..ranges)
            .map(|index| {
                let from = Height(head.0 + 1 + index * u64::from(RANGE));
                let at = usize::try_from(index).unwrap_or_default() % peers.len();
                let mut order = peers.clone();
                order.rotate_left(at);
                self.fetch(from, order, Arc::clone(&reign), known)
            })
            .collect();
        let mut ready: BTreeMap<Height, Segment> = BTreeMap::new();
        let (mut next, mut liars) = (head.next(), Vec::new());
        let mut diverged = false;
        while let Some((from, segment, lied)) = downloads.next().await {
            liars.extend(lied);
            let Some(segment) = segment else { break };
            ready.insert(from, segment);
            while let Some(segment) = ready.remove(&next) {
                let parent = segment.blocks.first().map(|sealed| sealed.block.parent());
                if next == head.next() && parent.is_some_and(|parent| self.hash_at(head) != Some(parent)) {
                    diverged = true;
                    ready.clear();
                    // What the certificates and announcements say counts all the same.
                    self.engine.take_segment(Segment { blocks: Vec::new(), ..segment }).await;
                    break;
                }
                let count = segment.blocks.len() as u64;
                let whole = count == u64::from(RANGE);
                next = Height(next.0 + count);
                if !self.feed(segment, next.previous()).await || !whole {
                    ready.clear();
                    break;
                }
            }
        }
        drop(downloads);
        if diverged && head <= floor {
            warn!(final_height = %floor, "the peers' chain contradicts what is final here; this node does not follow it");
            diverged = false;
        }
        self.back = if diverged { (self.back * 2).max(1) } else { 0 };
        for peer in liars {
            self.shunned.insert(peer, Instant::now());
        }
        diverged
    }

    fn hash_at(&self, height: Height) -> Option<alloy_primitives::B256> {
        self.chain.store().block_hash(height).ok().flatten()
    }

    /// Era, term and epoch of a block of the own chain: what the schedule is known up to, at least.
    fn position_at(&self, height: Height) -> ExtraData {
        let header = self.chain.store().header(height).ok().flatten().filter(|_| height > Height(0));
        header.and_then(|stored| ExtraData::from_bytes(&stored.header.extra_data)).unwrap_or_default()
    }

    /// Asks one peer after the other.
    async fn fetch(
        &self,
        from: Height,
        peers: Vec<Peer>,
        reign: Arc<Reign>,
        known: ExtraData,
    ) -> (Height, Option<Segment>, Vec<PeerId>) {
        let mut liars = Vec::new();
        for peer in peers {
            match download(&self.network, peer.id, Arc::clone(&reign), (from, RANGE), known).await {
                Ok(segment) => return (from, Some(segment), liars),
                Err(error) => {
                    self.blame(&peer, from, &error);
                    if error.is_lie() {
                        liars.push(peer.id);
                    }
                }
            }
        }
        (from, None, liars)
    }

    fn blame(&self, peer: &Peer, from: Height, error: &DownloadError) {
        if error.is_lie() {
            warn!(peer = %peer.id, %from, %error, "a peer served bad blocks; it is not asked for a while");
            self.network.report_peer(peer.id, Offence::ServedInvalid, Protocol::BlocksByRange);
        } else {
            debug!(peer = %peer.id, %from, %error, "a peer did not serve blocks");
        }
    }

    /// Hands a range over and waits until the engine has executed it.
    async fn feed(&self, segment: Segment, last: Height) -> bool {
        // Without blocks there is nothing to wait for: what came with them may even take the head back.
        let empty = segment.blocks.is_empty();
        let position = self.engine.follow();
        self.engine.take_segment(segment).await && (empty || reaches(position, last, EXECUTION_PATIENCE).await)
    }

    /// Peers that did not lie lately, those that told of the highest heads first. What they told may be seconds old, so
    /// nobody is left out for it.
    fn servers(&mut self) -> Vec<Peer> {
        self.shunned.retain(|_, since| since.elapsed() < SHUNNED_FOR);
        let mut peers = self.peers.ready();
        peers.retain(|peer| !self.shunned.contains_key(&peer.id));
        peers.sort_by_key(|peer| std::cmp::Reverse(peer.status.head.height));
        peers
    }
}

/// Waits until the head is at this height, as long as it moves. A branch that is not taken over keeps nobody waiting, however
/// many epochs are announced meanwhile.
async fn reaches(mut position: watch::Receiver<Position>, height: Height, patience: Duration) -> bool {
    loop {
        let head = position.borrow_and_update().head;
        if head.height >= height {
            return true;
        }
        let moves = position.wait_for(|position| position.head != head);
        if !matches!(tokio::time::timeout(patience, moves).await, Ok(Ok(_))) {
            return false;
        }
    }
}

fn tell_progress(start: Height, current: Height, best: Height, began: Instant) {
    let done = current.0.saturating_sub(start.0);
    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    let rate = done as f64 / began.elapsed().as_secs_f64().max(0.001);
    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    let left = best.0.saturating_sub(current.0) as f64 / rate.max(0.001);
    info!(%current, %best, blocks_per_second = format!("{rate:.1}"), seconds_left = format!("{left:.0}"), "catching up");
}

#[cfg(test)]
mod tests {
    use super::*;
    use baton_consensus::types::{BlockRef, Epoch};

    fn at(height: u64, epoch: u64) -> Position {
        let head = BlockRef { height: Height(height), ..BlockRef::default() };
        Position { head, schedule: ExtraData { epoch: Epoch(epoch), ..ExtraData::default() }, ..Position::default() }
    }

    #[tokio::test]
    async fn a_head_that_stands_still_is_not_waited_for_while_epochs_pass() {
        let (sender, position) = watch::channel(at(10, 1));
        let waiting = tokio::spawn(reaches(position, Height(14), Duration::from_millis(200)));
        for epoch in 2..1000 {
            sender.send_replace(at(10, epoch));
            tokio::time::sleep(Duration::from_millis(20)).await;
            if waiting.is_finished() {
                return assert!(!waiting.await.unwrap());
            }
        }
        panic!("it waits for ever");
    }

    #[tokio::test]
    async fn a_head_that_moves_is_waited_for() {
        let (sender, position) = watch::channel(at(10, 1));
        let waiting = tokio::spawn(reaches(position, Height(14), Duration::from_secs(60)));
        // Back, and forth again.
        for height in [8, 9, 10, 11, 12, 13] {
            sender.send_replace(at(height, 1));
            tokio::time::sleep(Duration::from_millis(10)).await;
            assert!(!waiting.is_finished());
        }
        sender.send_replace(at(14, 1));
        assert!(waiting.await.unwrap());
    }
}
