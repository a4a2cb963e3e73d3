//! Whom to ask: the peers as servers, with what was found out about each.
//!
//! Faults are told apart. Who **lies** (something that its own proof or signature contradicts) is not asked for ten minutes,
//! and accused to the network. Who is **slow**, or **useless** (what it serves cannot be contradicted, but leads nowhere), comes
//! after all others for half a minute. Who **refuses** (it lost the connection, is busy, or has nothing) comes after the others
//! for two seconds. Nobody is ever asked for more than [`AT_ONCE`] things at a time, which is what a peer grants.
//!
//! Patience adapts: four times what answers usually take, between [`PATIENCE`] bounds, and twice as long after a peer was
//! slow, so that a slow link, on which all peers are slow, still gets through.

use crate::mesh::{Peer, PeerBook};
use baton_consensus::types::BlockRef;
use baton_network::{NetworkHandle, Offence, PeerId, Protocol, Request, RequestError, Response};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use tracing::{debug, warn};

/// Requests of one peer that wait for an answer at a time.
const AT_ONCE: usize = 2;

/// The least and the most that an answer may take. The protocol's own deadline holds as well.
const PATIENCE: (Duration, Duration) = (Duration::from_millis(1500), Duration::from_secs(15));

/// How long an answer may take before any came.
const FIRST_PATIENCE: Duration = Duration::from_secs(4);

/// How long a peer is not asked after a lie.
const SHUNNED_FOR: Duration = Duration::from_secs(600);

/// How long a peer comes after the others for being slow, or of no use.
const SLOW_FOR: Duration = Duration::from_secs(30);

/// How long a peer comes after the others for not answering.
const REFUSED_FOR: Duration = Duration::from_secs(2);

/// How long an offer that a peer did not live up to counts for nothing.
const WITHDRAWN_FOR: Duration = Duration::from_secs(60);

/// Why a peer's answer is of no use.
#[derive(Debug)]
pub(super) enum Fault {
    /// It is contradicted by the very hash that was asked for, or by its own proof.
    Lie(Protocol, String),
    /// No honest node holds it: a signature is bad, or its signer was not entitled.
    Invalid(Protocol, String),
    /// It cannot be decoded, or is beyond its bounds. The network has counted it.
    Malformed(RequestError),
    /// It did not answer in time.
    Slow(Duration),
    /// Nothing came of its answer.
    Useless,
    /// It did not answer.
    Refused(RequestError),
}

impl From<RequestError> for Fault {
    fn from(error: RequestError) -> Self {
        match error {
            error @ RequestError::Response { .. } => Self::Malformed(error),
            RequestError::Timeout { after, .. } => Self::Slow(after),
            error => Self::Refused(error),
        }
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Record {
    busy: usize,
    /// What its answers took lately.
    took: Duration,
    shunned_until: Option<Instant>,
    last_resort_until: Option<Instant>,
}

#[derive(Debug)]
struct Known {
    records: HashMap<PeerId, Record>,
    patience: Duration,
    /// Until when an offer of a peer counts for nothing.
    withdrawn: HashMap<(PeerId, BlockRef), Instant>,
}

/// The peers, as servers. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Servers {
    network: NetworkHandle,
    peers: PeerBook,
    known: Arc<Mutex<Known>>,
}

/// A place among what a peer is asked at a time.
struct Turn<'a> {
    servers: &'a Servers,
    peer: PeerId,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        if let Some(record) = self.servers.lock().records.get_mut(&self.peer) {
            record.busy = record.busy.saturating_sub(1);
        }
    }
}

impl Servers {
    /// Nothing is known of any peer.
    pub(super) fn new(network: NetworkHandle, peers: PeerBook) -> Self {
        let known = Known { records: HashMap::new(), patience: FIRST_PATIENCE, withdrawn: HashMap::new() };
        Self { network, peers, known: Arc::new(Mutex::new(known)) }
    }

    /// The peers that may be asked: the reliable before the slow, among them those that are asked little, then the quick ones.
    /// Who lied is not among them.
    pub(super) fn ready(&self) -> Vec<Peer> {
        let now = Instant::now();
        let mut peers = self.peers.ready();
        let mut known = self.lock();
        let is_after = |until: Option<Instant>| until.is_some_and(|until| until > now);
        // Who lied is remembered while it is away.
        known.records.retain(|peer, record| {
            is_after(record.shunned_until) || record.busy > 0 || peers.iter().any(|ready| ready.id == *peer)
        });
        let record = |peer: &Peer| known.records.get(&peer.id).copied().unwrap_or_default();
        peers.retain(|peer| !is_after(record(peer).shunned_until));
        // Stable: sequencers first among equals.
        peers.sort_by_key(|peer| {
            let Record { busy, took, last_resort_until, .. } = record(peer);
            (is_after(last_resort_until), busy, took)
        });
        peers
    }

    /// The best peer of those that `suits`, unless all of them are asked enough already.
    pub(super) fn pick(&self, suits: impl Fn(&Peer) -> bool) -> Option<Peer> {
        let peers = self.ready();
        let known = self.lock();
        let is_free = |peer: &Peer| known.records.get(&peer.id).is_none_or(|record: &Record| record.busy < AT_ONCE);
        peers.into_iter().find(|peer| suits(peer) && is_free(peer))
    }

    /// How many peers are asked something at the moment.
    pub(super) fn in_use(&self) -> usize {
        self.lock().records.values().filter(|record| record.busy > 0).count()
    }

    /// Asks one peer; what it is found guilty of is noted.
    pub(super) async fn ask(&self, peer: PeerId, request: Request) -> Result<Response, Fault> {
        let patience = {
            let mut known = self.lock();
            known.records.entry(peer).or_default().busy += 1;
            known.patience
        };
        let _turn = Turn { servers: self, peer };
        let asked = Instant::now();
        let answer = match tokio::time::timeout(patience, self.network.request(peer, request)).await {
            Ok(answer) => answer.map_err(Fault::from),
            Err(_) => Err(Fault::Slow(patience)),
        };
        match &answer {
            Ok(_) => self.note_answer(peer, asked.elapsed()),
            Err(fault) => self.blame(peer, fault),
        }
        answer
    }

    /// Notes what a peer is guilty of.
    pub(super) fn blame(&self, peer: PeerId, fault: &Fault) {
        let now = Instant::now();
        let mut known = self.lock();
        if matches!(fault, Fault::Slow(_)) {
            known.patience = known.patience.saturating_mul(2).min(PATIENCE.1);
        }
        let record = known.records.entry(peer).or_default();
        match fault {
            Fault::Lie(protocol, what) => {
                warn!(%peer, %what, "a peer served what its own proofs contradict; it is not asked for a while");
                record.shunned_until = Some(now + SHUNNED_FOR);
                self.network.report_peer(peer, Offence::ServedLie, *protocol);
            }
            Fault::Invalid(protocol, what) => {
                warn!(%peer, %what, "a peer served what no honest node holds; it is not asked for a while");
                record.shunned_until = Some(now + SHUNNED_FOR);
                self.network.report_peer(peer, Offence::ServedInvalid, *protocol);
            }
            Fault::Malformed(error) => {
                warn!(%peer, %error, "a peer served what cannot be read; it is not asked for a while");
                record.shunned_until = Some(now + SHUNNED_FOR);
            }
            Fault::Slow(after) => {
                debug!(%peer, ?after, "a peer did not answer in time");
                record.last_resort_until = Some(now + SLOW_FOR);
            }
            Fault::Useless => {
                debug!(%peer, "what a peer served led nowhere");
                record.last_resort_until = Some(now + SLOW_FOR);
            }
            Fault::Refused(error) => {
                debug!(%peer, %error, "a peer did not answer");
                record.last_resort_until = Some(record.last_resort_until.unwrap_or(now).max(now + REFUSED_FOR));
            }
        }
    }

    /// Notes that a peer does not serve the state of a block, though it offered it: it may do so again, and not serve it again.
    pub(super) fn withdraw(&self, peer: PeerId, block: BlockRef) {
        let now = Instant::now();
        let mut known = self.lock();
        known.withdrawn.retain(|_, until| *until > now);
        known.withdrawn.insert((peer, block), now + WITHDRAWN_FOR);
    }

    /// Whether an offer of the state of a block is to be disregarded.
    pub(super) fn has_withdrawn(&self, peer: PeerId, block: BlockRef) -> bool {
        self.lock().withdrawn.get(&(peer, block)).is_some_and(|until| *until > Instant::now())
    }

    fn note_answer(&self, peer: PeerId, took: Duration) {
        let mut known = self.lock();
        let usual = (known.patience * 7 + took * 4) / 8;
        known.patience = usual.clamp(PATIENCE.0, PATIENCE.1);
        let record = known.records.entry(peer).or_default();
        record.took = if record.took.is_zero() { took } else { (record.took * 3 + took) / 4 };
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
