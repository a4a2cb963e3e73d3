//! What is counted of L1.

use super::{PerLabel, define::metrics, label::label};
use crate::l1::ErrorKind;
use prometheus_client::metrics::counter::Counter;

metrics! {
    /// L1, as this node sees it.
    pub struct L1 {
        /// What L1 endpoints did wrong, by kind.
        pub l1_endpoint_errors: PerLabel<ErrorKind, Counter>,
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
