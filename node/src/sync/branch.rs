//! A block that is named, with what it stands on, from peers that may hold it beside their chain.

use crate::engine::Branch;
use alloy_primitives::B256;
use baton_consensus::{reign::Reign, types::Electorate};
use baton_network::{BlocksByHash, MAX_BRANCH_BLOCKS, NetworkHandle, PeerId, Request, Response};
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
        let reign = Arc::clone(reign);
        match tokio::task::spawn_blocking(move || verify(answer, &reign.electorate, hash)).await {
            Ok(Some(branch)) => return Some(branch),
            _ => warn!(%peer, %hash, "a peer served another block than the one asked for, or a bad signature"),
        }
    }
    None
}

/// Checks the signatures, and that the blocks are the one asked for and its ancestors, highest first.
fn verify(answer: baton_network::Branch, electorate: &Electorate, mut hash: B256) -> Option<Branch> {
    let baton_network::Branch { certificates, announcements, blocks } = answer;
    let context = &electorate.context;
    let mut verified = Vec::new();
    for found in blocks {
        let block = Arc::new(found.block).verify_by(context, |leader| electorate.set.contains(leader)).ok()?;
        let seal = found.seal.map(|seal| seal.verify(context)).transpose().ok()?;
        if block.hash() != hash || seal.as_ref().is_some_and(|seal| seal.message().hash != hash) {
            return None;
        }
        hash = block.parent();
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
