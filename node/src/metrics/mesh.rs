//! What is counted of messages.

use super::{PerLabel, define::metrics, label::label};
use baton_consensus::core::{Ignored, Rejected, Verdict};
use prometheus_client::metrics::counter::Counter;

metrics! {
    /// Messages of consensus from the mesh.
    pub struct Mesh {
        /// Messages of consensus from peers, by verdict; `malformed` is what was refused before consensus saw it, for its signatures
        /// or its form.
        pub messages_judged: PerLabel<Judgement, Counter>,
        /// Messages of consensus that were dropped because the engine was busy.
        pub messages_dropped: Counter,
        /// Transactions of blocks that the pool lacked and peers were asked for.
        pub block_transactions_fetched: Counter,
        /// Blocks whose transactions could not be had in time, or are not those of the header.
        pub blocks_not_assembled: Counter,
    }
}

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// Valid and new.
    Accept,
    /// [`Ignored::Duplicate`].
    Duplicate,
    /// [`Ignored::Stale`].
    Stale,
    /// [`Ignored::Early`].
    Early,
    /// [`Ignored::UnknownParent`].
    UnknownParent,
    /// [`Ignored::TooManyRivals`].
    TooManyRivals,
    /// [`Ignored::Equivocation`].
    Equivocation,
    /// [`Rejected::NotEntitled`].
    NotEntitled,
    /// [`Rejected::Inconsistent`].
    Inconsistent,
    /// Refused for its signatures or its form.
    Malformed,
}

label! {
    Judgement as "verdict" {
        Accept = "accept",
        Duplicate = "duplicate",
        Stale = "stale",
        Early = "early",
        UnknownParent = "unknown parent",
        TooManyRivals = "too many rivals",
        Equivocation = "equivocation",
        NotEntitled = "signer not entitled",
        Inconsistent = "inconsistent",
        Malformed = "malformed",
    }
}

impl From<Verdict> for Judgement {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Accept => Self::Accept,
            Verdict::Ignore(Ignored::Duplicate) => Self::Duplicate,
            Verdict::Ignore(Ignored::Stale) => Self::Stale,
            Verdict::Ignore(Ignored::Early) => Self::Early,
            Verdict::Ignore(Ignored::UnknownParent) => Self::UnknownParent,
            Verdict::Ignore(Ignored::TooManyRivals) => Self::TooManyRivals,
            Verdict::Ignore(Ignored::Equivocation) => Self::Equivocation,
            Verdict::Reject(Rejected::NotEntitled) => Self::NotEntitled,
            Verdict::Reject(Rejected::Inconsistent) => Self::Inconsistent,
        }
    }
}
