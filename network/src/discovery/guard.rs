//! Holds a behaviour of libp2p to the address policy: none of them knows it.

use super::policy::AddressPolicy;
use libp2p::{
    Multiaddr, PeerId,
    core::{Endpoint, transport::PortUse},
    swarm::{
        ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour, NewExternalAddrCandidate, THandler,
        THandlerInEvent, THandlerOutEvent, ToSwarm, dial_opts::DialOpts,
    },
};
use std::{
    collections::HashSet,
    ops::{Deref, DerefMut},
    task::{Context, Poll},
};

/// Guesses at our own address that are passed on; a peer may make up as many as it likes.
const MAX_CANDIDATES: usize = 64;

/// What the dials of a behaviour are like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dials {
    /// To peers, at the addresses that the behaviour has heard of: they leave from a fresh port, because a reused listening
    /// port collides with the far side's dial.
    ToPeers,
    /// To one address on a peer's request.
    OnRequest,
}

/// A behaviour that dials no address, and learns of no candidate for our own, that the policy refuses.
pub(crate) struct Guard<B> {
    inner: B,
    policy: AddressPolicy,
    dials: Dials,
    requested: HashSet<ConnectionId>,
    candidates: HashSet<Multiaddr>,
}

#[derive(Debug, thiserror::Error)]
#[error("the address policy does not allow this address")]
struct Refused;

impl<B> Guard<B> {
    pub(crate) fn new(inner: B, policy: AddressPolicy, dials: Dials) -> Self {
        Self { inner, policy, dials, requested: HashSet::new(), candidates: HashSet::new() }
    }

    fn admits(&mut self, candidate: &Multiaddr) -> bool {
        if !self.policy.hearsay(candidate) {
            return false;
        }
        let room = self.candidates.len() < MAX_CANDIDATES;
        self.candidates.contains(candidate) || (room && self.candidates.insert(candidate.clone()))
    }
}

impl<B: NetworkBehaviour> Guard<B> {
    /// Has the behaviour take an address for a candidate that the swarm would not name as one, because it is told already.
    pub(crate) fn suggest(&mut self, address: &Multiaddr) {
        self.on_swarm_event(FromSwarm::NewExternalAddrCandidate(NewExternalAddrCandidate { addr: address }));
    }
}

impl<B> Deref for Guard<B> {
    type Target = B;

    fn deref(&self) -> &B {
        &self.inner
    }
}

impl<B> DerefMut for Guard<B> {
    fn deref_mut(&mut self) -> &mut B {
        &mut self.inner
    }
}

impl<B: NetworkBehaviour> NetworkBehaviour for Guard<B> {
    type ConnectionHandler = B::ConnectionHandler;
    type ToSwarm = B::ToSwarm;

    fn handle_pending_inbound_connection(
        &mut self,
        id: ConnectionId,
        local: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<(), ConnectionDenied> {
        self.inner.handle_pending_inbound_connection(id, local, remote)
    }

    fn handle_established_inbound_connection(
        &mut self,
        id: ConnectionId,
        peer: PeerId,
        local: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.inner.handle_established_inbound_connection(id, peer, local, remote)
    }

    fn handle_pending_outbound_connection(
        &mut self,
        id: ConnectionId,
        peer: Option<PeerId>,
        addresses: &[Multiaddr],
        role: Endpoint,
    ) -> Result<Vec<Multiaddr>, ConnectionDenied> {
        if self.requested.remove(&id) && !addresses.iter().all(|address| self.policy.hearsay(address)) {
            return Err(ConnectionDenied::new(Refused));
        }
        let mut found = self.inner.handle_pending_outbound_connection(id, peer, addresses, role)?;
        found.retain(|address| self.policy.hearsay(address));
        Ok(found)
    }

    fn handle_established_outbound_connection(
        &mut self,
        id: ConnectionId,
        peer: PeerId,
        address: &Multiaddr,
        role: Endpoint,
        port: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.inner.handle_established_outbound_connection(id, peer, address, role, port)
    }

    fn on_swarm_event(&mut self, event: FromSwarm<'_>) {
        if let FromSwarm::NewExternalAddrCandidate(NewExternalAddrCandidate { addr }) = event
            && !self.admits(addr)
        {
            return;
        }
        self.inner.on_swarm_event(event);
    }

    fn on_connection_handler_event(&mut self, peer: PeerId, id: ConnectionId, event: THandlerOutEvent<Self>) {
        self.inner.on_connection_handler_event(peer, id, event);
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<ToSwarm<Self::ToSwarm, THandlerInEvent<Self>>> {
        self.inner.poll(context).map(|event| match event {
            ToSwarm::Dial { opts } => ToSwarm::Dial {
                opts: match (self.dials, opts.get_peer_id()) {
                    (Dials::ToPeers, Some(peer)) => DialOpts::peer_id(peer).allocate_new_port().build(),
                    _ => {
                        self.requested.insert(opts.connection_id());
                        opts
                    }
                },
            },
            event => event,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use libp2p::swarm::dummy;

    fn guard() -> (Guard<dummy::Behaviour>, AddressPolicy) {
        let policy = AddressPolicy::new(false);
        policy.widen(&"/ip4/8.8.8.8/tcp/1".parse().unwrap());
        (Guard::new(dummy::Behaviour, policy.clone(), Dials::OnRequest), policy)
    }

    #[test]
    fn a_dial_on_request_goes_where_the_policy_lets_it() {
        let (mut guard, _) = guard();
        for (address, allowed) in [("/ip4/127.0.0.1/tcp/22", false), ("/ip4/9.9.9.9/tcp/22", true)] {
            let options = DialOpts::unknown_peer_id().address(address.parse().unwrap()).build();
            let (id, addresses) = (options.connection_id(), [address.parse().unwrap()]);
            guard.requested.insert(id);
            let answer = guard.handle_pending_outbound_connection(id, None, &addresses, Endpoint::Dialer);
            assert_eq!(answer.is_ok(), allowed, "{address}");
            // The dials of others are not this behaviour's.
            assert!(guard.handle_pending_outbound_connection(id, None, &addresses, Endpoint::Dialer).is_ok());
        }
    }

    #[test]
    fn guesses_at_our_address_are_few_and_sensible() {
        let (mut guard, _) = guard();
        assert!(!guard.admits(&"/ip4/10.0.0.1/tcp/1".parse().unwrap()));
        let taken = (1..500).filter(|port| guard.admits(&format!("/ip4/9.9.9.9/tcp/{port}").parse().unwrap())).count();
        assert_eq!(taken, MAX_CANDIDATES);
        assert!(guard.admits(&"/ip4/9.9.9.9/tcp/1".parse().unwrap()), "a guess may be repeated");
    }
}
