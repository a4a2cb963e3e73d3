//! The operator's own lists of peers: whom he trusts, and whom he wants to stay connected with.

use crate::{
    reconnect::named_peer,
    state_file::{self, Bounded},
};
use libp2p::{Multiaddr, PeerId};
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};
use thiserror::Error;

/// The file's name in the data directory.
pub(crate) const LISTS_FILE: &str = "peer-lists.json";

/// The most peers that an operator may trust, and the most that he may add.
pub const MAX_LISTED_PEERS: usize = 256;

/// Why a peer is not listed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ListError {
    /// The address does not say who is there.
    #[error("{0} does not end in /p2p/<peer id>")]
    NoPeer(Multiaddr),
    /// The node cannot be its own peer.
    #[error("this is the node itself")]
    Ourselves,
    /// There is no room for more.
    #[error("{MAX_LISTED_PEERS} peers are listed already; remove one first")]
    Full,
    /// The network has stopped.
    #[error("the network has stopped")]
    Stopped,
}

/// Whom the operator trusts and whom he added.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct PeerLists {
    /// Peers that have a reserved slot.
    pub(crate) trusted: BTreeSet<PeerId>,
    /// Peers to stay connected with, and where they are.
    pub(crate) added: BTreeMap<PeerId, Multiaddr>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Contents {
    trusted: Vec<String>,
    added: Vec<Multiaddr>,
}

impl Bounded for Contents {
    const VERSION: u32 = 1;
    const MAX_BYTES: u64 = 1 << 20;
}

impl PeerLists {
    /// The lists that a directory holds; empty ones if there are none, or, with a warning, if the file is damaged.
    pub(crate) fn load(directory: &Path) -> Self {
        let Some(Contents { trusted, added }) = state_file::read(&directory.join(LISTS_FILE)) else {
            return Self::default();
        };
        Self {
            trusted: trusted.iter().filter_map(|peer| peer.parse().ok()).take(MAX_LISTED_PEERS).collect(),
            added: added.into_iter().filter_map(|at| Some((named_peer(&at)?, at))).take(MAX_LISTED_PEERS).collect(),
        }
    }

    pub(crate) fn contents(&self) -> Contents {
        let trusted = self.trusted.iter().map(ToString::to_string).collect();
        Contents { trusted, added: self.added.values().cloned().collect() }
    }

    /// Trusts a peer; tells whether that is new.
    ///
    /// # Errors
    /// [`ListError::Full`].
    pub(crate) fn trust(&mut self, peer: PeerId) -> Result<bool, ListError> {
        if self.trusted.len() >= MAX_LISTED_PEERS && !self.trusted.contains(&peer) {
            return Err(ListError::Full);
        }
        Ok(self.trusted.insert(peer))
    }

    /// Adds the peer that an address names, or gives it another address; tells whether that is new.
    ///
    /// # Errors
    /// [`ListError`].
    pub(crate) fn add(&mut self, address: Multiaddr) -> Result<bool, ListError> {
        let Some(peer) = named_peer(&address) else { return Err(ListError::NoPeer(address)) };
        if self.added.len() >= MAX_LISTED_PEERS && !self.added.contains_key(&peer) {
            return Err(ListError::Full);
        }
        Ok(self.added.insert(peer, address.clone()) != Some(address))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(peer: PeerId) -> Multiaddr {
        format!("/ip4/203.0.113.1/tcp/30400/p2p/{peer}").parse().unwrap()
    }

    #[test]
    fn lists_are_bounded_and_survive() {
        let directory = tempfile::tempdir().unwrap();
        let mut lists = PeerLists::load(directory.path());
        for _ in 0..MAX_LISTED_PEERS {
            let peer = PeerId::random();
            assert_eq!((lists.trust(peer), lists.add(address(peer))), (Ok(true), Ok(true)));
            assert_eq!((lists.trust(peer), lists.add(address(peer))), (Ok(false), Ok(false)));
        }
        let another = PeerId::random();
        assert_eq!((lists.trust(another), lists.add(address(another))), (Err(ListError::Full), Err(ListError::Full)));
        let bare: Multiaddr = "/ip4/203.0.113.1/tcp/1".parse().unwrap();
        assert_eq!(lists.add(bare.clone()), Err(ListError::NoPeer(bare)));
        state_file::write(&directory.path().join(LISTS_FILE), &lists.contents()).unwrap();
        assert_eq!(PeerLists::load(directory.path()), lists);
    }
}
