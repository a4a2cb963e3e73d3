//! Taking over (R7): a new scheduler goes to the best branch that its certificate tells of before it appoints.

use super::scheduling::Takeover;
use super::{Core, Effect, Report, Timer};
use crate::types::{Term, Time, Tip};

impl Core {
    /// Looks for the best branch of the reports, and fetches what is missing of it.
    pub(super) fn start_adopting(&mut self, now: Time) {
        let Some(scheduling) = &mut self.scheduling else { return };
        scheduling.takeover = Takeover::Looking;
        let at = now.after(self.parameters.adopt_timeout);
        self.emit(Effect::StartTimer { timer: Timer::Adopt { term: self.schedule.term() }, at });
        self.fetch_best_report();
        self.try_adopt(false, now);
    }

    /// Whether this node is the scheduler and has not settled on a branch yet.
    pub(super) fn is_adopting(&self) -> bool {
        self.scheduling.as_ref().is_some_and(|scheduling| scheduling.takeover == Takeover::Looking)
    }

    /// The best branch that a report tells of, with who holds it.
    fn best_report(&self) -> Option<(Tip, Vec<alloy_primitives::Address>)> {
        let reports = self.opening.as_ref()?.reports();
        reports.iter().max_by_key(|(report, _)| report.head).map(|(report, signers)| (report.head, signers.clone()))
    }

    fn fetch_best_report(&mut self) {
        let Some((best, holders)) = self.best_report() else { return };
        if !self.tree.is_on_chain(best.block) {
            self.emit(Effect::CatchUp { target: best.block.height, holders });
        }
    }

    /// Appoints if the chain contains the best branch of the reports, or with `gave_up` what it must contain at least.
    pub(super) fn try_adopt(&mut self, gave_up: bool, now: Time) {
        if !self.is_adopting() || self.is_fenced() {
            return;
        }
        if let Some((best, _)) = self.best_report() {
            let obliged = self.opening.as_ref().and_then(|opening| self.obliged_base(opening));
            if let Some(obliged) = obliged.filter(|obliged| !self.tree.is_on_chain(*obliged)) {
                // Held in pieces, perhaps: go over to it if it is all here.
                let Some(branch) = self.tree.branch(obliged.hash) else { return };
                if branch.from.height < self.finalized() {
                    let finalized = self.finalized();
                    return self.report(Report::ContradictsFinal { base: obliged, finalized });
                }
                self.go_over_to(branch, now);
            }
            let better = self.tree.tip() >= best || self.tree.is_on_chain(best.block);
            let rival = self.tree.branch(best.block.hash).filter(|branch| {
                let keeps = obliged.is_none_or(|obliged| self.tree.descends(best.block, obliged));
                !better && keeps && branch.from.height >= self.finalized()
            });
            match rival {
                Some(branch) => self.go_over_to(branch, now),
                None if !better && !gave_up => return,
                None => {}
            }
        }
        if let Some(scheduling) = &mut self.scheduling {
            scheduling.takeover = Takeover::Done;
        }
        self.report(Report::Adopted { term: self.schedule.term(), base: self.tree.tip() });
        self.appoint(None, now);
    }

    pub(super) fn on_adopt_timer(&mut self, term: Term, now: Time) {
        if term != self.schedule.term() || !self.is_adopting() {
            return;
        }
        self.try_adopt(true, now);
        if self.is_adopting() {
            // What the certificate obliges this node to keep is still missing: it must not appoint without.
            self.fetch_best_report();
            let at = now.after(self.parameters.adopt_timeout);
            self.emit(Effect::StartTimer { timer: Timer::Adopt { term }, at });
        }
    }
}
