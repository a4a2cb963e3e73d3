//! The protocol as one state machine: [`Core::handle`] takes an input and returns effects.
//!
//! # The protocol as it is built
//!
//! The sequencer set elects a scheduler for each term: the first is opened by genesis, every other one by a certificate.
//! The scheduler appoints a leader for each epoch.
//!
//! - **Every `heartbeat_interval`** a member signs a heartbeat with its head and its fence and gossips it.
//! - **When a node starts as the scheduler** it waits until every member is live, at most `opening_timeout`, and appoints.
//! - **Appointing**: the scheduler takes the next in weighted round-robin, passing over members that are silent, behind,
//!   jailed, gone to another term, or have just failed; signs the announcement, journals it, gossips it.
//! - **Upon an announcement** a node recomputes whose turn it is. If it names another, it is refused. Unsealed blocks at
//!   or above the epoch's first height are void. If it names this node, it leads. A term's first announcement names the
//!   block that the term builds on: a node goes back to it, or fetches it and goes over to it.
//! - **A leader** whose head is the epoch's parent builds a block every `block_time` on its own newest block, at most
//!   [`MAX_UNSEALED`] above the head; signs it, journals it, gossips it and submits it to the scheduler. What is not
//!   sealed from one heartbeat to the next is submitted again.
//! - **Upon a block** a node checks that its epoch, leader, height, announcement and parent fit the schedule, and
//!   executes it as soon as its parent is executed, on whatever branch.
//! - **When the scheduler has executed** a block on its head, it seals it: block, state and seal become durable
//!   together, then the seal is gossiped. After the epoch's last block it appoints at once.
//! - **Upon a seal** on an executed block that extends its head, a follower commits the block. A branch that is sealed in
//!   a later term than the head replaces what is not final.
//! - **When a block's deadline passes** (`block_time + leader_timeout` after the last seal or appointment), or the leader's
//!   block is invalid, the scheduler replaces the leader from head + 1. Repeat offenders are jailed for growing spans.
//! - **When the scheduler fails** (see `watching`), a member that hears a quorum signs a term change, which fences it: it
//!   signs nothing of a lower term any more. More than a third that ask are joined by all.
//! - **Upon a quorum of term changes**, or a certificate made of them, a node enters the term. Its scheduler adopts the best
//!   branch that the reports tell of (see `adopting`) and appoints.
//! - **Beside all that** checkpoints are put to the vote, which makes blocks final (see `finality`).
//! - **When the registry on L1 has another set** the era ends with a closing checkpoint (see `succession`), and the next one
//!   begins on its head: all of the above starts anew with the other set.
//! - **Whoever signs twice** for one position is found out by everyone (see `witness`): it leads and schedules nothing.
//! - **When a node stops** (see `leaving`), its scheduler resigns, and its heartbeats say that it signs nothing of the term
//!   any more, so that it is not appointed, or is replaced at once.
//! - **When a sealed block is missing** half a block time after its seal came, a node asks to catch up.
//! - **When others are ahead** (heartbeats, seals or announcements that do not connect), a node asks to catch up.
//!
//! Effects are in order: what must be durable comes before what is sent.

mod adopting;
mod basing;
mod changing;
mod effect;
mod finality;
mod handle;
mod input;
mod leading;
mod leaving;
mod restored;
mod scheduling;
mod status;
mod succession;
mod tree;
mod verdict;
mod watching;
mod witness;

pub use effect::{BuildRequest, Conflict, Effect, Outgoing, Report, Timer};
pub use finality::VoteRoute;
pub use input::{ExecutionFailure, Input};
pub use leaving::CannotResign;
pub use restored::Restored;
pub use status::{MemberStatus, Role, Status};
pub use tree::{Committed, MAX_PENDING_HEIGHTS, MAX_RIVALS};
pub use verdict::{Ignored, Rejected, Verdict};

use crate::certificate::VerifiedCertificate;
use crate::finality::{FinalityProof, VerifiedFinality, VerifiedQuorum, depth::DepthFinality};
use crate::jail::Jail;
use crate::journal::{Journal, JournalEntry, SafetyState};
use crate::keys::{BlsKey, OperatorKey};
use crate::liveness::Liveness;
use crate::messages::Cause;
use crate::parameters::Parameters;
use crate::reign::Reign;
use crate::schedule::{Extension, Schedule};
use crate::signing::SigningContext;
use crate::simulation::mutation::{self, Mutation};
use crate::types::{BlockRef, Electorate, Height, SequencerSet, Term, Time, VerifiedBlock};
use alloy_primitives::{Address, B256};
use changing::Changes;
use finality::Gadget;
use leading::Leading;
use scheduling::Scheduling;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};
use succession::Succession;
use tree::BlockTree;
use watching::Watch;
use witness::Witness;

/// How many blocks a leader may build above the sealed head before it waits for seals.
pub const MAX_UNSEALED: u64 = 4;

/// What a node is configured to be.
#[derive(Clone, Debug, Default)]
pub struct Identity {
    /// The operator's key and its BLS keys; none for an observer. Of several BLS keys, that counts which the set of the era
    /// names: a rotation takes effect with a set change. A node whose keys are not in the set observes until they are.
    pub keys: Option<(OperatorKey, Vec<BlsKey>)>,
    /// The software version that heartbeats carry.
    pub version: String,
    /// As a scheduler, put nothing to the vote, and do not hold that against others: **nothing becomes final**, and sealing
    /// stops after `max_unfinalized_blocks`. Only to measure what finality costs; false on every real chain.
    pub without_checkpoints: bool,
}

/// The state machine of one node.
#[derive(Debug)]
pub struct Core {
    context: SigningContext,
    parameters: Parameters,
    identity: Identity,
    reign: Reign,
    set: Arc<SequencerSet>,
    /// The keys that count in this era.
    key: Option<OperatorKey>,
    bls: Option<BlsKey>,
    schedule: Schedule,
    /// What opened the term that this node is in; none in the first.
    opening: Option<VerifiedCertificate>,
    /// Why members wanted the term that this node is in, as far as they told it since it started.
    term_cause: Option<Cause>,
    safety: SafetyState,
    changes: Changes,
    watch: Watch,
    /// The first announcements of terms whose bases are not followed.
    refused: BTreeSet<B256>,
    tree: BlockTree,
    liveness: Liveness,
    jail: Jail,
    journal: Journal,
    depth: DepthFinality,
    gadget: Gadget,
    witness: Witness,
    succession: Succession,
    /// Whether the protocol's assumptions were broken: then this node does nothing any more (R14).
    halted: bool,
    leading: Option<Leading>,
    scheduling: Option<Scheduling>,
    blocks_led: BTreeMap<Address, u64>,
    /// When the head came; none before the first block since the start.
    head_seen: Option<Time>,
    last_heartbeat: u64,
    /// Blocks of epochs whose announcement has not come yet: it may travel more slowly than they do.
    early: Vec<VerifiedBlock>,
    /// Whether this node is about to stop.
    leaving: bool,
    /// The head when this leader last looked whether its blocks are sealed.
    stalled_at: Option<BlockRef>,
    /// The head when members last were seen ahead of it; what is still so at the next look asks to catch up.
    seen_behind_at: Option<BlockRef>,
    effects: Vec<Effect>,
}

impl Identity {
    /// The keys that count in an era with this set.
    fn keys_in(&self, set: &SequencerSet) -> Option<(OperatorKey, BlsKey)> {
        let (operator, keys) = self.keys.as_ref()?;
        let named = set.get(operator.address())?.bls_public_key;
        let bls = keys.iter().find(|bls| bls.public_key() == named)?;
        Some((operator.clone(), bls.clone()))
    }
}

impl Core {
    /// Takes up the protocol where `restored` left it. [`Input::Start`] must be the first input.
    #[must_use]
    pub fn new(
        context: SigningContext,
        parameters: Parameters,
        reign: Reign,
        identity: Identity,
        restored: Restored,
    ) -> Self {
        let set = Arc::clone(&reign.electorate.set);
        let electorate = &reign.electorate;
        let keys = identity.keys_in(&set);
        let Restored { mut chain, finalized, finality, evidence, certificates, announcements, journal, mut safety } =
            restored;
        // Nothing of an earlier era can be taken back, nor counts in this one.
        chain.retain(|committed| committed.block.height >= reign.base.height);
        if let Some(base) = chain.first_mut().filter(|lowest| lowest.block == reign.base) {
            base.sealed_in = Term(0);
        }
        let finalized = finalized.max(reign.base.height);
        let (epoch_blocks, term_blocks) = (parameters.epoch_blocks, parameters.term_blocks);
        let mut schedule = Schedule::new(&reign, epoch_blocks, term_blocks);
        for certificate in certificates {
            if let Some(certificate) = VerifiedCertificate::restore(certificate, electorate) {
                schedule.open(&set, &certificate);
            }
        }
        let opening =
            safety.certificate.clone().and_then(|certificate| VerifiedCertificate::restore(certificate, electorate));
        if let Some(opening) = &opening {
            schedule.enter(&set, opening);
        }
        let mut jail = Jail::default();
        for announcement in announcements {
            let before = schedule.latest().map(|latest| latest.announcement.clone());
            // What no longer connects belongs to blocks that are final.
            let extension = schedule.extend(&set, announcement.clone());
            if let (Ok(Extension::Newest), Some(before)) = (extension, before) {
                jail.follow(&before, &announcement);
            }
        }
        let mut depth = DepthFinality::new(parameters.finality, finalized);
        let tree = BlockTree::new(reign.base, chain);
        depth.restart(producers(&tree, finalized));
        let gadget = restore_gadget(electorate, &tree, finality.as_deref(), &safety, opening.as_ref());
        // The proof of what is final may hold a higher one than the last vote knew.
        safety.highest = gadget.highest().map(|highest| highest.certificate().clone());
        // This node checked it before it made it durable; what was signed in an earlier era is held against the signer still.
        let faults = evidence.into_iter().filter_map(|evidence| evidence.claim(&context));
        let witness = Witness::new(faults);
        let liveness = Liveness::new(parameters.heartbeat_timeout);
        let scheduler = schedule.scheduler();
        let own = keys.as_ref().map(|(operator, _)| operator.address());
        let scheduling = (own == Some(scheduler)).then(Scheduling::default);
        Self {
            context,
            identity,
            reign,
            set,
            key: keys.as_ref().map(|(operator, _)| operator.clone()),
            bls: keys.map(|(_, bls)| bls),
            schedule,
            opening,
            term_cause: None,
            safety,
            changes: Changes::default(),
            watch: Watch::new(parameters.term_timeout, finalized),
            refused: BTreeSet::new(),
            tree,
            liveness,
            jail,
            journal: Journal::restore(journal),
            depth,
            gadget,
            witness,
            succession: Succession::default(),
            halted: false,
            leading: None,
            scheduling,
            blocks_led: BTreeMap::new(),
            head_seen: None,
            last_heartbeat: 0,
            early: Vec::new(),
            leaving: false,
            stalled_at: None,
            seen_behind_at: None,
            effects: Vec::new(),
            parameters,
        }
    }

    /// Takes one input in at time `now` and returns what is to be done, in order.
    pub fn handle(&mut self, input: Input, now: Time) -> Vec<Effect> {
        if self.halted {
            return Vec::new();
        }
        match input {
            Input::Start { proposals } => self.on_start(proposals, now),
            Input::Heartbeat(heartbeat) => self.on_heartbeat(&heartbeat, now),
            Input::Announcement { announcement, certificate } => {
                self.on_announcement(&announcement, certificate, now);
            }
            Input::TermChange(change) => self.on_term_change(change, now),
            Input::Certificate(certificate) => self.on_certificate(certificate, now),
            Input::Resign => self.on_resign(now),
            Input::Leave => self.on_leave(now),
            Input::Block(block) => self.on_block(block, now),
            Input::Proposal(proposal) => self.witness_message(&proposal, now),
            Input::Seal(seal) => self.on_seal(seal, now),
            Input::Checkpoint { checkpoint, parent } => self.on_checkpoint(&checkpoint, parent, now),
            Input::Vote(vote) => self.on_vote(&vote, now),
            Input::Quorum { certificate, parent } => self.on_quorum(certificate, parent.as_ref(), now),
            Input::Evidence(evidence) => self.on_evidence(&evidence, now),
            Input::Registry(version) => self.on_registry(version, now),
            Input::RegistryReverted { above } => self.on_registry_reverted(above),
            Input::SetChange(change) => self.on_set_change(&change, now),
            Input::Executed { hash, result } => self.on_executed(hash, result, now),
            Input::Built { request, result } => self.on_built(&request, result, now),
            Input::Timer(timer) => self.on_timer(timer, now),
        }
        self.open_next_era(now);
        std::mem::take(&mut self.effects)
    }

    /// The sealed tip.
    #[must_use]
    pub fn head(&self) -> BlockRef {
        self.tree.head()
    }

    /// The schedule of the current term.
    #[must_use]
    pub const fn schedule(&self) -> &Schedule {
        &self.schedule
    }

    /// What the current era began with.
    #[must_use]
    pub const fn reign(&self) -> &Reign {
        &self.reign
    }

    /// The set of the current era.
    #[must_use]
    pub fn set(&self) -> &SequencerSet {
        &self.set
    }

    /// This node's address, if it is a member.
    #[must_use]
    pub fn address(&self) -> Option<Address> {
        self.key.as_ref().map(OperatorKey::address)
    }

    fn emit(&mut self, effect: Effect) {
        self.effects.push(effect);
    }

    fn judge(&mut self, verdict: Verdict) {
        self.emit(Effect::Judge(verdict));
    }

    fn report(&mut self, report: Report) {
        self.emit(Effect::Report(report));
    }

    /// The term below which this node signs nothing.
    #[must_use]
    pub fn fence(&self) -> Term {
        self.safety.fence()
    }

    /// Whether this node asked for another term than the one that it is in.
    fn has_asked(&self) -> bool {
        self.fence() > self.schedule.term()
    }

    /// Whether this node signs nothing of the term that it is in, since it asked for another one, or is about to stop.
    fn is_fenced(&self) -> bool {
        self.leaving || (self.has_asked() && !mutation::breaks(Mutation::NoFence))
    }

    /// Makes what binds this node durable, with what it signs because of it.
    fn persist_safety(&mut self, journal: Vec<JournalEntry>) {
        self.emit(Effect::PersistSafety { state: self.safety.clone(), journal });
    }

    /// Notes a signature in the journal. A refusal is reported, and the message must not leave.
    fn may_sign(&mut self, entry: &JournalEntry) -> bool {
        if self.halted || self.leaving || (entry.term() < self.fence() && !mutation::breaks(Mutation::NoFence)) {
            return false;
        }
        let fresh = self.journal.record(entry).is_ok();
        if !fresh {
            self.report(Report::RefusedToSign { key: entry.key() });
        }
        fresh
    }
}

/// The gadget as the disk tells it.
fn restore_gadget(
    electorate: &Electorate,
    tree: &BlockTree,
    finality: Option<&FinalityProof>,
    safety: &SafetyState,
    opening: Option<&VerifiedCertificate>,
) -> Gadget {
    let restored = finality.and_then(|proof| {
        let child = VerifiedQuorum::restore(Arc::new(proof.child.clone()), electorate)?;
        VerifiedFinality::new(proof.checkpoint, &child).ok()
    });
    let settled = restored.as_ref().map(VerifiedFinality::block).filter(|block| tree.is_on_chain(*block));
    let settled = settled.unwrap_or_else(|| tree.lowest());
    let highest = safety.highest.clone().and_then(|highest| VerifiedQuorum::restore(highest, electorate));
    let of_opening = opening.and_then(|opening| opening.highest().cloned());
    Gadget::new(settled, restored, highest.into_iter().chain(of_opening).collect())
}

fn producers(tree: &BlockTree, finalized: Height) -> impl Iterator<Item = (Address, Height)> {
    let above = tree.chain().filter(move |committed| committed.block.height > finalized);
    above.map(|committed| (committed.leader, committed.block.height))
}
