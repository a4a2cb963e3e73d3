//! Which addresses are believed, dialed and spread: private ones stay in private networks.
//!
//! A node's *surroundings* are the widest scope that it has to do with: that of an address at which it listens or is reached,
//! or of a peer's far end. On a laptop's loopback testnet that is the loopback interface, in a company's network the private
//! one, and the whole internet as soon as one peer is there. Two rules follow:
//!
//! - **Hearsay** (what a third peer tells, and what this node tells others): an address must reach at least as far as the
//!   surroundings. So a testnet spreads `127.0.0.1`, and on the internet nobody tells, stores in a routing table, or dials
//!   `10.0.0.1` because somebody said so.
//! - **First hand** (what a peer tells of itself over a connection): an address must reach at least as far as the connection
//!   does. Two nodes in one private network find each other's private addresses, wherever else they are connected.
//!
//! An operator whose mesh lives in a private network and is on the internet as well says so
//! ([`crate::DiscoveryConfig::private_addresses`]): then private networks count as if they were the whole world.

use super::scope::{self, Scope};
use libp2p::{Multiaddr, PeerId};
use std::sync::{
    Arc,
    atomic::{AtomicU8, Ordering},
};

/// The most addresses that are taken from one peer at a time.
pub(crate) const MAX_PEER_ADDRESSES: usize = 8;

/// Judges addresses. Cheap to clone; all clones share the surroundings.
#[derive(Clone, Debug)]
pub(crate) struct AddressPolicy {
    surroundings: Arc<AtomicU8>,
    widest: Scope,
}

impl AddressPolicy {
    /// Starts with the narrowest surroundings.
    pub(crate) fn new(private_addresses: bool) -> Self {
        let widest = if private_addresses { Scope::Private } else { Scope::Global };
        Self { surroundings: Arc::new(AtomicU8::new(Scope::Loopback as u8)), widest }
    }

    /// The widest scope that this node has to do with.
    pub(crate) fn surroundings(&self) -> Scope {
        match self.surroundings.load(Ordering::Relaxed) {
            0 => Scope::Loopback,
            1 => Scope::LinkLocal,
            2 => Scope::Private,
            _ => Scope::Global,
        }
    }

    /// The node has to do with this address; tells whether that is a wider scope than before.
    pub(crate) fn widen(&self, address: &Multiaddr) -> bool {
        let Some(scope) = scope::scope(address) else { return false };
        let scope = scope.min(self.widest) as u8;
        self.surroundings.fetch_max(scope, Ordering::Relaxed) < scope
    }

    /// Whether an address may be told to others, and dialed although a third peer told it.
    pub(crate) fn hearsay(&self, address: &Multiaddr) -> bool {
        scope::scope(address).is_some_and(|scope| scope >= self.surroundings())
    }

    /// What a peer tells of itself over a connection to `far_end`: the addresses to believe, without its id, bounded.
    pub(crate) fn first_hand(&self, peer: &PeerId, addresses: &[Multiaddr], far_end: &Multiaddr) -> Vec<Multiaddr> {
        let reach = scope::scope(far_end).unwrap_or(Scope::Global).min(self.widest);
        let believed = |address: &&Multiaddr| scope::scope(address).is_some_and(|scope| scope >= reach);
        collect(peer, addresses.iter().filter(believed))
    }

    /// What a third peer tells of a peer: the addresses to dial, without its id, bounded.
    pub(crate) fn second_hand(&self, peer: &PeerId, addresses: &[Multiaddr]) -> Vec<Multiaddr> {
        collect(peer, addresses.iter().filter(|address| self.hearsay(address)))
    }
}

fn collect<'a>(peer: &PeerId, addresses: impl Iterator<Item = &'a Multiaddr>) -> Vec<Multiaddr> {
    let mut taken = Vec::new();
    for address in addresses.filter_map(|address| scope::of_peer(peer, address)) {
        if taken.len() >= MAX_PEER_ADDRESSES {
            break;
        }
        if !taken.contains(&address) {
            taken.push(address);
        }
    }
    taken
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOOPBACK: &str = "/ip4/127.0.0.1/tcp/1";
    const PRIVATE: &str = "/ip4/10.0.0.1/tcp/1";
    const BENCHMARK: &str = "/ip4/198.18.0.1/tcp/1";
    const GLOBAL: &str = "/ip4/8.8.8.8/tcp/1";

    fn address(text: &str) -> Multiaddr {
        text.parse().unwrap()
    }

    fn spread(policy: &AddressPolicy) -> Vec<&'static str> {
        [LOOPBACK, PRIVATE, BENCHMARK, GLOBAL].into_iter().filter(|text| policy.hearsay(&address(text))).collect()
    }

    #[test]
    fn addresses_are_spread_that_reach_as_far_as_the_surroundings() {
        let policy = AddressPolicy::new(false);
        assert_eq!(spread(&policy), [LOOPBACK, PRIVATE, BENCHMARK, GLOBAL]);
        assert!(!policy.widen(&address(LOOPBACK)));
        assert!(policy.widen(&address(BENCHMARK)));
        assert_eq!(spread(&policy), [PRIVATE, BENCHMARK, GLOBAL]);
        assert!(policy.clone().widen(&address(GLOBAL)));
        assert!(!policy.widen(&address(PRIVATE)), "surroundings never shrink");
        assert_eq!(spread(&policy), [GLOBAL]);
        assert!(!policy.widen(&address("/ip4/0.0.0.0/tcp/1")), "what is absurd says nothing");
    }

    #[test]
    fn a_private_mesh_on_the_internet_keeps_its_addresses_if_its_operator_says_so() {
        let policy = AddressPolicy::new(true);
        assert!(policy.widen(&address(GLOBAL)));
        assert_eq!(spread(&policy), [PRIVATE, BENCHMARK, GLOBAL]);
    }

    #[test]
    fn peers_are_believed_what_reaches_as_far_as_the_connection() {
        let (policy, peer) = (AddressPolicy::new(false), PeerId::random());
        let told = [LOOPBACK, PRIVATE, GLOBAL, "/ip4/0.0.0.0/tcp/1", "/ip4/8.8.8.8/tcp/0"].map(address);
        let over = |far_end: &str| policy.first_hand(&peer, &told, &address(far_end)).len();
        assert_eq!((over(LOOPBACK), over(PRIVATE), over("/ip4/9.9.9.9/tcp/5")), (3, 2, 1));
        policy.widen(&address(GLOBAL));
        assert_eq!((over(LOOPBACK), over(PRIVATE)), (3, 2), "a neighbour is a neighbour, whatever else there is");
        assert_eq!(policy.second_hand(&peer, &told), [address(GLOBAL)]);
    }

    #[test]
    fn a_peer_is_believed_few_addresses_and_each_once() {
        let (policy, peer) = (AddressPolicy::new(false), PeerId::random());
        let told: Vec<_> = (1..50).map(|port| address(&format!("/ip4/8.8.8.8/tcp/{}", port / 2 + 1))).collect();
        let believed = policy.second_hand(&peer, &told);
        assert_eq!(believed.len(), MAX_PEER_ADDRESSES);
        assert!(believed.windows(2).all(|pair| pair[0] != pair[1]));
    }
}
