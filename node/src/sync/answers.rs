//! What peers that join, or are far behind, are answered: the ends of eras, headers, and states.

use super::snapshot::{Snapshots, header_proof};
use alloy_primitives::Bytes;
use baton_consensus::{
    codec,
    finality::light_client::MAX_HEADERS,
    types::{Era, Height},
};
use baton_network::{
    HeaderProof, HeadersRequest, MAX_SET_CHANGES, MAX_SET_CHANGES_BYTES, PeerId, Request, Responder, Response,
    SetChanges, SetChangesRequest,
};
use baton_storage::Store;
use eyre::bail;
use std::sync::Arc;
use tracing::debug;

/// What everything but set changes may take of an answer with them, in bytes.
const FRAME_BYTES: usize = 4 << 10;

impl Snapshots {
    /// Answers a request of a peer that joins. Reads the disk, and may take a while.
    pub fn answer(&self, peer: PeerId, request: &Request, responder: Responder) {
        match self.response(request) {
            Ok(response) => {
                if let Err(error) = responder.respond(&response) {
                    debug!(%peer, %error, "could not answer a peer that joins");
                }
            }
            // Anybody may ask for what is not there, as often as it likes.
            Err(error) => debug!(%peer, error = format!("{error:#}"), "cannot answer a peer that joins"),
        }
    }

    fn response(&self, request: &Request) -> eyre::Result<Response> {
        Ok(match request {
            Request::SetChanges(request) => Response::SetChanges(set_changes(self.store(), *request)?),
            Request::Headers(request) => Response::Headers(headers(self.store(), *request)?),
            Request::SnapshotOffers(_) => Response::SnapshotOffers(self.offers()?),
            Request::SnapshotChunk(request) => Response::SnapshotChunk(self.chunk(request)?),
            _ => bail!("not a request of a peer that joins"),
        })
    }
}

fn set_changes(store: &Store, request: SetChangesRequest) -> eyre::Result<SetChanges> {
    let SetChangesRequest { from, count } = request;
    let mut changes = store.set_changes(from, count.min(MAX_SET_CHANGES) as usize)?;
    let mut left = MAX_SET_CHANGES_BYTES - FRAME_BYTES;
    let fits = |change: &baton_consensus::finality::SetChange| {
        let bytes = codec::encode(change).len();
        let fits = bytes <= left;
        left = left.saturating_sub(bytes);
        fits
    };
    let fitting = changes.iter().map(fits).take_while(|fits| *fits).count();
    changes.truncate(fitting);
    let next = Era(from.0.saturating_add(changes.len() as u64));
    let finality = store.newest_finality()?.filter(|proof| proof.checkpoint.era == next).map(Arc::new);
    Ok(SetChanges { changes: changes.into_iter().map(Arc::new).collect(), finality })
}

fn headers(store: &Store, request: HeadersRequest) -> eyre::Result<HeaderProof> {
    match request {
        HeadersRequest::Proof(hash) => {
            let Some(height) = store.height_of(hash)? else { return Ok(HeaderProof::default()) };
            Ok(header_proof(store, height, MAX_HEADERS)?.unwrap_or_default())
        }
        HeadersRequest::Below(block, count) => {
            if store.block_hash(block.height)? != Some(block.hash) {
                return Ok(HeaderProof::default());
            }
            let count = u64::from(count).min(MAX_HEADERS as u64);
            let mut headers = Vec::new();
            for height in block.height.0.saturating_sub(count)..block.height.0 {
                let Some(stored) = store.header(Height(height))? else { continue };
                headers.push(Bytes::from(alloy_rlp::encode(&stored.header)));
            }
            Ok(HeaderProof { headers, finality: None })
        }
    }
}
