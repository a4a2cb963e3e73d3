//! What the mempool counts.

use super::{error::PoolError, pool::Status};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Counters since the start, and three gauges.
#[derive(Debug, Default)]
pub struct Metrics {
    /// Gauge: executable transactions.
    pub pending: AtomicU64,
    /// Gauge: transactions that wait for a missing nonce or for funds.
    pub queued: AtomicU64,
    /// Gauge: bytes of all encodings.
    pub bytes: AtomicU64,
    /// Transactions admitted.
    pub admitted: AtomicU64,
    /// Transactions refused because the pool had them already.
    pub known: AtomicU64,
    /// Transactions refused that are invalid on every node.
    pub invalid: AtomicU64,
    /// Transactions refused for the state of their sender or of the pool.
    pub refused: AtomicU64,
    /// Transactions not looked at because too many arrived.
    pub overloaded: AtomicU64,
    /// Transactions that gave way to another one of the same nonce.
    pub replaced: AtomicU64,
    /// Transactions that gave way to one that pays more.
    pub evicted: AtomicU64,
    /// Queued transactions that waited too long.
    pub expired: AtomicU64,
    /// Transactions dropped because a leader's execution found them invalid.
    pub discarded: AtomicU64,
    /// Batches that went through decoding and recovery.
    pub batches: AtomicU64,
    /// Signers recovered.
    pub recovered: AtomicU64,
    /// Microseconds that batches took from intake to the pool's door, in sum.
    pub prepare_micros: AtomicU64,
    /// Batches gossiped.
    pub gossiped_batches: AtomicU64,
    /// Batches that could not be gossiped.
    pub gossip_failures: AtomicU64,
    /// Transactions that a peer acknowledged.
    pub acknowledged: AtomicU64,
    /// Transactions of users that no peer acknowledged in time.
    pub unacknowledged: AtomicU64,
    /// Transactions gossiped again.
    pub rebroadcast: AtomicU64,
    /// Blocks followed.
    pub commits: AtomicU64,
    /// Times that accounts had to be read again after a jump or a change of branch.
    pub refreshes: AtomicU64,
}

impl Metrics {
    pub(super) fn add(counter: &AtomicU64, count: usize) {
        counter.fetch_add(count as u64, Relaxed);
    }

    pub(super) fn count_refusal(&self, error: &PoolError) {
        let counter = match error {
            PoolError::AlreadyKnown => &self.known,
            PoolError::Overloaded => &self.overloaded,
            error if error.is_invalid() => &self.invalid,
            _ => &self.refused,
        };
        Self::add(counter, 1);
    }

    pub(super) fn set_status(&self, status: Status) {
        let Status { pending, queued, bytes } = status;
        self.pending.store(pending as u64, Relaxed);
        self.queued.store(queued as u64, Relaxed);
        self.bytes.store(bytes as u64, Relaxed);
    }

    /// What the pool holds, as it was after the last change.
    #[must_use]
    pub fn status(&self) -> Status {
        let load = |gauge: &AtomicU64| usize::try_from(gauge.load(Relaxed)).unwrap_or(usize::MAX);
        Status { pending: load(&self.pending), queued: load(&self.queued), bytes: load(&self.bytes) }
    }
}
