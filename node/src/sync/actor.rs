//! The synchronizer's loop.

use super::{
    arrival::hold_against,
    branch,
    download::{Anchors, DownloadError, download, parent_of},
    progress::Progress,
    servers::{Fault, Servers},
};
use crate::{
    chain::ChainReader,
    engine::{CatchUp, EngineHandle, EngineMessage, EngineView, Position, Segment},
    eras::Eras,
    mesh::{Peer, PeerBook, PeerNews},
    rpc::ports::{SyncPhase, SyncProgress},
};
use alloy_primitives::B256;
use baton_consensus::{
    reign::Reign,
    types::{BlockRef, ExtraData, Height},
};
use baton_network::{MAX_BRANCH_BLOCKS, NetworkHandle, PeerId, Protocol};
use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

/// Blocks asked for at once: the engine takes twice as many above its head, so that it executes one range while the next
/// one is handed over.
const RANGE: u32 = 32;

/// Ranges in flight, or waiting for their turn, at most.
const RANGES_AT_ONCE: usize = 8;

/// Ranges in flight for each peer: each may be asked for two things at a time.
const RANGES_PER_PEER: usize = 2;

/// A lead smaller than this comes by gossip; it is fetched only if the engine asks.
const LEAD_TO_FETCH: u64 = 4;

/// Rounds without progress before the synchronizer gives up until it is asked again.
const ATTEMPTS: usize = 3;

/// Longer syncs are told to the operator, in blocks.
const WORTH_TELLING: u64 = 64;

/// How long the engine may take to execute a block of a range.
const EXECUTION_PATIENCE: Duration = Duration::from_secs(10);

/// How long a round waits before it tries again what nobody served.
const PAUSE: Duration = Duration::from_millis(200);

/// How long to wait if all peers are asked enough already.
const BREATH: Duration = Duration::from_millis(10);

/// What the synchronizer works with.
#[derive(Debug)]
pub struct Sources {
    /// Where blocks come from.
    pub network: NetworkHandle,
    /// Where they go.
    pub engine: EngineHandle,
    /// Where `eth_syncing` reads.
    pub view: EngineView,
    /// Who is connected.
    pub peers: PeerBook,
    /// Which era the node is in.
    pub eras: Eras,
    /// What the node has.
    pub chain: ChainReader,
    /// Where progress is noted.
    pub progress: Progress,
    /// Blocks that are proven final, which no chain may contradict.
    pub anchors: Vec<BlockRef>,
}

/// Fetches what this node lacks.
#[derive(Debug)]
pub struct Synchronizer {
    servers: Servers,
    engine: EngineHandle,
    view: EngineView,
    peers: PeerBook,
    eras: Eras,
    chain: ChainReader,
    progress: Progress,
    anchors: Anchors,
    /// How far below the head the next range begins: more and more where the peers' chain is another branch.
    back: u64,
}

/// One range that is fetched.
#[derive(Clone, Debug)]
struct Fetch {
    servers: Servers,
    progress: Progress,
    from: Height,
    reign: Arc<Reign>,
    known: ExtraData,
    anchors: Anchors,
    holders: Arc<[PeerId]>,
}

impl Synchronizer {
    /// Nothing runs until [`Self::run`].
    #[must_use]
    pub fn new(sources: Sources) -> Self {
        let Sources { network, engine, view, peers, eras, chain, progress, anchors } = sources;
        let servers = Servers::new(network, peers.clone());
        Self { servers, engine, view, peers, eras, chain, progress, anchors: anchors.into(), back: 0 }
    }

    /// Runs until `shutdown`.
    ///
    /// # Errors
    /// If the chain of this node turns out to be another one than what is proven final: it must not go on.
    pub async fn run(
        mut self,
        mut asked: mpsc::Receiver<CatchUp>,
        mut news: mpsc::Receiver<PeerNews>,
        shutdown: CancellationToken,
    ) -> eyre::Result<()> {
        loop {
            let target = tokio::select! {
                () = shutdown.cancelled() => return Ok(()),
                target = asked.recv() => match target {
                    Some(target) => target,
                    None => return Ok(()),
                },
                piece = news.recv() => match piece {
                    Some(PeerNews) if self.is_far_behind() => CatchUp::default(),
                    Some(PeerNews) => continue,
                    None => return Ok(()),
                },
            };
            tokio::select! {
                () = shutdown.cancelled() => return Ok(()),
                () = self.catch_up(target) => {}
            }
            self.view.set_syncing(None);
            hold_against(self.chain.store(), &self.anchors)?;
        }
    }

    /// The best height that peers tell of. Of four peers or more, the highest third is not believed.
    fn best_height(&self) -> Height {
        let mut heights: Vec<_> = self.peers.ready().iter().map(|peer| peer.status.head.height).collect();
        heights.sort_unstable_by_key(|height| std::cmp::Reverse(*height));
        let doubted = if heights.len() > 3 { heights.len() / 3 } else { 0 };
        heights.get(doubted).copied().unwrap_or_default()
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
        let began = Instant::now();
        let mut failures = 0;
        let holders: Arc<[PeerId]> = holders.into();
        while failures < ATTEMPTS {
            let before = self.engine.position();
            let best = self.best_height().max(target);
            self.tell(start, before.head.height, best);
            let diverged = self.round(start, target, failures, &holders).await;
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
        if self.progress.follow().borrow().phase == SyncPhase::Blocks {
            self.progress.enter(SyncPhase::Following, self.engine.position().head.height, None);
        }
        let fetched = self.engine.position().head.height.0.saturating_sub(start.0);
        if fetched > WORTH_TELLING {
            info!(blocks = fetched, elapsed = ?began.elapsed(), "caught up");
        }
    }

    /// Fetches a block that is missing by name, with what it stands on, if it is near enough to be of use.
    async fn fetch_by_hash(&self, height: Height, hash: B256, holders: &[PeerId]) {
        let reach = self.engine.position().head.height.0 + u64::from(MAX_BRANCH_BLOCKS) / 2;
        if height.0 > reach || height <= self.chain.finalized().height || self.hash_at(height) == Some(hash) {
            return;
        }
        let others = self.servers.ready().into_iter().map(|peer| peer.id).filter(|peer| !holders.contains(peer));
        let peers: Vec<_> = holders.iter().copied().chain(others).collect();
        if let Some(branch) = branch::fetch(&self.servers, peers, &self.eras.get(), hash).await {
            debug!(%height, %hash, blocks = branch.blocks.len(), "fetched a block by its hash");
            self.engine.tell(EngineMessage::Branch(branch)).await;
        }
    }

    /// Says how far it has come, if it takes longer.
    fn tell(&self, start: Height, current: Height, best: Height) {
        if best.0 <= start.0 + WORTH_TELLING {
            return;
        }
        if self.progress.follow().borrow().phase != SyncPhase::Blocks {
            self.progress.enter(SyncPhase::Blocks, start, None);
        }
        self.view.set_syncing(Some(SyncProgress { starting: start, current, highest: best.max(current) }));
        self.progress.blocks(current, best, self.servers.in_use());
    }

    /// Fetches ranges above the head, several at once, each from another peer, and feeds them in order, as long as they come.
    /// Where the peer's chain is another branch, one range from further back; whether it must be still further.
    async fn round(&mut self, start: Height, target: Height, failures: usize, holders: &Arc<[PeerId]>) -> bool {
        let (head, before) = (self.chain.store().head(), self.engine.position());
        // What one peer does not have, another may.
        let mut peers = self.servers.ready();
        // Stable: holders first.
        peers.sort_by_key(|peer| (!holders.contains(&peer.id), std::cmp::Reverse(peer.status.head.height)));
        let Some(first) = peers.get(failures % peers.len().max(1)) else { return false };
        let theirs = first.status.head;
        if self.back == 0 && theirs.height <= head.height && self.hash_at(theirs.height) != Some(theirs.hash) {
            self.back = head.height.0 - theirs.height.0 + 1;
        }
        let floor = self.chain.finalized().height;
        let parent = Height(head.height.0.saturating_sub(self.back)).max(floor);
        // Nothing of a later era than this node's is served, as it could not be checked.
        let reign = self.eras.get();
        let most = if self.back > 0 { 1 } else { (peers.len() * RANGES_PER_PEER).clamp(1, RANGES_AT_ONCE) };

        let mut fetches = JoinSet::new();
        let mut ready: BTreeMap<Height, (PeerId, Segment)> = BTreeMap::new();
        let (mut ask, mut feed) = (parent.next(), parent.next());
        let (mut diverged, mut served_by) = (false, None);
        'round: loop {
            let best = self.best_height().max(target);
            while fetches.len() + ready.len() < most && (ask <= best || ask == parent.next()) {
                let at = if ask == parent.next() { parent } else { self.chain.store().head().height.max(parent) };
                let known = self.position_at(at).max(ExtraData { era: reign.era(), ..ExtraData::default() });
                let fetch = Fetch {
                    servers: self.servers.clone(),
                    progress: self.progress.clone(),
                    from: ask,
                    reign: Arc::clone(&reign),
                    known,
                    anchors: Arc::clone(&self.anchors),
                    holders: Arc::clone(holders),
                };
                fetches.spawn(fetch.run());
                ask = Height(ask.0.saturating_add(u64::from(RANGE)));
            }
            let Some(fetched) = fetches.join_next().await else { break };
            let Ok((from, Some(served))) = fetched else { break };
            ready.insert(from, served);
            while let Some((peer, segment)) = ready.remove(&feed) {
                served_by = Some(peer);
                if feed == parent.next() && parent_of(&segment).is_some_and(|hash| self.hash_at(parent) != Some(hash)) {
                    diverged = true;
                    // What the certificates and announcements say counts all the same.
                    self.engine.take_segment(Segment { blocks: Vec::new(), ..segment }).await;
                    break 'round;
                }
                let count = segment.blocks.len() as u64;
                // The end of an era ends the round: what comes next is checked against another set.
                let is_last = count < u64::from(RANGE) || segment.change.is_some() || self.back > 0;
                feed = Height(feed.0 + count);
                if !self.feed(segment, feed.previous(), is_last).await || is_last {
                    break 'round;
                }
                self.tell(start, self.engine.position().head.height, best);
            }
        }
        drop(fetches);
        if diverged && parent <= floor {
            warn!(final_height = %floor, "the peers' chain contradicts what is final here; this node does not follow it");
            diverged = false;
        }
        if let Some(peer) = served_by.filter(|_| !diverged && self.engine.position() == before) {
            self.servers.blame(peer, &Fault::Useless);
        }
        self.back = if diverged { (self.back * 2).max(1) } else { 0 };
        diverged
    }

    fn hash_at(&self, height: Height) -> Option<B256> {
        self.chain.store().block_hash(height).ok().flatten()
    }

    /// Era, term and epoch of a block of the own chain: what the schedule is known up to, at least.
    fn position_at(&self, height: Height) -> ExtraData {
        let header = self.chain.store().header(height).ok().flatten().filter(|_| height > Height(0));
        header.and_then(|stored| ExtraData::from_bytes(&stored.header.extra_data)).unwrap_or_default()
    }

    /// Hands a range over and waits until the engine has executed so much of what it was given that it takes another one; all
    /// of it if this is the last.
    async fn feed(&self, segment: Segment, last: Height, is_last: bool) -> bool {
        // Without blocks there is nothing to wait for: what came with them may even take the head back.
        let empty = segment.blocks.is_empty();
        let position = self.engine.follow();
        let enough = if is_last { last } else { Height(last.0.saturating_sub(u64::from(RANGE))) };
        self.engine.take_segment(segment).await && (empty || reaches(position, enough, EXECUTION_PATIENCE).await)
    }
}

impl Fetch {
    /// Asks one peer after the other.
    async fn run(self) -> (Height, Option<(PeerId, Segment)>) {
        let mut asked = HashSet::new();
        let mut spare = None;
        loop {
            let Some(peer) = self.next_peer(&asked).await else { return (self.from, spare) };
            asked.insert(peer.id);
            let (reign, anchors) = (Arc::clone(&self.reign), Arc::clone(&self.anchors));
            let range = (self.from, RANGE);
            match download(&self.servers, peer.id, reign, range, self.known, anchors).await {
                Ok(segment) if segment.blocks.is_empty() && segment.announcements.is_empty() => {
                    // It may be behind what it told of, or be of no use: somebody else may have more.
                    debug!(peer = %peer.id, from = %self.from, "a peer served no block");
                    spare = Some((peer.id, segment));
                }
                Ok(segment) => return (self.from, Some((peer.id, segment))),
                Err(error) => self.blame(&peer, &error),
            }
        }
    }

    /// The next peer to ask, once one of those that were not asked yet has time; none if all were asked. Those that told of
    /// the blocks come first; what they told may be seconds old, so nobody is left out for it, but nobody is asked for what it
    /// does not keep.
    async fn next_peer(&self, asked: &HashSet<PeerId>) -> Option<Peer> {
        let suits = |peer: &Peer| !asked.contains(&peer.id) && peer.status.earliest <= self.from;
        loop {
            let holds = |peer: &Peer| suits(peer) && self.holders.contains(&peer.id);
            let has = |peer: &Peer| suits(peer) && peer.status.head.height >= self.from;
            let pick = self.servers.pick(holds).or_else(|| self.servers.pick(has));
            if let Some(peer) = pick.or_else(|| self.servers.pick(suits)) {
                return Some(peer);
            }
            if !self.servers.ready().iter().any(suits) {
                return None;
            }
            tokio::time::sleep(BREATH).await;
        }
    }

    fn blame(&self, peer: &Peer, error: &DownloadError) {
        if error.is_lie() {
            self.progress.lied();
            self.servers.blame(
                peer.id,
                &Fault::Invalid(Protocol::BlocksByRange, format!("blocks from {} on: {error}", self.from)),
            );
        } else {
            debug!(peer = %peer.id, from = %self.from, %error, "a peer did not serve blocks");
        }
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
