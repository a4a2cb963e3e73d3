//! What followers hold the base of a term to (R7): it keeps the best block that reports of more than a third of the weight
//! descend from, in the certificate that the term's first announcement links to.
//!
//! If the era is about to end, the base is the block that it ends with (R13).
//!
//! A base that does not is refused: nobody goes over to what is built on it, unless a later term's base contains it. It is
//! looked at when it is announced, and again before anything is taken back for it, when more may be known of where it stands.

use super::changing::closing_of;
use super::tree::Branch;
use super::{Core, Report};
use crate::certificate::VerifiedCertificate;
use crate::messages::{Announcement, Cause};
use crate::simulation::mutation::{self, Mutation};
use crate::types::{BlockRef, Epoch, Time, VerifiedBlock};
use alloy_primitives::B256;

impl Core {
    /// Looks at the base of a term that was just announced; whether it is accepted.
    pub(super) fn accept_base(&mut self, message: &Announcement, now: Time) -> bool {
        if message.epoch != Epoch(1) {
            return true;
        }
        let Some(fault) = self.contradiction(message.parent()).or_else(|| self.broken_obligation(message)) else {
            return true;
        };
        self.refuse(message.hash(), fault, true, now);
        false
    }

    /// Looks once more at the bases that a branch stands on, if it takes something back; whether one of them is refused now.
    pub(super) fn refuse_bases_of(&mut self, branch: &Branch, now: Time) -> bool {
        if branch.from == self.head() {
            return false;
        }
        let mut firsts: Vec<_> = branch.blocks.iter().filter_map(|(block, _)| self.first_of(block)).collect();
        firsts.dedup();
        let mut refused = false;
        for first in firsts {
            let Some(announced) = self.schedule.at(first).filter(|_| !self.refused.contains(&first)) else { continue };
            let current = announced.announcement.term == self.schedule.term();
            let Some(fault) = self.broken_obligation(&announced.announcement) else { continue };
            self.refuse(first, fault, current, now);
            refused = true;
        }
        refused
    }

    /// Refuses the base that a term's first announcement names. Only the scheduler of the current term can be replaced for it.
    fn refuse(&mut self, first: B256, fault: Report, current: bool, now: Time) {
        self.refused.insert(first);
        self.report(fault);
        if current {
            self.accuse(Cause::Invalid, now);
        }
    }

    /// Whether a block stands on a base that was refused.
    pub(super) fn stands_on_refused(&self, block: &VerifiedBlock) -> bool {
        !self.refused.is_empty() && self.first_of(block).is_some_and(|first| self.refused.contains(&first))
    }

    /// The block that the current term builds on, once that is announced and unless it is refused.
    pub(super) fn accepted_base(&self) -> Option<BlockRef> {
        let latest = self.schedule.latest()?;
        (!self.refused.contains(&latest.first)).then_some(latest.base)
    }

    /// The first announcement of the term that a block was appointed in.
    fn first_of(&self, block: &VerifiedBlock) -> Option<B256> {
        self.schedule.at(block.announcement()).map(|announced| announced.first)
    }

    fn contradiction(&self, base: BlockRef) -> Option<Report> {
        let finalized = self.irreversible();
        let elsewhere = self.tree.committed(base.height).is_some_and(|committed| committed.block != base);
        let contradicts = base.height < finalized || (elsewhere && base.height == finalized);
        contradicts.then_some(Report::ContradictsFinal { base, finalized })
    }

    /// What the base of a term's first announcement loses, as far as is known here where it stands. What cannot be taken back
    /// cannot be lost.
    fn broken_obligation(&self, message: &Announcement) -> Option<Report> {
        if mutation::breaks(Mutation::BaseUnchecked) {
            return None;
        }
        let base = message.parent();
        let certificate = self.schedule.certificate_of(message.previous)?;
        let opening = VerifiedCertificate::restore(certificate, &self.reign.electorate)?;
        if let Some(closing) = closing_of(&opening) {
            return (base != closing.head).then_some(Report::BadBase { base, obliged: closing.head });
        }
        let obliged = self.obliged_base(&opening).filter(|obliged| obliged.height > self.tree.floor())?;
        let elsewhere = self.tree.root_of(base.hash).is_some() && !self.tree.descends(base, obliged);
        (base.height < obliged.height || elsewhere).then_some(Report::BadBase { base, obliged })
    }
}
