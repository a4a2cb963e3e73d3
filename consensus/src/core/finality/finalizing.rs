//! What follows from certificates: what is safe, what is final (R12), and when to stop (R14).

use crate::core::{Conflict, Core, Effect, Ignored, Outgoing, Verdict};
use crate::finality::{CertifiedCheckpoint, VerifiedFinality, VerifiedQuorum};
use crate::messages::{Checkpoint, CheckpointPosition, CheckpointRef};
use crate::parameters::FinalityRule;
use crate::types::{BlockRef, Height, Time};
use std::{collections::BTreeMap, sync::Arc};

/// Certificates that are kept: the newest.
const MAX_CERTIFICATES: usize = 256;

/// The quorum certificates that this node holds, by position.
#[derive(Clone, Debug, Default)]
pub(super) struct Certificates(BTreeMap<CheckpointPosition, VerifiedQuorum>);

impl Certificates {
    /// Keeps a certificate. Another one at its position is returned: that breaks the protocol's assumptions.
    pub(super) fn note(&mut self, quorum: VerifiedQuorum) -> Result<bool, VerifiedQuorum> {
        match self.0.get(&quorum.position()) {
            Some(known) if known.hash() != quorum.hash() => return Err(known.clone()),
            Some(_) => return Ok(false),
            None => {}
        }
        self.0.insert(quorum.position(), quorum);
        while self.0.len() > MAX_CERTIFICATES {
            self.0.pop_first();
        }
        Ok(true)
    }

    pub(super) fn get(&self, checkpoint: CheckpointRef) -> Option<&VerifiedQuorum> {
        self.0.get(&checkpoint.position).filter(|quorum| quorum.hash() == checkpoint.hash)
    }

    pub(super) fn highest(&self) -> Option<&VerifiedQuorum> {
        self.0.last_key_value().map(|(_, quorum)| quorum)
    }

    /// The highest one that is admitted.
    pub(super) fn newest(&self, admits: impl Fn(&VerifiedQuorum) -> bool) -> Option<&VerifiedQuorum> {
        self.0.values().rev().find(|quorum| admits(quorum))
    }

    /// The one of the next position that builds on this checkpoint.
    fn child_of(&self, checkpoint: CheckpointRef) -> Option<&VerifiedQuorum> {
        let after = (std::ops::Bound::Excluded(checkpoint.position), std::ops::Bound::Unbounded);
        self.0.range(after).map(|(_, quorum)| quorum).find(|quorum| quorum.checkpoint().parent == checkpoint)
    }

    /// With the parent of its checkpoint, if that is known.
    pub(super) fn as_it_travels(&self, quorum: &VerifiedQuorum) -> CertifiedCheckpoint {
        let parent = self.get(quorum.checkpoint().parent).map(|parent| *parent.checkpoint());
        CertifiedCheckpoint { certificate: Arc::clone(quorum.certificate()), parent }
    }
}

impl Core {
    pub(in crate::core) fn on_quorum(&mut self, quorum: VerifiedQuorum, parent: Option<&Checkpoint>, now: Time) {
        let era = quorum.position().era;
        if era != self.schedule.era() {
            let early = era > self.schedule.era();
            return self.judge(Verdict::Ignore(if early { Ignored::Early } else { Ignored::Stale }));
        }
        // Members that add up votes themselves may hold it already; those who get it from them may not.
        let newest = self.gadget.certificates.highest().is_none_or(|highest| highest.position() <= quorum.position());
        let new = self.take_certificate(quorum, parent, now);
        self.judge(if new || newest { Verdict::Accept } else { Verdict::Ignore(Ignored::Stale) });
        self.seal_ready(now);
    }

    /// A final block that is to be gone over to: it is here, and not in the chain.
    pub(in crate::core) fn awaited_in_reach(&self) -> Option<BlockRef> {
        self.gadget.awaited().filter(|block| self.tree.contains(block.hash))
    }

    /// The height of the newest block of this chain that a finality proof makes final.
    pub(in crate::core) const fn settled(&self) -> Height {
        self.gadget.settled()
    }

    /// The newest final height, as genesis defines it.
    #[must_use]
    pub const fn finalized(&self) -> Height {
        match self.parameters.finality {
            FinalityRule::Quorum => self.gadget.settled(),
            FinalityRule::DepthCount | FinalityRule::DepthStake => self.depth.finalized(),
        }
    }

    /// What is never taken back: what is tagged final, and what a finality proof makes final, whatever the tag means.
    pub(in crate::core) fn irreversible(&self) -> Height {
        self.finalized().max(self.settled())
    }

    /// Takes a certificate in, with the parent of its checkpoint if that came with it; whether it is new.
    pub(in crate::core) fn take_certificate(
        &mut self,
        quorum: VerifiedQuorum,
        parent: Option<&Checkpoint>,
        now: Time,
    ) -> bool {
        let new = match self.gadget.certificates.note(quorum.clone()) {
            Ok(new) => new,
            Err(known) => {
                let certificates = [known, quorum].map(|quorum| quorum.certificate().clone());
                self.halt(Conflict::Quorums(certificates));
                return false;
            }
        };
        if new {
            self.note_highest(&quorum);
            self.watch.certified(now, quorum.checkpoint().head.height);
        }
        let known = self.gadget.certificates.get(quorum.checkpoint().parent).map(|parent| *parent.checkpoint());
        if let Some(parent) = known.or(parent.copied()) {
            self.conclude(parent, &quorum, now);
        }
        if let Some(child) = self.gadget.certificates.child_of(quorum.reference()).cloned() {
            self.conclude(*quorum.checkpoint(), &child, now);
        }
        if new {
            self.emit(Effect::Safe(self.safe()));
            self.gadget.ballots.forget_up_to(CheckpointPosition {
                round: crate::types::Round(quorum.position().round.0.saturating_sub(2)),
                ..quorum.position()
            });
            self.after_certificate(&quorum, now);
        }
        new
    }

    /// What the next write to the safety journal says.
    pub(in crate::core) fn note_highest(&mut self, quorum: &VerifiedQuorum) {
        let highest = self.safety.highest.as_ref().map(|highest| highest.checkpoint.position());
        if highest.is_none_or(|highest| highest < quorum.position()) {
            self.safety.highest = Some(quorum.certificate().clone());
        }
    }

    /// The scheduler's part: the next round, which carries the certificate, or the certificate alone.
    fn after_certificate(&mut self, quorum: &VerifiedQuorum, now: Time) {
        let own = quorum.position().term == self.schedule.term() && self.scheduling.is_some();
        self.close_round(quorum.position());
        // The next round's checkpoint carries the certificate. Without one, those who do not count wait for it.
        if own && !self.drive_rounds(now) {
            let certified = self.gadget.certificates.as_it_travels(quorum);
            self.emit(Effect::Gossip(Outgoing::Quorum(certified)));
        }
    }

    /// A certified checkpoint makes the head of its direct parent final.
    fn conclude(&mut self, parent: Checkpoint, child: &VerifiedQuorum, now: Time) {
        let Ok(finality) = VerifiedFinality::new(parent, child) else { return };
        if self.gadget.finality.as_ref().is_some_and(|known| known.position() >= finality.position()) {
            if self.contradicts(finality.block()) {
                self.halt_for(&finality);
            }
            return;
        }
        let block = finality.block();
        if self.contradicts(block) {
            return self.halt_for(&finality);
        }
        self.gadget.finality = Some(finality);
        if block.height <= self.settled() {
            return;
        }
        self.gadget.awaited = Some(block);
        self.settle(now);
        if self.gadget.awaited.is_some() {
            let holders = child.signers(&self.reign.electorate);
            self.emit(Effect::fetch(block, holders));
            self.advance(now);
        }
    }

    /// Whether a final block contradicts what is final here, as far as is known where it stands.
    fn contradicts(&self, block: BlockRef) -> bool {
        if block.height <= self.irreversible() {
            return block.height >= self.tree.floor() && !self.tree.is_on_chain(block);
        }
        self.tree.parts_below(block.hash, self.irreversible())
    }

    /// Tags the awaited block final as soon as it is in the chain.
    pub(in crate::core) fn settle(&mut self, now: Time) {
        let Some(block) = self.gadget.awaited else { return };
        if !self.tree.is_on_chain(block) {
            if self.tree.parts_below(block.hash, self.irreversible())
                && let Some(finality) = self.gadget.finality.clone()
            {
                self.gadget.awaited = None;
                self.halt_for(&finality);
            }
            return;
        }
        self.gadget.awaited = None;
        self.gadget.settled = block;
        let Some(finality) = self.gadget.finality.as_ref() else { return };
        let proof = Arc::new(finality.proof());
        self.emit(Effect::Finalize { block, proof, finalized: self.finalized() });
        let waits = self.head().height > block.height;
        self.watch.finalized(now, self.irreversible(), waits);
        self.prune();
    }

    /// Lets go of what nobody asks for any more. Checkpoints are judged from the newest block up that is final by a proof.
    pub(in crate::core) fn prune(&mut self) {
        self.tree.prune(self.finalized().min(self.settled()));
        self.schedule.prune(self.tree.floor());
    }

    pub(in crate::core) fn halt_for(&mut self, finality: &VerifiedFinality) {
        let here = self.tree.committed(finality.block().height).map(|committed| committed.block);
        let known = self.gadget.finality.as_ref().map(|known| Box::new(known.proof()));
        let (theirs, finalized) = (Box::new(finality.proof()), self.finalized());
        self.halt(Conflict::Finality { known, theirs, here, finalized });
    }

    fn halt(&mut self, conflict: Conflict) {
        self.halted = true;
        self.emit(Effect::Halt(Box::new(conflict)));
    }
}
