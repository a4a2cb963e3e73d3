//! One sender's transactions, by nonce.
//!
//! A transaction is *executable* if every nonce from the account's own up to it is here and the balance covers the
//! highest possible cost of them all. The executable ones are a run `account nonce .. end`; whatever comes later is
//! *queued*. The run's end and cost are kept up to date by every change, so that no change walks the whole queue.

use super::{ordering::Bid, ports::Account, transaction::PooledTransaction};
use alloy_primitives::U256;
use std::{collections::BTreeMap, ops::RangeFrom, sync::Arc};

/// The transactions of one sender.
#[derive(Debug)]
pub(super) struct SenderQueue {
    account: Account,
    as_of: u64,
    transactions: BTreeMap<u64, Arc<PooledTransaction>>,
    run_end: u64,
    run_cost: U256,
}

/// What the pool's indexes need to know of a queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Marks {
    /// The first executable transaction.
    pub(super) head: Option<Bid>,
    /// The last transaction if it is executable.
    pub(super) executable_tail: Option<Bid>,
    /// The last transaction if it is queued.
    pub(super) queued_tail: Option<Bid>,
    /// How many are executable.
    pub(super) executable: usize,
}

impl SenderQueue {
    /// An empty queue for an account as it was at a height.
    pub(super) const fn new(account: Account, as_of: u64) -> Self {
        Self { account, as_of, transactions: BTreeMap::new(), run_end: account.nonce, run_cost: U256::ZERO }
    }

    pub(super) const fn account(&self) -> Account {
        self.account
    }

    /// The height of the state that the account was last read from.
    pub(super) const fn as_of(&self) -> u64 {
        self.as_of
    }

    pub(super) const fn set_as_of(&mut self, height: u64) {
        self.as_of = height;
    }

    /// The first nonce that is not executable: the one that the sender's next transaction should have.
    pub(super) const fn run_end(&self) -> u64 {
        self.run_end
    }

    pub(super) fn len(&self) -> usize {
        self.transactions.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.transactions.is_empty()
    }

    pub(super) fn get(&self, nonce: u64) -> Option<&Arc<PooledTransaction>> {
        self.transactions.get(&nonce)
    }

    pub(super) fn last(&self) -> Option<&Arc<PooledTransaction>> {
        self.transactions.last_key_value().map(|(_, transaction)| transaction)
    }

    /// The executable transactions, in order.
    pub(super) fn executable(&self) -> impl Iterator<Item = &Arc<PooledTransaction>> {
        self.transactions.range(..self.run_end).map(|(_, transaction)| transaction)
    }

    /// The queued transactions, in order.
    pub(super) fn queued(&self) -> impl Iterator<Item = &Arc<PooledTransaction>> {
        self.transactions.range(self.run_end..).map(|(_, transaction)| transaction)
    }

    pub(super) fn marks(&self) -> Marks {
        let executable = usize::try_from(self.run_end - self.account.nonce).unwrap_or(usize::MAX);
        let head = self.transactions.first_key_value().filter(|_| executable > 0).map(|(_, first)| first.bid());
        let (executable_tail, queued_tail) = match self.transactions.last_key_value() {
            Some((nonce, last)) if *nonce < self.run_end => (Some(last.bid()), None),
            Some((_, last)) => (None, Some(last.bid())),
            None => (None, None),
        };
        Marks { head, executable_tail, queued_tail, executable }
    }

    /// The cost of the executable transactions before `nonce`; zero beyond the run's end, where nonces are missing.
    pub(super) fn cost_before(&self, nonce: u64) -> U256 {
        if nonce > self.run_end {
            return U256::ZERO;
        }
        self.run_cost - self.cost_of(nonce..)
    }

    /// Puts a transaction in, in the place of another one of the same nonce if there is one.
    pub(super) fn insert(&mut self, transaction: Arc<PooledTransaction>) -> Option<Arc<PooledTransaction>> {
        self.cut(transaction.nonce());
        let replaced = self.transactions.insert(transaction.nonce(), transaction);
        self.extend();
        replaced
    }

    /// Takes a transaction out; those after it are queued.
    pub(super) fn remove(&mut self, nonce: u64) -> Option<Arc<PooledTransaction>> {
        if !self.transactions.contains_key(&nonce) {
            return None;
        }
        self.cut(nonce);
        self.transactions.remove(&nonce)
    }

    /// Takes note of the account's new state and drops what its nonce has passed.
    pub(super) fn set_account(&mut self, account: Account) -> Vec<Arc<PooledTransaction>> {
        if (self.account.nonce..=self.run_end).contains(&account.nonce) {
            let passed: U256 =
                self.transactions.range(..account.nonce).map(|(_, transaction)| transaction.cost()).sum();
            self.run_cost -= passed;
        } else {
            (self.run_end, self.run_cost) = (account.nonce, U256::ZERO);
        }
        self.account = account;
        let kept = self.transactions.split_off(&account.nonce);
        let passed = std::mem::replace(&mut self.transactions, kept);
        while self.run_cost > account.balance {
            let Some(last) = self.run_end.checked_sub(1) else { break };
            self.cut(last);
        }
        self.extend();
        passed.into_values().collect()
    }

    /// Ends the run before `nonce` if it goes further.
    fn cut(&mut self, nonce: u64) {
        if (self.account.nonce..self.run_end).contains(&nonce) {
            self.run_cost -= self.cost_of(nonce..);
            self.run_end = nonce;
        }
    }

    /// Lengthens the run as far as nonces and balance go.
    fn extend(&mut self) {
        for (nonce, transaction) in self.transactions.range(self.run_end..) {
            let cost = self.run_cost.checked_add(transaction.cost()).filter(|cost| *cost <= self.account.balance);
            let (true, Some(cost)) = (*nonce == self.run_end, cost) else { break };
            self.run_cost = cost;
            self.run_end += 1;
        }
    }

    /// The cost of the part of the run that starts at a nonce, which is not beyond its end.
    fn cost_of(&self, part: RangeFrom<u64>) -> U256 {
        self.transactions.range(part.start..self.run_end).map(|(_, transaction)| transaction.cost()).sum()
    }
}
