//! What can go wrong between a node and L1.

use alloy_primitives::Bytes;
use std::{fmt, time::Duration};
use thiserror::Error;

/// What an endpoint did wrong, as the metrics count it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// No answer before the deadline.
    Timeout,
    /// No connection, or it broke.
    Unreachable,
    /// Asked too often.
    RateLimited,
    /// An HTTP status that is no success.
    Status,
    /// An answer above the bound.
    TooLarge,
    /// No answer to the question in the form of JSON-RPC.
    Malformed,
    /// An error in the form of JSON-RPC.
    Refused,
    /// Another chain.
    WrongChain,
    /// Answers that contradict each other, or those of other endpoints.
    Contradiction,
}

/// What an endpoint did wrong.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Failure {
    /// No answer before the deadline.
    #[error("no answer within {0:?}")]
    Timeout(Duration),
    /// No connection, or it broke.
    #[error("cannot be reached: {0}")]
    Unreachable(String),
    /// Asked too often.
    #[error("its rate limit is reached; use a plan with more requests, or more endpoints")]
    RateLimited {
        /// How long it wants to be left alone.
        retry_after: Option<Duration>,
    },
    /// An HTTP status that is no success.
    #[error("HTTP status {0}; check the path and the key of its URL")]
    Status(u16),
    /// An answer above the bound.
    #[error("an answer of more than {0} bytes")]
    TooLarge(usize),
    /// No answer to the question in the form of JSON-RPC.
    #[error("an answer that is none: {0}")]
    Malformed(String),
    /// An error in the form of JSON-RPC.
    #[error("refused: {message} (code {code})")]
    Refused {
        /// The code.
        code: i64,
        /// What it says.
        message: String,
        /// What a reverted call returned.
        data: Bytes,
    },
    /// Another chain.
    #[error("it serves chain {actual}, not {expected}; it is set aside until it serves that one")]
    WrongChain {
        /// The chain that is followed.
        expected: u64,
        /// The chain that it serves.
        actual: u64,
    },
    /// It rests after failures, or is set aside.
    #[error("it is left alone for now, after: {0}")]
    Resting(String),
}

/// What which endpoint did wrong.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("L1 endpoint {endpoint}, {method}: {failure}")]
pub struct EndpointError {
    /// Its host.
    pub endpoint: String,
    /// What it was asked.
    pub method: &'static str,
    /// What it did.
    pub failure: Failure,
}

/// A call that no endpoint answered, or that L1 refuses.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum L1Error {
    /// None of the endpoints answered.
    #[error("no L1 endpoint answered {method}{}", list(.errors))]
    Unavailable {
        /// What they were asked.
        method: &'static str,
        /// What each attempt met, oldest first.
        errors: Vec<EndpointError>,
    },
    /// L1 does not do that, whoever is asked: a reverted call, or a transaction that is refused.
    #[error(transparent)]
    Refused(EndpointError),
    /// A contract answered what its interface does not know.
    #[error(
        "the contract at {contract} does not answer {call} as its interface says: {problem}; is the address right?"
    )]
    Undecodable {
        /// Where it should be.
        contract: alloy_primitives::Address,
        /// What was called.
        call: &'static str,
        /// What is wrong.
        problem: String,
    },
}

impl Failure {
    /// How it is counted; a rest is not.
    #[must_use]
    pub const fn kind(&self) -> Option<ErrorKind> {
        Some(match self {
            Self::Timeout(_) => ErrorKind::Timeout,
            Self::Unreachable(_) => ErrorKind::Unreachable,
            Self::RateLimited { .. } => ErrorKind::RateLimited,
            Self::Status(_) => ErrorKind::Status,
            Self::TooLarge(_) => ErrorKind::TooLarge,
            Self::Malformed(_) => ErrorKind::Malformed,
            Self::Refused { .. } => ErrorKind::Refused,
            Self::WrongChain { .. } => ErrorKind::WrongChain,
            Self::Resting(_) => return None,
        })
    }
}

impl EndpointError {
    /// Whether the same endpoint may answer a moment later.
    pub(super) const fn may_pass(&self) -> bool {
        matches!(self.failure, Failure::Unreachable(_) | Failure::RateLimited { .. } | Failure::Malformed(_))
    }

    /// Whether other endpoints would say the same.
    pub(super) fn is_final(&self) -> bool {
        let Failure::Refused { code, message, .. } = &self.failure else { return false };
        self.method == "eth_sendRawTransaction" || *code == 3 || contains(message, &["revert", "insufficient funds"])
    }
}

impl L1Error {
    /// The errors of the endpoints.
    #[must_use]
    pub fn errors(&self) -> &[EndpointError] {
        match self {
            Self::Unavailable { errors, .. } => errors,
            Self::Refused(error) => std::slice::from_ref(error),
            Self::Undecodable { .. } => &[],
        }
    }

    /// Whether what was asked for may simply be too much: of a range of logs, half may do.
    #[must_use]
    pub fn suggests_less(&self) -> bool {
        let too_much = |error: &EndpointError| {
            matches!(error.failure, Failure::Refused { .. } | Failure::TooLarge(_) | Failure::Timeout(_))
        };
        !self.errors().is_empty() && self.errors().iter().all(too_much)
    }

    /// Whether an endpoint answered, with an error: it does not have what was asked for, or does not do it.
    #[must_use]
    pub fn is_refusal(&self) -> bool {
        self.errors().iter().any(|error| matches!(error.failure, Failure::Refused { .. }))
    }

    /// What the endpoint that refused says.
    #[must_use]
    pub fn refusal(&self) -> Option<&str> {
        self.errors().iter().rev().find_map(|error| match &error.failure {
            Failure::Refused { message, .. } => Some(message.as_str()),
            _ => None,
        })
    }

    /// Whether a call is refused because it would be reverted; what it returned.
    #[must_use]
    pub fn revert(&self) -> Option<&Bytes> {
        let Self::Refused(error) = self else { return None };
        match &error.failure {
            Failure::Refused { code, message, data } if *code == 3 || contains(message, &["revert"]) => Some(data),
            _ => None,
        }
    }
}

/// Whether a message contains one of these, in whatever case.
pub(crate) fn contains(message: &str, words: &[&str]) -> bool {
    let message = message.to_lowercase();
    words.iter().any(|word| message.contains(word))
}

struct List<'a>(&'a [EndpointError]);

fn list(errors: &[EndpointError]) -> List<'_> {
    List(errors)
}

/// The last error of each endpoint.
impl fmt::Display for List<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown: Vec<&str> = Vec::new();
        for error in self.0.iter().rev() {
            if !shown.contains(&error.endpoint.as_str()) {
                let lead = if shown.is_empty() { ": " } else { "; " };
                write!(f, "{lead}{}: {}", error.endpoint, error.failure)?;
                shown.push(&error.endpoint);
            }
        }
        Ok(())
    }
}
