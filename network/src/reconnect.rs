//! Whom to dial again, and when: explicit peers and those that the operator added always, bootnodes and other known peers while
//! connected peers are few.
//!
//! The wait doubles with every failure, up to a bound, and is moved by up to a quarter either way, so that the peers of
//! a restarted node do not all come at once.

use crate::config::Timing;
use libp2p::{
    Multiaddr, PeerId, Swarm,
    multiaddr::Protocol,
    swarm::{
        ConnectionId, DialError, NetworkBehaviour,
        dial_opts::{DialOpts, PeerCondition},
    },
};
use rand::Rng;
use std::time::{Duration, Instant};
use tracing::debug;

/// Addresses that are remembered for one peer.
const MAX_ADDRESSES: usize = 8;

/// Peers that are neither explicit nor bootnodes and wait to be dialed.
const MAX_CANDIDATES: usize = 512;

/// Dials to them at a time.
const MAX_CANDIDATE_DIALS: usize = 8;

/// Failures in a row after which a peer that was only found is given up; a remembered one is tried on, ever more rarely.
const MAX_CANDIDATE_FAILURES: u32 = 4;

/// How much longer than others a remembered peer may have to wait for the next attempt.
const REMEMBERED_PATIENCE: u32 = 10;

/// What speaks for dialing a peer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Reasons {
    /// It is a sequencer.
    explicit: bool,
    /// The operator added it.
    added: bool,
    /// The operator or genesis names it as a bootnode.
    bootnode: bool,
    /// The peer store remembers it.
    remembered: bool,
    /// A search found it.
    found: bool,
}

impl Reasons {
    const fn is_candidate(self) -> bool {
        !self.is_kept() && !self.bootnode
    }

    /// Whether the peer is to stay connected however many others there are.
    const fn is_kept(self) -> bool {
        self.explicit || self.added
    }

    const fn any(self) -> bool {
        self.is_kept() || self.bootnode || self.remembered || self.found
    }
}

#[derive(Debug)]
struct Target {
    /// Unknown for a bootnode without `/p2p/…` until it is connected.
    peer: Option<PeerId>,
    addresses: Vec<Multiaddr>,
    reasons: Reasons,
    failures: u32,
    not_before: Instant,
    dialing: Option<ConnectionId>,
}

impl Target {
    const fn new(peer: Option<PeerId>, now: Instant) -> Self {
        let reasons = Reasons { explicit: false, added: false, bootnode: false, remembered: false, found: false };
        Self { peer, addresses: Vec::new(), reasons, failures: 0, not_before: now, dialing: None }
    }
}

/// The peers to dial again.
#[derive(Debug)]
pub(crate) struct Reconnect {
    local: PeerId,
    initial: Duration,
    max: Duration,
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
    pub(crate) const fn new(local: PeerId, timing: &Timing) -> Self {
        Self { local, initial: timing.reconnect_initial, max: timing.reconnect_max, targets: Vec::new() }
    }

    /// Adds a bootnode's address. Our own is ignored, so that all nodes can share one list.
    pub(crate) fn add_bootnode(&mut self, address: Multiaddr, now: Instant) {
        match named_peer(&address) {
            Some(peer) if peer == self.local => {}
            Some(peer) => {
                let target = self.target(peer, now);
                target.reasons.bootnode = true;
                add_address(&mut target.addresses, address);
            }
            None => {
                let mut target = Target::new(None, now);
                target.addresses.push(address);
                target.reasons.bootnode = true;
                self.targets.push(target);
            }
        }
    }

    /// Adds a peer that the store remembers, or that a search found. Tells whether it was not known before.
    pub(crate) fn add_candidate(
        &mut self,
        peer: PeerId,
        addresses: Vec<Multiaddr>,
        remembered: bool,
        now: Instant,
    ) -> bool {
        if peer == self.local || addresses.is_empty() {
            return false;
        }
        let is_new = self.of(peer).next().is_none();
        if is_new && !self.make_room() {
            return false;
        }
        let target = self.target(peer, now);
        target.reasons.remembered |= remembered;
        target.reasons.found |= !remembered;
        for address in addresses {
            add_address(&mut target.addresses, address);
        }
        is_new
    }

    /// Room for one more candidate: who failed most often makes way.
    fn make_room(&mut self) -> bool {
        let candidates = self.targets.iter().enumerate().filter(|(_, target)| target.reasons.is_candidate());
        if candidates.clone().count() < MAX_CANDIDATES {
            return true;
        }
        let idle = candidates.filter(|(_, target)| target.dialing.is_none() && target.failures > 0);
        let worst =
            idle.max_by_key(|(_, target)| (target.failures, !target.reasons.remembered)).map(|(place, _)| place);
        worst.is_some_and(|place| {
            self.targets.swap_remove(place);
            true
        })
    }

    /// Makes these the explicit peers, and no others.
    pub(crate) fn set_explicit(&mut self, peers: &[PeerId], now: Instant) {
        for target in &mut self.targets {
            target.reasons.explicit = false;
        }
        let local = self.local;
        for peer in peers.iter().filter(|peer| **peer != local) {
            self.target(*peer, now).reasons.explicit = true;
        }
        self.targets.retain(|target| target.reasons.any());
    }

    /// Makes these the peers that the operator added, and no others. A new one is dialed at once.
    pub(crate) fn set_added<'a>(&mut self, peers: impl Iterator<Item = (&'a PeerId, &'a Multiaddr)>, now: Instant) {
        for target in &mut self.targets {
            target.reasons.added = false;
        }
        for (peer, address) in peers {
            let target = self.target(*peer, now);
            target.reasons.added = true;
            if !target.addresses.contains(address) {
                // The operator knows best.
                target.addresses.insert(0, address.clone());
                target.addresses.truncate(MAX_ADDRESSES);
                target.failures = 0;
                target.not_before = now;
            }
        }
        self.targets.retain(|target| target.reasons.any());
    }

    fn target(&mut self, peer: PeerId, now: Instant) -> &mut Target {
        let index = self.targets.iter().position(|target| target.peer == Some(peer)).unwrap_or_else(|| {
            self.targets.push(Target::new(Some(peer), now));
            self.targets.len() - 1
        });
        &mut self.targets[index]
    }

    fn of(&mut self, peer: PeerId) -> impl Iterator<Item = &mut Target> {
        self.targets.iter_mut().filter(move |target| target.peer == Some(peer))
    }

    /// Remembers where a peer to stay connected with is said to listen; what is said last is tried first, after what is known to work.
    pub(crate) fn learn(&mut self, peer: PeerId, addresses: &[Multiaddr]) {
        for target in self.of(peer).filter(|target| target.reasons.is_kept()) {
            for address in addresses.iter().take(MAX_ADDRESSES) {
                add_address(&mut target.addresses, address.clone());
            }
        }
    }

    /// Whether the peer is a bootnode that this node was told of.
    pub(crate) fn is_bootnode(&self, peer: &PeerId) -> bool {
        self.targets.iter().any(|target| target.peer.as_ref() == Some(peer) && target.reasons.bootnode)
    }

    /// How many bootnodes there are, and how many others with an address.
    pub(crate) fn known(&self) -> (usize, usize) {
        let bootnodes = self.targets.iter().filter(|target| target.reasons.bootnode).count();
        let others = self.targets.iter().filter(|target| !target.reasons.bootnode && !target.addresses.is_empty());
        (bootnodes, others.count())
    }

    /// Peers to stay connected with that are not, and whose addresses are unknown or led nowhere.
    pub(crate) fn missing(&self, connected: impl Fn(&PeerId) -> bool) -> Vec<PeerId> {
        let lost = self.targets.iter().filter(|target| target.reasons.is_kept());
        lost.filter(|target| target.addresses.is_empty() || target.failures > 1)
            .filter_map(|target| target.peer)
            .filter(|peer| !connected(peer))
            .collect()
    }

    /// Dials what is due. `few` tells whether there are too few peers.
    pub(crate) fn dial_due<B: NetworkBehaviour>(
        &mut self,
        swarm: &mut Swarm<B>,
        now: Instant,
        few: bool,
        connected: impl Fn(&PeerId) -> bool,
    ) {
        for options in self.due(now, few, connected) {
            let connection = options.connection_id();
            if let Err(error) = swarm.dial(options) {
                debug!(%error, "cannot dial");
                self.failed(connection, matches!(error, DialError::LocalPeerId { .. }), now);
            }
        }
    }

    /// What to dial now. `few` tells whether there are too few peers.
    fn due(&mut self, now: Instant, few: bool, connected: impl Fn(&PeerId) -> bool) -> Vec<DialOpts> {
        let candidates = self.targets.iter().filter(|target| target.reasons.is_candidate() && target.dialing.is_some());
        let mut room = MAX_CANDIDATE_DIALS.saturating_sub(candidates.count());
        let mut dials = Vec::new();
        for target in &mut self.targets {
            let wanted = target.reasons.is_kept() || few;
            let idle = target.dialing.is_none() && target.not_before <= now;
            let Some((first, rest)) = target.addresses.split_first() else { continue };
            if !wanted || !idle || target.peer.as_ref().is_some_and(&connected) {
                continue;
            }
            if target.reasons.is_candidate() {
                if room == 0 {
                    continue;
                }
                room -= 1;
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

    /// A dial failed; for good if it led to ourselves. Tells whether it was one of these.
    pub(crate) fn failed(&mut self, connection: ConnectionId, ourselves: bool, now: Instant) -> bool {
        let (initial, max) = (self.initial, self.max);
        let mut any = false;
        for target in self.targets.iter_mut().filter(|target| target.dialing == Some(connection)) {
            any = true;
            target.dialing = None;
            target.failures = target.failures.saturating_add(1);
            let patience = if target.reasons.is_candidate() { max.saturating_mul(REMEMBERED_PATIENCE) } else { max };
            target.not_before = now + delay(initial, patience, target.failures);
            if ourselves {
                target.addresses.clear();
            }
            if target.failures >= MAX_CANDIDATE_FAILURES {
                target.reasons.found = false;
            }
        }
        self.targets.retain(|target| target.reasons.any());
        any
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
            // The first one came from the operator, or is the oldest that worked.
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
        let mut reconnect = Reconnect::new(local, &timing);
        let base: Multiaddr = "/ip4/127.0.0.1/tcp/1".parse().unwrap();
        reconnect.add_bootnode(base.clone().with(Protocol::P2p(local)), now);
        reconnect.add_bootnode(base.with(Protocol::P2p(peer)), now);
        (reconnect, peer, now)
    }

    #[test]
    fn bootnodes_are_dialed_while_peers_are_few_and_waits_grow() {
        let (mut reconnect, peer, mut now) = setup();
        assert!(reconnect.due(now, false, |_| false).is_empty());
        assert!(reconnect.due(now, true, |_| true).is_empty());
        let mut waits = Vec::new();
        for _ in 0..12 {
            let dials = reconnect.due(now, true, |_| false);
            assert_eq!(dials.len(), 1, "ourselves are never dialed");
            assert_eq!(dials[0].get_peer_id(), Some(peer));
            assert!(reconnect.due(now, true, |_| false).is_empty(), "one dial at a time");
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
        assert!(reconnect.due(now, false, |_| false).is_empty());
        reconnect.learn(explicit, &["/ip4/127.0.0.1/tcp/2".parse().unwrap()]);
        assert_eq!(reconnect.due(now, false, |_| false).len(), 1);
        reconnect.set_explicit(&[], now);
        assert_eq!(reconnect.targets.len(), 1);
    }

    #[test]
    fn candidates_are_dialed_while_peers_are_few_and_some_at_a_time() {
        let (mut reconnect, bootnode, now) = setup();
        let address: Multiaddr = "/ip4/127.0.0.1/tcp/2".parse().unwrap();
        for _ in 0..2 * MAX_CANDIDATES {
            reconnect.add_candidate(PeerId::random(), vec![address.clone()], false, now);
        }
        assert_eq!(reconnect.targets.len(), MAX_CANDIDATES + 1, "the ones to come wait until some have failed");
        assert!(reconnect.due(now, false, |_| false).is_empty());
        let dials = reconnect.due(now, true, |_| false);
        assert_eq!(dials.len(), MAX_CANDIDATE_DIALS + 1);
        assert!(dials.iter().any(|dial| dial.get_peer_id() == Some(bootnode)));
        assert!(reconnect.due(now, true, |_| false).is_empty());
        assert!(reconnect.failed(dials[1].connection_id(), false, now));
        assert!(reconnect.add_candidate(PeerId::random(), vec![address], false, now), "who failed makes way");
        assert_eq!(reconnect.targets.len(), MAX_CANDIDATES + 1);
    }

    #[test]
    fn who_was_only_found_is_given_up_and_who_is_remembered_is_not() {
        let (mut reconnect, _, mut now) = setup();
        reconnect.targets.clear();
        let (found, remembered) = (PeerId::random(), PeerId::random());
        let address: Multiaddr = "/ip4/127.0.0.1/tcp/2".parse().unwrap();
        assert!(reconnect.add_candidate(found, vec![address.clone()], false, now));
        assert!(reconnect.add_candidate(remembered, vec![address.clone()], true, now));
        assert!(!reconnect.add_candidate(remembered, vec![address], false, now), "it is known already");
        for _ in 0..MAX_CANDIDATE_FAILURES {
            for dial in reconnect.due(now, true, |_| false) {
                reconnect.failed(dial.connection_id(), false, now);
            }
            now += Timing::default().reconnect_max * 2 * REMEMBERED_PATIENCE;
        }
        let left: Vec<_> = reconnect.targets.iter().map(|target| target.peer).collect();
        assert_eq!(left, [Some(remembered)]);
    }

    #[test]
    fn added_peers_are_dialed_always_until_they_are_removed() {
        let (mut reconnect, bootnode, mut now) = setup();
        let peer = PeerId::random();
        let address: Multiaddr = "/ip4/127.0.0.1/tcp/2".parse().unwrap();
        for _ in 0..20 {
            reconnect.set_added([(&peer, &address), (&bootnode, &address)].into_iter(), now);
            let dials = reconnect.due(now, false, |_| false);
            assert_eq!(dials.len(), 2);
            assert!(reconnect.due(now, false, |_| false).is_empty(), "one dial at a time");
            for dial in dials {
                reconnect.failed(dial.connection_id(), false, now);
            }
            now += Timing::default().reconnect_max.mul_f64(1.25);
        }
        assert!(reconnect.due(now, false, |_| true).is_empty());
        reconnect.set_added(std::iter::empty(), now);
        assert!(reconnect.due(now, false, |_| false).is_empty());
        assert_eq!(reconnect.targets.len(), 1, "a bootnode stays one");
    }

    #[test]
    fn explicit_peers_that_are_not_found_are_missing() {
        let (mut reconnect, _, now) = setup();
        let (unknown, connected) = (PeerId::random(), PeerId::random());
        reconnect.set_explicit(&[unknown, connected], now);
        assert_eq!(reconnect.missing(|peer| *peer == connected), [unknown]);
        reconnect.learn(unknown, &["/ip4/127.0.0.1/tcp/2".parse().unwrap()]);
        assert!(reconnect.missing(|peer| *peer == connected).is_empty());
    }
}
