//! Which state to take over.

use crate::sync::{
    provenance::Provenance,
    servers::{Fault, Servers},
};
use alloy_primitives::B256;
use baton_consensus::types::{BlockRef, Height};
use baton_network::{HeaderProof, PeerId, Protocol, Request, Response, SnapshotOffersRequest};
use futures::{StreamExt, stream};
use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
};

/// How many peers are asked at most what they offer.
const ASKED: usize = 32;

/// How many of them at a time.
const ASKED_AT_ONCE: usize = 8;

/// A state that is proven final.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::sync) struct Target {
    /// The block after which it is.
    pub(in crate::sync) block: BlockRef,
    /// Its root.
    pub(in crate::sync) state_root: B256,
    /// What makes the block final.
    pub(in crate::sync) proof: HeaderProof,
}

/// What peers offer.
#[derive(Clone, Debug, Default)]
pub(in crate::sync) struct Offers {
    targets: HashMap<BlockRef, Arc<Target>>,
    holders: BTreeMap<BlockRef, HashSet<PeerId>>,
}

impl Offers {
    /// Asks the peers what they offer, and verifies it.
    pub(in crate::sync) async fn ask(servers: &Servers, known: &Arc<Provenance>) -> Self {
        Self::ask_of(servers, known, servers.ready().into_iter().map(|peer| peer.id)).await
    }

    /// Asks these peers what they offer, and verifies it.
    pub(in crate::sync) async fn ask_of(
        servers: &Servers,
        known: &Arc<Provenance>,
        peers: impl Iterator<Item = PeerId>,
    ) -> Self {
        let peers: Vec<_> = peers.take(ASKED).collect();
        let answers = stream::iter(peers).map(|peer| async move { (peer, offers_of(servers, known, peer).await) });
        let mut answers = answers.buffer_unordered(ASKED_AT_ONCE);
        let mut offers = Self::default();
        while let Some((peer, targets)) = answers.next().await {
            for target in targets.into_iter().filter(|target| !servers.has_withdrawn(peer, target.block)) {
                offers.holders.entry(target.block).or_default().insert(peer);
                offers.targets.entry(target.block).or_insert_with(|| Arc::new(target));
            }
        }
        offers
    }

    /// The newest of the states that are offered by more than half as many peers as the one that most offer: honest peers
    /// hold the same ones, so that a few who offer what they do not serve are outnumbered.
    pub(in crate::sync) fn best(&self) -> Option<(Arc<Target>, HashSet<PeerId>)> {
        let most = self.holders.values().map(HashSet::len).max()?;
        let (block, holders) = self.holders.iter().rev().find(|(_, holders)| 2 * holders.len() > most)?;
        Some((Arc::clone(self.targets.get(block)?), holders.clone()))
    }

    /// A state by its block, with those who offer it.
    pub(in crate::sync) fn of(&self, block: BlockRef) -> Option<(Arc<Target>, HashSet<PeerId>)> {
        Some((Arc::clone(self.targets.get(&block)?), self.holders.get(&block)?.clone()))
    }
}

async fn offers_of(servers: &Servers, known: &Arc<Provenance>, peer: PeerId) -> Vec<Target> {
    let Ok(Response::SnapshotOffers(answer)) =
        servers.ask(peer, Request::SnapshotOffers(SnapshotOffersRequest {})).await
    else {
        return Vec::new();
    };
    let known = Arc::clone(known);
    let verified = tokio::task::spawn_blocking(move || {
        let (mut targets, mut lie) = (Vec::new(), None);
        for proof in answer.offers {
            // It may be of an era that began since the proofs were fetched.
            if proof.finality.as_ref().is_some_and(|finality| finality.checkpoint.era > known.era()) {
                continue;
            }
            match known.prove(&proof) {
                Ok(proven) if proven.block.height > Height(0) => {
                    targets.push(Target { block: proven.block, state_root: proven.header.state_root, proof });
                }
                Ok(_) => {}
                Err(error) => lie = Some(error.to_string()),
            }
        }
        (targets, lie)
    });
    let Ok((targets, lie)) = verified.await else { return Vec::new() };
    if let Some(what) = lie {
        servers.blame(
            peer,
            &Fault::Invalid(Protocol::SnapshotOffers, format!("a state is offered whose block is not final: {what}")),
        );
        return Vec::new();
    }
    targets
}
