//! Kademlia as this mesh uses it: a routing table of peers, and no stored values.

use super::{
    guard::{Dials, Guard},
    policy::AddressPolicy,
};
use crate::gossip::chain_prefix;
use baton_consensus::signing::SigningContext;
use libp2p::{
    Multiaddr, PeerId, StreamProtocol,
    kad::{self, BucketInserts, Caching, Mode, RoutingUpdate, StoreInserts, store::MemoryStore},
};
use std::time::Duration;

/// The largest message, in bytes: twenty peers with eight addresses each.
const MAX_PACKET: usize = 64 << 10;

/// How long one search may take.
const SEARCH_TIMEOUT: Duration = Duration::from_secs(20);

/// How long one peer may take to answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// The routing table and the searches in it.
pub(crate) type Kademlia = Guard<kad::Behaviour<MemoryStore>>;

/// The protocol's id: `/baton/<chain id>/<8 hex digits of genesis>/kad/1`.
pub(crate) fn protocol(chain: &SigningContext) -> StreamProtocol {
    // The prefix starts with a slash, which is all that a protocol id must do.
    StreamProtocol::try_from_owned(format!("{}/kad/1", chain_prefix(chain)))
        .unwrap_or_else(|_| StreamProtocol::new("/baton/unreachable/1"))
}

/// Sets the table up, empty. Who is in it, and under which addresses, only the policy decides; values and providers are never
/// stored, so that nobody fills a node's memory.
pub(crate) fn build(local: PeerId, chain: &SigningContext, policy: AddressPolicy, is_server: bool) -> Kademlia {
    let mut config = kad::Config::new(protocol(chain));
    config
        .set_kbucket_inserts(BucketInserts::Manual)
        .set_record_filtering(StoreInserts::FilterBoth)
        .set_caching(Caching::Disabled)
        .set_record_ttl(None)
        .set_replication_interval(None)
        .set_publication_interval(None)
        .set_provider_record_ttl(None)
        .set_provider_publication_interval(None)
        .set_periodic_bootstrap_interval(None)
        .set_max_packet_size(MAX_PACKET)
        .set_query_timeout(SEARCH_TIMEOUT)
        .set_substreams_timeout(ANSWER_TIMEOUT);
    let mut kademlia = kad::Behaviour::with_config(local, MemoryStore::new(local), config);
    kademlia.set_mode(Some(if is_server { Mode::Server } else { Mode::Client }));
    Guard::new(kademlia, policy, Dials::ToPeers)
}

/// Has the table name these addresses of the peer, and no others. Tells whether the peer is new in it.
pub(crate) fn insert(kademlia: &mut Kademlia, peer: &PeerId, addresses: &[Multiaddr]) -> bool {
    // The table has them with the peer's id.
    let addresses: Vec<_> = addresses.iter().filter_map(|address| address.clone().with_p2p(*peer).ok()).collect();
    let old = addresses_of(kademlia, peer);
    let mut is_in = old.is_some();
    for address in &addresses {
        is_in |= kademlia.add_address(peer, address.clone()) == RoutingUpdate::Success;
    }
    // A peer that changes its addresses must not pile them up.
    for address in old.iter().flatten().filter(|address| !addresses.contains(address)) {
        kademlia.remove_address(peer, address);
    }
    old.is_none() && is_in
}

fn addresses_of(kademlia: &mut Kademlia, peer: &PeerId) -> Option<Vec<Multiaddr>> {
    let bucket = kademlia.kbucket(*peer)?;
    let entry = bucket.iter().find(|entry| entry.node.key.preimage() == peer)?;
    Some(entry.node.value.iter().cloned().collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::B256;

    #[tokio::test]
    async fn the_table_has_what_a_peer_said_last() {
        let chain = SigningContext { chain_id: 7, genesis_hash: B256::ZERO };
        let mut kademlia = build(PeerId::random(), &chain, AddressPolicy::new(false), true);
        let peer = PeerId::random();
        let address = |port: u16| format!("/ip4/127.0.0.1/tcp/{port}").parse::<Multiaddr>().unwrap();
        let named = |port| address(port).with_p2p(peer).unwrap();
        assert!(insert(&mut kademlia, &peer, &[address(1), address(2)]));
        assert!(!insert(&mut kademlia, &peer, &[address(1), address(2)]), "it is known already");
        assert_eq!(addresses_of(&mut kademlia, &peer).unwrap(), [named(1), named(2)]);
        assert!(!insert(&mut kademlia, &peer, &[address(3)]));
        assert_eq!(addresses_of(&mut kademlia, &peer).unwrap(), [named(3)]);
    }

    #[test]
    fn the_protocol_names_the_chain() {
        let chain = SigningContext { chain_id: 7, genesis_hash: B256::repeat_byte(0xab) };
        assert_eq!(protocol(&chain).as_ref(), "/baton/7/abababab/kad/1");
    }
}
