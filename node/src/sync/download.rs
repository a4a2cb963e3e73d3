//! One range from one peer, signatures checked.

use crate::engine::Segment;
use baton_consensus::{
    finality::light_client::Trusted,
    reign::Reign,
    types::{ChainSegment, ExtraData, Height, VerifiedSealedBlock},
};
use baton_network::{BlocksByRange, NetworkHandle, PeerId, Request, RequestError, Response};
use rayon::prelude::*;
use std::sync::Arc;
use thiserror::Error;

/// Why a range could not be had from a peer.
#[derive(Debug, Error)]
pub(super) enum DownloadError {
    #[error(transparent)]
    Request(#[from] RequestError),
    #[error("it answered with something else than blocks")]
    OtherAnswer,
    #[error("it served what was not asked for, or a bad signature")]
    Invalid,
}

impl DownloadError {
    /// Whether the peer itself is to blame.
    pub(super) const fn is_lie(&self) -> bool {
        matches!(self, Self::OtherAnswer | Self::Invalid)
    }
}

/// Fetches `count` blocks from `from` on, with the announcements after `known`.
pub(super) async fn download(
    network: &NetworkHandle,
    peer: PeerId,
    reign: Arc<Reign>,
    (from, count): (Height, u32),
    known: ExtraData,
) -> Result<Segment, DownloadError> {
    let request = Request::BlocksByRange(BlocksByRange { from, count, known });
    let Response::BlocksByRange(segment) = network.request(peer, request).await? else {
        return Err(DownloadError::OtherAnswer);
    };
    let verified = tokio::task::spawn_blocking(move || verify(segment, &reign, from, count)).await;
    verified.ok().flatten().ok_or(DownloadError::Invalid)
}

fn verify(segment: ChainSegment, reign: &Reign, from: Height, count: u32) -> Option<Segment> {
    let ChainSegment { certificates, announcements, blocks, finality, change } = segment;
    if blocks.len() > count as usize {
        return None;
    }
    let electorate = &reign.electorate;
    let context = &electorate.context;
    let finality = finality.map(|proof| Trusted::reign(reign).verify(&[], &proof)).transpose().ok()?;
    let change = change.map(|change| change.verify(electorate).map(Box::new)).transpose().ok()?;
    let certificates =
        certificates.into_par_iter().map(|certificate| certificate.verify(electorate).ok()).collect::<Option<_>>()?;
    let announcements =
        announcements.into_par_iter().map(|signed| signed.verify(context).ok()).collect::<Option<_>>()?;
    let blocks = blocks
        .into_par_iter()
        .enumerate()
        .map(|(index, sealed)| {
            let block = Arc::new(sealed.block).verify(context).ok()?;
            let seal = sealed.seal.verify(context).ok()?;
            let in_place = block.height().0 == from.0 + index as u64 && seal.message().hash == block.hash();
            in_place.then_some(VerifiedSealedBlock { block, seal })
        })
        .collect::<Option<_>>()?;
    Some(Segment { certificates, finality, announcements, blocks, change })
}
