//! What is counted of terms and of leaders.

use super::{PerLabel, define::metrics, label::label};
use baton_consensus::messages::{Cause, SkipReason};
use prometheus_client::metrics::counter::Counter;

metrics! {
    /// Terms, and the leaders in them.
    pub struct Terms {
        /// Terms that this node asked for, by cause.
        pub term_changes_signed: PerLabel<Cause, Counter>,
        /// Set changes that this node went along with.
        pub eras_opened: Counter,
        /// Terms that this node saw opened by a certificate.
        pub terms_opened: Counter,
        /// Leaders that this node replaced as the scheduler, by reason.
        pub leaders_replaced: PerLabel<SkipReason, Counter>,
    }
}

label! {
    Cause as "cause" {
        NoSeal = "no-seal",
        NoCertificate = "no-certificate",
        Equivocation = "equivocation",
        Invalid = "invalid",
        Planned = "planned",
        Resigned = "resigned",
        Unfair = "unfair",
        Joined = "joined",
    }
}

label! {
    SkipReason as "reason" {
        Silent = "silent",
        Behind = "behind",
        Late = "late",
        Invalid = "invalid",
        Jailed = "jailed",
        Left = "left",
        Equivocated = "equivocated",
    }
}
