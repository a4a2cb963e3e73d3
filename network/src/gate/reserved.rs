//! Peers for whom there is always room.

use libp2p::PeerId;
use std::{
    collections::{HashSet, VecDeque},
    net::IpAddr,
};

/// Addresses of reserved peers that are remembered.
const MAX_ADDRESSES: usize = 1024;

/// The peers for whom there is always room, and why.
#[derive(Debug, Default)]
pub(crate) struct Reserved {
    /// The sequencers.
    pub(crate) explicit: HashSet<PeerId>,
    /// Whom the operator trusts.
    pub(crate) trusted: HashSet<PeerId>,
    /// Whom the operator added.
    pub(crate) added: HashSet<PeerId>,
    addresses: VecDeque<IpAddr>,
}

impl Reserved {
    pub(crate) fn contains(&self, peer: &PeerId) -> bool {
        self.explicit.contains(peer) || self.trusted.contains(peer) || self.added.contains(peer)
    }

    /// A reserved peer was seen at this address.
    pub(super) fn seen(&mut self, ip: IpAddr) {
        if self.is_known(ip) {
            return;
        }
        if self.addresses.len() >= MAX_ADDRESSES {
            self.addresses.pop_front();
        }
        self.addresses.push_back(ip);
    }

    pub(super) fn is_known(&self, ip: IpAddr) -> bool {
        self.addresses.contains(&ip)
    }
}
