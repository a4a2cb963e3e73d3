//! The node's side of a request that came from a peer.

use super::{Protocol, Response};
use crate::error::RespondError;
use tokio::sync::oneshot;

/// Answers one request. Dropped without an answer, the peer sees the request fail.
#[derive(Debug)]
#[must_use = "the peer waits for a response"]
pub struct Responder {
    protocol: Protocol,
    reply: oneshot::Sender<Vec<u8>>,
}

impl Responder {
    pub(crate) const fn new(protocol: Protocol, reply: oneshot::Sender<Vec<u8>>) -> Self {
        Self { protocol, reply }
    }

    /// The request's protocol.
    #[must_use]
    pub const fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// Encodes the response and hands it to the swarm; never blocks.
    ///
    /// # Errors
    /// [`RespondError`] if the response is of another protocol or too large, or nobody waits for it any more.
    pub fn respond(self, response: &Response) -> Result<(), RespondError> {
        if response.protocol() != self.protocol {
            return Err(RespondError::Protocol { asked: self.protocol, given: response.protocol() });
        }
        self.reply.send(response.encode()?).map_err(|_| RespondError::Gone)
    }
}
