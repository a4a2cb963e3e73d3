//! What is counted of L1.

use super::{Level, PerLabel, define::metrics, label::label};
use crate::l1::{ErrorKind, SlashOutcome};
use prometheus_client::metrics::counter::Counter;

metrics! {
    /// L1, as this node sees it.
    pub struct L1 {
        /// Number of the L1 block up to which the registry was read, behind L1's head by the confirmations; 0 without L1.
        pub l1_confirmed_block: Level,
        /// Seconds from the timestamp of that block to now, at the last look.
        pub l1_lag_seconds: Level,
        /// Changes of the sequencer set that were read from L1 and confirmed.
        pub l1_set_versions: Counter,
        /// Reorganisations of L1 deeper than the confirmations.
        pub l1_deep_reorgs: Counter,
        /// L1 endpoints that are in use.
        pub l1_endpoints_usable: Level,
        /// What L1 endpoints did wrong, by kind.
        pub l1_endpoint_errors: PerLabel<ErrorKind, Counter>,
        /// Evidence that was brought to L1, by outcome.
        pub l1_evidence: PerLabel<SlashOutcome, Counter>,
    }
}

label! {
    ErrorKind as "kind" {
        Timeout = "timeout",
        Unreachable = "unreachable",
        RateLimited = "rate-limited",
        Status = "status",
        TooLarge = "too-large",
        Malformed = "malformed",
        Refused = "refused",
        WrongChain = "wrong-chain",
        Contradiction = "contradiction",
    }
}

label! {
    SlashOutcome as "outcome" {
        Slashed = "slashed",
        AlreadySlashed = "already-slashed",
        NothingAtStake = "nothing-at-stake",
        Refused = "refused",
    }
}
