//! The status exchange: who is on our chain, and how far.

use super::{NetworkTask, requests::Pending};
use crate::{
    event::NetworkEvent,
    peers::Change,
    penalties::Offence,
    rpc::{Protocol, decode_status, encode_status},
    status::Status,
};
use libp2p::{
    PeerId,
    request_response::{OutboundFailure, ResponseChannel},
};
use std::time::{Duration, Instant};
use tracing::{debug, error, info};

/// How long a dialer of another chain may take to read our status before it is disconnected. It leaves by itself
/// before that; otherwise the close could overtake the status that tells it why.
const OTHER_CHAIN_GRACE: Duration = Duration::from_secs(2);

/// Peers of other chains whose first log line is remembered.
const MAX_REMEMBERED: usize = 4096;

impl NetworkTask {
    /// Sends our status to a peer and asks for its own.
    pub(super) fn ask_status(&mut self, peer: PeerId, now: Instant) {
        let Some(frame) = self.own_status() else { return };
        self.peers.asked(peer, now);
        let id = self.swarm.behaviour_mut().rpc.of(Protocol::Status).send_request(&peer, frame);
        self.pending.insert((Protocol::Status, id), Pending::Status);
    }

    fn own_status(&self) -> Option<Vec<u8>> {
        encode_status(&self.status.borrow()).map_err(|error| error!(%error, "our own status cannot be sent")).ok()
    }

    pub(super) fn on_status_request(&mut self, peer: PeerId, frame: &[u8], channel: ResponseChannel<Vec<u8>>) {
        match decode_status(frame) {
            Ok(status) => {
                if let Some(own) = self.own_status()
                    && self.swarm.behaviour_mut().rpc.of(Protocol::Status).send_response(channel, own).is_err()
                {
                    debug!(%peer, "the peer did not wait for our status");
                }
                self.on_status(peer, status, OTHER_CHAIN_GRACE);
            }
            Err(error) => {
                debug!(%peer, %error, "undecodable status");
                self.charge(peer, Offence::UndecodableRequest, Protocol::Status.name());
            }
        }
    }

    pub(super) fn on_status_response(&mut self, peer: PeerId, frame: &[u8]) {
        if frame.is_empty() {
            return debug!(%peer, "the peer does not tell its status now");
        }
        match decode_status(frame) {
            Ok(status) => self.on_status(peer, status, Duration::ZERO),
            Err(error) => {
                debug!(%peer, %error, "undecodable status");
                self.charge(peer, Offence::MalformedResponse, Protocol::Status.name());
            }
        }
    }

    pub(super) fn on_status_failure(&mut self, peer: PeerId, failure: &OutboundFailure) {
        debug!(%peer, error = %failure, "no status from the peer");
        // A bootnode speaks no status, and identify has said or will say that it is one; others go at their deadline.
        if matches!(failure, OutboundFailure::UnsupportedProtocols) && self.peers.is_useless(&peer) {
            self.reconnect.refuse(peer);
            self.part_from(peer);
        }
    }

    fn on_status(&mut self, peer: PeerId, status: Status, grace: Duration) {
        if status.chain() != self.chain {
            self.on_other_chain(peer, &status, grace);
            return;
        }
        if status.finalized > status.head.height {
            return self.charge(peer, Offence::ImpossibleStatus, Protocol::Status.name());
        }
        match self.peers.status(peer, &status) {
            Change::Ready => {
                self.reconnect.ready(peer);
                self.remember_peer(peer);
                info!(%peer, agent = %status.agent, head = %status.head, "peer ready");
                self.lanes.peer(NetworkEvent::PeerReady { peer, status });
            }
            Change::Changed => self.lanes.peer(NetworkEvent::PeerStatus { peer, status }),
            Change::Nothing => {}
        }
    }

    fn on_other_chain(&mut self, peer: PeerId, status: &Status, grace: Duration) {
        let (theirs, ours) = (status.chain(), self.chain);
        if self.other_chain.len() >= MAX_REMEMBERED {
            self.other_chain.clear();
        }
        if self.other_chain.insert(peer) {
            error!(
                %peer,
                their_chain_id = theirs.chain_id,
                their_genesis = %theirs.genesis_hash,
                our_chain_id = ours.chain_id,
                our_genesis = %ours.genesis_hash,
                "peer is on another chain and is disconnected; one of the two runs with a wrong genesis file"
            );
        }
        self.reconnect.refuse(peer);
        let new = self.peers.close_at(peer, Instant::now() + grace);
        if grace.is_zero() {
            self.part_from(peer);
        }
        if new {
            self.lanes.peer(NetworkEvent::OtherChain { peer, theirs, ours });
        }
    }

    pub(super) fn on_tick_status(&mut self, now: Instant) {
        for peer in self.peers.to_close(now, self.timing.status_deadline) {
            debug!(%peer, "closing: no status of our chain");
            self.part_from(peer);
        }
        for peer in self.peers.to_ask(now, self.timing.status_interval) {
            self.ask_status(peer, now);
        }
    }
}
