//! What this node answers for is gossiped again until it is included.

use super::{index::TransactionIndex, transaction::PooledTransaction};
use alloy_primitives::B256;
use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashSet},
    sync::Arc,
    time::{Duration, Instant},
};

/// Bytes that one round takes at most; the rest waits for the next one.
const ROUND_BYTES: usize = 1 << 20;

/// The longest pause between two gossips of one transaction.
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

/// Transactions to gossip again, by time. Those that left the pool drop out when their time comes.
#[derive(Debug)]
pub(super) struct Rebroadcast {
    first_pause: Duration,
    due: BinaryHeap<Reverse<(Instant, Duration, B256)>>,
    watched: HashSet<B256>,
}

impl Rebroadcast {
    pub(super) fn new(first_pause: Duration) -> Self {
        Self { first_pause, due: BinaryHeap::new(), watched: HashSet::new() }
    }

    pub(super) fn watch(&mut self, hash: B256, now: Instant) {
        if self.watched.insert(hash) {
            self.due.push(Reverse((now + self.first_pause, self.first_pause, hash)));
        }
    }

    /// Takes those whose time has come and sets their next time, twice as far ahead.
    pub(super) fn take_due(&mut self, now: Instant, pool: &TransactionIndex) -> Vec<Arc<PooledTransaction>> {
        let (mut taken, mut bytes) = (Vec::new(), 0);
        while bytes < ROUND_BYTES && self.due.peek().is_some_and(|Reverse((at, ..))| *at <= now) {
            let Some(Reverse((_, pause, hash))) = self.due.pop() else { break };
            if let Some(transaction) = pool.get(&hash) {
                let pause = (pause * 2).min(LONGEST_PAUSE);
                self.due.push(Reverse((now + pause, pause, hash)));
                bytes += transaction.size();
                taken.push(transaction);
            } else {
                self.watched.remove(&hash);
            }
        }
        taken
    }
}
