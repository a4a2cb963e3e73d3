//! One verdict for every message from outside: it decides gossip's answer, the log line and the metric's label.

use thiserror::Error;

/// What becomes of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Valid and new: pass it on.
    Accept,
    /// Not useful here and now: do not pass it on, blame nobody.
    Ignore(Ignored),
    /// A correct node would not have passed it on: penalise the sender.
    Reject(Rejected),
}

/// Why a message is passed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
pub enum Ignored {
    /// Known already.
    #[error("duplicate")]
    Duplicate,
    /// Overtaken by what is known.
    #[error("stale")]
    Stale,
    /// Of an epoch, term or height that this node has not come to.
    #[error("early")]
    Early,
    /// Its parent is not known here.
    #[error("unknown parent")]
    UnknownParent,
    /// Enough rivals for the same height are held already.
    #[error("too many rivals")]
    TooManyRivals,
    /// Its signer contradicts itself; the relayer is not to blame.
    #[error("equivocation")]
    Equivocation,
}

/// Why a message is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
pub enum Rejected {
    /// The signer may not sign this message here.
    #[error("signer not entitled")]
    NotEntitled,
    /// Its fields contradict the schedule or each other.
    #[error("inconsistent")]
    Inconsistent,
}

impl Verdict {
    /// A label for logs and metrics.
    #[must_use]
    pub fn label(&self) -> String {
        match self {
            Self::Accept => "accept".to_owned(),
            Self::Ignore(reason) => reason.to_string(),
            Self::Reject(reason) => reason.to_string(),
        }
    }
}
