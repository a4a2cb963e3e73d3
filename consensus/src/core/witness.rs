//! Witnessing (R2, §4.7): what members signed for which position, so that whoever signs twice is found out.

use super::{Core, Effect, Ignored, Outgoing, Report, Verdict};
use crate::evidence::{Evidence, EvidenceKind, Fault, Positioned, VerifiedEvidence};
use crate::messages::{Announcement, Cause, Checkpoint, Proposal, Seal, SkipReason};
use crate::signing::Verified;
use crate::types::Time;
use alloy_primitives::Address;
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

/// Messages of one kind and signer that are remembered: those of the highest positions.
const REMEMBERED: usize = 512;

/// Faults of one signer that are kept: one is enough to slash it.
const MAX_FAULTS_OF_A_SIGNER: usize = 8;

/// What was signed, and who signed twice.
#[derive(Debug, Default)]
pub(super) struct Witness {
    announcements: Seen<Announcement>,
    blocks: Seen<Proposal>,
    seals: Seen<Seal>,
    checkpoints: Seen<Checkpoint>,
    faults: BTreeSet<Fault>,
}

/// The first message of each position.
#[derive(Debug)]
pub(super) struct Seen<M>(HashMap<Address, BTreeMap<Fault, Verified<M>>>);

impl<M> Default for Seen<M> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<M: Positioned> Seen<M> {
    /// Remembers a message, or finds what it contradicts.
    fn note(&mut self, message: &Verified<M>) -> Option<VerifiedEvidence> {
        let of_signer = self.0.entry(message.signer()).or_default();
        let position = crate::evidence::fault_of(message.message(), message.signer());
        if let Some(known) = of_signer.get(&position) {
            return Evidence::of(known, message);
        }
        of_signer.insert(position, message.clone());
        if of_signer.len() > REMEMBERED {
            of_signer.pop_first();
        }
        None
    }
}

/// A message that is remembered by position.
pub(super) trait Witnessed: Positioned {
    fn seen(witness: &mut Witness) -> &mut Seen<Self>;
}

macro_rules! witnessed {
    ($($message:ident $field:ident;)+) => {
        $(impl Witnessed for $message {
            fn seen(witness: &mut Witness) -> &mut Seen<Self> {
                &mut witness.$field
            }
        })+
    };
}

witnessed! {
    Announcement announcements;
    Proposal blocks;
    Seal seals;
    Checkpoint checkpoints;
}

impl Witness {
    /// With the faults that are known from before.
    pub(super) fn new(faults: impl IntoIterator<Item = Fault>) -> Self {
        Self { faults: faults.into_iter().collect(), ..Self::default() }
    }

    /// Keeps the convictions of an earlier era.
    pub(super) fn inherit(&mut self, old: Self) {
        self.faults.extend(old.faults);
    }

    /// Whether evidence of this fault is of use: it is new, and not enough faults of its signer are known.
    fn wants(&self, fault: Fault) -> bool {
        !self.faults.contains(&fault) && self.of_signer(fault.signer).count() < MAX_FAULTS_OF_A_SIGNER
    }

    fn of_signer(&self, signer: Address) -> impl Iterator<Item = &Fault> {
        self.faults
            .iter()
            .skip_while(move |fault| fault.signer < signer)
            .take_while(move |fault| fault.signer == signer)
    }
}

impl Core {
    /// Remembers what a member signed; if it contradicts what it signed before, that is evidence.
    pub(super) fn witness_message<M: Witnessed>(&mut self, message: &Verified<M>, now: Time) {
        if !self.set.contains(message.signer()) || self.address() == Some(message.signer()) {
            return;
        }
        if let Some(evidence) = M::seen(&mut self.witness).note(message) {
            self.convict(&evidence, now);
        }
    }

    pub(super) fn on_evidence(&mut self, evidence: &VerifiedEvidence, now: Time) {
        let new = self.convict(evidence, now);
        self.judge(if new { Verdict::Accept } else { Verdict::Ignore(Ignored::Duplicate) });
    }

    /// Keeps evidence, passes it on and acts on it; false if the fault is known, or enough of its signer are.
    pub(super) fn convict(&mut self, evidence: &VerifiedEvidence, now: Time) -> bool {
        let fault = evidence.fault();
        if !self.witness.wants(fault) {
            return false;
        }
        self.witness.faults.insert(fault);
        let evidence = Arc::new(evidence.evidence().clone());
        self.emit(Effect::PersistEvidence { fault, evidence: Arc::clone(&evidence) });
        self.emit(Effect::Gossip(Outgoing::Evidence(evidence)));
        self.report(Report::Equivocation(fault));
        self.distrust_a_convicted_scheduler(now);
        let leads = self.schedule.latest().is_some_and(|latest| latest.announcement.leader == fault.signer);
        let of_term = fault.kind == EvidenceKind::Block && fault.term == self.schedule.term();
        if self.scheduling.is_some() && leads && of_term && !self.epoch_is_over() {
            self.replace_leader(SkipReason::Equivocated, now);
        }
        true
    }

    /// Whether evidence of this fault is worth being checked.
    pub(super) fn wants_evidence_of(&self, fault: Fault) -> bool {
        self.witness.wants(fault)
    }

    /// R5c: whoever signed twice schedules nothing.
    pub(super) fn distrust_a_convicted_scheduler(&mut self, now: Time) {
        if self.is_convicted(self.schedule.scheduler()) {
            self.accuse(Cause::Equivocation, now);
        }
    }

    /// Whether there is evidence against a member.
    #[must_use]
    pub fn is_convicted(&self, member: Address) -> bool {
        self.witness.of_signer(member).next().is_some()
    }
}
