//! Members that do not keep to the protocol. Each runs the real core, and bends what leaves it or what reaches it.

use alloy_primitives::{Address, B256, FixedBytes, keccak256};
use baton_consensus::{
    certificate::Appointment,
    core::{Core, Input, Outgoing},
    finality::ProposedCheckpoint,
    keys::{BlsKey, BlsSignature, OperatorKey},
    messages::{
        Announcement, CastVote, Checkpoint, CheckpointPosition, CheckpointRef, L1Anchor, Proposal, Seal, Skip,
        SkipReason, TermChange, TermReport, TermRequest, Vote,
    },
    signing::{Signed, SigningContext},
    types::{BlockRef, Epoch, ExtraData, Height, SignedBlock, Term, Tip},
};
use std::sync::Arc;

/// How a member deviates.
#[derive(Clone, Debug)]
pub(crate) enum Vice {
    /// It hears, and says nothing.
    Silent,
    /// It gives signs of life and nothing else: the scheduler that is alive and does not work.
    HeartbeatOnly,
    /// It signs blocks and seals, and keeps the bodies of its own blocks.
    BodyWithholder,
    /// Its reports tell of a deep branch that nobody has.
    InventorOfDeepBranches,
    /// Its reports tell of nothing: it would have everyone begin again at genesis.
    Forgetter,
    /// It sends everything that it ever sent again and again.
    OutdatedReplayer(Vec<Outgoing>),
    /// Its blocks reach the scheduler late, and everyone else in time.
    LatePublisher,
    /// It signs two blocks for each of its positions, and shows each to half of the network.
    EquivocatingLeader,
    /// It signs two announcements and two seals for each of its positions, and shows each to half of the network.
    EquivocatingScheduler,
    /// The base that it announces leaves out the last blocks that everyone holds.
    BaseForger,
    /// It closes its ears to these members, and so never appoints them.
    UnfairScheduler(Vec<Address>),
    /// It signs what only others are entitled to.
    Impersonator,
    /// It signs two checkpoints for each of its positions, and shows both to everyone.
    EquivocatingCheckpoints,
    /// It puts nothing to the vote.
    NoCheckpoints,
    /// Its checkpoints build on nothing, whatever is certified.
    StaleParent,
    /// It shows its next certificate to this node alone, and then only says that it wants another scheduler and holds none.
    HidesACertificate {
        /// Who sees it.
        shown_to: usize,
        /// Whether it was shown.
        shown: bool,
    },
    /// It does the same with the first certificate of a closing checkpoint, and works until then.
    HidesTheEnd {
        /// Who sees it.
        shown_to: usize,
    },
    /// It keeps its certificates to itself, and everything else; this much later, in ms, all of them come out.
    PublishesLate(u64),
    /// Its checkpoints end the era with a set that nobody registered.
    InventsASet,
    /// It signs its votes with another key than its own.
    SpoilsVotes,
    /// It votes for every checkpoint of a round, and for one that does not exist.
    VotesTwice,
}

/// A member and the network that it is about to deceive.
pub(crate) struct Deceiver<'a> {
    pub(crate) context: &'a SigningContext,
    pub(crate) key: &'a OperatorKey,
    pub(crate) bls: &'a BlsKey,
    /// What it has on its own chain at a height.
    pub(crate) chain: &'a dyn Fn(Height) -> Option<B256>,
    /// The other blocks of this height that were ever sent.
    pub(crate) rivals: &'a dyn Fn(BlockRef) -> Option<B256>,
}

/// To whom a message goes.
#[derive(Clone, Copy)]
pub(crate) struct Receiver<'a> {
    pub(crate) index: usize,
    pub(crate) is_scheduler: bool,
    pub(crate) core: Option<&'a Core>,
}

impl Vice {
    /// Whether an input reaches the member's own core.
    pub(crate) fn hears(&self, input: &Input) -> bool {
        match (self, input) {
            (Self::UnfairScheduler(deaf_to), Input::Heartbeat(heartbeat)) => !deaf_to.contains(&heartbeat.signer()),
            _ => true,
        }
    }

    /// What becomes of a message: what is sent instead, with delays in ms.
    pub(crate) fn bend(&mut self, message: &Outgoing, to: Receiver<'_>, by: &Deceiver<'_>) -> Vec<(u64, Outgoing)> {
        let as_it_is = || vec![(0, message.clone())];
        if let Self::HidesTheEnd { shown_to } = *self
            && certifies_the_end(message)
        {
            *self = Self::HidesACertificate { shown_to, shown: false };
        }
        match (self, message) {
            (Self::Silent, _) => Vec::new(),
            (Self::HeartbeatOnly, Outgoing::Heartbeat(_)) => as_it_is(),
            (Self::HeartbeatOnly, _) | (Self::BodyWithholder, Outgoing::Block(_)) => Vec::new(),
            (Self::LatePublisher, Outgoing::Block(_)) if to.is_scheduler => vec![(2_000, message.clone())],
            (Self::InventorOfDeepBranches, Outgoing::TermChange(change)) => {
                let block = BlockRef { height: Height(1 << 40), hash: B256::repeat_byte(0xee) };
                let term = Term(change.change.message.report.term.0 - 1);
                vec![(0, by.report(change, Tip { term, block }, block))]
            }
            (Self::Forgetter, Outgoing::TermChange(change)) => {
                let block = BlockRef { height: Height(0), hash: by.context.genesis_hash };
                vec![(0, by.report(change, Tip { term: Term(0), block }, block))]
            }
            // Their certificates are made of what they signed before they bent it.
            (Self::InventorOfDeepBranches | Self::Forgetter, Outgoing::Certificate(_)) => Vec::new(),
            (Self::OutdatedReplayer(sent), _) => {
                sent.push(message.clone());
                vec![(0, message.clone()), (50, sent[0].clone()), (90, sent[sent.len() / 2].clone())]
            }
            (Self::EquivocatingLeader, Outgoing::Block(block)) if to.index % 2 == 1 => {
                vec![(0, by.twin(block)), (150, message.clone())]
            }
            (Self::EquivocatingScheduler, Outgoing::Seal(seal)) if to.index % 2 == 1 => {
                let seal = seal.message;
                let hash = (by.rivals)(seal.block()).unwrap_or_else(|| keccak256(seal.hash));
                vec![(0, Outgoing::Seal(by.sign(Seal { hash, ..seal })))]
            }
            (Self::EquivocatingScheduler, Outgoing::Announcement(appointment)) if to.index % 2 == 1 => {
                let rival = to.core.and_then(|core| rival_of(&appointment.announcement.message, core));
                let announcement = rival.map_or_else(|| appointment.announcement.clone(), |rival| by.sign(rival));
                let certificate = appointment.certificate.clone();
                vec![(0, Outgoing::Announcement(Appointment { announcement, certificate }))]
            }
            (Self::BaseForger, Outgoing::Announcement(appointment))
                if appointment.announcement.message.epoch == Epoch(1) =>
            {
                let honest = &appointment.announcement.message;
                let left_out = 2.min(honest.first.0 - 1);
                let [first, last] = [honest.first, honest.last].map(|height| Height(height.0 - left_out));
                let parent = (by.chain)(first.previous()).unwrap();
                let announcement = by.sign(Announcement { first, last, parent, ..honest.clone() });
                let certificate = appointment.certificate.clone();
                vec![(0, Outgoing::Announcement(Appointment { announcement, certificate }))]
            }
            (Self::EquivocatingCheckpoints, Outgoing::Checkpoint(proposed)) => {
                let message = proposed.checkpoint.message;
                let certified = proposed.parent.as_ref().map(|parent| parent.checkpoint.head);
                let Some(head) = certified.filter(|head| *head != message.head) else { return as_it_is() };
                let checkpoint = by.sign(Checkpoint { head, ..message });
                let twin = Outgoing::Checkpoint(ProposedCheckpoint { checkpoint, parent: proposed.parent.clone() });
                let (first, second) = if to.index.is_multiple_of(2) { (0, 30) } else { (30, 0) };
                vec![(first, Outgoing::Checkpoint(proposed.clone())), (second, twin)]
            }
            (Self::InventsASet, Outgoing::Checkpoint(proposed)) => {
                let message = proposed.checkpoint.message;
                let number = message.anchor.number + 1;
                let anchor = L1Anchor { number, hash: keccak256(number.to_be_bytes()) };
                let checkpoint =
                    by.sign(Checkpoint { anchor, next_set_root: Some(keccak256(message.set_root)), ..message });
                vec![(0, Outgoing::Checkpoint(ProposedCheckpoint { checkpoint, parent: proposed.parent.clone() }))]
            }
            (Self::NoCheckpoints, Outgoing::Checkpoint(_)) => Vec::new(),
            (Self::StaleParent, Outgoing::Checkpoint(proposed)) => {
                let parent = CheckpointRef::genesis(by.context.genesis_hash);
                let checkpoint = by.sign(Checkpoint { parent, ..proposed.checkpoint.message });
                vec![(0, Outgoing::Checkpoint(ProposedCheckpoint { checkpoint, parent: None }))]
            }
            (Self::HidesACertificate { shown_to, shown }, Outgoing::Checkpoint(proposed))
                if proposed.parent.is_some() =>
            {
                let first = to.index == *shown_to && !*shown;
                *shown |= first;
                if first { as_it_is() } else { Vec::new() }
            }
            (Self::HidesACertificate { .. }, Outgoing::TermChange(request)) => {
                let TermReport { head, signed, .. } = request.change.message.report;
                vec![(0, by.report_without_certificate(request, head, signed))]
            }
            (Self::HidesACertificate { .. }, Outgoing::Heartbeat(_)) => as_it_is(),
            (Self::HidesACertificate { .. }, _) => Vec::new(),
            (Self::PublishesLate(late), Outgoing::Checkpoint(_) | Outgoing::Quorum(_)) => {
                vec![(*late, message.clone())]
            }
            (Self::PublishesLate(_), Outgoing::Heartbeat(_) | Outgoing::TermChange(_)) => as_it_is(),
            (Self::PublishesLate(_), _) => Vec::new(),
            (Self::SpoilsVotes, Outgoing::Vote(vote)) => {
                let signature = BlsSignature(FixedBytes::repeat_byte(0x5a));
                vec![(0, Outgoing::Vote(by.sign(CastVote { signature, ..vote.message })))]
            }
            (Self::VotesTwice, Outgoing::Vote(vote)) => {
                let other = Vote { checkpoint: keccak256(vote.message.vote.checkpoint), ..vote.message.vote };
                let other = CastVote::sign(other, by.context, (by.key, by.bls));
                vec![(0, message.clone()), (1, Outgoing::Vote(other))]
            }
            (Self::Impersonator, Outgoing::Heartbeat(heartbeat)) => {
                let head = heartbeat.message.head();
                let (height, hash) = (head.height.next(), keccak256(head.hash));
                let seal = by.sign(Seal { era: heartbeat.message.era, term: heartbeat.message.term, height, hash });
                let latest = to.core.and_then(|core| core.schedule().latest());
                let announcement = latest.map(|latest| {
                    let leader = by.key.address();
                    let epoch = latest.announcement.epoch.next();
                    let announcement = by.sign(Announcement { leader, epoch, ..latest.announcement.clone() });
                    (20, Outgoing::Announcement(Appointment { announcement, certificate: None }))
                });
                [(0, message.clone()), (10, Outgoing::Seal(seal))].into_iter().chain(announcement).collect()
            }
            _ => as_it_is(),
        }
    }
}

impl Deceiver<'_> {
    fn sign<M: baton_consensus::signing::Message>(&self, message: M) -> Signed<M> {
        Signed::new(message, self.context, self.key)
    }

    fn report(&self, request: &TermRequest, head: Tip, signed: BlockRef) -> Outgoing {
        let TermChange { report, cause, sent_at, .. } = request.change.message;
        let report = TermReport { head, signed, ..report };
        let change = TermChange::sign(report, cause, sent_at, self.context, (self.key, self.bls));
        Outgoing::TermChange(TermRequest { change, certificate: request.certificate.clone() })
    }

    /// A report as if no certificate was ever seen.
    fn report_without_certificate(&self, request: &TermRequest, head: Tip, signed: BlockRef) -> Outgoing {
        let TermChange { report, cause, sent_at, .. } = request.change.message;
        let position = CheckpointPosition::root(report.era);
        let certified = CheckpointRef { position, hash: self.context.genesis_hash };
        let report = TermReport { head, signed, certified, ..report };
        let change = TermChange::sign(report, cause, sent_at, self.context, (self.key, self.bls));
        Outgoing::TermChange(TermRequest { change, certificate: None })
    }

    /// Another block for the same position.
    fn twin(&self, block: &SignedBlock) -> Outgoing {
        let mut block = block.block.clone();
        block.header.mix_hash = keccak256(block.header.mix_hash);
        let position = ExtraData::from_bytes(&block.header.extra_data).unwrap();
        let proposal = Proposal::new(position, Height(block.header.number), block.header.hash_slow());
        let signature = self.sign(proposal).signature;
        Outgoing::Block(Arc::new(SignedBlock { block, signature }))
    }
}

/// Whether a message shows that a closing checkpoint is certified.
fn certifies_the_end(message: &Outgoing) -> bool {
    match message {
        Outgoing::Checkpoint(proposed) => proposed.parent.as_ref().is_some_and(|parent| parent.checkpoint.is_closing()),
        Outgoing::Quorum(certified) => certified.certificate.checkpoint.is_closing(),
        _ => false,
    }
}

/// Another announcement for the same epoch, which passes the leader over.
fn rival_of(announcement: &Announcement, core: &Core) -> Option<Announcement> {
    let skip = Skip { sequencer: announcement.leader, reason: SkipReason::Late };
    let next = core.schedule().next(core.set(), announcement.previous, announcement.parent(), vec![skip])?;
    (next.term == announcement.term && next.epoch == announcement.epoch).then_some(next)
}
