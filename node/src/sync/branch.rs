//! A block that is named, with what it stands on, from peers that may hold it beside their chain.

use super::{
    download::{verify_block, verify_schedule},
    servers::{Fault, Servers},
};
use crate::engine::Branch;
use alloy_primitives::B256;
use baton_consensus::{
    reign::Reign,
    types::{Electorate, Height},
};
use baton_network::{BlocksByHash, BranchBlock, MAX_BRANCH_BLOCKS, PeerId, Protocol, Request, Response};
use std::sync::Arc;
use tracing::warn;

/// Peers that are asked for one block at most.
const ASKED: usize = 4;

/// Asks one peer after the other; what the first one that has the block says of it, signatures checked.
pub(super) async fn fetch(
    servers: &Servers,
    peers: impl IntoIterator<Item = PeerId>,
    reign: &Arc<Reign>,
    hash: B256,
) -> Option<Branch> {
    for peer in peers.into_iter().take(ASKED) {
        let request = Request::BlocksByHash(BlocksByHash { hash, count: MAX_BRANCH_BLOCKS });
        let Ok(Response::BlocksByHash(answer)) = servers.ask(peer, request).await else { continue };
        if answer.blocks.is_empty() {
            continue;
        }
        if !is_the_one(&answer, hash) {
            let what = format!("other blocks than {hash}, which was asked for, and its ancestors");
            servers.blame(peer, &Fault::Lie(Protocol::BlocksByHash, what));
            continue;
        }
        let reign = Arc::clone(reign);
        match tokio::task::spawn_blocking(move || verify(answer, &reign.electorate)).await {
            Ok(Some(branch)) => return Some(branch),
            Ok(None) => {
                let what = format!("a bad signature on {hash} or below");
                servers.blame(peer, &Fault::Invalid(Protocol::BlocksByHash, what));
            }
            Err(error) => warn!(%error, "checking a block failed"),
        }
    }
    None
}

/// Whether the blocks are the one asked for and its ancestors, highest first. Hashes tell, whoever is in the set.
fn is_the_one(answer: &baton_network::Branch, mut hash: B256) -> bool {
    answer.blocks.iter().all(|found| {
        let header = &found.block.block.header;
        let is_next = header.hash_slow() == hash;
        hash = header.parent_hash;
        is_next
    })
}

/// Checks the signatures.
fn verify(answer: baton_network::Branch, electorate: &Electorate) -> Option<Branch> {
    let baton_network::Branch { certificates, announcements, blocks } = answer;
    let mut verified = Vec::new();
    for BranchBlock { block, seal } in blocks {
        let height = Height(block.block.header.number);
        let (block, seal) = verify_block(block, seal, height, electorate).ok()?;
        verified.push((block, seal));
    }
    verified.reverse();
    let (certificates, announcements) = verify_schedule(certificates, announcements, electorate).ok()?;
    Some(Branch { certificates, announcements, blocks: verified })
}

#[cfg(test)]
mod tests {
    use super::*;
    use baton_consensus::{
        signing::Signature,
        types::{Block, SignedBlock},
    };
    use baton_network::BranchBlock;

    #[test]
    fn only_the_block_asked_for_and_its_ancestors_are_taken() {
        let block = |parent: B256| {
            let mut block = Block::default();
            block.header.parent_hash = parent;
            BranchBlock { block: SignedBlock { block, signature: Signature::ZERO }, seal: None }
        };
        let low = block(B256::repeat_byte(1));
        let low_hash = low.block.block.header.hash_slow();
        let high = block(low_hash);
        let hash = high.block.block.header.hash_slow();
        let branch = |blocks: &[&BranchBlock]| baton_network::Branch {
            blocks: blocks.iter().map(|block| (*block).clone()).collect(),
            ..baton_network::Branch::default()
        };
        assert!(is_the_one(&branch(&[&high, &low]), hash));
        assert!(is_the_one(&branch(&[&high]), hash));
        for wrong in [&[&low, &high][..], &[&low], &[&high, &high]] {
            assert!(!is_the_one(&branch(wrong), hash));
        }
    }
}
