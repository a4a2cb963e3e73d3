//! Requests out and in.

use super::NetworkTask;
use crate::{
    counters::Counters,
    error::RequestError,
    event::NetworkEvent,
    penalties::Offence,
    quotas::Admission,
    rpc::{Protocol, Request, Responder},
};
use futures::future::BoxFuture;
use libp2p::{
    PeerId,
    request_response::{Event, InboundFailure, Message, OutboundFailure, ResponseChannel},
};
use std::{collections::hash_map::Entry, io};
use tokio::sync::oneshot;
use tracing::debug;

/// Who waits for the response to a request of ours.
pub(super) enum Pending {
    Status,
    Node(oneshot::Sender<Result<Vec<u8>, RequestError>>),
}

/// The frame that says no: no response is empty.
const REFUSAL: Vec<u8> = Vec::new();

/// The end of an answer in the making.
pub(super) type Answer = BoxFuture<'static, Answered>;

pub(super) struct Answered {
    peer: PeerId,
    protocol: Protocol,
    channel: ResponseChannel<Vec<u8>>,
    frame: Vec<u8>,
}

impl NetworkTask {
    pub(super) fn send_request(
        &mut self,
        peer: PeerId,
        protocol: Protocol,
        frame: Vec<u8>,
        reply: oneshot::Sender<Result<Vec<u8>, RequestError>>,
    ) {
        if self.peers.contains(&peer) {
            let id = self.swarm.behaviour_mut().rpc.of(protocol).send_request(&peer, frame);
            self.pending.insert((protocol, id), Pending::Node(reply));
        } else {
            // Nobody there is a caller that has given up.
            let _ = reply.send(Err(RequestError::NotConnected(peer)));
        }
    }

    pub(super) fn on_rpc(&mut self, protocol: Protocol, event: Event<Vec<u8>, Vec<u8>>) {
        match event {
            Event::Message { peer, message: Message::Request { request, channel, .. }, .. } => {
                match self.incoming.request(protocol, &peer) {
                    Admission::Served if protocol == Protocol::Status => {
                        self.on_status_request(peer, &request, channel);
                    }
                    Admission::Served => self.on_request(peer, protocol, &request, channel),
                    Admission::Refused => self.refuse(peer, protocol, channel),
                    Admission::Flood => {
                        self.refuse(peer, protocol, channel);
                        self.charge(peer, Offence::TooManyRequests, protocol.name());
                    }
                }
            }
            Event::Message { peer, message: Message::Response { request_id, response }, .. } => {
                match self.pending.remove(&(protocol, request_id)) {
                    Some(Pending::Status) => self.on_status_response(peer, &response),
                    Some(Pending::Node(reply)) => {
                        let _ = reply.send(Ok(response));
                    }
                    None => {}
                }
            }
            Event::OutboundFailure { peer, request_id, error, .. } => {
                if matches!(error, OutboundFailure::Timeout) {
                    self.charge(peer, Offence::NoAnswer, protocol.name());
                }
                if is_malformed(&error) {
                    self.charge(peer, Offence::MalformedResponse, protocol.name());
                }
                match self.pending.remove(&(protocol, request_id)) {
                    Some(Pending::Status) => self.on_status_failure(peer, &error),
                    Some(Pending::Node(reply)) => {
                        let after = protocol.deadline(self.timing.request_deadline_max);
                        let _ = reply.send(Err(match error {
                            OutboundFailure::Timeout => RequestError::Timeout { peer, protocol, after },
                            OutboundFailure::UnsupportedProtocols => RequestError::Unsupported { peer, protocol },
                            error => RequestError::Failed { peer, protocol, reason: error.to_string() },
                        }));
                    }
                    None => {}
                }
            }
            Event::InboundFailure { peer, error, .. } => {
                debug!(%peer, %protocol, %error, "a peer's request failed");
                if matches!(&error, InboundFailure::Io(error) if error.kind() == io::ErrorKind::InvalidData) {
                    self.charge(peer, Offence::OversizedRequest, protocol.name());
                }
            }
            Event::ResponseSent { .. } => {}
        }
    }

    fn on_request(&mut self, peer: PeerId, protocol: Protocol, frame: &[u8], channel: ResponseChannel<Vec<u8>>) {
        let request = match Request::decode(protocol, frame) {
            Some(Ok(request)) => request,
            Some(Err(error)) => {
                debug!(%peer, %protocol, %error, "undecodable request");
                self.charge(peer, Offence::UndecodableRequest, protocol.name());
                return;
            }
            None => return,
        };
        let running = self.answering.entry((peer, protocol)).or_default();
        if *running >= protocol.spec().concurrent {
            return self.refuse(peer, protocol, channel);
        }
        let (reply, result) = oneshot::channel();
        let responder = Responder::new(protocol, reply);
        if self.lanes.request(protocol, frame.len(), NetworkEvent::Request { peer, request, responder }) {
            *running += 1;
            self.answers.push(Box::pin(async move {
                let frame = result.await.unwrap_or(REFUSAL);
                Answered { peer, protocol, channel, frame }
            }));
        } else {
            self.refuse(peer, protocol, channel);
        }
    }

    /// Tells a peer that its request is not served now.
    fn refuse(&mut self, peer: PeerId, protocol: Protocol, channel: ResponseChannel<Vec<u8>>) {
        debug!(%peer, %protocol, "too many requests");
        Counters::add(&self.counters.refused);
        // The peer may have given up.
        let _ = self.swarm.behaviour_mut().rpc.of(protocol).send_response(channel, REFUSAL);
    }

    pub(super) fn on_answer(&mut self, answered: Answered) {
        let Answered { peer, protocol, channel, frame } = answered;
        if let Entry::Occupied(mut running) = self.answering.entry((peer, protocol)) {
            *running.get_mut() -= 1;
            if *running.get() == 0 {
                running.remove();
            }
        }
        if self.swarm.behaviour_mut().rpc.of(protocol).send_response(channel, frame).is_err() {
            debug!(%peer, %protocol, "the response came too late");
        }
    }
}

fn is_malformed(error: &OutboundFailure) -> bool {
    matches!(error, OutboundFailure::Io(error) if error.kind() == io::ErrorKind::InvalidData)
}
