//! How an own block leaves: its transactions by hash, but for those that others may not have yet.

use crate::mempool::PoolHandle;
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::B256;
use baton_consensus::types::{CompactBlock, SignedBlock};
use std::{
    collections::HashSet,
    time::{Duration, Instant},
};

/// What came to this node longer ago is in the other pools as well.
const FRESH: Duration = Duration::from_secs(1);

/// What may travel whole, in bytes of encodings. A block that is smaller needs nobody's pool at all.
const WHOLE_BYTES: usize = 16 << 10;

/// The compact form of an own block: the newest transactions whole, as many as fit.
pub(super) fn compact(block: &SignedBlock, pool: &PoolHandle) -> CompactBlock {
    let now = Instant::now();
    let transactions = block.block.body.transactions.iter();
    let aged = transactions.map(|transaction| {
        let hash = *transaction.tx_hash();
        let age = pool.find(&hash).map(|pooled| now.saturating_duration_since(pooled.received_at()));
        (age.unwrap_or_default(), hash, transaction.encode_2718_len())
    });
    let fresh = newest(aged.collect());
    CompactBlock::of(block, |transaction| fresh.contains(transaction.tx_hash()))
}

/// A block with everything in it, to compare with.
pub(super) fn whole(block: &SignedBlock) -> CompactBlock {
    CompactBlock::of(block, |_| true)
}

/// The newest of transactions with their ages and sizes, as many as fit.
fn newest(mut aged: Vec<(Duration, B256, usize)>) -> HashSet<B256> {
    aged.sort_by_key(|(age, ..)| *age);
    let mut left = WHOLE_BYTES;
    let fits = |(age, _, size): &(Duration, B256, usize)| {
        let fits = *age < FRESH && *size <= left;
        left = left.saturating_sub(*size);
        fits
    };
    aged.into_iter().take_while(fits).map(|(_, hash, _)| hash).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_travel_whole_as_far_as_they_fit() {
        let transaction = |number: u8, age: u64, size| (Duration::from_millis(age), B256::repeat_byte(number), size);
        let chosen = newest(vec![
            transaction(1, 900, 10_000),
            transaction(2, 10, 6_000),
            transaction(3, 20, 6_000),
            transaction(4, 1_500, 10),
        ]);
        assert_eq!(chosen, [2, 3].map(B256::repeat_byte).into());
        assert_eq!(newest(vec![transaction(1, 0, WHOLE_BYTES + 1)]), HashSet::new());
        assert_eq!(newest(vec![transaction(1, 0, 100), transaction(2, 1_000, 100)]).len(), 1);
    }
}
