//! What the network counts.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

/// The live counters, shared by swarm and handles.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) dropped: Arc<AtomicU64>,
    pub(crate) received: AtomicU64,
    pub(crate) published: AtomicU64,
    pub(crate) rejected: AtomicU64,
    pub(crate) late_verdicts: AtomicU64,
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
}

impl Counters {
    pub(crate) fn add(counter: &AtomicU64) {
        counter.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn snapshot(&self) -> NetworkCounters {
        let Self { dropped, received, published, rejected, late_verdicts } = self;
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        NetworkCounters {
            dropped: read(dropped),
            received: read(received),
            published: read(published),
            rejected: read(rejected),
            late_verdicts: read(late_verdicts),
        }
    }
}
