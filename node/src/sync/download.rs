//! One range from one peer, signatures checked.

use super::servers::Servers;
use crate::engine::Segment;
use alloy_primitives::B256;
use baton_consensus::{
    certificate::{TermCertificate, VerifiedCertificate},
    finality::light_client::Trusted,
    messages::{Announcement, Seal},
    reign::Reign,
    signing::{Signed, Verified},
    types::{
        BlockRef, ChainSegment, Electorate, ExtraData, Height, MalformedBlock, SealedBlock, SignedBlock, VerifiedBlock,
        VerifiedSealedBlock,
    },
};
use baton_network::{BlocksByRange, PeerId, Request, Response};
use rayon::prelude::*;
use std::sync::Arc;
use thiserror::Error;

/// Why a range could not be had from a peer.
#[derive(Debug, Error)]
pub(super) enum DownloadError {
    /// It did not answer. Why is noted already.
    #[error("no answer")]
    NoAnswer,
    #[error("an answer of another kind than blocks")]
    OtherAnswer,
    #[error("more blocks than were asked for")]
    TooMany,
    #[error("a finality proof, or the end of an era, that proves nothing")]
    Finality,
    #[error("a certificate that opens no term")]
    Certificate,
    #[error("an announcement with a bad signature")]
    Announcement,
    #[error("block {0} with a bad signature or seal, or at the wrong height")]
    Block(Height),
    #[error("block {0} with transactions that are not those of its header")]
    Body(Height),
    #[error("block {0}, which is not on the one before it")]
    Link(Height),
    /// It contradicts what is proven final.
    #[error("block {served}, where block {is_final} is proven final")]
    Contradicts { served: BlockRef, is_final: BlockRef },
    #[error("checking it failed")]
    Check,
}

impl DownloadError {
    /// Whether the peer itself is to blame, and was not blamed yet.
    pub(super) const fn is_lie(&self) -> bool {
        !matches!(self, Self::NoAnswer | Self::Check)
    }
}

/// What must not be contradicted: blocks that are proven final.
pub(super) type Anchors = Arc<[BlockRef]>;

/// Fetches `count` blocks from `from` on, with the announcements after `known`.
pub(super) async fn download(
    servers: &Servers,
    peer: PeerId,
    reign: Arc<Reign>,
    (from, count): (Height, u32),
    known: ExtraData,
    anchors: Anchors,
) -> Result<Segment, DownloadError> {
    let request = Request::BlocksByRange(BlocksByRange { from, count, known });
    let Response::BlocksByRange(segment) = servers.ask(peer, request).await.map_err(|_| DownloadError::NoAnswer)?
    else {
        return Err(DownloadError::OtherAnswer);
    };
    let verified = tokio::task::spawn_blocking(move || verify(segment, &reign, from, count, &anchors)).await;
    verified.unwrap_or(Err(DownloadError::Check))
}

fn verify(
    segment: ChainSegment,
    reign: &Reign,
    from: Height,
    count: u32,
    anchors: &[BlockRef],
) -> Result<Segment, DownloadError> {
    let ChainSegment { certificates, announcements, blocks, finality, change } = segment;
    if blocks.len() > count as usize {
        return Err(DownloadError::TooMany);
    }
    let electorate = &reign.electorate;
    let finality = finality.map(|proof| Trusted::reign(reign).verify(&[], &proof)).transpose();
    let finality = finality.map_err(|_| DownloadError::Finality)?;
    let change = change.map(|change| change.verify(electorate).map(Box::new)).transpose();
    let change = change.map_err(|_| DownloadError::Finality)?;
    let (certificates, announcements) = verify_schedule(certificates, announcements, electorate)?;
    let blocks: Vec<_> = blocks
        .into_par_iter()
        .enumerate()
        .map(|(index, SealedBlock { block, seal })| {
            let height = Height(from.0.saturating_add(index as u64));
            match verify_block(block, Some(seal), height, electorate)? {
                (block, Some(seal)) => Ok(VerifiedSealedBlock { block, seal }),
                (_, None) => Err(DownloadError::Block(height)),
            }
        })
        .collect::<Result<_, _>>()?;
    check_links(&blocks)?;
    let of_finality = finality.as_ref().map(baton_consensus::finality::VerifiedFinality::block);
    let of_change = change.as_ref().map(|change| change.finality().block());
    check_anchors(&blocks, anchors.iter().copied().chain(of_finality).chain(of_change))?;
    Ok(Segment { certificates, finality, announcements, blocks, change })
}

/// Checks what opened terms, and the signatures of announcements.
pub(super) fn verify_schedule(
    certificates: Vec<Arc<TermCertificate>>,
    announcements: Vec<Signed<Announcement>>,
    electorate: &Electorate,
) -> Result<(Vec<VerifiedCertificate>, Vec<Verified<Announcement>>), DownloadError> {
    let certificates = certificates.into_par_iter().map(|certificate| certificate.verify(electorate));
    let certificates = certificates.collect::<Result<_, _>>().map_err(|_| DownloadError::Certificate)?;
    let announcements = announcements.into_par_iter().map(|announcement| {
        let announcement = announcement.verify(&electorate.context).ok();
        announcement.filter(|announcement| electorate.set.contains(announcement.signer()))
    });
    let announcements = announcements.collect::<Option<_>>().ok_or(DownloadError::Announcement)?;
    Ok((certificates, announcements))
}

/// Checks that a block is of this height, that a member leads it and signed it, and that the seal, if there is one, is on it.
pub(super) fn verify_block(
    block: SignedBlock,
    seal: Option<Signed<Seal>>,
    height: Height,
    electorate: &Electorate,
) -> Result<(VerifiedBlock, Option<Verified<Seal>>), DownloadError> {
    let context = &electorate.context;
    let block = match Arc::new(block).verify_by(context, |leader| electorate.set.contains(leader)) {
        Ok(block) if block.height() == height => block,
        Err(MalformedBlock::Body(_)) => return Err(DownloadError::Body(height)),
        _ => return Err(DownloadError::Block(height)),
    };
    let seal = seal.map(|seal| seal.verify(context)).transpose().map_err(|_| DownloadError::Block(height))?;
    match seal.as_ref().is_none_or(|seal| seal.message().hash == block.hash()) {
        true => Ok((block, seal)),
        false => Err(DownloadError::Block(height)),
    }
}

fn check_links(blocks: &[VerifiedSealedBlock]) -> Result<(), DownloadError> {
    let broken = blocks.windows(2).find(|pair| pair[1].block.parent() != pair[0].block.hash());
    broken.map_or(Ok(()), |pair| Err(DownloadError::Link(pair[1].block.height())))
}

/// Holds the blocks, and the parent of the first, against what is proven final.
fn check_anchors(blocks: &[VerifiedSealedBlock], anchors: impl Iterator<Item = BlockRef>) -> Result<(), DownloadError> {
    let Some(first) = blocks.first() else { return Ok(()) };
    let parent = BlockRef { height: first.block.height().previous(), hash: first.block.parent() };
    for is_final in anchors {
        let at = is_final.height.0.checked_sub(parent.height.0).and_then(|at| usize::try_from(at).ok());
        let served = match at {
            Some(0) => Some(parent),
            Some(at) => blocks.get(at - 1).map(|sealed| sealed.block.reference()),
            None => None,
        };
        if let Some(served) = served.filter(|served| *served != is_final) {
            return Err(DownloadError::Contradicts { served, is_final });
        }
    }
    Ok(())
}

/// The hash of the parent of the first block.
pub(super) fn parent_of(segment: &Segment) -> Option<B256> {
    segment.blocks.first().map(|sealed| sealed.block.parent())
}
