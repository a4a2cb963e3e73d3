//! Changing the set (R13): one era ends with a closing checkpoint, and its finality proof opens the next.
//!
//! - **When the registry on L1 has another set** than the era's, and the era has lasted a planned term, the scheduler's next
//!   checkpoint is closing: it names the L1 block that made that set, and the root of the set with the priorities carried over.
//!   The scheduler seals nothing above it. If its votes do not come, perhaps as the members' views of L1 lag, the next round
//!   drops the change, sealing goes on, and the change is tried again an epoch later.
//! - **A member votes** for a closing checkpoint if it read the same set at the same L1 block itself, and waits otherwise.
//!   What builds on a certified closing checkpoint must repeat it, in later terms too, and needs no second look at L1.
//! - **When a closing checkpoint is final**, and its head is in the chain, the era is over: what stands above is void, all that
//!   bound members to terms is gone, and the next era's first term begins on that head. Whoever opens it gossips the set change.
//! - **Whoever does not read L1**, or has not read so far, takes set and priorities from that.

use super::{Core, Effect, Ignored, Outgoing, Report, Restored, Verdict};
use crate::election::Priorities;
use crate::finality::{CertifiedCheckpoint, SetChange, VerifiedFinality, VerifiedSetChange};
use crate::journal::SafetyState;
use crate::messages::{Checkpoint, L1Anchor};
use crate::reign::{RegistrySet, Reign};
use crate::simulation::mutation::{self, Mutation};
use crate::types::{Height, Sequencer, SequencerSet, Term, Time};
use alloy_primitives::B256;
use std::{collections::BTreeMap, sync::Arc};

/// Sets of the registry that are kept: the newest. Older ones nobody needs any more, as anchors only grow.
const MAX_VERSIONS: usize = 256;

/// Sets that may be the next era's, by root: one a term and version, those that came with a proof included.
const MAX_CANDIDATES: usize = 16;

/// A set is looked for in so many terms before the one in which its era's end is final.
const MAX_TERMS_OF_A_CHANGE: u64 = 12;

/// The wait before a change that found no votes is tried again doubles this often at most.
const MAX_DOUBLINGS: u32 = 5;

/// What this node knows of the sets to come.
#[derive(Clone, Debug, Default)]
pub(super) struct Succession {
    /// What the registry said at each L1 block that changed the set, as this node reads it.
    versions: BTreeMap<u64, RegistrySet>,
    candidates: BTreeMap<B256, (Vec<Sequencer>, Priorities)>,
    /// A change that found no votes is not tried again below this height.
    not_before: Height,
    failures: u32,
    /// A root that was looked for, and of which nothing has come to be known since.
    missing: Option<B256>,
}

/// A set that could take over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NextSet {
    pub(super) anchor: L1Anchor,
    pub(super) root: B256,
}

impl Succession {
    /// Takes in what the registry says from an L1 block on. If that is not above what is known, L1 was reorganized.
    fn note(&mut self, version: RegistrySet) {
        self.revert(version.anchor.number.saturating_sub(1));
        self.missing = None;
        self.versions.insert(version.anchor.number, version);
        while self.versions.len() > MAX_VERSIONS {
            self.versions.pop_first();
        }
    }

    /// Forgets what the registry said above an L1 block.
    fn revert(&mut self, above: u64) {
        self.versions.retain(|number, _| *number <= above);
    }

    /// Keeps a set; if there are too many, another one makes way.
    fn remember(&mut self, root: B256, members: Vec<Sequencer>, priorities: Priorities) {
        while self.candidates.len() >= MAX_CANDIDATES && !self.candidates.contains_key(&root) {
            self.candidates.pop_first();
        }
        self.candidates.insert(root, (members, priorities));
        self.missing = None;
    }

    /// What an era leaves to the next one.
    fn into_next(self, anchor: L1Anchor) -> Self {
        let mut versions = self.versions;
        versions.retain(|number, _| *number > anchor.number);
        Self { versions, ..Self::default() }
    }
}

impl Core {
    pub(super) fn on_registry(&mut self, version: RegistrySet, now: Time) {
        self.succession.note(version);
        self.try_vote(now);
        self.drive_rounds(now);
    }

    pub(super) fn on_registry_reverted(&mut self, above: u64) {
        self.succession.revert(above);
    }

    /// Someone proves that this era is over.
    pub(super) fn on_set_change(&mut self, change: &VerifiedSetChange, now: Time) {
        if change.reign().era() != self.reign.era().next() {
            return self.judge(Verdict::Ignore(Ignored::Stale));
        }
        self.judge(Verdict::Accept);
        let SetChange { members, priorities, .. } = &**change.change();
        self.succession.remember(change.reign().electorate.set_root, members.clone(), priorities.clone());
        let checkpoint = *change.finality().checkpoint();
        self.take_certificate(change.child().clone(), Some(&checkpoint), now);
    }

    /// A set of the registry, with what a closing checkpoint of the current term says of it.
    pub(super) fn next_set(&mut self, anchor: L1Anchor) -> Option<NextSet> {
        self.next_set_of_term(anchor, self.schedule.term())
    }

    fn next_set_of_term(&mut self, anchor: L1Anchor, term: Term) -> Option<NextSet> {
        let version = self.succession.versions.get(&anchor.number).filter(|version| version.anchor == anchor)?;
        let set = self.as_counted(version.members.clone())?;
        let priorities = self.schedule.priorities_after(&self.set, term).carried_into(&set);
        let root = priorities.set_root(&set);
        self.succession.remember(root, set.members().to_vec(), priorities);
        Some(NextSet { anchor, root })
    }

    /// The set as genesis counts it; none if nobody could sequence.
    fn as_counted(&self, members: Vec<Sequencer>) -> Option<SequencerSet> {
        SequencerSet::new(self.parameters.finality.count(members)).ok()
    }

    /// The set that the registry names now, if the era may end with this head because of it.
    pub(super) fn due_set(&mut self, head: Height) -> Option<NextSet> {
        if head < self.succession.not_before || !self.may_close_at(head) {
            return None;
        }
        let RegistrySet { anchor, members } = self.succession.versions.values().next_back()?;
        let anchor = *anchor;
        // Cheap to look at: to make a set of it costs a check of every key.
        let mut members = self.parameters.finality.count(members.clone());
        members.sort_by_key(|member| member.address);
        if members == self.set.members() || anchor.number <= self.reign.anchor.number {
            return None;
        }
        self.next_set(anchor)
    }

    /// An era lasts a planned term at least: so nobody steers the election by coming and going.
    pub(super) fn may_close_at(&self, head: Height) -> bool {
        let cut_short = mutation::breaks(Mutation::EraCutShort);
        cut_short || head.0 >= self.reign.base.height.0.saturating_add(self.parameters.term_blocks)
    }

    /// A change found no votes: it is tried again an epoch later, and then after longer and longer.
    pub(super) fn postpone_change(&mut self, head: Height) {
        let Succession { failures, not_before, .. } = &mut self.succession;
        let wait = self.parameters.epoch_blocks.saturating_mul(1 << (*failures).min(MAX_DOUBLINGS));
        *not_before = Height(head.0.saturating_add(wait));
        *failures = failures.saturating_add(1);
        let until = *not_before;
        self.report(Report::ChangePostponed { until });
    }

    /// The certified closing checkpoint that everything must repeat, if there is one and no other branch was certified since.
    pub(super) fn closing(&self) -> Option<&Checkpoint> {
        let newest = self.gadget.newest_on_chain(|head| self.tree.is_on_chain(head))?;
        newest.binds_what_follows().then_some(newest)
    }

    /// Whether the era is about to end: nothing is sealed meanwhile.
    pub(super) fn is_closing(&self) -> bool {
        self.gadget.proposes_closing() || self.closing().is_some()
    }

    /// The proof that this era is over, if what it ends with is in the chain.
    fn end_of_era(&self) -> Option<&VerifiedFinality> {
        let finality = self.gadget.finality().filter(|finality| finality.checkpoint().is_closing())?;
        self.tree.is_on_chain(finality.block()).then_some(finality)
    }

    /// Whether the era is over, and the next one opens as soon as its set is known.
    pub(super) fn era_is_over(&self) -> bool {
        self.end_of_era().is_some()
    }

    /// Asks for the set of the next era, and shows the proof that this one is over. Who voted read the set on L1; who has opened
    /// the era serves it; who knows the set and not the proof waits for nothing else.
    pub(super) fn fetch_the_next_set(&mut self) {
        let Some(finality) = self.end_of_era() else { return };
        let (target, holders) = (finality.block().height, finality.child().signers(&self.reign.electorate));
        let certificate = Arc::clone(finality.child().certificate());
        let certified = CertifiedCheckpoint { certificate, parent: Some(*finality.checkpoint()) };
        self.emit(Effect::CatchUp { target, block: None, holders });
        self.emit(Effect::Gossip(Outgoing::Quorum(certified)));
    }

    /// Opens the next era once this one is over: after everything else that follows from an input.
    pub(super) fn open_next_era(&mut self, now: Time) {
        if self.halted {
            return;
        }
        let Some(finality) = self.end_of_era().cloned() else { return };
        let base = finality.block();
        let Some((members, priorities)) = self.named_by(finality.checkpoint()) else { return };
        if self.finalized() > base.height {
            // A depth rule tagged final what is void now.
            return self.halt_for(&finality);
        }
        let change = SetChange { proof: finality.proof(), members, priorities };
        if let Ok(reign) = change.reign(self.context) {
            self.open_era(reign, Arc::new(change), &finality, now);
        }
    }

    /// The set and the priorities that a closing checkpoint names, if this node knows them or reads them on L1.
    fn named_by(&mut self, closing: &Checkpoint) -> Option<(Vec<Sequencer>, Priorities)> {
        let root = closing.next_set_root?;
        if self.succession.missing == Some(root) {
            return None;
        }
        // A later term repeats what an earlier one named. After a restart it is to be found out again, which.
        let first = closing.term.0.saturating_sub(MAX_TERMS_OF_A_CHANGE).max(1);
        let names_it = |next: NextSet| next.root == root;
        let known = self.succession.candidates.contains_key(&root)
            || (first..=closing.term.0)
                .rev()
                .any(|term| self.next_set_of_term(closing.anchor, Term(term)).is_some_and(names_it));
        self.succession.missing = (!known).then_some(root);
        self.succession.candidates.get(&root).cloned()
    }

    fn open_era(&mut self, reign: Reign, change: Arc<SetChange>, finality: &VerifiedFinality, now: Time) {
        let base = finality.block();
        let Some(committed) = self.tree.committed(base.height).copied() else { return };
        if self.head() != base {
            self.revert(base);
        }
        let pending = self.tree.clear_pending();
        if !pending.is_empty() {
            self.emit(Effect::Discard(pending));
        }
        let safety = SafetyState::of_era(&reign);
        self.emit(Effect::OpenEra { change: Arc::clone(&change), state: safety.clone() });
        let members = reign.electorate.set.len();
        self.report(Report::EraOpened { era: reign.era(), base, anchor: reign.anchor, members });
        let restored = Restored { chain: vec![committed], finalized: base.height, safety, ..Restored::default() };
        let next = Self::new(self.context, self.parameters.clone(), reign, self.identity.clone(), restored);
        let old = std::mem::replace(self, next);
        self.inherit(old, now);
        self.emit(Effect::Gossip(Outgoing::SetChange(change)));
        self.begin_era(now);
    }

    /// What outlives an era: what this key signed, what is known of members, and what this node was doing.
    fn inherit(&mut self, old: Self, now: Time) {
        self.journal = old.journal;
        self.liveness = old.liveness;
        self.witness.inherit(old.witness);
        self.succession = old.succession.into_next(self.reign.anchor);
        self.blocks_led = old.blocks_led;
        self.head_seen = old.head_seen;
        self.last_heartbeat = old.last_heartbeat;
        self.leaving = old.leaving;
        self.effects = old.effects;
        self.watch.start(now, self.irreversible());
        self.note_quorum(now);
    }

    /// The first term of an era: whoever schedules it appoints at once, if it hears the members.
    fn begin_era(&mut self, now: Time) {
        self.start_term_timer(now);
        self.distrust_a_convicted_scheduler(now);
        if self.schedule.term() != Term(1) {
            return;
        }
        if self.scheduling.is_some() && self.hears_a_quorum() {
            self.appoint(None, now);
        } else {
            self.resume_scheduling(now);
        }
        if self.key.is_some() {
            // Who has joined, and who is in the era, is known by that.
            self.send_heartbeat(now);
        }
    }
}

#[cfg(test)]
mod tests;
