//! Fetching a state from all who offer it.

use super::{
    plan::{MOST_PARTS, Part, Plan},
    target::{Offers, Target},
    writer::{self, Accounts, BadPiece, StorageTrie, Writer},
};
use crate::sync::{
    progress::{Fetched, Progress},
    provenance::Provenance,
    servers::{Fault, Servers},
};
use alloy_primitives::B256;
use baton_consensus::types::BlockRef;
use baton_network::{
    Chunk, ChunkPart, ChunkRequest, MAX_CHUNK_CODES, MAX_CHUNK_TRIES, PeerId, Protocol, Request, Response,
};
use baton_storage::{StorageError, Store};
use eyre::WrapErr;
use futures::{StreamExt, stream::FuturesUnordered};
use std::{
    collections::{HashMap, HashSet},
    convert::Infallible,
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tracing::{info, warn};

/// How long to wait if all who hold the state are asked enough already.
const BREATH: Duration = Duration::from_millis(20);

/// How often a peer may fail in a row before it counts as one that does not hold the state.
const FAILURES: u32 = 4;

/// How often those who hold the state are looked for again before it is given up.
const SEARCHES: u32 = 5;

/// The pause before they are looked for again.
const SEARCH_PAUSE: Duration = Duration::from_secs(1);

/// How often peers that connected meanwhile are asked whether they hold the state as well.
const WIDEN_EVERY: Duration = Duration::from_secs(1);

/// Why a state was not fetched to the end.
#[derive(Debug, thiserror::Error)]
pub(in crate::sync) enum Interrupted {
    /// Nobody serves it any more: another one must be taken, unless somebody offers it again.
    #[error("no peer serves the state of block {0} any more")]
    TargetGone(BlockRef),
    /// The node cannot go on.
    #[error("{0:#}")]
    Failed(#[from] eyre::Report),
}

impl From<StorageError> for Interrupted {
    fn from(error: StorageError) -> Self {
        Self::Failed(eyre::Report::new(error).wrap_err("cannot store a piece of the state"))
    }
}

/// Fetches one state.
#[derive(Debug)]
pub(in crate::sync) struct Fetcher {
    servers: Servers,
    known: Arc<Provenance>,
    target: Arc<Target>,
    writer: Arc<Writer>,
    progress: Progress,
    holders: Mutex<Holders>,
}

/// Those who offer the state, with how often each has failed in a row.
#[derive(Debug, Default)]
struct Holders {
    failures: HashMap<PeerId, u32>,
    /// Code that is there already.
    code: HashSet<B256>,
}

impl Fetcher {
    /// Goes on with the import that is under way if it is of this target, or else begins it. Reads and writes the disk.
    ///
    /// # Errors
    /// If the disk refuses.
    pub(in crate::sync) fn begin(
        (servers, known, progress): (Servers, Arc<Provenance>, Progress),
        store: Store,
        genesis: baton_storage::GenesisId,
        (target, holders): (Arc<Target>, HashSet<PeerId>),
    ) -> eyre::Result<Self> {
        let under_way = store.import()?.filter(|import| import.target == target.block);
        let plan = match under_way.as_ref().map(|import| Plan::from_bytes(&import.progress)) {
            Some(Ok(plan)) => {
                info!(target = %target.block, percent = format!("{:.1}", plan.share() * 100.0), "going on with a snapshot");
                plan
            }
            other => {
                if other.is_some() {
                    warn!("the progress of the snapshot is damaged; it begins anew");
                } else if let Some(import) = store.import()? {
                    info!(given_up = %import.target, "what was fetched of an older snapshot is dropped");
                }
                let plan = Plan::whole();
                store
                    .begin_import(genesis, target.block, plan.to_bytes().into())
                    .wrap_err("cannot begin a snapshot")?;
                info!(target = %target.block, holders = holders.len(), "taking over the state of a final block");
                plan
            }
        };
        let failures = holders.into_iter().map(|holder| (holder, 0)).collect();
        let writer = Writer::new(store, target.block, plan);
        let holders = Mutex::new(Holders { failures, code: HashSet::new() });
        Ok(Self { servers, known, target, writer, progress, holders })
    }

    /// Fetches, verifies and stores what is left.
    ///
    /// # Errors
    /// [`Interrupted`]. What is stored stays, and is gone on with if the target is the same.
    pub(in crate::sync) async fn run(&self) -> Result<(), Interrupted> {
        let mut running = FuturesUnordered::new();
        let mut under_way = HashSet::new();
        let mut widening = pin!(self.widen());
        loop {
            // Each stretch may have cut parts in two.
            for part in self.writer.parts() {
                if under_way.len() < MOST_PARTS && under_way.insert(part.next) {
                    running.push(async move { (part.next, self.stretch(part).await) });
                }
            }
            tokio::select! {
                finished = running.next() => match finished {
                    None => return Ok(()),
                    Some((from, result)) => {
                        result?;
                        under_way.remove(&from);
                    }
                },
                never = &mut widening => match never {},
            }
        }
    }

    /// Asks peers that connect meanwhile whether they hold the state.
    async fn widen(&self) -> Infallible {
        let mut asked: HashSet<_> = self.servers.ready().into_iter().map(|peer| peer.id).collect();
        loop {
            tokio::time::sleep(WIDEN_EVERY).await;
            let ready: HashSet<_> = self.servers.ready().into_iter().map(|peer| peer.id).collect();
            let new: Vec<_> = ready.difference(&asked).copied().collect();
            // Who left may come back.
            asked = ready;
            let offers = Offers::ask_of(&self.servers, &self.known, new.into_iter()).await;
            self.add_holders(&offers);
        }
    }

    /// Adds those who offer the state; whether there are any.
    fn add_holders(&self, offers: &Offers) -> bool {
        let Some((_, holders)) = offers.of(self.target.block) else { return false };
        let mut known = self.holders();
        holders.into_iter().for_each(|holder| _ = known.failures.entry(holder).or_insert(0));
        true
    }

    /// One stretch of the accounts of a part, with their storage and code.
    async fn stretch(&self, part: Part) -> Result<(), Interrupted> {
        let root = self.target.state_root;
        let accounts = self
            .piece(ChunkPart::Accounts(part.next), move |chunk| match chunk {
                Chunk::Accounts(range) => writer::accounts(root, part, range),
                _ => Err(BadPiece::Kind),
            })
            .await?;
        let mut fetched = Fetched {
            chunks: 1,
            accounts: accounts.changes.accounts.len() as u64,
            bytes: accounts.bytes,
            ..Fetched::default()
        };
        for tries in accounts.tries.chunks(MAX_CHUNK_TRIES) {
            self.storage(tries, &mut fetched).await?;
        }
        for hashes in accounts.code.chunks(MAX_CHUNK_CODES) {
            self.code(hashes, &mut fetched).await?;
        }
        self.finish(part, accounts).await?;
        self.progress.chunk(fetched, self.writer.share(), self.servers.in_use());
        Ok(())
    }

    async fn storage(&self, tries: &[StorageTrie], fetched: &mut Fetched) -> Result<(), Interrupted> {
        let (mut rest, mut from) = (tries, B256::ZERO);
        while !rest.is_empty() {
            let part = ChunkPart::Storage(rest.iter().map(|trie| (trie.owner, trie.root)).collect(), from);
            let wanted = rest.to_vec();
            let slots = self
                .piece(part, move |chunk| match chunk {
                    Chunk::Storage(ranges) => writer::slots(&wanted, from, ranges),
                    _ => Err(BadPiece::Kind),
                })
                .await?;
            fetched.chunks += 1;
            fetched.slots += slots.changes.slots.len() as u64;
            fetched.bytes += slots.bytes;
            from = slots.next;
            rest = rest.get(slots.complete..).unwrap_or_default();
            let writer = Arc::clone(&self.writer);
            blocking(move || writer.store(&slots.changes)).await??;
        }
        Ok(())
    }

    async fn code(&self, hashes: &[B256], fetched: &mut Fetched) -> Result<(), Interrupted> {
        let mut missing: Vec<_> = {
            let holders = self.holders();
            hashes.iter().filter(|hash| !holders.code.contains(*hash)).copied().collect()
        };
        while !missing.is_empty() {
            let wanted = missing.clone();
            let changes = self
                .piece(ChunkPart::Code(missing.clone()), move |chunk| match chunk {
                    Chunk::Code(codes) => writer::code(&wanted, codes),
                    _ => Err(BadPiece::Kind),
                })
                .await?;
            let done = changes.code.len();
            fetched.chunks += 1;
            fetched.codes += done as u64;
            fetched.bytes += changes.code.iter().map(|(_, code)| code.len() as u64).sum::<u64>();
            let writer = Arc::clone(&self.writer);
            blocking(move || writer.store(&changes)).await??;
            self.holders().code.extend(missing.drain(..done));
        }
        Ok(())
    }

    async fn finish(&self, part: Part, accounts: Accounts) -> Result<(), Interrupted> {
        let writer = Arc::clone(&self.writer);
        blocking(move || writer.finish(part, &accounts)).await??;
        Ok(())
    }

    /// Asks one holder after the other until one serves a piece that is what it should be.
    async fn piece<T: Send + 'static>(
        &self,
        part: ChunkPart,
        check: impl FnOnce(Chunk) -> Result<T, BadPiece> + Clone + Send + 'static,
    ) -> Result<T, Interrupted> {
        let request = ChunkRequest { block: self.target.block, part };
        loop {
            if self.holders().failures.is_empty() {
                self.search().await?;
            }
            let Some(peer) = self.servers.pick(|peer| self.holders().failures.contains_key(&peer.id)) else {
                self.forget_those_who_left();
                tokio::time::sleep(BREATH).await;
                continue;
            };
            match self.servers.ask(peer.id, Request::SnapshotChunk(request.clone())).await {
                Ok(Response::SnapshotChunk(Chunk::Unavailable)) => self.withdraw(peer.id),
                Ok(Response::SnapshotChunk(chunk)) => {
                    let check = check.clone();
                    match blocking(move || check(chunk)).await? {
                        Ok(piece) => {
                            self.holders().failures.insert(peer.id, 0);
                            return Ok(piece);
                        }
                        Err(bad) => {
                            self.progress.lied();
                            self.holders().failures.remove(&peer.id);
                            let what = format!("a piece of the state of block {}: {bad}", self.target.block);
                            self.servers.blame(peer.id, &Fault::Lie(Protocol::SnapshotChunk, what));
                        }
                    }
                }
                Ok(_) | Err(_) => self.note_failure(peer.id),
            }
        }
    }

    fn note_failure(&self, peer: PeerId) {
        let is_last = self.holders().failures.get_mut(&peer).is_some_and(|failures| {
            *failures += 1;
            *failures >= FAILURES
        });
        if is_last {
            self.withdraw(peer);
        }
    }

    /// A peer does not hold the state, whatever it offers.
    fn withdraw(&self, peer: PeerId) {
        self.holders().failures.remove(&peer);
        self.servers.withdraw(peer, self.target.block);
    }

    /// Whoever is not connected any more holds nothing.
    fn forget_those_who_left(&self) {
        let ready = self.servers.ready();
        self.holders().failures.retain(|holder, _| ready.iter().any(|peer| peer.id == *holder));
    }

    /// Looks for peers that offer the state.
    async fn search(&self) -> Result<(), Interrupted> {
        for _ in 0..SEARCHES {
            if self.add_holders(&Offers::ask(&self.servers, &self.known).await) {
                return Ok(());
            }
            tokio::time::sleep(SEARCH_PAUSE).await;
            if !self.holders().failures.is_empty() {
                return Ok(());
            }
        }
        Err(Interrupted::TargetGone(self.target.block))
    }

    fn holders(&self) -> MutexGuard<'_, Holders> {
        self.holders.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> eyre::Result<T> {
    tokio::task::spawn_blocking(work).await.wrap_err("checking a piece of the state failed")
}
