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
}

#[derive(Debug, Default)]
struct Content {
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

    /// Transactions are about to be sent to a node. Those that were sent before keep their first time and node.
    pub(super) fn submit(&self, transactions: impl Iterator<Item = B256>, node: usize, at: Duration) {
        let mut content = self.content();
        for transaction in transactions {
            let before = content.entries.len();
            content.entries.entry(transaction).or_insert(Entry { node, at, accepted: false });
            content.counts.submitted += (content.entries.len() - before) as u64;
        }
    }

    /// A node accepted these.
    pub(super) fn accept(&self, transactions: impl Iterator<Item = B256>) {
        let mut content = self.content();
        for transaction in transactions {
            if let Some(entry) = content.entries.get_mut(&transaction)
                && !std::mem::replace(&mut entry.accepted, true)
            {
                content.counts.accepted += 1;
            }
        }
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
        ledger.accept([one, one].into_iter());
        assert_eq!(ledger.counts(), Counts { submitted: 2, accepted: 1 });
        assert_eq!(ledger.accepted(), [(one, Entry { node: 0, at: Duration::from_secs(1), accepted: true })]);
    }
}
