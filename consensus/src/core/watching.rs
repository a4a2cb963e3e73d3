//! Watching the scheduler (R5): what makes a member want another one.

use super::{Core, Effect, Timer};
use crate::messages::{Announcement, Cause};
use crate::types::{Era, Height, Stake, Term, Time};
use alloy_primitives::Address;
use std::{collections::BTreeMap, time::Duration};

/// A member that was passed over this often in a row, though this node saw it live, was passed over unfairly.
const SKIPS_TO_BE_UNFAIR: u32 = 3;

/// The term timeout doubles this often at most.
const MAX_DOUBLINGS: u32 = 6;

/// A member whose head is further below the newest is not live enough to lead, in blocks.
const FAIR_LAG: u64 = 8;

/// What a member holds against the scheduler of its term.
#[derive(Clone, Debug)]
pub(super) struct Watch {
    /// When the term was entered, or the node started.
    opened: Time,
    /// When a block was last committed that was sealed in this term.
    sealed: Option<Time>,
    /// Since when a quorum is heard; none while it is not.
    quorum_since: Option<Time>,
    /// Since when sealed blocks wait for finality; none while everything is final.
    waiting: Option<Time>,
    /// When finality last came nearer: a certificate of this term over a higher head, or a final block.
    certified: Option<Time>,
    certified_height: Height,
    accused: Option<Cause>,
    skips: BTreeMap<Address, u32>,
    /// `T`: doubles with each term that finalizes nothing.
    timeout: Duration,
    shortest: Duration,
    finalized_at_opening: Height,
}

impl Watch {
    pub(super) const fn new(timeout: Duration, finalized: Height) -> Self {
        Self {
            opened: Time(0),
            sealed: None,
            quorum_since: None,
            waiting: None,
            certified: None,
            certified_height: Height(0),
            accused: None,
            skips: BTreeMap::new(),
            timeout,
            shortest: timeout,
            finalized_at_opening: finalized,
        }
    }

    /// The node starts.
    pub(super) const fn start(&mut self, now: Time, finalized: Height) {
        self.opened = now;
        self.finalized_at_opening = finalized;
    }

    /// A term opens.
    pub(super) fn open(&mut self, now: Time, finalized: Height) {
        let longest = self.shortest.saturating_mul(1 << MAX_DOUBLINGS);
        let idle = finalized == self.finalized_at_opening;
        self.timeout = if idle { self.timeout.saturating_mul(2).min(longest) } else { self.shortest };
        self.finalized_at_opening = finalized;
        self.opened = now;
        self.sealed = None;
        self.certified = None;
        self.certified_height = Height(0);
        self.accused = None;
        self.skips.clear();
    }

    /// A block of this term was committed.
    pub(super) const fn sealed(&mut self, now: Time) {
        self.sealed = Some(now);
    }

    /// Blocks became final; `waits` tells whether more wait.
    pub(super) fn finalized(&mut self, now: Time, finalized: Height, waits: bool) {
        self.certified = Some(now);
        self.waiting = waits.then_some(now);
        if finalized > self.finalized_at_opening {
            self.timeout = self.shortest;
        }
    }

    /// A sealed block waits for finality.
    pub(super) fn waits(&mut self, now: Time) {
        self.waiting.get_or_insert(now);
    }

    /// A certificate came over a head of this height. Over the same head again and again, it is no progress.
    pub(super) fn certified(&mut self, now: Time, height: Height) {
        if height > self.certified_height {
            self.certified_height = height;
            self.certified = Some(now);
        }
    }
}

impl Core {
    /// `T` of R5 as it stands: how long this node waits for a sign of progress in its term.
    #[must_use]
    pub const fn term_timeout(&self) -> Duration {
        self.watch.timeout
    }

    /// Holds a fault against the scheduler of the current term.
    pub(super) fn accuse(&mut self, cause: Cause, now: Time) {
        self.watch.accused.get_or_insert(cause);
        self.consider_leaving(now);
    }

    /// Whether this node has fresh heartbeats from a quorum, its own counted.
    pub(super) fn hears_a_quorum(&self) -> bool {
        let own = self.address();
        let live = self
            .set
            .members()
            .iter()
            .filter(|member| Some(member.address) == own || self.liveness.is_live(member.address));
        live.map(|member| member.weight).sum::<Stake>().is_quorum_of(self.set.total())
    }

    /// Notes since when a quorum is heard.
    pub(super) fn note_quorum(&mut self, now: Time) {
        self.watch.quorum_since =
            if self.hears_a_quorum() { Some(self.watch.quorum_since.unwrap_or(now)) } else { None };
    }

    /// When the scheduler's silence becomes a reason; none while no quorum is heard. A node that was alone for a while
    /// gives the others the whole time to tell it what happened.
    fn patience_ends(&self) -> Option<Time> {
        let since = self.watch.opened.max(self.watch.quorum_since?);
        let since = self.watch.sealed.map_or(since, |sealed| since.max(sealed));
        Some(since.after(self.watch.timeout))
    }

    /// Why this node would have another scheduler.
    pub(super) fn cause_to_leave(&self, now: Time) -> Option<Cause> {
        if let Some(cause) = self.watch.accused {
            return Some(cause);
        }
        if self.scheduler_resigned() {
            return Some(Cause::Resigned);
        }
        if self.schedule.planned_last().is_some_and(|last| self.head().height >= last) {
            return Some(Cause::Planned);
        }
        if self.is_unfair() {
            return Some(Cause::Unfair);
        }
        if self.patience_ends().is_some_and(|end| now >= end) {
            return Some(Cause::NoSeal);
        }
        self.finality_is_late(now).then_some(Cause::NoCertificate)
    }

    /// R5b: sealed blocks wait, and finality came no nearer for `T`.
    fn finality_is_late(&self, now: Time) -> bool {
        if self.identity.without_checkpoints {
            return false;
        }
        let (Some(waiting), Some(quorum_since)) = (self.watch.waiting, self.watch.quorum_since) else { return false };
        let since = waiting.max(quorum_since).max(self.watch.opened);
        let since = self.watch.certified.map_or(since, |certified| since.max(certified));
        now >= since.after(self.watch.timeout)
    }

    /// R5e: members with more than a third of the weight were passed over again and again while they were live.
    fn is_unfair(&self) -> bool {
        let wronged = self.watch.skips.iter().filter(|(_, count)| **count >= SKIPS_TO_BE_UNFAIR);
        let weights = wronged.filter_map(|(member, _)| Some(self.set.get(*member)?.weight));
        weights.sum::<Stake>().is_third_of(self.set.total())
    }

    /// Looks with this node's own heartbeat view at whom an appointment of the current term passes over.
    pub(super) fn judge_fairness(&mut self, announcement: &Announcement) {
        self.watch.skips.remove(&announcement.leader);
        let own = self.address();
        for skip in &announcement.skipped {
            if self.is_convicted(skip.sequencer) {
                continue;
            }
            let fit = if Some(skip.sequencer) == own {
                !self.is_fenced() && self.head().height.0.saturating_add(FAIR_LAG) >= announcement.first.0
            } else {
                self.liveness.get(skip.sequencer).is_some_and(|known| {
                    known.live
                        && (known.heartbeat.era, known.heartbeat.term) <= (self.schedule.era(), self.schedule.term())
                        && known.heartbeat.height.0.saturating_add(FAIR_LAG) >= announcement.first.0
                })
            };
            if fit {
                let count = self.watch.skips.entry(skip.sequencer).or_default();
                *count = count.saturating_add(1);
            }
        }
    }

    pub(super) fn start_term_timer(&mut self, now: Time) {
        let (era, term) = (self.schedule.era(), self.schedule.term());
        let at = self.patience_ends().unwrap_or_else(|| now.after(self.watch.timeout));
        self.emit(Effect::StartTimer { timer: Timer::Term { era, term }, at: at.max(now) });
    }

    pub(super) fn on_term_timer(&mut self, position: (Era, Term), now: Time) {
        if position != (self.schedule.era(), self.schedule.term()) || self.key.is_none() {
            return;
        }
        self.liveness.sweep(now);
        self.note_quorum(now);
        self.consider_leaving(now);
        let (era, term) = position;
        if position == (self.schedule.era(), self.schedule.term()) {
            let end = self.patience_ends().filter(|end| *end > now);
            let at = end.unwrap_or_else(|| now.after(self.parameters.heartbeat_interval));
            self.emit(Effect::StartTimer { timer: Timer::Term { era, term }, at });
        }
    }
}
