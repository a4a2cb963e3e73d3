//! Ranges of addresses: what one party is likely to hold as a whole.

use crate::discovery::Scope;
use libp2p::{Multiaddr, multiaddr::Protocol};
use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    str::FromStr,
};

/// A range of addresses that counts as one neighbourhood: an IPv4 /24 or an IPv6 /56.
///
/// A /24 is the smallest block that is routed on its own; a /56 is what a provider gives to one customer. Hosting providers
/// that give a /64 to a machine then share a range, which is why bans of ranges need several offenders and end soon.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum AddressRange {
    /// The first three bytes of an IPv4 address.
    V4([u8; 3]),
    /// The first seven bytes of an IPv6 address.
    V6([u8; 7]),
    /// No IP address is known: a name, or a relayed connection. They count as one range.
    Unknown,
}

impl AddressRange {
    /// The range of an IP address. An IPv4 address inside an IPv6 one counts as what it is.
    #[must_use]
    pub fn of_ip(ip: IpAddr) -> Self {
        match ip.to_canonical() {
            IpAddr::V4(ip) => {
                let [a, b, c, _] = ip.octets();
                Self::V4([a, b, c])
            }
            IpAddr::V6(ip) => {
                let [a, b, c, d, e, f, g, ..] = ip.octets();
                Self::V6([a, b, c, d, e, f, g])
            }
        }
    }

    /// The range of the far end of a connection.
    #[must_use]
    pub fn of(address: &Multiaddr) -> Self {
        ip(address).map_or(Self::Unknown, Self::of_ip)
    }

    /// Whether the internet does not route the range: see [`Scope`].
    pub(crate) fn is_local(self) -> bool {
        let first = match self {
            Self::V4([a, b, c]) => Ipv4Addr::new(a, b, c, 1).into(),
            Self::V6([a, b, c, d, e, f, g]) => Ipv6Addr::from([a, b, c, d, e, f, g, 0, 0, 0, 0, 0, 0, 0, 0, 1]).into(),
            Self::Unknown => return false,
        };
        Scope::of_ip(first).is_some_and(|scope| scope < Scope::Global)
    }
}

/// The IP address at the beginning of an address, unless the connection is relayed by whoever has it.
pub(crate) fn ip(address: &Multiaddr) -> Option<IpAddr> {
    if address.iter().any(|part| part == Protocol::P2pCircuit) {
        return None;
    }
    match address.iter().next() {
        Some(Protocol::Ip4(ip)) => Some(ip.into()),
        Some(Protocol::Ip6(ip)) => Some(ip.into()),
        _ => None,
    }
}

impl fmt::Display for AddressRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::V4([a, b, c]) => write!(f, "{}/24", Ipv4Addr::new(a, b, c, 0)),
            Self::V6(bytes) => {
                let mut octets = [0; 16];
                octets[..7].copy_from_slice(&bytes);
                write!(f, "{}/56", Ipv6Addr::from(octets))
            }
            Self::Unknown => f.write_str("unknown"),
        }
    }
}

/// A text that is no range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an IPv4 /24 or an IPv6 /56")]
pub struct InvalidRange;

impl FromStr for AddressRange {
    type Err = InvalidRange;

    fn from_str(text: &str) -> Result<Self, InvalidRange> {
        if text == "unknown" {
            return Ok(Self::Unknown);
        }
        let (ip, length) = text.split_once('/').ok_or(InvalidRange)?;
        let range = Self::of_ip(ip.parse().map_err(|_| InvalidRange)?);
        let expected = if matches!(range, Self::V4(_)) { "24" } else { "56" };
        if length == expected { Ok(range) } else { Err(InvalidRange) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(address: &str) -> AddressRange {
        AddressRange::of(&address.parse().unwrap())
    }

    #[test]
    fn neighbours_share_a_range() {
        assert_eq!(range("/ip4/203.0.113.1/tcp/1"), range("/ip4/203.0.113.254/udp/1/quic-v1"));
        assert_ne!(range("/ip4/203.0.113.1/tcp/1"), range("/ip4/203.0.114.1/tcp/1"));
        assert_eq!(range("/ip6/2001:db8::ff:0:0:0:1/tcp/1"), range("/ip6/2001:db8::1/tcp/1"));
        assert_ne!(range("/ip6/2001:db8:0:100::1/tcp/1"), range("/ip6/2001:db8::1/tcp/1"));
        assert_eq!(range("/ip6/::ffff:203.0.113.9/tcp/1"), range("/ip4/203.0.113.1/tcp/1"));
    }

    #[test]
    fn names_and_relayed_connections_have_none() {
        let relayed = format!("/ip4/203.0.113.1/tcp/1/p2p/{}/p2p-circuit", libp2p::PeerId::random());
        for address in ["/dns4/example.org/tcp/1", relayed.as_str()] {
            assert_eq!(range(address), AddressRange::Unknown);
        }
        assert!(!AddressRange::Unknown.is_local());
    }

    #[test]
    fn local_networks() {
        for local in ["127.0.0.1", "10.1.2.3", "172.31.0.1", "192.168.9.9", "169.254.1.1", "100.64.0.1", "198.18.0.1"] {
            assert!(range(&format!("/ip4/{local}/tcp/1")).is_local(), "{local}");
        }
        for local in ["::1", "fd00::1", "fe80::1", "::ffff:10.0.0.1"] {
            assert!(range(&format!("/ip6/{local}/tcp/1")).is_local(), "{local}");
        }
        for public in ["8.8.8.8", "172.32.0.1", "100.128.0.1", "198.20.0.1", "11.0.0.1"] {
            assert!(!range(&format!("/ip4/{public}/tcp/1")).is_local(), "{public}");
        }
        assert!(!range("/ip6/2a00:1450::1/tcp/1").is_local());
    }

    #[test]
    fn text_there_and_back() {
        for text in ["203.0.113.0/24", "2001:db8:0:ff00::/56", "unknown"] {
            assert_eq!(text.parse::<AddressRange>().unwrap().to_string(), text);
        }
        for text in ["", "203.0.113.0", "203.0.113.0/16", "2001:db8::/48", "here/24"] {
            assert_eq!(text.parse::<AddressRange>(), Err(InvalidRange), "{text}");
        }
    }
}
