//! From executed transactions to roots: the part that builder and checker share.

use alloy_consensus::{Eip2718EncodableReceipt, TxReceipt};
use alloy_eips::Encodable2718;
use alloy_primitives::{B256, Bloom};
use rayon::prelude::*;

use crate::{Receipt, StateError, StateReader, Transaction, evm::Executed, trie};

/// From how many items on encoding is shared among threads.
const PARALLEL: usize = 256;

/// What a header says about a block's execution.
pub(crate) struct Roots {
    pub(crate) state: B256,
    pub(crate) receipts: B256,
    pub(crate) bloom: Bloom,
}

/// The root over a block's transactions.
pub(crate) fn transactions_root(transactions: &[Transaction]) -> Result<B256, StateError> {
    trie::ordered_root(transactions.par_iter().with_min_len(PARALLEL).map(Encodable2718::encoded_2718).collect())
}

/// The roots after execution. The state's fills in `executed.diff`.
pub(crate) fn roots(
    state: &dyn StateReader,
    parent_state_root: B256,
    executed: &mut Executed,
) -> Result<Roots, StateError> {
    let Executed { receipts, diff, .. } = executed;
    let (state_root, receipts) = rayon::join(
        || trie::commit(state, parent_state_root, diff, trie::Integrity::Trust),
        || receipts_root(receipts),
    );
    let (receipts, bloom) = receipts?;
    Ok(Roots { state: state_root?, receipts, bloom })
}

fn receipts_root(receipts: &[Receipt]) -> Result<(B256, Bloom), StateError> {
    let (encoded, blooms): (Vec<_>, Vec<_>) = receipts
        .par_iter()
        .with_min_len(PARALLEL)
        .map(|receipt| {
            let bloom = receipt.bloom();
            let mut encoded = Vec::with_capacity(receipt.eip2718_encoded_length_with_bloom(&bloom));
            receipt.eip2718_encode_with_bloom(&bloom, &mut encoded);
            (encoded, bloom)
        })
        .unzip();
    let mut bloom = Bloom::ZERO;
    for other in &blooms {
        bloom.accrue_bloom(other);
    }
    Ok((trie::ordered_root(encoded)?, bloom))
}
