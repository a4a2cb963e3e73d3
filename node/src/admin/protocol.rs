//! The requests and the answers, each a line of JSON.

use super::peers::{MAX_BAN, PeerAnswer, PeerRequest};
use alloy_primitives::Address;
use baton_consensus::types::Term;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// No request is longer, its end not counted, in bytes.
pub(super) const MAX_LINE: usize = 4096;

/// No answer is longer, in bytes: [`super::peers::MAX_ROWS`] peers and as many ranges fit.
pub(super) const MAX_ANSWER: usize = 2 << 20;

/// An asker may wait this long at most for what takes its time.
pub const MAX_PATIENCE: Duration = Duration::from_secs(600);

/// What an operator may ask.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum Request {
    /// Hand the schedule over.
    Resign {
        /// How long to wait for the next term, in ms; [`MAX_PATIENCE`] at most.
        patience_ms: u64,
    },
    /// Something about peers.
    Peers {
        /// What.
        ask: PeerRequest,
    },
}

impl Request {
    /// Understands a line without its end.
    ///
    /// # Errors
    /// What is wrong with it, in one line.
    pub fn parse(line: &[u8]) -> Result<Self, String> {
        let request = serde_json::from_slice(line).map_err(|error| format!("not a request: {error}"))?;
        match request {
            Self::Resign { patience_ms } if u128::from(patience_ms) > MAX_PATIENCE.as_millis() => {
                Err(format!("patienceMs is {patience_ms}, more than {}", MAX_PATIENCE.as_millis()))
            }
            Self::Peers { ask: PeerRequest::Ban { seconds, .. } } if seconds > MAX_BAN.as_secs() => {
                Err(format!("seconds is {seconds}, more than {}", MAX_BAN.as_secs()))
            }
            request => Ok(request),
        }
    }
}

/// What a node answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Answer {
    /// The schedule is handed over: the next term is open.
    TermOpened {
        /// The term.
        term: Term,
        /// Who schedules it.
        scheduler: Address,
        /// Who scheduled the term before.
        resigned: Address,
    },
    /// The node asked for the next term, which did not open while the asker waited. It may still open.
    NotOpened {
        /// The term.
        term: Term,
    },
    /// What is asked about peers.
    AboutPeers(PeerAnswer),
    /// The node understood, and did nothing.
    Refused {
        /// Why.
        reason: String,
    },
    /// The node did not understand.
    Malformed {
        /// What is wrong with the line.
        problem: String,
    },
}

impl Answer {
    /// The node is on its way out.
    pub(super) fn stopping() -> Self {
        Self::refused("the node is stopping")
    }

    pub(super) fn refused(reason: impl std::fmt::Display) -> Self {
        Self::Refused { reason: reason.to_string() }
    }
}

/// A message as a line with its end.
pub(super) fn line(message: &impl Serialize) -> Vec<u8> {
    // These types have neither maps nor anything else that JSON cannot say.
    let mut line = serde_json::to_vec(message).unwrap_or_default();
    line.push(b'\n');
    line
}
