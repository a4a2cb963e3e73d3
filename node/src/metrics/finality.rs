//! What is counted of finality, and of what speaks against it.

use super::{Durations, Level, PerLabel, define::metrics, label::label};
use baton_consensus::evidence::{Evidence, EvidenceKind};
use prometheus_client::metrics::counter::Counter;

metrics! {
    /// Finality, and what speaks against it.
    pub struct Finality {
        /// Seconds from a block's commit on this node to its being final here, by the rule of genesis.
        pub finality_seconds: Durations,
        /// Rounds that this node opened as the scheduler.
        pub finality_rounds_opened: Counter,
        /// Quorum certificates that were new to this node, its own included.
        pub quorum_certificates: Counter,
        /// Votes that their signer's BLS key did not sign.
        pub bad_votes: Counter,
        /// Pieces of evidence that this node holds, by what was signed twice.
        pub evidence_held: PerLabel<EvidenceKind, Level>,
        /// 1 while so many blocks wait for finality that sealing waits as well.
        pub sealing_waits_for_finality: Level,
        /// 1 once this node stops for conflicting finality; it ends at once, so look at `up` and the log as well.
        pub halted: Level,
    }
}

label! {
    EvidenceKind as "kind" {
        Announcement = "announcement",
        Block = "block",
        Seal = "seal",
        Checkpoint = "checkpoint",
        Vote = "vote",
    }
}

impl Finality {
    /// Counts the evidence that this node holds from before.
    pub fn holds(&self, evidence: &[Evidence]) {
        for evidence in evidence {
            self.evidence_held.get(evidence.kind()).inc();
        }
    }
}
