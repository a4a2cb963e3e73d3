//! Handing over on purpose: a scheduler that an operator lets resign, and a node that is about to stop.
//!
//! A scheduler resigns by asking for the next term itself (R5d). A node that stops does so if it is the scheduler; in any case
//! its heartbeats name the next term from then on, as it signs nothing of this one any more: so it is not appointed, and if it
//! leads, the scheduler need not wait for a deadline to replace it.

use super::{Core, Effect};
use crate::messages::{Cause, Heartbeat};
use crate::types::{Term, Time};
use alloy_primitives::Address;
use thiserror::Error;

/// Why a node does not hand the schedule over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum CannotResign {
    /// It has nothing to hand over.
    #[error("this node is not the scheduler: {scheduler} schedules term {term}")]
    NotTheScheduler {
        /// Who schedules.
        scheduler: Address,
        /// The term that this node is in.
        term: Term,
    },
    /// It is on its way out already, or gave up on its own term.
    #[error("this node has asked for term {0} already")]
    Asked(Term),
    /// There is no other member.
    #[error("this node is the only sequencer: nobody could take over")]
    Alone,
    /// The next term would not open.
    #[error("this node does not hear members with more than two thirds of the weight: nobody could take over")]
    NoQuorum,
    /// The next term would open, and its scheduler would do nothing.
    #[error("{0}, whose turn it would be to schedule, is silent: the chain would stand still until it is replaced")]
    SuccessorIsSilent(Address),
}

impl Core {
    pub(super) fn on_resign(&mut self, now: Time) {
        let allowed = self.may_hand_over().and_then(|()| self.successor_is_live());
        let answer = allowed.map(|()| self.resign(now));
        self.emit(Effect::Resigned(answer));
    }

    pub(super) fn on_leave(&mut self, now: Time) {
        self.leaving = true;
        self.leading = None;
        self.hand_over_if_leaving(now);
        self.send_heartbeat(now);
    }

    /// A node that is about to stop does not keep the schedule, however it came by it. Unlike an operator's wish, this does not
    /// depend on who is next: the term after the next one opens sooner if this one ends now.
    pub(super) fn hand_over_if_leaving(&mut self, now: Time) {
        if self.leaving && self.may_hand_over().is_ok() {
            self.resign(now);
        }
    }

    fn resign(&mut self, now: Time) -> Term {
        let term = self.schedule.term().next();
        self.ask_for(term, Cause::Resigned, now);
        term
    }

    fn may_hand_over(&self) -> Result<(), CannotResign> {
        let (scheduler, term) = (self.schedule.scheduler(), self.schedule.term());
        if self.address() != Some(scheduler) {
            Err(CannotResign::NotTheScheduler { scheduler, term })
        } else if self.set.len() == 1 {
            Err(CannotResign::Alone)
        } else if self.has_asked() {
            Err(CannotResign::Asked(self.fence()))
        } else if !self.hears_a_quorum() {
            Err(CannotResign::NoQuorum)
        } else {
            Ok(())
        }
    }

    fn successor_is_live(&mut self) -> Result<(), CannotResign> {
        let successor = self.schedule.scheduler_of(&self.set, self.schedule.term().next());
        let live = self.address() == Some(successor) || self.liveness.is_live(successor);
        if live { Ok(()) } else { Err(CannotResign::SuccessorIsSilent(successor)) }
    }

    /// The term below which this node signs nothing as long as it runs: what its heartbeats say.
    pub(super) fn pledge(&self) -> Term {
        if self.leaving { self.fence().max(self.schedule.term().next()) } else { self.fence() }
    }

    /// Whether members that this node hears, and that do not stop themselves, wait for it: it schedules, it leads an epoch that
    /// is not over, or it may hold the branch that a term without an epoch is to build on. A node that stops lets this pass
    /// first, if it passes soon.
    #[must_use]
    pub fn is_relied_upon(&self) -> bool {
        let Some(own) = self.address() else { return false };
        let scheduler = self.schedule.scheduler();
        let stays = |(member, heartbeat): (Address, &Heartbeat)| heartbeat.term <= self.fence() && member != own;
        if own == scheduler {
            return self.hears_a_quorum() && self.liveness.live().any(stays);
        }
        let leads = self
            .schedule
            .latest()
            .is_none_or(|latest| latest.announcement.leader == own && latest.announcement.last > self.head().height);
        leads && self.liveness.live().any(|member| member.0 == scheduler && stays(member))
    }
}

#[cfg(test)]
mod tests;
