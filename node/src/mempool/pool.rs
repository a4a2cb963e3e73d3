//! The pool: which transactions are held, in which order, and which have to go. Pure: no clock, no tasks.

use super::{
    error::PoolError,
    index::TransactionIndex,
    limits::{Limits, replacement_fee},
    ordering::BidIndex,
    ports::Account,
    recent::{Generations, RecentChanges},
    sender_queue::{Marks, SenderQueue},
    transaction::PooledTransaction,
};
use alloy_primitives::{Address, B256};
use std::{collections::HashMap, sync::Arc, time::Instant};

/// Hashes of included transactions that are remembered at least.
const INCLUDED_MEMORY: usize = 100_000;

/// A sealed block, as far as the pool is concerned.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CommittedBlock {
    /// Its height. Not above the last one means that the chain changed its branch there.
    pub height: u64,
    /// The base fee of the block after it, in wei per gas.
    pub next_base_fee: u64,
    /// Every account whose nonce or balance it changed, as it is now. After a change of branch, also every account that
    /// the abandoned blocks had changed.
    pub accounts: Vec<(Address, Account)>,
    /// The hashes of its transactions.
    pub transactions: Vec<B256>,
}

/// What an admission did to others.
#[derive(Clone, Debug, Default)]
pub struct Admission {
    /// The transaction of the same sender and nonce that gave way.
    pub replaced: Option<Arc<PooledTransaction>>,
    /// Transactions that made room.
    pub evicted: Vec<Arc<PooledTransaction>>,
}

/// What the pool holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// Executable transactions.
    pub pending: usize,
    /// Transactions that wait for a missing nonce or for funds.
    pub queued: usize,
    /// Bytes of all encodings.
    pub bytes: usize,
}

/// Transactions by sender, each sender's in order of nonces.
#[derive(Clone, Debug, Default)]
pub struct Content {
    /// The executable ones.
    pub pending: Vec<Arc<PooledTransaction>>,
    /// The others.
    pub queued: Vec<Arc<PooledTransaction>>,
}

/// The pool.
#[derive(Debug)]
pub struct Pool {
    limits: Limits,
    height: u64,
    base_fee: u64,
    pub(super) senders: HashMap<Address, SenderQueue>,
    index: Arc<TransactionIndex>,
    /// Each sender's first executable transaction: where a block starts.
    pub(super) heads: BidIndex,
    /// Each sender's last transaction if it is executable: where eviction ends.
    executable_tails: BidIndex,
    /// Each sender's last transaction if it is queued: where eviction starts.
    queued_tails: BidIndex,
    status: Status,
    changes: RecentChanges,
    included: Generations<B256, ()>,
}

impl Pool {
    /// An empty pool on top of the block at `height`.
    #[must_use]
    pub fn new(limits: Limits, height: u64, next_base_fee: u64) -> Self {
        let mut changes = RecentChanges::default();
        changes.push(height, HashMap::new());
        Self {
            limits,
            height,
            base_fee: next_base_fee,
            senders: HashMap::new(),
            index: Arc::default(),
            heads: BidIndex::new(next_base_fee),
            executable_tails: BidIndex::new(next_base_fee),
            queued_tails: BidIndex::new(next_base_fee),
            status: Status::default(),
            changes,
            included: Generations::new(INCLUDED_MEMORY),
        }
    }

    /// The bounds.
    #[must_use]
    pub const fn limits(&self) -> &Limits {
        &self.limits
    }

    /// The height of the last committed block.
    #[must_use]
    pub const fn height(&self) -> u64 {
        self.height
    }

    /// The transactions by hash.
    #[must_use]
    pub const fn index(&self) -> &Arc<TransactionIndex> {
        &self.index
    }

    /// How much there is.
    #[must_use]
    pub const fn status(&self) -> Status {
        self.status
    }

    /// The nonce that the sender's next transaction should have; none if the pool holds nothing of it.
    #[must_use]
    pub fn pending_nonce(&self, sender: &Address) -> Option<u64> {
        self.senders.get(sender).map(SenderQueue::run_end)
    }

    /// What the pool holds of one sender, or of all.
    #[must_use]
    pub fn content(&self, sender: Option<&Address>) -> Content {
        let mut content = Content::default();
        let queues = match sender {
            Some(sender) => Vec::from_iter(self.senders.get(sender)),
            None => self.senders.values().collect(),
        };
        for queue in queues {
            content.pending.extend(queue.executable().cloned());
            content.queued.extend(queue.queued().cloned());
        }
        content
    }

    /// A sender's account as the pool should see it, given that it was `account` after the block at `height`: the newest
    /// of that, of what the pool knows, and of what the latest blocks changed. None if the reading is too old to tell.
    #[must_use]
    pub fn resolve(&self, sender: &Address, account: Account, height: u64) -> Option<(Account, u64)> {
        match self.senders.get(sender) {
            Some(queue) if queue.as_of().max(self.height) >= height => Some((queue.account(), queue.as_of())),
            _ if height >= self.height => Some((account, height)),
            _ => self.changes.update(sender, account, height).map(|account| (account, self.height)),
        }
    }

    /// Admits a transaction. `account` and `as_of` come from [`Self::resolve`].
    ///
    /// # Errors
    /// Why the pool is better off without it; then nothing changed but what is known of the account.
    pub fn insert(
        &mut self,
        transaction: Arc<PooledTransaction>,
        account: Account,
        as_of: u64,
    ) -> Result<Admission, PoolError> {
        let sender = transaction.sender();
        self.check_alone(&transaction, account)?;
        if self.senders.get(&sender).is_some_and(|queue| queue.account() != account) {
            self.set_account(sender, account, as_of);
        }
        self.check_in_queue(&transaction, account)?;

        let replaced = self.take(&sender, transaction.nonce());
        match self.make_room(&transaction, account) {
            Ok(evicted) => {
                self.put(transaction, account, as_of);
                Ok(Admission {
                    replaced: replaced.map(|taken| taken.transaction),
                    evicted: evicted.into_iter().map(|taken| taken.transaction).collect(),
                })
            }
            Err(error) => {
                replaced.into_iter().for_each(|taken| self.put(taken.transaction, taken.account, taken.as_of));
                Err(error)
            }
        }
    }

    /// Follows a sealed block: drops what it included and what its changes made stale, and judges the rest anew. Returns
    /// whether accounts must be read again ([`Self::refresh`]), because the block does not follow the last one.
    pub fn commit(&mut self, block: &CommittedBlock) -> bool {
        let CommittedBlock { height, next_base_fee, accounts, transactions } = block;
        let follows = *height == self.height + 1;
        if *height <= self.height {
            for queue in self.senders.values_mut() {
                queue.set_as_of(queue.as_of().min(height.saturating_sub(1)));
            }
        }
        self.height = *height;
        self.set_base_fee(*next_base_fee);
        self.changes.push(*height, accounts.iter().copied().collect());
        for (address, account) in accounts {
            // An account that was read after a later block has this one behind it already.
            if self.senders.get(address).is_some_and(|queue| queue.as_of() < *height) {
                self.set_account(*address, *account, *height);
            }
        }
        for hash in transactions {
            self.discard(hash);
            self.included.insert(*hash, ());
        }
        !follows
    }

    /// The senders in the pool.
    #[must_use]
    pub fn senders(&self) -> Vec<Address> {
        self.senders.keys().copied().collect()
    }

    /// Takes note of a sender's account as it was after the block at `height`. Returns false if that is too old to tell.
    pub fn refresh(&mut self, sender: Address, account: Account, height: u64) -> bool {
        let (account, as_of) = if height >= self.height {
            (account, height)
        } else {
            let Some(account) = self.changes.update(&sender, account, height) else { return false };
            (account, self.height)
        };
        if self.senders.get(&sender).is_some_and(|queue| queue.as_of() <= as_of) {
            self.set_account(sender, account, as_of);
        }
        true
    }

    /// Drops a transaction, for example one that a leader's execution found invalid. Later ones of its sender wait.
    pub fn discard(&mut self, hash: &B256) -> Option<Arc<PooledTransaction>> {
        let transaction = self.index.get(hash)?;
        self.take(&transaction.sender(), transaction.nonce()).map(|taken| taken.transaction)
    }

    /// Drops the queued transactions that have waited too long; returns how many.
    pub fn expire(&mut self, now: Instant) -> usize {
        let lifetime = self.limits.queued_lifetime;
        let waiting: Vec<_> = self.queued_tails.senders().filter_map(|sender| self.senders.get(&sender)).collect();
        let expired: Vec<B256> = waiting
            .into_iter()
            .flat_map(SenderQueue::queued)
            .filter(|transaction| now.saturating_duration_since(transaction.received_at()) >= lifetime)
            .map(|transaction| transaction.hash())
            .collect();
        expired.iter().filter(|hash| self.discard(hash).is_some()).count()
    }

    /// Orders by another base fee.
    pub(super) fn set_base_fee(&mut self, base_fee: u64) {
        self.base_fee = base_fee;
        for index in [&mut self.heads, &mut self.executable_tails, &mut self.queued_tails] {
            index.set_base_fee(base_fee);
        }
    }

    fn check_alone(&self, transaction: &PooledTransaction, account: Account) -> Result<(), PoolError> {
        let (hash, nonce, size) = (transaction.hash(), transaction.nonce(), transaction.size());
        if self.index.contains(&hash) {
            return Err(PoolError::AlreadyKnown);
        }
        if size > self.limits.max_transaction_bytes {
            return Err(PoolError::Oversized { size, limit: self.limits.max_transaction_bytes });
        }
        if nonce < account.nonce {
            return Err(match self.included.get(&hash) {
                Some(()) => PoolError::AlreadyKnown,
                None => PoolError::NonceTooLow { next: account.nonce, nonce },
            });
        }
        let (tip, minimum) = (transaction.bid().priority_fee, self.limits.min_priority_fee);
        if tip < minimum {
            return Err(PoolError::Underpriced { tip, minimum });
        }
        let (balance, cost) = (account.balance, transaction.cost());
        if cost > balance {
            return Err(PoolError::InsufficientFunds { balance, cost, queued: Default::default() });
        }
        Ok(())
    }

    fn check_in_queue(&self, transaction: &PooledTransaction, account: Account) -> Result<(), PoolError> {
        let (nonce, gap) = (transaction.nonce(), self.limits.max_nonce_gap);
        let queue = self.senders.get(&transaction.sender());
        let next = queue.map_or(account.nonce, SenderQueue::run_end);
        if nonce > next.saturating_add(gap) {
            return Err(PoolError::NonceTooHigh { next, nonce, gap });
        }
        let Some(queue) = queue else { return Ok(()) };
        match queue.get(nonce) {
            Some(old) if !replaces(transaction, old) => return Err(PoolError::ReplacementUnderpriced),
            Some(_) => {}
            None if queue.len() < self.limits.max_per_sender => {}
            None if queue.last().is_some_and(|last| last.nonce() > nonce) => {}
            None => return Err(PoolError::SenderLimit(self.limits.max_per_sender)),
        }
        let (balance, cost, queued) = (account.balance, transaction.cost(), queue.cost_before(nonce));
        if queued.checked_add(cost).is_none_or(|total| total > balance) {
            return Err(PoolError::InsufficientFunds { balance, cost, queued });
        }
        Ok(())
    }

    /// Evicts what has to go for a newcomer, or changes nothing. Queued ones go first and never drive out executable
    /// ones; within a kind the cheapest goes, if the newcomer pays more; a sender loses its highest nonces first, and
    /// none that the newcomer builds on.
    fn make_room(&mut self, newcomer: &PooledTransaction, account: Account) -> Result<Vec<Taken>, PoolError> {
        let (sender, nonce) = (newcomer.sender(), newcomer.nonce());
        let queue = self.senders.get(&sender);
        let executable = nonce == queue.map_or(account.nonce, SenderQueue::run_end);
        let rank = newcomer.bid().rank(self.base_fee);
        let mut evicted = Vec::new();
        if let Some(queue) = queue
            && queue.len() >= self.limits.max_per_sender
            && let Some(last) = queue.last().map(|last| last.nonce())
        {
            evicted.extend(self.take(&sender, last));
        }
        while self.status.bytes + newcomer.size() > self.limits.max_bytes
            || self.status.pending + self.status.queued >= self.limits.max_transactions
        {
            let queued = self.queued_tails.worst().map(|worst| (worst, executable));
            let worst = queued.or_else(|| self.executable_tails.worst().map(|worst| (worst, !executable)));
            let victim = worst.and_then(|((worst, owner), other_kind)| {
                let last = self.senders.get(&owner)?.last()?.nonce();
                let pays = if other_kind { executable } else { rank.outbids(&worst) };
                (pays && (owner != sender || last > nonce)).then_some((owner, last))
            });
            let Some((owner, last)) = victim else {
                evicted.into_iter().for_each(|taken| self.put(taken.transaction, taken.account, taken.as_of));
                return Err(PoolError::Full);
            };
            evicted.extend(self.take(&owner, last));
        }
        Ok(evicted)
    }

    fn set_account(&mut self, sender: Address, account: Account, as_of: u64) {
        let Some(mut queue) = self.senders.remove(&sender) else { return };
        let (marks, length) = (queue.marks(), queue.len());
        queue.set_as_of(as_of);
        for dropped in queue.set_account(account) {
            self.index.remove(&dropped.hash());
            self.status.bytes -= dropped.size();
        }
        self.settle(sender, queue, marks, length);
    }

    fn put(&mut self, transaction: Arc<PooledTransaction>, account: Account, as_of: u64) {
        let sender = transaction.sender();
        let mut queue = self.senders.remove(&sender).unwrap_or_else(|| SenderQueue::new(account, as_of));
        let (marks, length) = (queue.marks(), queue.len());
        self.status.bytes += transaction.size();
        self.index.insert(transaction.clone());
        if let Some(replaced) = queue.insert(transaction) {
            self.index.remove(&replaced.hash());
            self.status.bytes -= replaced.size();
        }
        self.settle(sender, queue, marks, length);
    }

    fn take(&mut self, sender: &Address, nonce: u64) -> Option<Taken> {
        self.senders.get(sender)?.get(nonce)?;
        let mut queue = self.senders.remove(sender)?;
        let (marks, length, account, as_of) = (queue.marks(), queue.len(), queue.account(), queue.as_of());
        let taken = queue.remove(nonce).map(|transaction| Taken { transaction, account, as_of });
        if let Some(Taken { transaction, .. }) = &taken {
            self.index.remove(&transaction.hash());
            self.status.bytes -= transaction.size();
        }
        self.settle(*sender, queue, marks, length);
        taken
    }

    /// Puts a queue back after a change and brings the indexes and counts in line with it.
    fn settle(&mut self, sender: Address, queue: SenderQueue, before: Marks, length: usize) {
        let after = queue.marks();
        for (index, old, new) in [
            (&mut self.heads, before.head, after.head),
            (&mut self.executable_tails, before.executable_tail, after.executable_tail),
            (&mut self.queued_tails, before.queued_tail, after.queued_tail),
        ] {
            if old != new {
                old.iter().for_each(|bid| index.remove(bid));
                new.into_iter().for_each(|bid| index.insert(bid, sender));
            }
        }
        self.status.pending = self.status.pending + after.executable - before.executable;
        self.status.queued = self.status.queued + (queue.len() - after.executable) - (length - before.executable);
        if !queue.is_empty() {
            self.senders.insert(sender, queue);
        }
    }
}

/// A transaction taken out, with what was known of its sender.
struct Taken {
    transaction: Arc<PooledTransaction>,
    account: Account,
    as_of: u64,
}

/// Whether a transaction pays enough to take another one's place.
fn replaces(new: &PooledTransaction, old: &PooledTransaction) -> bool {
    let (new, old) = (new.bid(), old.bid());
    new.fee_cap >= replacement_fee(old.fee_cap) && new.priority_fee >= replacement_fee(old.priority_fee)
}
