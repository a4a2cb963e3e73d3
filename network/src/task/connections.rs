//! Connections, addresses, and peers to send away.

use super::NetworkTask;
use crate::{behaviour::BehaviourEvent, error::DialFailure, event::NetworkEvent, gate::Refusal};
use libp2p::{
    PeerId, identify, ping,
    swarm::{ConnectionId, DialError, ListenError, SwarmEvent},
};
use std::time::Instant;
use tracing::{debug, info, trace, warn};

impl NetworkTask {
    pub(super) fn on_connection(&mut self, event: SwarmEvent<BehaviourEvent>) {
        let now = Instant::now();
        match event {
            SwarmEvent::ConnectionEstablished { peer_id, connection_id, endpoint, .. } => {
                debug!(peer = %peer_id, address = %endpoint.get_remote_address(), "connected");
                self.peers.connected(peer_id, connection_id, &endpoint, now);
                self.reconnect.connected(connection_id, peer_id);
                self.meet(endpoint.get_remote_address());
                self.finish_dial(connection_id, Ok(peer_id));
                self.rescore(peer_id);
                if endpoint.is_dialer() {
                    self.ask_status(peer_id, now);
                }
            }
            SwarmEvent::ConnectionClosed { peer_id, connection_id, cause, .. } => {
                debug!(peer = %peer_id, cause = ?cause, "connection closed");
                if let Some(was_ready) = self.peers.disconnected(peer_id, connection_id) {
                    self.reconnect.gone(peer_id, now);
                    if was_ready {
                        info!(peer = %peer_id, "peer gone");
                        self.lanes.peer(NetworkEvent::PeerGone { peer: peer_id });
                    }
                }
            }
            SwarmEvent::OutgoingConnectionError { connection_id, peer_id, error } => {
                debug!(peer = ?peer_id, %error, "cannot connect");
                let ourselves = matches!(error, DialError::LocalPeerId { .. });
                if self.reconnect.failed(connection_id, ourselves, now) {
                    self.discovery.failed(&error);
                }
                self.finish_dial(connection_id, Err(error.to_string()));
            }
            SwarmEvent::IncomingConnectionError { send_back_addr, error, .. } => {
                match &error {
                    // A flood must not fill the log; the refusals are counted.
                    ListenError::Denied { cause } if cause.downcast_ref::<Refusal>().is_some() => {
                        trace!(address = %send_back_addr, %error, "incoming connection refused");
                    }
                    error => debug!(address = %send_back_addr, %error, "incoming connection broken"),
                }
            }
            SwarmEvent::NewListenAddr { address, .. } => {
                info!(%address, "listening");
                self.listens(&address);
                self.listening.send_modify(|addresses| addresses.push(address.clone()));
                self.lanes.peer(NetworkEvent::Listening(address));
            }
            SwarmEvent::ExpiredListenAddr { address, .. } => {
                self.listening.send_modify(|addresses| addresses.retain(|known| *known != address));
                self.stopped_listening(&address);
            }
            SwarmEvent::ListenerClosed { listener_id, .. } if self.lost_relay(listener_id) => {}
            SwarmEvent::ListenerClosed { addresses, reason, .. } => {
                warn!(?addresses, ?reason, "no longer listening");
            }
            SwarmEvent::ExternalAddrConfirmed { address } => self.confirmed(address),
            SwarmEvent::ExternalAddrExpired { address } => self.expired(&address),
            SwarmEvent::ListenerError { error, .. } => debug!(%error, "listener"),
            _ => {}
        }
    }

    fn finish_dial(&mut self, connection: ConnectionId, result: Result<PeerId, String>) {
        if let Some((address, reply)) = self.dials.remove(&connection) {
            // Nobody there is a caller that has given up.
            let _ = reply.send(result.map_err(|reason| DialFailure { address, reason }));
        }
    }

    pub(super) fn on_identify(&mut self, event: identify::Event) {
        // What was pushed is what this node told the peer.
        if let identify::Event::Received { connection_id, peer_id, info } = event {
            self.identified(peer_id, connection_id, &info);
        }
    }

    pub(super) fn on_ping(&mut self, event: &ping::Event) {
        match &event.result {
            Ok(round_trip) => self.peers.pinged(event.peer, *round_trip),
            Err(ping::Failure::Unsupported) => {}
            Err(failure) => {
                debug!(peer = %event.peer, error = %failure, "the link does not answer");
                self.part_from(event.peer);
            }
        }
    }

    /// Closes all connections of a peer.
    pub(super) fn part_from(&mut self, peer: PeerId) {
        self.swarm.behaviour_mut().gate.close(peer);
    }

    pub(super) fn on_tick_connections(&mut self, now: Instant) {
        let peers = &self.peers;
        let few = peers.are_few(self.enough_peers);
        self.reconnect.dial_due(&mut self.swarm, now, few, |peer| peers.contains(peer));
    }
}
