//! What a peer that joins is answered.

use crate::chain::LentState;
use alloy_consensus::EMPTY_ROOT_HASH;
use alloy_primitives::{B256, Bytes};
use baton_consensus::types::{BlockRef, Height};
use baton_execution::trie::{RangeProof, prove_range};
use baton_network::{
    Chunk, ChunkPart, HeaderProof, MAX_CHUNK_BYTES, MAX_CHUNK_CODES, MAX_CHUNK_TRIES, MAX_OFFER_HEADERS,
    MAX_SNAPSHOT_OFFERS, SnapshotOffers, TrieLeaf, TrieRange,
};
use baton_storage::{PinnedState, StateView, Store};
use eyre::{OptionExt, WrapErr};
use std::sync::Arc;

/// Bytes of keys and values in one answer: about half a MiB, so that a slow link delivers it in time and a lie costs little.
/// The nodes of the proofs come on top.
const CHUNK_BYTES: usize = 512 << 10;

/// Bytes of code in one answer.
const CODE_BYTES: usize = MAX_CHUNK_BYTES / 2;

/// What a leaf and a range count for besides their content, in bytes.
const OVERHEAD: usize = 40;

/// The offer of each block that has few enough headers up to one with a finality proof.
pub(super) fn offers(store: &Store, blocks: &[BlockRef]) -> eyre::Result<SnapshotOffers> {
    let mut offers = Vec::new();
    for block in blocks {
        if let Some(proof) = header_proof(store, block.height, MAX_OFFER_HEADERS)? {
            offers.push(proof);
        }
    }
    offers.truncate(MAX_SNAPSHOT_OFFERS);
    Ok(SnapshotOffers { offers })
}

/// The headers from a height up to the lowest block that has a finality proof; none if there is no such, or too far above.
pub(in crate::sync) fn header_proof(store: &Store, height: Height, most: usize) -> eyre::Result<Option<HeaderProof>> {
    let Some((top, finality)) = store.finality_proof_from(height)? else { return Ok(None) };
    if top.0 - height.0 >= most as u64 {
        return Ok(None);
    }
    let headers = (height.0..=top.0).map(|height| {
        let header = store.header(Height(height))?.ok_or_eyre("a header below a final block is missing")?;
        eyre::Ok(Bytes::from(alloy_rlp::encode(&header.header)))
    });
    Ok(Some(HeaderProof { headers: headers.collect::<eyre::Result<_>>()?, finality: Some(Arc::new(finality)) }))
}

/// A piece of a pinned state.
pub(super) fn chunk(store: &Store, state: &PinnedState, part: ChunkPart) -> eyre::Result<Chunk> {
    let header = store.header(state.block().height)?.ok_or_eyre("the header of a pinned block is missing")?.header;
    state.read(move |view| match part {
        ChunkPart::Accounts(from) => accounts(view, header.state_root, from),
        ChunkPart::Storage(tries, from) => storage(view, &tries, from),
        ChunkPart::Code(hashes) => code(view, &hashes),
    })?
}

fn accounts(view: &StateView<'_>, root: B256, from: B256) -> eyre::Result<Chunk> {
    let range = prove_range(&LentState::new(view), None, root, from, CHUNK_BYTES)?;
    let address = |key| Ok(view.address_of(key)?.ok_or_eyre("an address is not known")?.to_vec().into());
    Ok(Chunk::Accounts(on_the_wire(range, address)?))
}

fn storage(view: &StateView<'_>, tries: &[(B256, B256)], from: B256) -> eyre::Result<Chunk> {
    let mut ranges = Vec::new();
    let (mut left, mut from) = (CHUNK_BYTES, from);
    for (owner, root) in tries.iter().take(MAX_CHUNK_TRIES) {
        let range = match *root {
            EMPTY_ROOT_HASH => RangeProof::default(),
            root => prove_range(&LentState::new(view), Some(*owner), root, from, left)
                .wrap_err("the storage that a peer asks for is not in the state")?,
        };
        let slot = |key| {
            let slot = view.slot_of(key)?.ok_or_eyre("a slot is not known")?;
            Ok(slot.to_be_bytes::<32>().into())
        };
        let range = on_the_wire(range, slot)?;
        left = left.saturating_sub(size(&range));
        let more = range.more;
        ranges.push(range);
        if more || left == 0 {
            break;
        }
        from = B256::ZERO;
    }
    Ok(Chunk::Storage(ranges))
}

fn code(view: &StateView<'_>, hashes: &[B256]) -> eyre::Result<Chunk> {
    let (mut codes, mut bytes) = (Vec::new(), 0);
    for hash in hashes.iter().take(MAX_CHUNK_CODES) {
        let code = view.code(*hash)?.ok_or_eyre("the code that a peer asks for is not in the state")?;
        bytes += code.len() + OVERHEAD;
        if bytes > CODE_BYTES && !codes.is_empty() {
            break;
        }
        codes.push(code);
    }
    Ok(Chunk::Code(codes))
}

fn on_the_wire(range: RangeProof, preimage: impl Fn(B256) -> eyre::Result<Bytes>) -> eyre::Result<TrieRange> {
    let RangeProof { leaves, more, nodes } = range;
    let leaf = |leaf: baton_execution::trie::Leaf| Ok(TrieLeaf { key: preimage(leaf.key)?, value: leaf.value });
    Ok(TrieRange { leaves: leaves.into_iter().map(leaf).collect::<eyre::Result<_>>()?, proof: nodes, more })
}

/// The bytes that a range takes, about.
fn size(range: &TrieRange) -> usize {
    let leaves = range.leaves.iter().map(|leaf| leaf.key.len() + leaf.value.len() + OVERHEAD);
    OVERHEAD + leaves.sum::<usize>() + range.proof.iter().map(|node| node.len() + OVERHEAD).sum::<usize>()
}
