//! What a leader's next block should contain.

use super::{ordering::Rank, pool::Pool, sender_queue::SenderQueue, transaction::PooledTransaction};
use alloy_primitives::Address;
use std::{
    collections::{BinaryHeap, HashMap},
    sync::Arc,
};

/// The least gas that any transaction uses (EIP-2028).
const LEAST_GAS: u64 = 21_000;

/// How many transactions that do not fit are looked at before the block counts as full of bytes.
const MISSES: usize = 64;

/// What a leader asks for.
#[derive(Clone, Debug, Default)]
pub struct Demand {
    /// The base fee of the block to build, in wei per gas.
    pub base_fee: u64,
    /// The gas limit of the block.
    pub gas_limit: u64,
    /// The bytes that all encodings together may have.
    pub max_bytes: usize,
    /// The next nonce of every sender with transactions in the leader's own blocks that are not sealed yet.
    pub in_flight: HashMap<Address, u64>,
}

/// A transaction whose predecessors are all taken.
struct Next<'a> {
    rank: Rank,
    transaction: &'a Arc<PooledTransaction>,
    queue: &'a SenderQueue,
}

impl<'a> Next<'a> {
    /// The sender's transaction of that nonce, if there is one and it can pay the base fee.
    fn at(queue: &'a SenderQueue, nonce: u64, base_fee: u64) -> Option<Self> {
        let transaction = queue.get(nonce)?;
        transaction.effective_tip(base_fee)?;
        Some(Self { rank: transaction.bid().rank(base_fee), transaction, queue })
    }
}

impl PartialEq for Next<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.rank == other.rank
    }
}

impl Eq for Next<'_> {}

impl PartialOrd for Next<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Next<'_> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.rank.cmp(&other.rank)
    }
}

impl Pool {
    /// The executable transactions that pay the base fee, best first: by effective tip, then arrival, a sender's nonces
    /// in order.
    ///
    /// As many as could fit: execution decides how much gas each one uses, so the list ends where even the least gas
    /// per transaction would fill the block. Bytes are counted exactly. The cost is that of the list, not of the pool.
    pub fn best(&mut self, demand: &Demand) -> Vec<Arc<PooledTransaction>> {
        let Demand { base_fee, gas_limit, max_bytes, in_flight } = demand;
        self.heads.set_base_fee(*base_fee);
        let most = usize::try_from(gas_limit / LEAST_GAS).unwrap_or(usize::MAX);

        let mut following: BinaryHeap<Next<'_>> = in_flight
            .iter()
            .filter_map(|(sender, nonce)| {
                let queue = self.senders.get(sender)?;
                Next::at(queue, queue.account().nonce.max(*nonce), *base_fee)
            })
            .collect();
        let mut heads = self
            .heads
            .best_first()
            .filter(|(_, sender)| !in_flight.contains_key(sender))
            .filter_map(|(_, sender)| {
                let queue = self.senders.get(&sender)?;
                Next::at(queue, queue.account().nonce, *base_fee)
            })
            .peekable();

        let (mut best, mut bytes, mut misses) = (Vec::new(), 0, 0);
        while best.len() < most && misses < MISSES {
            let from_heads = match (heads.peek(), following.peek()) {
                (Some(head), Some(successor)) => head.rank > successor.rank,
                (head, _) => head.is_some(),
            };
            let Some(Next { transaction, queue, .. }) = (if from_heads { heads.next() } else { following.pop() })
            else {
                break;
            };
            // One that does not fit takes its sender's later ones with it.
            if transaction.gas_limit() > *gas_limit {
                continue;
            }
            if transaction.size() > max_bytes - bytes {
                misses += 1;
                continue;
            }
            bytes += transaction.size();
            best.push(transaction.clone());
            let successor = transaction.nonce() + 1;
            // The leader's own blocks may hold transactions that this pool never had, so that for their senders a
            // missing nonce below is no gap. Their balance is for execution to judge.
            if successor < queue.run_end() || in_flight.contains_key(&transaction.sender()) {
                following.extend(Next::at(queue, successor, *base_fee));
            }
        }
        best
    }
}
