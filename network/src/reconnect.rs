//! Whom to dial again, and when: explicit peers always, bootnodes while connected peers are few.
//!
//! The wait doubles with every failure, up to a bound, and is moved by up to a quarter either way, so that the peers of
//! a restarted node do not all come at once.

use crate::config::Timing;
use libp2p::{
    Multiaddr, PeerId,
    multiaddr::Protocol,
    swarm::{
        ConnectionId,
        dial_opts::{DialOpts, PeerCondition},
    },
};
use rand::Rng;
use std::time::{Duration, Instant};

/// Addresses that are remembered for one peer.
const MAX_ADDRESSES: usize = 8;

#[derive(Debug)]
struct Target {
    /// Unknown for a bootnode without `/p2p/…` until it is connected.
    peer: Option<PeerId>,
    addresses: Vec<Multiaddr>,
    explicit: bool,
    bootnode: bool,
    failures: u32,
    not_before: Instant,
    dialing: Option<ConnectionId>,
}

/// The peers to dial again.
#[derive(Debug)]
pub(crate) struct Reconnect {
    local: PeerId,
    initial: Duration,
    max: Duration,
    enough_peers: usize,
    targets: Vec<Target>,
}

/// The peer that an address names at its end.
pub(crate) fn named_peer(address: &Multiaddr) -> Option<PeerId> {
    match address.iter().last() {
        Some(Protocol::P2p(peer)) => Some(peer),
        _ => None,
    }
}

impl Reconnect {
    pub(crate) fn new(local: PeerId, timing: &Timing, enough_peers: usize) -> Self {
        Self { local, initial: timing.reconnect_initial, max: timing.reconnect_max, enough_peers, targets: Vec::new() }
    }

    /// Adds a bootnode's address. Our own is ignored, so that all nodes can share one list.
    pub(crate) fn add_bootnode(&mut self, address: Multiaddr, now: Instant) {
        match named_peer(&address) {
            Some(peer) if peer == self.local => {}
            Some(peer) => {
                let target = self.target(peer, now);
                target.bootnode = true;
                add_address(&mut target.addresses, address);
            }
            None => self.targets.push(Target {
                peer: None,
                addresses: vec![address],
                explicit: false,
                bootnode: true,
                failures: 0,
                not_before: now,
                dialing: None,
            }),
        }
    }

    /// Makes these the explicit peers, and no others.
    pub(crate) fn set_explicit(&mut self, peers: &[PeerId], now: Instant) {
        for target in &mut self.targets {
            target.explicit = false;
        }
        let local = self.local;
        for peer in peers.iter().filter(|peer| **peer != local) {
            self.target(*peer, now).explicit = true;
        }
        self.targets.retain(|target| target.explicit || target.bootnode);
    }

    fn target(&mut self, peer: PeerId, now: Instant) -> &mut Target {
        let index = self.targets.iter().position(|target| target.peer == Some(peer)).unwrap_or_else(|| {
            self.targets.push(Target {
                peer: Some(peer),
                addresses: Vec::new(),
                explicit: false,
                bootnode: false,
                failures: 0,
                not_before: now,
                dialing: None,
            });
            self.targets.len() - 1
        });
        &mut self.targets[index]
    }

    fn of(&mut self, peer: PeerId) -> impl Iterator<Item = &mut Target> {
        self.targets.iter_mut().filter(move |target| target.peer == Some(peer))
    }

    /// Remembers where an explicit peer says that it listens.
    pub(crate) fn learn(&mut self, peer: PeerId, addresses: &[Multiaddr]) {
        for target in self.of(peer).filter(|target| target.explicit) {
            for address in addresses.iter().take(MAX_ADDRESSES) {
                add_address(&mut target.addresses, address.clone());
            }
        }
    }

    /// What to dial now.
    pub(crate) fn due(&mut self, now: Instant, peers: usize, connected: impl Fn(&PeerId) -> bool) -> Vec<DialOpts> {
        let few = peers < self.enough_peers;
        let mut dials = Vec::new();
        for target in &mut self.targets {
            let wanted = target.explicit || (target.bootnode && few);
            let idle = target.dialing.is_none() && target.not_before <= now;
            let Some((first, rest)) = target.addresses.split_first() else { continue };
            if !wanted || !idle || target.peer.as_ref().is_some_and(&connected) {
                continue;
            }
            let options = dial(target.peer, first, rest);
            target.dialing = Some(options.connection_id());
            dials.push(options);
        }
        dials
    }

    /// A dial led to this peer.
    pub(crate) fn connected(&mut self, connection: ConnectionId, peer: PeerId) {
        for target in self.targets.iter_mut().filter(|target| target.dialing == Some(connection)) {
            target.dialing = None;
            target.peer = Some(peer);
        }
    }

    /// A dial failed; for good if it led to ourselves.
    pub(crate) fn failed(&mut self, connection: ConnectionId, ourselves: bool, now: Instant) {
        let (initial, max) = (self.initial, self.max);
        for target in self.targets.iter_mut().filter(|target| target.dialing == Some(connection)) {
            target.dialing = None;
            target.failures = target.failures.saturating_add(1);
            target.not_before = now + delay(initial, max, target.failures);
            if ourselves {
                target.addresses.clear();
            }
        }
    }

    /// The peer is of our chain: the next loss starts with a short wait again.
    pub(crate) fn ready(&mut self, peer: PeerId) {
        for target in self.of(peer) {
            target.failures = 0;
        }
    }

    /// The last connection to the peer is closed.
    pub(crate) fn gone(&mut self, peer: PeerId, now: Instant) {
        let (initial, max) = (self.initial, self.max);
        for target in self.of(peer) {
            target.failures = target.failures.saturating_add(1);
            target.not_before = now + delay(initial, max, target.failures);
        }
    }

    /// The peer is not one of ours: wait as long as the bound says.
    pub(crate) fn refuse(&mut self, peer: PeerId) {
        for target in self.of(peer) {
            target.failures = u32::MAX - 1;
        }
    }
}

fn add_address(addresses: &mut Vec<Multiaddr>, address: Multiaddr) {
    if !addresses.contains(&address) {
        if addresses.len() >= MAX_ADDRESSES {
            // The first one came from the operator.
            addresses.remove(1);
        }
        addresses.push(address);
    }
}

/// A dial from a fresh port: a reused listening port collides with the far side's dial, and after a restart with the
/// remains of the old connection.
pub(crate) fn dial(peer: Option<PeerId>, first: &Multiaddr, rest: &[Multiaddr]) -> DialOpts {
    match peer {
        None => DialOpts::unknown_peer_id().address(first.clone()).allocate_new_port().build(),
        Some(peer) => DialOpts::peer_id(peer)
            .condition(PeerCondition::DisconnectedAndNotDialing)
            .addresses(std::iter::once(first).chain(rest).cloned().collect())
            .allocate_new_port()
            .build(),
    }
}

fn delay(initial: Duration, max: Duration, failures: u32) -> Duration {
    let doubled = initial.saturating_mul(1u32.checked_shl(failures.saturating_sub(1)).unwrap_or(u32::MAX));
    doubled.min(max).mul_f64(rand::rng().random_range(0.75..1.25))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn setup() -> (Reconnect, PeerId, Instant) {
        let timing = Timing::default();
        let (local, peer, now) = (PeerId::random(), PeerId::random(), Instant::now());
        let mut reconnect = Reconnect::new(local, &timing, 1);
        let base: Multiaddr = "/ip4/127.0.0.1/tcp/1".parse().unwrap();
        reconnect.add_bootnode(base.clone().with(Protocol::P2p(local)), now);
        reconnect.add_bootnode(base.with(Protocol::P2p(peer)), now);
        (reconnect, peer, now)
    }

    #[test]
    fn bootnodes_are_dialed_while_peers_are_few_and_waits_grow() {
        let (mut reconnect, peer, mut now) = setup();
        assert!(reconnect.due(now, 1, |_| false).is_empty());
        assert!(reconnect.due(now, 0, |_| true).is_empty());
        let mut waits = Vec::new();
        for _ in 0..12 {
            let dials = reconnect.due(now, 0, |_| false);
            assert_eq!(dials.len(), 1, "ourselves are never dialed");
            assert_eq!(dials[0].get_peer_id(), Some(peer));
            assert!(reconnect.due(now, 0, |_| false).is_empty(), "one dial at a time");
            reconnect.failed(dials[0].connection_id(), false, now);
            waits.push(reconnect.targets[0].not_before - now);
            now = reconnect.targets[0].not_before;
        }
        assert!(waits[0] <= Duration::from_millis(625));
        assert!(waits[11] >= Duration::from_millis(22_500) && waits[11] <= Duration::from_millis(37_500));
        reconnect.ready(peer);
        reconnect.gone(peer, now);
        assert!(reconnect.targets[0].not_before - now <= Duration::from_millis(625));
    }

    #[test]
    fn explicit_peers_are_dialed_always_once_an_address_is_known() {
        let (mut reconnect, _, now) = setup();
        let explicit = PeerId::random();
        reconnect.set_explicit(&[explicit], now);
        assert!(reconnect.due(now, 9, |_| false).is_empty());
        reconnect.learn(explicit, &["/ip4/127.0.0.1/tcp/2".parse().unwrap()]);
        assert_eq!(reconnect.due(now, 9, |_| false).len(), 1);
        reconnect.set_explicit(&[], now);
        assert_eq!(reconnect.targets.len(), 1);
    }
}
