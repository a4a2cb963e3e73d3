//! Taking over (R7): a new scheduler goes to the best branch that its certificate tells of before it appoints.

use super::changing::closing_of;
use super::scheduling::Takeover;
use super::{Core, Effect, Report, Timer};
use crate::types::{Era, Term, Time, Tip};
use alloy_primitives::Address;

impl Core {
    /// Looks for the best branch of the reports, and fetches what is missing of it.
    pub(super) fn start_adopting(&mut self, now: Time) {
        let Some(scheduling) = &mut self.scheduling else { return };
        scheduling.takeover = Takeover::Looking;
        self.start_adopt_timer(now);
        self.fetch_best_report();
        self.try_adopt(now);
    }

    /// Whether this node is the scheduler and has not settled on a branch yet.
    pub(super) fn is_adopting(&self) -> bool {
        self.scheduling.as_ref().is_some_and(|scheduling| scheduling.takeover == Takeover::Looking)
    }

    /// The best branch that a report tells of, with who holds it, but for those that were given up.
    fn best_report(&self) -> Option<(Tip, Vec<Address>)> {
        let given_up = &self.scheduling.as_ref()?.given_up;
        let reports = self.opening.as_ref()?.reports().iter();
        let open = reports.filter(|(report, _)| !given_up.contains(&report.head.block.hash));
        open.max_by_key(|(report, _)| report.head).map(|(report, signers)| (report.head, signers.clone()))
    }

    fn fetch_best_report(&mut self) {
        if let Some(highest) = self.opening.as_ref().and_then(|opening| opening.highest().cloned()) {
            let certified = highest.checkpoint().head;
            if certified.height >= self.tree.floor() && !self.tree.is_on_chain(certified) {
                let holders = highest.signers(&self.reign.electorate);
                self.emit(Effect::fetch(certified, holders));
            }
        }
        let Some((best, holders)) = self.best_report() else { return };
        if !self.tree.is_on_chain(best.block) {
            self.emit(Effect::fetch(best.block, holders));
        }
    }

    /// Appoints if the chain contains what it must, and the best branch of the reports that was not given up.
    pub(super) fn try_adopt(&mut self, now: Time) {
        if !self.is_adopting() || self.is_fenced() {
            return;
        }
        let obliged = self.opening.as_ref().and_then(|opening| self.obliged_base(opening));
        if let Some(obliged) = obliged.filter(|obliged| !self.tree.is_on_chain(*obliged)) {
            // Held in pieces, perhaps: go over to it if it is all here.
            let Some(branch) = self.tree.branch(obliged.hash) else { return };
            if branch.from.height < self.irreversible() {
                let finalized = self.irreversible();
                return self.report(Report::ContradictsFinal { base: obliged, finalized });
            }
            self.go_over_to(branch, now);
        }
        if let Some(closing) = self.opening.as_ref().and_then(closing_of).map(|closing| closing.head) {
            // The era ends here: what any branch has above is void.
            if self.head() != closing {
                self.revert(closing);
            }
            return self.finish_adopting(now);
        }
        let better = |best: &Tip| *best > self.tree.tip() && !self.tree.is_on_chain(best.block);
        if let Some((best, _)) = self.best_report().filter(|(best, _)| better(best)) {
            let keeps = obliged.is_none_or(|obliged| self.tree.descends(best.block, obliged));
            let branch = self.tree.branch(best.block.hash).filter(|branch| branch.from.height >= self.irreversible());
            let Some(branch) = branch.filter(|_| keeps) else { return };
            self.go_over_to(branch, now);
        }
        self.finish_adopting(now);
    }

    fn finish_adopting(&mut self, now: Time) {
        if let Some(scheduling) = &mut self.scheduling {
            scheduling.takeover = Takeover::Done;
        }
        self.report(Report::Adopted { term: self.schedule.term(), base: self.tree.tip() });
        self.appoint(None, now);
        self.drive_rounds(now);
    }

    /// The branch that was looked for did not come: it is given up for the next best.
    pub(super) fn on_adopt_timer(&mut self, position: (Era, Term), now: Time) {
        if position != (self.schedule.era(), self.schedule.term()) || !self.is_adopting() {
            return;
        }
        let missing = self.best_report();
        if let Some(scheduling) = &mut self.scheduling {
            match missing {
                Some((best, _)) => scheduling.given_up.push(best.block.hash),
                // What the certificate obliges this node to keep is missing still: it must not appoint without.
                None => scheduling.given_up.clear(),
            }
        }
        self.try_adopt(now);
        if self.is_adopting() {
            self.fetch_best_report();
            self.start_adopt_timer(now);
        }
    }

    fn start_adopt_timer(&mut self, now: Time) {
        let (era, term) = (self.schedule.era(), self.schedule.term());
        let at = now.after(self.parameters.adopt_timeout);
        self.emit(Effect::StartTimer { timer: Timer::Adopt { era, term }, at });
    }
}
