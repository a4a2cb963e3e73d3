//! The protocols of libp2p by which a node finds peers and is found.

use super::{
    guard::{Dials, Guard},
    kademlia::{self, Kademlia},
    policy::AddressPolicy,
};
use crate::{
    config::{NetworkConfig, RelayUse},
    error::NetworkError,
};
use libp2p::{
    Multiaddr, PeerId, autonat, dcutr, mdns,
    multiaddr::Protocol,
    relay,
    swarm::{NetworkBehaviour, behaviour::toggle::Toggle},
    upnp,
};

#[derive(NetworkBehaviour)]
pub(crate) struct DiscoveryBehaviour {
    pub(crate) kademlia: Kademlia,
    pub(crate) autonat: Guard<autonat::v2::client::Behaviour>,
    mdns: Toggle<mdns::tokio::Behaviour>,
    upnp: Toggle<upnp::tokio::Behaviour>,
    relay: relay::client::Behaviour,
    hole_punching: Toggle<dcutr::Behaviour>,
}

impl DiscoveryBehaviour {
    pub(crate) fn new(
        config: &NetworkConfig,
        local: PeerId,
        policy: &AddressPolicy,
        relay: relay::client::Behaviour,
    ) -> Result<Self, NetworkError> {
        let mdns = config.discovery.mdns.then(|| mdns::tokio::Behaviour::new(mdns::Config::default(), local));
        let mdns = mdns.transpose().map_err(|error| NetworkError::Setup {
            what: "mDNS (does this machine allow multicast?)",
            reason: error.to_string(),
        })?;
        let upnp = config.discovery.upnp && needs_a_gateway(&config.listen, &config.external_addresses);
        let punches = config.discovery.relay != RelayUse::Never;
        let is_server = config.discovery.search && !config.listen.is_empty();
        Ok(Self {
            kademlia: kademlia::build(local, &config.chain, policy.clone(), is_server),
            autonat: Guard::new(autonat::v2::client::Behaviour::default(), policy.clone(), Dials::OnRequest),
            mdns: mdns.into(),
            upnp: upnp.then(upnp::tokio::Behaviour::default).into(),
            relay,
            hole_punching: punches.then(|| dcutr::Behaviour::new(local)).into(),
        })
    }
}

/// Whether a gateway can help: the operator names no external address, and the node listens on more than the loopback
/// interface. So a testnet never asks the router of the house to open a port.
fn needs_a_gateway(listen: &[Multiaddr], external: &[Multiaddr]) -> bool {
    let beyond_loopback = |address: &Multiaddr| match address.iter().next() {
        Some(Protocol::Ip4(ip)) => !ip.is_loopback(),
        Some(Protocol::Ip6(ip)) => !ip.is_loopback(),
        _ => false,
    };
    external.is_empty() && listen.iter().any(beyond_loopback)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_who_may_be_behind_a_gateway_asks_it() {
        let addresses = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect::<Vec<Multiaddr>>();
        let external = addresses(&["/ip4/8.8.8.8/tcp/1"]);
        for (listen, expected) in [
            (&["/ip4/0.0.0.0/tcp/1"][..], true),
            (&["/ip4/127.0.0.1/tcp/1", "/ip4/192.168.0.7/udp/1/quic-v1"], true),
            (&["/ip4/127.0.0.1/tcp/1", "/ip6/::1/tcp/1"], false),
            (&[], false),
        ] {
            assert_eq!(needs_a_gateway(&addresses(listen), &[]), expected, "{listen:?}");
            assert!(!needs_a_gateway(&addresses(listen), &external));
        }
    }
}
