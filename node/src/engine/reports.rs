//! What operators read of the protocol's course, in the log and in the metrics.

use crate::metrics::Metrics;
use baton_consensus::core::Report;
use tracing::{error, info, warn};

pub(super) fn tell(report: &Report) {
    match report {
        Report::Started { scheduler } => info!(%scheduler, "the term's scheduler"),
        Report::Appointed { epoch, leader, first, skipped } => {
            let skipped: Vec<_> = skipped.iter().map(|skip| format!("{} ({})", skip.sequencer, skip.reason)).collect();
            info!(%epoch, %leader, %first, skipped = skipped.join(", "), "epoch");
        }
        Report::LeaderReplaced { epoch, leader, height, reason, record } => {
            warn!(%epoch, %leader, %height, %reason, strikes = record.strikes, "leader replaced");
        }
        Report::TermChangeSigned { term, cause } => warn!(%term, %cause, "asking for another term"),
        Report::TermOpened { term, scheduler, cause } => {
            let cause = cause.map(|cause| cause.to_string()).unwrap_or_default();
            info!(%term, %scheduler, cause, "term");
        }
        Report::EraOpened { era, base, anchor, members } => {
            info!(%era, %base, members, l1_block = anchor.number, "era: the sequencer set changed");
        }
        Report::ChangePostponed { until } => {
            warn!(%until, "the members do not see the same set on L1 yet; the set change is tried again later");
        }
        Report::Adopted { term, base } => info!(%term, %base, "scheduling: the branch is taken over"),
        Report::Reverted { from, to } => {
            warn!(%from, %to, "sealed blocks left the chain; their transactions are pending");
        }
        Report::ContradictsFinal { base, finalized } => {
            error!(%base, %finalized, "the scheduler builds on a branch that contradicts what is final here; not following");
        }
        Report::BadBase { base, obliged } => {
            error!(%base, %obliged, "the scheduler builds on a branch that loses what it must keep");
        }
        Report::BadAnnouncement { epoch, error } => warn!(%epoch, %error, "the scheduler announced against the rules"),
        Report::Equivocation(fault) => {
            error!(signer = %fault.signer, kind = %fault.kind, %fault, "a key signed two messages for one position");
        }
        Report::BadCheckpoint(checkpoint) => {
            error!(%checkpoint, "the scheduler put to the vote what breaks the rules or contradicts this node's chain");
        }
        Report::BelowFloor { checkpoint, floor, opening } => {
            let opening = opening.map(|hash| hash.to_string()).unwrap_or_default();
            warn!(%checkpoint, %floor, opening, "no vote: the checkpoint builds on less than what this node is bound to");
        }
        Report::BadVote { signer, checkpoint } => {
            warn!(%signer, %checkpoint, "a vote that its signer's BLS key did not sign");
        }
        Report::InvalidSealedBlock(block) => {
            error!(%block, "the scheduler sealed a block that does not execute here; this node cannot follow it");
        }
        Report::InvalidBlock { block, leader } => warn!(%block, %leader, "the leader's block is invalid"),
        Report::RefusedToSign { key } => {
            error!(position = %alloy_primitives::hex::encode(key), "refused to sign: the safety journal holds a signature at or above this position");
        }
    }
}

/// Counts what of a report is counted.
pub(super) fn count(report: &Report, metrics: &Metrics) {
    let Metrics { terms, finality, .. } = metrics;
    match report {
        Report::TermChangeSigned { cause, .. } => _ = terms.term_changes_signed.get(*cause).inc(),
        Report::EraOpened { .. } => _ = terms.eras_opened.inc(),
        Report::TermOpened { .. } => _ = terms.terms_opened.inc(),
        Report::LeaderReplaced { reason, .. } => _ = terms.leaders_replaced.get(*reason).inc(),
        Report::BadVote { .. } => _ = finality.bad_votes.inc(),
        _ => {}
    }
}
