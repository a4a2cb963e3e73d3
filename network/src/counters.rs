//! What the network counts.

use crate::{gate::Refusal, penalties::Offence};
use std::sync::{
    Arc,
    atomic::{AtomicU64, AtomicUsize, Ordering},
};

/// The live counters, shared by swarm and handles.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) dropped: Arc<AtomicU64>,
    pub(crate) received: AtomicU64,
    pub(crate) published: AtomicU64,
    pub(crate) rejected: AtomicU64,
    pub(crate) late_verdicts: AtomicU64,
    pub(crate) over_quota: AtomicU64,
    pub(crate) refused: AtomicU64,
    pub(crate) peers: Arc<PeerCounters>,
}

/// What is counted of peers' misdeeds, live. No peer is named: identities are free.
#[derive(Debug)]
pub struct PeerCounters {
    penalties: [AtomicU64; Offence::ALL.len()],
    refusals: [AtomicU64; Refusal::ALL.len()],
    banned_peers: AtomicUsize,
    banned_ranges: AtomicUsize,
}

impl Default for PeerCounters {
    fn default() -> Self {
        Self {
            penalties: std::array::from_fn(|_| AtomicU64::new(0)),
            refusals: std::array::from_fn(|_| AtomicU64::new(0)),
            banned_peers: AtomicUsize::new(0),
            banned_ranges: AtomicUsize::new(0),
        }
    }
}

impl PeerCounters {
    // The variants of these enums are numbered from 0, in the order of their lists.
    pub(crate) fn charge(&self, offence: Offence) {
        Counters::add(&self.penalties[offence as usize]);
    }

    pub(crate) fn refuse(&self, refusal: Refusal) {
        Counters::add(&self.refusals[refusal as usize]);
    }

    pub(crate) fn set_bans(&self, peers: usize, ranges: usize) {
        self.banned_peers.store(peers, Ordering::Relaxed);
        self.banned_ranges.store(ranges, Ordering::Relaxed);
    }

    /// How often peers were charged with this since the start of the program.
    #[must_use]
    pub fn penalties(&self, offence: Offence) -> u64 {
        self.penalties[offence as usize].load(Ordering::Relaxed)
    }

    /// How many connections were refused for this reason since the start of the program, in either direction.
    #[must_use]
    pub fn refusals(&self, refusal: Refusal) -> u64 {
        self.refusals[refusal as usize].load(Ordering::Relaxed)
    }

    /// How many peers are banned now.
    #[must_use]
    pub fn banned_peers(&self) -> usize {
        self.banned_peers.load(Ordering::Relaxed)
    }

    /// How many address ranges are banned now.
    #[must_use]
    pub fn banned_ranges(&self) -> usize {
        self.banned_ranges.load(Ordering::Relaxed)
    }
}

/// The counters at one moment. All count up from the start of the program.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NetworkCounters {
    /// Gossip messages and requests that were dropped because the node did not take them in time.
    pub dropped: u64,
    /// Gossip messages that came and could be decoded.
    pub received: u64,
    /// Gossip messages that were sent to at least one peer by this node as their publisher.
    pub published: u64,
    /// Messages that were rejected, by the network or by the node.
    pub rejected: u64,
    /// Verdicts that came too late to forward the message, or were lost in a flood of them.
    pub late_verdicts: u64,
    /// Messages that were not looked at because their sender had brought too many.
    pub over_quota: u64,
    /// Requests that were refused because their sender had made too many, or because too many were under way.
    pub refused: u64,
}

impl Counters {
    pub(crate) fn add(counter: &AtomicU64) {
        counter.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn snapshot(&self) -> NetworkCounters {
        let Self { dropped, received, published, rejected, late_verdicts, over_quota, refused, peers: _ } = self;
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        NetworkCounters {
            dropped: read(dropped),
            received: read(received),
            published: read(published),
            rejected: read(rejected),
            late_verdicts: read(late_verdicts),
            over_quota: read(over_quota),
            refused: read(refused),
        }
    }
}
