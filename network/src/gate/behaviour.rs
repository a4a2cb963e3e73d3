//! The gate as the swarm knows it.

use super::{
    AddressRange, Refusal, Reserved, range,
    slots::{Slot, Slots},
};
use crate::{
    MAX_CONNECTIONS_PER_PEER,
    config::ConnectionLimits,
    counters::PeerCounters,
    penalties::{Ban, Ledger, Offence, Sentence},
};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use libp2p::{
    Multiaddr, PeerId,
    core::{Endpoint, transport::PortUse},
    swarm::{
        CloseConnection, ConnectionClosed, ConnectionDenied, ConnectionId, DialFailure, FromSwarm, ListenFailure,
        NetworkBehaviour, THandler, THandlerInEvent, THandlerOutEvent, ToSwarm, behaviour::ConnectionEstablished,
        dummy,
    },
};
use std::{
    collections::{HashMap, HashSet, VecDeque},
    convert::Infallible,
    net::IpAddr,
    num::NonZeroU32,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::{Duration, Instant, SystemTime},
};

/// How many seconds' worth of arrivals may come at once.
const BURST: u32 = 8;

/// How often what is over is forgotten.
const TIDY: Duration = Duration::from_secs(10);

/// Decides who may connect, and holds what is against whom.
#[derive(Debug)]
pub(crate) struct Gate {
    limits: ConnectionLimits,
    pub(crate) ledger: Ledger,
    pub(crate) reserved: Reserved,
    pending_inbound: HashMap<ConnectionId, Option<IpAddr>>,
    pending_outbound: HashSet<ConnectionId>,
    slots: Slots,
    arrivals: DefaultKeyedRateLimiter<AddressRange>,
    to_close: VecDeque<(PeerId, CloseConnection)>,
    waker: Option<Waker>,
    counters: Arc<PeerCounters>,
    tidied: Instant,
}

impl Gate {
    pub(crate) fn new(limits: ConnectionLimits, ledger: Ledger, counters: Arc<PeerCounters>) -> Self {
        let rate = NonZeroU32::new(limits.arrivals_per_range).unwrap_or(NonZeroU32::MIN);
        let arrivals =
            Quota::per_second(rate).allow_burst(rate.saturating_mul(NonZeroU32::MIN.saturating_add(BURST - 1)));
        Self {
            limits,
            ledger,
            reserved: Reserved::default(),
            pending_inbound: HashMap::new(),
            pending_outbound: HashSet::new(),
            slots: Slots::default(),
            arrivals: RateLimiter::keyed(arrivals),
            to_close: VecDeque::new(),
            waker: None,
            counters,
            tidied: Instant::now(),
        }
    }

    /// Charges a peer, and closes its connections if it has to go.
    pub(crate) fn charge(
        &mut self,
        peer: PeerId,
        (offence, about): (Offence, &'static str),
        now: SystemTime,
    ) -> Sentence {
        self.counters.charge(offence);
        let ranges: Vec<_> = self.slots.of(&peer).map(|slot| slot.range).filter(|range| self.counts(*range)).collect();
        let sentence = self.ledger.charge(peer, (offence, about), self.reserved.contains(&peer), &ranges, now);
        match sentence {
            Sentence::Noted => {}
            Sentence::Disconnect => self.close(peer),
            Sentence::Ban(_) => {
                self.close(peer);
                self.close_banned_ranges(&ranges, now);
            }
        }
        sentence
    }

    /// Other peers are reserved than before: where they are connected from is known now.
    pub(crate) fn reserved_changed(&mut self) {
        for slot in self.slots.all() {
            if let Some(ip) = slot.ip
                && self.reserved.contains(&slot.peer)
            {
                self.reserved.seen(ip);
            }
        }
    }

    /// Bans a peer for the operator.
    pub(crate) fn ban(&mut self, peer: PeerId, length: Duration, now: SystemTime) -> Ban {
        self.close(peer);
        self.ledger.ban(peer, length, now)
    }

    /// The ranges of a peer's connections.
    pub(crate) fn ranges_of(&self, peer: &PeerId) -> Vec<AddressRange> {
        let mut ranges: Vec<_> = self.slots.of(peer).map(|slot| slot.range).collect();
        ranges.sort_unstable();
        ranges.dedup();
        ranges
    }

    /// Forgets what is over, now and then; tells whether it was time for that.
    pub(crate) fn tidy(&mut self, now: SystemTime) -> bool {
        self.counters.set_bans(self.ledger.banned_peers(now).count(), self.ledger.banned_ranges(now).count());
        let due = self.tidied.elapsed() >= TIDY;
        if due {
            self.tidied = Instant::now();
            self.ledger.forget(now);
            self.arrivals.retain_recent();
        }
        due
    }

    /// Whether limits by range and bans of ranges concern this range.
    fn counts(&self, range: AddressRange) -> bool {
        self.limits.limit_local || !range.is_local()
    }

    /// Closes all connections of a peer. Until they are closed it gets no new one, so that both sides begin anew: over a second
    /// connection gossipsub does not say again what it said over the first.
    pub(crate) fn close(&mut self, peer: PeerId) {
        self.slots.leave_all(&peer);
        self.to_close.push_back((peer, CloseConnection::All));
        self.wake();
    }

    /// Once a range is banned, those of it that are connected inbound have to go as well, unless they are reserved.
    fn close_banned_ranges(&mut self, ranges: &[AddressRange], now: SystemTime) {
        let banned: Vec<_> = ranges.iter().filter(|range| self.ledger.range_ban(**range, now).is_some()).collect();
        let peers: HashSet<_> = (self.slots.all())
            .filter(|slot| slot.inbound && banned.contains(&&slot.range) && !self.reserved.contains(&slot.peer))
            .map(|slot| slot.peer)
            .collect();
        for peer in peers {
            self.close(peer);
        }
    }

    fn wake(&mut self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    fn deny<T>(&self, refusal: Refusal) -> Result<T, ConnectionDenied> {
        self.counters.refuse(refusal);
        Err(ConnectionDenied::new(refusal))
    }

    fn check_arrival(&mut self, ip: Option<IpAddr>, now: SystemTime) -> Result<(), Refusal> {
        if self.pending_inbound.len() >= self.limits.pending as usize {
            return Err(Refusal::Pending);
        }
        let range = ip.map_or(AddressRange::Unknown, AddressRange::of_ip);
        if self.counts(range) {
            let known = ip.is_some_and(|ip| self.reserved.is_known(ip));
            if self.ledger.range_ban(range, now).is_some() && !known {
                return Err(Refusal::BannedRange);
            }
            let pending = self.pending_inbound.values().filter(|pending| **pending == ip).count();
            if pending >= self.limits.pending_per_ip as usize {
                return Err(Refusal::PendingOfAddress);
            }
            if self.arrivals.check_key(&range).is_err() {
                return Err(Refusal::Arrivals);
            }
        }
        Ok(())
    }

    /// What holds for both directions once the peer is known. Whether there is room is for those who are not reserved.
    fn check_peer(&self, peer: &PeerId, now: SystemTime) -> Result<(), Refusal> {
        if self.ledger.banned(peer, now).is_some() {
            return Err(Refusal::Banned);
        }
        if self.ledger.refused(peer, now) && !self.reserved.contains(peer) {
            return Err(Refusal::Points);
        }
        if self.slots.of(peer).count() >= MAX_CONNECTIONS_PER_PEER as usize {
            return Err(Refusal::Peer);
        }
        if self.slots.of(peer).any(|slot| slot.leaving) {
            return Err(Refusal::Leaving);
        }
        Ok(())
    }

    /// Whether a range may have one more connection in this direction, beside those of reserved peers.
    fn check_range(&self, inbound: bool, range: AddressRange, most: u32, now: SystemTime) -> Result<(), Refusal> {
        if !self.counts(range) {
            return Ok(());
        }
        if self.ledger.range_ban(range, now).is_some() {
            return Err(Refusal::BannedRange);
        }
        let reserved = |peer: &PeerId| self.reserved.contains(peer);
        if self.slots.count_range(inbound, range, reserved) >= most as usize {
            return Err(Refusal::Range);
        }
        Ok(())
    }

    fn check_inbound(&mut self, peer: &PeerId, address: &Multiaddr, now: SystemTime) -> Result<(), Refusal> {
        self.check_peer(peer, now)?;
        if self.reserved.contains(peer) {
            return Ok(());
        }
        let range = AddressRange::of(address);
        self.check_range(true, range, self.limits.per_range_inbound, now)?;
        let reserved = |peer: &PeerId| self.reserved.contains(peer);
        if self.slots.count(true, reserved) < self.limits.inbound as usize {
            return Ok(());
        }
        let points = |peer: &PeerId| self.ledger.points(peer, now);
        let (id, leaves) = self.slots.makes_room(range, reserved, points).ok_or(Refusal::Inbound)?;
        self.slots.leave(id);
        self.to_close.push_back((leaves, CloseConnection::One(id)));
        self.wake();
        Ok(())
    }

    fn check_outbound(&self, peer: &PeerId, address: &Multiaddr, now: SystemTime) -> Result<(), Refusal> {
        self.check_peer(peer, now)?;
        if self.reserved.contains(peer) {
            return Ok(());
        }
        let range = AddressRange::of(address);
        // Names stand for many ranges, but whoever has one can have many of them.
        let most =
            if range == AddressRange::Unknown { self.limits.outbound / 2 } else { self.limits.per_range_outbound };
        self.check_range(false, range, most, now)?;
        let reserved = |peer: &PeerId| self.reserved.contains(peer);
        if self.slots.count(false, reserved) >= self.limits.outbound as usize {
            return Err(Refusal::Outbound);
        }
        Ok(())
    }
}

impl NetworkBehaviour for Gate {
    type ConnectionHandler = dummy::ConnectionHandler;
    type ToSwarm = Infallible;

    fn handle_pending_inbound_connection(
        &mut self,
        id: ConnectionId,
        _: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<(), ConnectionDenied> {
        let ip = range::ip(remote).map(|ip| ip.to_canonical());
        match self.check_arrival(ip, SystemTime::now()) {
            Ok(()) => {
                self.pending_inbound.insert(id, ip);
                Ok(())
            }
            Err(refusal) => self.deny(refusal),
        }
    }

    fn handle_established_inbound_connection(
        &mut self,
        id: ConnectionId,
        peer: PeerId,
        _: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.pending_inbound.remove(&id);
        match self.check_inbound(&peer, remote, SystemTime::now()) {
            Ok(()) => Ok(dummy::ConnectionHandler),
            Err(refusal) => self.deny(refusal),
        }
    }

    fn handle_pending_outbound_connection(
        &mut self,
        id: ConnectionId,
        peer: Option<PeerId>,
        _: &[Multiaddr],
        _: Endpoint,
    ) -> Result<Vec<Multiaddr>, ConnectionDenied> {
        let reserved = peer.is_some_and(|peer| self.reserved.contains(&peer));
        let checked = match peer {
            Some(peer) => self.check_peer(&peer, SystemTime::now()),
            None => Ok(()),
        };
        let checked = checked.and_then(|()| {
            if reserved {
                return Ok(());
            }
            let is_reserved = |peer: &PeerId| self.reserved.contains(peer);
            if self.pending_outbound.len() >= self.limits.pending as usize {
                Err(Refusal::Pending)
            } else if self.slots.count(false, is_reserved) >= self.limits.outbound as usize {
                // The dial could only fail in the end.
                Err(Refusal::Outbound)
            } else {
                Ok(())
            }
        });
        match checked {
            Ok(()) => {
                if !reserved {
                    self.pending_outbound.insert(id);
                }
                Ok(Vec::new())
            }
            Err(refusal) => self.deny(refusal),
        }
    }

    fn handle_established_outbound_connection(
        &mut self,
        id: ConnectionId,
        peer: PeerId,
        address: &Multiaddr,
        _: Endpoint,
        _: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.pending_outbound.remove(&id);
        match self.check_outbound(&peer, address, SystemTime::now()) {
            Ok(()) => Ok(dummy::ConnectionHandler),
            Err(refusal) => self.deny(refusal),
        }
    }

    fn on_swarm_event(&mut self, event: FromSwarm<'_>) {
        match event {
            FromSwarm::ConnectionEstablished(ConnectionEstablished { peer_id, connection_id, endpoint, .. }) => {
                let remote = endpoint.get_remote_address();
                let ip = range::ip(remote).map(|ip| ip.to_canonical());
                if self.reserved.contains(&peer_id)
                    && let Some(ip) = ip
                {
                    self.reserved.seen(ip);
                }
                let (inbound, range) = (endpoint.is_listener(), AddressRange::of(remote));
                let slot = Slot { peer: peer_id, inbound, ip, range, since: Instant::now(), leaving: false };
                self.slots.open(connection_id, slot);
            }
            FromSwarm::ConnectionClosed(ConnectionClosed { connection_id, .. }) => self.slots.close(connection_id),
            FromSwarm::ListenFailure(ListenFailure { connection_id, .. }) => {
                self.pending_inbound.remove(&connection_id);
            }
            FromSwarm::DialFailure(DialFailure { connection_id, .. }) => {
                self.pending_outbound.remove(&connection_id);
            }
            _ => {}
        }
    }

    fn on_connection_handler_event(&mut self, _: PeerId, _: ConnectionId, event: THandlerOutEvent<Self>) {
        match event {}
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<ToSwarm<Self::ToSwarm, THandlerInEvent<Self>>> {
        if let Some((peer_id, connection)) = self.to_close.pop_front() {
            return Poll::Ready(ToSwarm::CloseConnection { peer_id, connection });
        }
        self.waker = Some(context.waker().clone());
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use libp2p::core::ConnectedPoint;

    #[test]
    fn who_is_parted_from_comes_back_once_all_is_closed() {
        let mut gate = Gate::new(ConnectionLimits::default(), Ledger::default(), Arc::default());
        let peer = PeerId::random();
        let address: Multiaddr = "/ip4/203.0.113.1/tcp/1".parse().unwrap();
        let endpoint = ConnectedPoint::Listener { local_addr: address.clone(), send_back_addr: address.clone() };
        let [first, second] = [1, 2].map(ConnectionId::new_unchecked);
        let comes = |gate: &mut Gate, id| gate.handle_established_inbound_connection(id, peer, &address, &address);
        comes(&mut gate, first).unwrap();
        gate.on_swarm_event(FromSwarm::ConnectionEstablished(ConnectionEstablished {
            peer_id: peer,
            connection_id: first,
            endpoint: &endpoint,
            failed_addresses: &[],
            other_established: 0,
        }));
        gate.close(peer);
        let denied = comes(&mut gate, second).err().unwrap();
        assert_eq!(denied.downcast::<Refusal>().unwrap(), Refusal::Leaving);
        gate.on_swarm_event(FromSwarm::ConnectionClosed(ConnectionClosed {
            peer_id: peer,
            connection_id: first,
            endpoint: &endpoint,
            cause: None,
            remaining_established: 0,
        }));
        comes(&mut gate, second).unwrap();
        // Whoever is not there is not waited for.
        let stranger = PeerId::random();
        gate.close(stranger);
        gate.handle_established_inbound_connection(second, stranger, &address, &address).unwrap();
    }
}
