//! The protocol as one state machine: [`Core::handle`] takes an input and returns effects.
//!
//! # The protocol as it is built
//!
//! The sequencer set elects a scheduler for a term (here term 1, opened by genesis; later terms are opened by
//! certificates, which are not part of this version). The scheduler appoints a leader for each epoch.
//!
//! - **Every `heartbeat_interval`** a member signs a heartbeat with its head and gossips it.
//! - **When a term opens** its scheduler waits until every member is live, at most `opening_timeout`, and appoints.
//! - **Appointing**: the scheduler takes the next in weighted round-robin, passing over members that are silent, behind,
//!   jailed, or have just failed; signs the announcement, journals it, gossips it.
//! - **Upon an announcement** a node recomputes whose turn it is. If it names another, it is refused. Unsealed blocks at
//!   or above the epoch's first height are void. If it names this node, it leads.
//! - **A leader** whose head is the epoch's parent builds a block every `block_time` on its own newest block, at most
//!   [`MAX_UNSEALED`] above the head; signs it, journals it, gossips it and submits it to the scheduler. What is not
//!   sealed from one heartbeat to the next is submitted again.
//! - **Upon a block** a node checks that its epoch, leader, height, announcement and parent fit the schedule, and
//!   executes it as soon as its parent is executed.
//! - **When the scheduler has executed** a block on its head, it seals it: block, state and seal become durable
//!   together, then the seal is gossiped. After the epoch's last block it appoints at once.
//! - **Upon a seal** on an executed block that extends its head, a follower commits the block.
//! - **When a block's deadline passes** (`block_time + leader_timeout` after the last seal or appointment), or the leader's
//!   block is invalid, the scheduler replaces the leader from head + 1. Repeat offenders are jailed for growing spans.
//! - **When a sealed block is missing** half a block time after its seal came, a node asks to catch up.
//! - **When others are ahead** (heartbeats, seals or announcements that do not connect), a node asks to catch up.
//!
//! Effects are in order: what must be durable comes before what is sent.

mod effect;
mod handle;
mod input;
mod leading;
mod restored;
mod scheduling;
mod status;
mod tree;
mod verdict;

pub use effect::{BuildRequest, Effect, Outgoing, Report, Timer};
pub use input::{ExecutionFailure, Input};
pub use restored::Restored;
pub use status::{MemberStatus, Role, Status};
pub use tree::{MAX_PENDING_HEIGHTS, MAX_RIVALS};
pub use verdict::{Ignored, Rejected, Verdict};

use crate::depth::DepthFinality;
use crate::election::Priorities;
use crate::jail::Jail;
use crate::journal::{Journal, JournalEntry};
use crate::keys::OperatorKey;
use crate::liveness::Liveness;
use crate::parameters::Parameters;
use crate::schedule::Schedule;
use crate::signing::SigningContext;
use crate::types::{BlockRef, Era, Height, SequencerSet, Term, Time, VerifiedBlock};
use alloy_primitives::Address;
use leading::Leading;
use scheduling::Scheduling;
use std::collections::BTreeMap;
use tree::BlockTree;

/// How many blocks a leader may build above the sealed head before it waits for seals.
pub const MAX_UNSEALED: u64 = 4;

/// What a node is configured to be.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The operator's key; none for an observer. A key that is not in the set observes as well.
    pub key: Option<OperatorKey>,
    /// The software version that heartbeats carry.
    pub version: String,
}

/// The state machine of one node.
#[derive(Debug)]
pub struct Core {
    context: SigningContext,
    parameters: Parameters,
    set: SequencerSet,
    key: Option<OperatorKey>,
    version: String,
    schedule: Schedule,
    tree: BlockTree,
    liveness: Liveness,
    jail: Jail,
    journal: Journal,
    depth: DepthFinality,
    leading: Option<Leading>,
    scheduling: Option<Scheduling>,
    blocks_led: BTreeMap<Address, u64>,
    /// When the head came; none before the first block since the start.
    head_seen: Option<Time>,
    last_heartbeat: u64,
    /// Blocks of epochs whose announcement has not come yet: it may travel more slowly than they do.
    early: Vec<VerifiedBlock>,
    /// The head when this leader last looked whether its blocks are sealed.
    stalled_at: Option<BlockRef>,
    /// The head when members last were seen ahead of it; what is still so at the next look asks to catch up.
    seen_behind_at: Option<BlockRef>,
    effects: Vec<Effect>,
}

impl Core {
    /// Takes up the protocol where `restored` left it. [`Input::Start`] must be the first input.
    #[must_use]
    pub fn new(
        context: SigningContext,
        parameters: Parameters,
        set: SequencerSet,
        identity: Identity,
        restored: Restored,
    ) -> Self {
        let Identity { key, version } = identity;
        let key = key.filter(|key| set.contains(key.address()));
        let (era, term) = (Era(0), Term(1));
        let mut priorities = Priorities::genesis(&set);
        let scheduler = elect(&mut priorities, &set);
        let opening = context.genesis_hash;
        let mut schedule = Schedule::open((era, term), scheduler, opening, parameters.epoch_blocks, priorities);
        let mut depth = DepthFinality::new(parameters.finality, restored.finalized);
        for (producer, height) in &restored.producers {
            depth.observe(&set, *producer, *height);
        }
        if let Some(snapshot) = restored.schedule {
            schedule.restore(snapshot, restored.announcements);
        }
        let liveness = Liveness::new(parameters.heartbeat_timeout);
        let scheduling = key.as_ref().filter(|key| key.address() == scheduler).map(|_| Scheduling::default());
        Self {
            context,
            set,
            key,
            version,
            schedule,
            tree: BlockTree::new(restored.head, restored.head_timestamp),
            liveness,
            jail: Jail::default(),
            journal: Journal::restore(restored.journal),
            depth,
            leading: None,
            scheduling,
            blocks_led: BTreeMap::new(),
            head_seen: None,
            last_heartbeat: 0,
            early: Vec::new(),
            stalled_at: None,
            seen_behind_at: None,
            effects: Vec::new(),
            parameters,
        }
    }

    /// Takes one input in at time `now` and returns what is to be done, in order.
    pub fn handle(&mut self, input: Input, now: Time) -> Vec<Effect> {
        match input {
            Input::Start { proposals } => self.on_start(proposals, now),
            Input::Heartbeat(heartbeat) => self.on_heartbeat(&heartbeat, now),
            Input::Announcement(announcement) => self.on_announcement(&announcement, now),
            Input::Block(block) => self.on_block(block),
            Input::Seal(seal) => self.on_seal(seal, now),
            Input::Executed { hash, result } => self.on_executed(hash, result, now),
            Input::Built { request, result } => self.on_built(&request, result, now),
            Input::Timer(timer) => self.on_timer(timer, now),
        }
        std::mem::take(&mut self.effects)
    }

    /// The sealed tip.
    #[must_use]
    pub fn head(&self) -> BlockRef {
        self.tree.head()
    }

    /// The newest final height.
    #[must_use]
    pub const fn finalized(&self) -> Height {
        self.depth.finalized()
    }

    /// The schedule of the current term.
    #[must_use]
    pub const fn schedule(&self) -> &Schedule {
        &self.schedule
    }

    /// The set of the current era.
    #[must_use]
    pub const fn set(&self) -> &SequencerSet {
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

    /// Notes a signature in the journal. A refusal is reported, and the message must not leave.
    fn may_sign(&mut self, entry: &JournalEntry) -> bool {
        let fresh = self.journal.record(entry).is_ok();
        if !fresh {
            self.report(Report::RefusedToSign { key: entry.key() });
        }
        fresh
    }
}

fn elect(priorities: &mut Priorities, set: &SequencerSet) -> Address {
    #[expect(clippy::expect_used, reason = "a set has at least one member, and every member is a candidate")]
    priorities.take_turn(set, |_| true).expect("a set is never empty")
}
