//! A block that is named, with what it stands on, from peers that may hold it beside their chain.

use crate::engine::Branch;
use alloy_primitives::B256;
use baton_consensus::{reign::Reign, types::Electorate};
use baton_network::{BlocksByHash, MAX_BRANCH_BLOCKS, NetworkHandle, Offence, PeerId, Protocol, Request, Response};
use std::sync::Arc;
use tracing::{debug, warn};

/// Peers that are asked for one block at most.
const ASKED: usize = 4;

/// Asks one peer after the other; what the first one that has the block says of it, signatures checked.
pub(super) async fn fetch(
    network: &NetworkHandle,
    peers: impl IntoIterator<Item = PeerId>,
    reign: &Arc<Reign>,
    hash: B256,
) -> Option<Branch> {
    for peer in peers.into_iter().take(ASKED) {
        let request = Request::BlocksByHash(BlocksByHash { hash, count: MAX_BRANCH_BLOCKS });
        let answer = match network.request(peer, request).await {
            Ok(Response::BlocksByHash(answer)) => answer,
            Ok(_) => continue,
            Err(error) => {
                debug!(%peer, %hash, %error, "a peer did not serve a block");
                continue;
            }
        };
        if answer.blocks.is_empty() {
            continue;
        }
        if !is_the_one(&answer, hash) {
            warn!(%peer, %hash, "a peer served other blocks than the one asked for and its ancestors");
            network.report_peer(peer, Offence::ServedLie, Protocol::BlocksByHash);
            continue;
        }
        let reign = Arc::clone(reign);
        match tokio::task::spawn_blocking(move || verify(answer, &reign.electorate)).await {
            Ok(Some(branch)) => return Some(branch),
            _ => {
                warn!(%peer, %hash, "a peer served a block with a bad signature");
                network.report_peer(peer, Offence::ServedInvalid, Protocol::BlocksByHash);
            }
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
    let context = &electorate.context;
    let mut verified = Vec::new();
    for found in blocks {
        let block = Arc::new(found.block).verify_by(context, |leader| electorate.set.contains(leader)).ok()?;
        let seal = found.seal.map(|seal| seal.verify(context)).transpose().ok()?;
        if seal.as_ref().is_some_and(|seal| seal.message().hash != block.hash()) {
            return None;
        }
        verified.push((block, seal));
    }
    verified.reverse();
    let certificates = certificates.into_iter().map(|certificate| certificate.verify(electorate).ok());
    let announcements = announcements.into_iter().map(|signed| signed.verify(context).ok());
    Some(Branch {
        certificates: certificates.collect::<Option<_>>()?,
        announcements: announcements.collect::<Option<_>>()?,
        blocks: verified,
    })
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
