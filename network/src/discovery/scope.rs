//! How far an address reaches, and what is absurd as one.

use libp2p::{Multiaddr, PeerId, multiaddr::Protocol};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The longest address that is taken from a peer, in bytes of its binary form: a name of the longest kind, through a relay.
pub(crate) const MAX_ADDRESS_BYTES: usize = 256;

/// From where an address can be reached, the narrow first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Scope {
    /// From the same machine.
    Loopback,
    /// From the same link.
    LinkLocal,
    /// From the same private network. So count all ranges that the internet does not route: RFC 1918 and RFC 6598, unique
    /// local addresses, those for documentation (RFC 5737, RFC 3849) and for measurements (RFC 2544).
    Private,
    /// From everywhere.
    Global,
}

impl Scope {
    /// How far an IP address reaches; nothing if no node can be there.
    pub(crate) const fn of_ip(ip: IpAddr) -> Option<Self> {
        match ip {
            IpAddr::V4(ip) => ip4(ip),
            IpAddr::V6(ip) => ip6(ip),
        }
    }
}

/// How far an address reaches; nothing if no node can be there: an unspecified or multicast ip, port 0, another transport than
/// TCP and QUIC, or too long. An address through a relay reaches as far as the relay's.
pub(crate) fn scope(address: &Multiaddr) -> Option<Scope> {
    if address.len() > MAX_ADDRESS_BYTES {
        return None;
    }
    let mut parts = address.iter();
    let scope = match parts.next()? {
        Protocol::Ip4(ip) => ip4(ip)?,
        Protocol::Ip6(ip) => ip6(ip)?,
        Protocol::Dns(name) | Protocol::Dns4(name) | Protocol::Dns6(name) => of_name(&name)?,
        _ => return None,
    };
    let mut next = match parts.next()? {
        Protocol::Tcp(1..) => parts.next(),
        Protocol::Udp(1..) if parts.next() == Some(Protocol::QuicV1) => parts.next(),
        _ => return None,
    };
    if matches!(next, Some(Protocol::P2p(_))) {
        next = parts.next();
        if next == Some(Protocol::P2pCircuit) {
            next = parts.next();
            if matches!(next, Some(Protocol::P2p(_))) {
                next = parts.next();
            }
        }
    }
    next.is_none().then_some(scope)
}

/// An address as one dials the peer: without the peer's id at its end. Nothing if it is absurd, or another peer's.
pub(crate) fn of_peer(peer: &PeerId, address: &Multiaddr) -> Option<Multiaddr> {
    scope(address)?;
    let mut address = address.clone();
    match address.iter().last()? {
        Protocol::P2p(named) if named == *peer => {
            address.pop();
            Some(address)
        }
        Protocol::P2p(_) => None,
        _ => Some(address),
    }
}

/// Whether the way to an address leads through another peer.
pub(crate) fn is_relayed(address: &Multiaddr) -> bool {
    address.iter().any(|part| part == Protocol::P2pCircuit)
}

const fn ip4(ip: Ipv4Addr) -> Option<Scope> {
    Some(match ip.octets() {
        [0 | 224..=255, ..] => return None,
        [127, ..] => Scope::Loopback,
        [169, 254, ..] => Scope::LinkLocal,
        [10, ..]
        | [100, 64..=127, ..]
        | [172, 16..=31, ..]
        | [192, 168, ..]
        | [192, 0, 0 | 2, _]
        | [198, 18 | 19, ..]
        | [198, 51, 100, _]
        | [203, 0, 113, _] => Scope::Private,
        _ => Scope::Global,
    })
}

const fn ip6(ip: Ipv6Addr) -> Option<Scope> {
    if let Some(mapped) = ip.to_ipv4_mapped() {
        return ip4(mapped);
    }
    Some(match ip.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0] | [0xff00..=0xffff, ..] => return None,
        [0, 0, 0, 0, 0, 0, 0, 1] => Scope::Loopback,
        [0xfe80..=0xfebf, ..] => Scope::LinkLocal,
        [0x2001, 0x0db8, ..] => Scope::Private,
        [0x2000..=0x3fff, ..] => Scope::Global,
        _ => Scope::Private,
    })
}

fn of_name(name: &str) -> Option<Scope> {
    let name = name.strip_suffix('.').unwrap_or(name);
    // A name that is an address in disguise reaches as far as that.
    if let Ok(ip) = name.parse::<IpAddr>() {
        return Scope::of_ip(ip);
    }
    match name.rsplit('.').next() {
        None | Some("") => None,
        Some("localhost") => Some(Scope::Loopback),
        Some("local") => Some(Scope::LinkLocal),
        Some("internal" | "lan" | "home") => Some(Scope::Private),
        Some(last) if last == name => Some(Scope::Private),
        Some(_) => Some(Scope::Global),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_reach_as_far_as_their_ranges() {
        use Scope::{Global, LinkLocal, Loopback, Private};
        for (address, expected) in [
            ("/ip4/127.0.0.1/tcp/1", Some(Loopback)),
            ("/ip4/169.254.1.1/tcp/1", Some(LinkLocal)),
            ("/ip4/10.1.2.3/udp/9/quic-v1", Some(Private)),
            ("/ip4/172.31.0.1/tcp/1", Some(Private)),
            ("/ip4/192.168.0.9/tcp/1", Some(Private)),
            ("/ip4/100.64.0.1/tcp/1", Some(Private)),
            ("/ip4/198.18.3.4/tcp/1", Some(Private)),
            ("/ip4/203.0.113.9/tcp/1", Some(Private)),
            ("/ip4/172.32.0.1/tcp/1", Some(Global)),
            ("/ip4/8.8.8.8/tcp/1", Some(Global)),
            ("/ip6/::1/tcp/1", Some(Loopback)),
            ("/ip6/fe80::1/tcp/1", Some(LinkLocal)),
            ("/ip6/fd00::1/udp/1/quic-v1", Some(Private)),
            ("/ip6/2001:db8::1/tcp/1", Some(Private)),
            ("/ip6/::ffff:10.0.0.1/tcp/1", Some(Private)),
            ("/ip6/2a00:1450::1/tcp/1", Some(Global)),
            ("/dns4/node.example.org/tcp/1", Some(Global)),
            ("/dns6/localhost/tcp/1", Some(Loopback)),
            ("/dns4/printer.local/tcp/1", Some(LinkLocal)),
            ("/dns4/db/tcp/1", Some(Private)),
            ("/dns4/10.0.0.1/tcp/1", Some(Private)),
            ("/ip4/0.0.0.0/tcp/1", None),
            ("/ip4/255.255.255.255/tcp/1", None),
            ("/ip4/224.0.0.1/udp/1/quic-v1", None),
            ("/ip6/::/tcp/1", None),
            ("/ip6/ff02::1/tcp/1", None),
            ("/ip4/8.8.8.8/tcp/0", None),
            ("/ip4/8.8.8.8/udp/1", None),
            ("/ip4/8.8.8.8/udp/1/quic", None),
            ("/ip4/8.8.8.8/tcp/1/ws", None),
            ("/ip4/8.8.8.8", None),
            ("/dnsaddr/example.org", None),
            ("/memory/1", None),
        ] {
            assert_eq!(scope(&address.parse().unwrap()), expected, "{address}");
        }
    }

    #[test]
    fn what_is_too_long_is_no_address() {
        let long = format!("/dns4/{}.org/tcp/1", "a".repeat(MAX_ADDRESS_BYTES));
        assert_eq!(scope(&long.parse().unwrap()), None);
    }

    #[test]
    fn a_peers_address_is_its_own_or_none() {
        let (peer, other) = (PeerId::random(), PeerId::random());
        let plain: Multiaddr = "/ip4/8.8.8.8/tcp/1".parse().unwrap();
        let named = |address: &Multiaddr, peer| address.clone().with(Protocol::P2p(peer));
        assert_eq!(of_peer(&peer, &plain), Some(plain.clone()));
        assert_eq!(of_peer(&peer, &named(&plain, peer)), Some(plain.clone()));
        assert_eq!(of_peer(&peer, &named(&plain, other)), None);
        let circuit = named(&plain, other).with(Protocol::P2pCircuit);
        assert_eq!(of_peer(&peer, &named(&circuit, peer)), Some(circuit.clone()));
        assert!(is_relayed(&circuit) && !is_relayed(&plain));
        assert_eq!(scope(&circuit), Some(Scope::Global));
    }
}
