//! What was sent, and what the nodes said to it.

use alloy_primitives::B256;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// A transaction that was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// The node that it was first sent to.
    pub(crate) node: usize,
    /// When it was first sent.
    pub(crate) at: Duration,
    /// Whether any node has accepted it.
    pub(crate) accepted: bool,
}

/// How many transactions were sent, and how many of them accepted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Sent, each counted once.
    pub(crate) submitted: u64,
    /// Accepted by a node.
    pub(crate) accepted: u64,
    /// Accepted once, and void since all nodes died before a block had them; counted as often as that happened.
    pub(crate) voided: u64,
}

/// Which life of the network: it begins another one when all nodes have died.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Life(u64);

#[derive(Debug, Default)]
struct Content {
    life: Life,
    entries: HashMap<B256, Entry>,
    counts: Counts,
    last_refusal: Option<String>,
}

/// All that was sent. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ledger(Arc<Mutex<Content>>);

impl Ledger {
    fn content(&self) -> MutexGuard<'_, Content> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Transactions are about to be sent to a node. Those that were sent before keep their first time and node. Returns
    /// the life of the network that its answers will count for.
    pub(super) fn submit(&self, transactions: impl Iterator<Item = B256>, node: usize, at: Duration) -> Life {
        let mut content = self.content();
        for transaction in transactions {
            let before = content.entries.len();
            content.entries.entry(transaction).or_insert(Entry { node, at, accepted: false });
            content.counts.submitted += (content.entries.len() - before) as u64;
        }
        content.life
    }

    /// A node accepted these, which were sent in that life of the network. Returns whether that life lasts: otherwise the
    /// pool that took them in may be gone, and the answer is worth nothing.
    #[must_use]
    pub(super) fn accept(&self, transactions: impl Iterator<Item = B256>, life: Life) -> bool {
        let mut content = self.content();
        if life != content.life {
            return false;
        }
        for transaction in transactions {
            if let Some(entry) = content.entries.get_mut(&transaction)
                && !std::mem::replace(&mut entry.accepted, true)
            {
                content.counts.accepted += 1;
            }
        }
        true
    }

    /// All nodes are dead, and with them all pools. Only blocks are durable: what was accepted and is in no block is void,
    /// and whoever sent it has to send it again. What was seen in a block must survive.
    pub(crate) fn everyone_died(&self, in_a_block: impl Fn(&B256) -> bool) {
        let mut content = self.content();
        let Content { life, entries, counts, .. } = &mut *content;
        life.0 += 1;
        for (_, entry) in entries.iter_mut().filter(|(hash, entry)| entry.accepted && !in_a_block(hash)) {
            entry.accepted = false;
            counts.accepted -= 1;
            counts.voided += 1;
        }
    }

    /// The present life of the network.
    pub(super) fn life(&self) -> Life {
        self.content().life
    }

    /// A node refused one.
    pub(super) fn refuse(&self, reason: String) {
        self.content().last_refusal = Some(reason);
    }

    /// Why a transaction was last refused.
    pub(crate) fn last_refusal(&self) -> Option<String> {
        self.content().last_refusal.clone()
    }

    /// How many were sent and accepted.
    pub(crate) fn counts(&self) -> Counts {
        self.content().counts
    }

    /// The accepted ones.
    pub(crate) fn accepted(&self) -> Vec<(B256, Entry)> {
        self.content()
            .entries
            .iter()
            .filter(|(_, entry)| entry.accepted)
            .map(|(transaction, entry)| (*transaction, *entry))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transaction_counts_once() {
        let ledger = Ledger::default();
        let (one, two) = (B256::repeat_byte(1), B256::repeat_byte(2));
        ledger.submit([one, two].into_iter(), 0, Duration::from_secs(1));
        ledger.submit([one].into_iter(), 3, Duration::from_secs(9));
        assert!(ledger.accept([one, one].into_iter(), Life(0)));
        assert_eq!(ledger.counts(), Counts { submitted: 2, accepted: 1, voided: 0 });
        assert_eq!(ledger.accepted(), [(one, Entry { node: 0, at: Duration::from_secs(1), accepted: true })]);
    }

    #[test]
    fn pools_that_died_promise_nothing() {
        let ledger = Ledger::default();
        let [one, two, three] = [1, 2, 3].map(B256::repeat_byte);
        let old = ledger.submit([one, two, three].into_iter(), 0, Duration::ZERO);
        assert!(ledger.accept([one, two].into_iter(), old));
        ledger.everyone_died(|hash| *hash == one);
        assert_eq!(ledger.counts(), Counts { submitted: 3, accepted: 1, voided: 1 });
        // An answer that was under way while everyone died.
        assert!(!ledger.accept([three].into_iter(), old));
        let hashes = |ledger: &Ledger| ledger.accepted().into_iter().map(|(hash, _)| hash).collect::<Vec<_>>();
        assert_eq!(hashes(&ledger), [one]);
        let new = ledger.submit([two].into_iter(), 0, Duration::ZERO);
        assert_eq!(new, ledger.life());
        assert!(ledger.accept([two].into_iter(), new));
        assert_eq!(ledger.counts(), Counts { submitted: 3, accepted: 2, voided: 1 });
    }
}
