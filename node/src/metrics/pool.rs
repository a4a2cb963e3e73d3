//! What the mempool counts by itself, read when Prometheus asks.

use super::{Level, PerLabel, define::metrics, label::label};
use crate::mempool;
use prometheus_client::metrics::counter::Counter;
use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

metrics! {
    /// The mempool.
    pub struct Pool {
        /// Transactions in the pool: `pending` are executable, `queued` wait for a missing nonce or for funds.
        pub pool_transactions: PerLabel<Place, Level>,
        /// Bytes of the encodings of all transactions in the pool.
        pub pool_bytes: Level,
        /// Transactions that were offered to the pool, by what became of them.
        pub pool_transactions_offered: PerLabel<Admission, Counter>,
        /// Transactions that left the pool without being included.
        pub pool_transactions_dropped: PerLabel<Departure, Counter>,
        /// Transactions of users that were pushed to a peer.
        pub pool_transactions_pushed: PerLabel<Receipt, Counter>,
        /// Transactions that were gossiped again.
        pub pool_transactions_rebroadcast: Counter,
        /// Batches of transactions that were to be gossiped.
        pub pool_gossip_batches: PerLabel<Sending, Counter>,
        /// Batches that went through decoding and the recovery of signers.
        pub pool_prepared_batches: Counter,
        /// Seconds that these batches took up to the pool's door, in sum.
        pub pool_prepare_seconds: Counter<f64>,
        /// Signers recovered.
        pub pool_signers_recovered: Counter,
        /// Blocks that the pool followed.
        pub pool_blocks_followed: Counter,
        /// Times that accounts had to be read again after a jump or a change of branch.
        pub pool_refreshes: Counter,
    }
}

/// Where a transaction is in the pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// It can be executed.
    Pending,
    /// It waits.
    Queued,
}

/// What becomes of a transaction that is offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// Taken in.
    Admitted,
    /// The pool had it already.
    Known,
    /// Invalid on every node.
    Invalid,
    /// Refused for the state of its sender or of the pool.
    Refused,
    /// Not looked at, because too many arrived.
    Overloaded,
}

/// Why a transaction leaves without being included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Departure {
    /// Another one of the same nonce pays more.
    Replaced,
    /// Another one pays more, and there was no room.
    Evicted,
    /// It waited too long.
    Expired,
    /// A leader's execution found it invalid.
    Discarded,
}

/// Whether a peer holds a pushed transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Receipt {
    /// A peer says so.
    Acknowledged,
    /// No peer said so in time.
    Unacknowledged,
}

/// Whether the mesh took a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sending {
    /// It did.
    Sent,
    /// It did not.
    Failed,
}

label! {
    Place as "state" {
        Pending = "pending",
        Queued = "queued",
    }
}

label! {
    Admission as "outcome" {
        Admitted = "admitted",
        Known = "known",
        Invalid = "invalid",
        Refused = "refused",
        Overloaded = "overloaded",
    }
}

label! {
    Departure as "reason" {
        Replaced = "replaced",
        Evicted = "evicted",
        Expired = "expired",
        Discarded = "discarded",
    }
}

label! {
    Receipt as "outcome" {
        Acknowledged = "acknowledged",
        Unacknowledged = "unacknowledged",
    }
}

label! {
    Sending as "outcome" {
        Sent = "sent",
        Failed = "failed",
    }
}

impl Pool {
    pub(super) fn read(&self, counted: &mempool::Metrics) {
        // Named one by one: what the pool counts anew does not compile before it has a place here.
        let mempool::Metrics {
            pending,
            queued,
            bytes,
            admitted,
            known,
            invalid,
            refused,
            overloaded,
            replaced,
            evicted,
            expired,
            discarded,
            batches,
            recovered,
            prepare_micros,
            gossiped_batches,
            gossip_failures,
            acknowledged,
            unacknowledged,
            rebroadcast,
            commits,
            refreshes,
        } = counted;
        let level = |level: &Level, now: &AtomicU64| _ = level.set(now.load(Relaxed));
        level(self.pool_transactions.get(Place::Pending), pending);
        level(self.pool_transactions.get(Place::Queued), queued);
        level(&self.pool_bytes, bytes);

        let count = |counter: &Counter, now: &AtomicU64| counter.inner().store(now.load(Relaxed), Relaxed);
        for (outcome, now) in [
            (Admission::Admitted, admitted),
            (Admission::Known, known),
            (Admission::Invalid, invalid),
            (Admission::Refused, refused),
            (Admission::Overloaded, overloaded),
        ] {
            count(self.pool_transactions_offered.get(outcome), now);
        }
        for (reason, now) in [
            (Departure::Replaced, replaced),
            (Departure::Evicted, evicted),
            (Departure::Expired, expired),
            (Departure::Discarded, discarded),
        ] {
            count(self.pool_transactions_dropped.get(reason), now);
        }
        count(self.pool_transactions_pushed.get(Receipt::Acknowledged), acknowledged);
        count(self.pool_transactions_pushed.get(Receipt::Unacknowledged), unacknowledged);
        count(&self.pool_transactions_rebroadcast, rebroadcast);
        count(self.pool_gossip_batches.get(Sending::Sent), gossiped_batches);
        count(self.pool_gossip_batches.get(Sending::Failed), gossip_failures);
        count(&self.pool_prepared_batches, batches);
        count(&self.pool_signers_recovered, recovered);
        count(&self.pool_blocks_followed, commits);
        count(&self.pool_refreshes, refreshes);
        let prepared = Duration::from_micros(prepare_micros.load(Relaxed)).as_secs_f64();
        self.pool_prepare_seconds.inner().store(prepared.to_bits(), Relaxed);
    }
}
