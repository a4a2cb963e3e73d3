//! A network of cores on virtual time.

mod asking;
mod effects;
mod eras;
mod fetching;
mod measuring;
mod messages;
mod naming;

use crate::byzantine::Vice;
use crate::clock::{Clock, START};
use crate::disk::Disk;
use crate::invariants::Watch;
use crate::network::{Cuts, Link};
use crate::run::{Broken, Trace};
use alloy_primitives::{B256, U256};
use baton_consensus::{
    Parameters,
    core::{Core, Identity, Input, Report},
    finality::VerifiedQuorum,
    keys::{BlsKey, OperatorKey},
    messages::{Checkpoint, L1Anchor, Vote},
    reign::{RegistrySet, Reign},
    signing::SigningContext,
    types::{BlockRef, Era, Height, SequencerSet, Time},
};
use rand::{SeedableRng, rngs::StdRng};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

#[derive(Clone, Debug)]
enum Event {
    Input(Input),
    /// What another node sent, with the era that it is of.
    Message(Era, Input),
    Fetch(Option<usize>),
}

struct Node {
    key: OperatorKey,
    bls: BlsKey,
    /// Whether the registry is told another BLS key from now on.
    rotated: bool,
    disk: Disk,
    core: Option<Core>,
    clock: Clock,
    /// Between these two, in ms, it takes to execute or build a block.
    execution: (u64, u64),
    /// How much longer than others' its messages travel, in ms.
    late: u64,
    /// Counts restarts: events for an earlier life are lost.
    life: u32,
    paused: bool,
    /// It dies in the middle of its next step that makes something durable; where depends on this number.
    doomed: Option<usize>,
    vice: Option<Vice>,
    /// Whether it is about to fetch: one answer at a time.
    fetching: bool,
    /// Messages that wait for a paused node, as its sockets would hold them.
    waiting: Vec<Event>,
    /// Messages of the next era, which cannot be checked yet.
    held: Vec<Input>,
    /// How much later than others it sees what the registry says, in ms; not at all if there is none.
    l1_lag: Option<u64>,
}

impl Node {
    fn new(key: OperatorKey, disk: Disk) -> Self {
        Self {
            bls: eras::bls_key(&key, false),
            rotated: false,
            key,
            disk,
            core: None,
            clock: Clock::default(),
            execution: (1, 4),
            late: 0,
            life: 0,
            paused: false,
            doomed: None,
            vice: None,
            fetching: false,
            waiting: Vec::new(),
            held: Vec::new(),
            l1_lag: Some(0),
        }
    }
}

/// The network, its nodes and its time.
pub(crate) struct World {
    pub(crate) parameters: Parameters,
    pub(crate) now: Time,
    pub(crate) link: Link,
    pub(crate) cuts: Cuts,
    pub(crate) random: StdRng,
    pub(crate) reports: Vec<(Time, usize, Report)>,
    /// When each node committed which height.
    pub(crate) commits: Vec<(Time, usize, Height)>,
    /// When the leader published each block.
    pub(crate) published: BTreeMap<BlockRef, Time>,
    /// When each node learned that which height is final.
    pub(crate) finalizations: Vec<(Time, usize, Height)>,
    /// When each node learned that which height is certified.
    pub(crate) certified: Vec<(Time, usize, Height)>,
    /// Nodes that stopped because the protocol's assumptions are broken.
    pub(crate) halted: Vec<usize>,
    context: SigningContext,
    /// What each era began with, as soon as a node opened it.
    eras: BTreeMap<Era, Reign>,
    /// What the registry said, and when.
    registry: Vec<(Time, RegistrySet)>,
    /// What it said on branches of L1 that are gone.
    taken_back: Vec<RegistrySet>,
    /// The newest L1 block that changed the registry, on whatever branch.
    l1_height: u64,
    nodes: Vec<Node>,
    queue: BTreeMap<(Time, u64), (usize, u32, Event)>,
    sequence: u64,
    /// The blocks that were ever sent, by height.
    sent: BTreeMap<Height, BTreeSet<B256>>,
    watch: Watch,
    broken: Option<Broken>,
    trace: Trace,
}

impl World {
    pub(crate) fn new(
        seed: u64,
        weights: &[u64],
        parameters: Parameters,
        broken: Option<Broken>,
        trace: Trace,
    ) -> Self {
        let keys: Vec<_> =
            (1..=weights.len()).map(|index| OperatorKey::from_bytes(&B256::from(U256::from(index))).unwrap()).collect();
        let set = Arc::new(
            SequencerSet::new(
                keys.iter()
                    .zip(weights)
                    .map(|(key, weight)| eras::member(key, &eras::bls_key(key, false), *weight))
                    .collect(),
            )
            .unwrap(),
        );
        let context = SigningContext { chain_id: 7, genesis_hash: B256::repeat_byte(7) };
        let reign = Reign::genesis(context, set, L1Anchor::default());
        let genesis = BlockRef { height: Height(0), hash: context.genesis_hash };
        let mut world = Self {
            parameters,
            now: START,
            link: Link::default(),
            cuts: Cuts::default(),
            random: StdRng::seed_from_u64(seed),
            reports: Vec::new(),
            commits: Vec::new(),
            published: BTreeMap::new(),
            finalizations: Vec::new(),
            certified: Vec::new(),
            halted: Vec::new(),
            context,
            eras: BTreeMap::from([(Era(0), reign)]),
            registry: Vec::new(),
            taken_back: Vec::new(),
            l1_height: 0,
            nodes: keys.into_iter().map(|key| Node::new(key, Disk::new(genesis))).collect(),
            queue: BTreeMap::new(),
            sequence: 0,
            sent: BTreeMap::new(),
            watch: Watch::default(),
            broken,
            trace,
        };
        for index in 0..world.nodes.len() {
            world.start(index);
        }
        world
    }

    /// Runs a member's keys a second time; the index of the new node. What either of the two does is no longer held to the
    /// invariants.
    pub(crate) fn add_twin(&mut self, of: usize) -> usize {
        let original = &self.nodes[of];
        let twin = Node::new(original.key.clone(), Disk::new(self.nodes[of].disk.genesis));
        self.watch.byzantine.insert(self.address(of));
        self.nodes.push(twin);
        self.start(self.nodes.len() - 1);
        self.nodes.len() - 1
    }

    pub(crate) fn start(&mut self, index: usize) {
        let node = &mut self.nodes[index];
        node.life += 1;
        node.fetching = false;
        let bls = vec![node.bls.clone(), eras::bls_key(&node.key, true)];
        let (keys, version) = (Some((node.key.clone(), bls)), "simulated".to_owned());
        let identity = Identity { keys, version, ..Identity::default() };
        let restored = node.disk.restored();
        node.held.clear();
        let reign = self.eras[&node.disk.era()].clone();
        node.core = Some(Core::new(self.context, self.parameters.clone(), reign, identity, restored));
        let proposals = node.disk.unsealed_proposals(&self.context);
        self.schedule(index, 0, Event::Input(Input::Start { proposals }));
        self.read_registry(index);
    }

    /// Ends a node at once; what was not durable is lost.
    pub(crate) fn kill(&mut self, index: usize) {
        self.trace.line(|| format!("{} {index} dies", self.now.0));
        let node = &mut self.nodes[index];
        node.disk.crash(self.broken);
        node.core = None;
        node.paused = false;
        node.doomed = None;
        node.waiting.clear();
    }

    /// Ends a node in the middle of the next step that makes something durable: before a write, between a write and the
    /// message that follows from it, or after both.
    pub(crate) fn kill_in_a_step(&mut self, index: usize, place: usize) {
        self.nodes[index].doomed = Some(place);
    }

    /// Takes a death that has not come back.
    pub(crate) fn spare(&mut self, index: usize) {
        self.nodes[index].doomed = None;
    }

    /// Stops a node's clock and ears without killing it.
    pub(crate) fn pause(&mut self, index: usize) {
        self.nodes[index].paused = true;
    }

    pub(crate) fn resume(&mut self, index: usize) {
        self.nodes[index].paused = false;
        for event in std::mem::take(&mut self.nodes[index].waiting) {
            self.schedule(index, 0, event);
        }
    }

    /// Makes a member byzantine. What it does is no longer held to the invariants.
    pub(crate) fn corrupt(&mut self, index: usize, vice: Vice) {
        self.watch.byzantine.insert(self.address(index));
        self.nodes[index].vice = Some(vice);
    }

    /// Gives a node a wrong clock.
    pub(crate) fn skew(&mut self, index: usize) {
        self.nodes[index].clock = Clock::skewed(&mut self.random);
    }

    /// Lets a node take between these two to execute or build a block, in ms.
    pub(crate) fn slow_down(&mut self, index: usize, execution: (u64, u64)) {
        self.nodes[index].execution = execution;
    }

    /// Lets everything that a node sends take this much longer, in ms.
    pub(crate) fn slow_links_of(&mut self, index: usize, late: u64) {
        self.nodes[index].late = late;
    }

    /// Lets every member vote for a checkpoint that none of them would vote for, and shows the certificate to a node, which
    /// has to stop once that contradicts another one.
    pub(crate) fn show_forged(&mut self, index: usize, checkpoint: Checkpoint, parent: Option<Checkpoint>) {
        let vote = Vote::new(checkpoint.reference());
        let sign = |node: &Node| (node.key.address(), node.bls.sign(self.context.digest(&vote)));
        let votes: Vec<_> = self.nodes.iter().map(sign).collect();
        let votes = votes.iter().map(|(member, vote)| (member, vote));
        let certificate = VerifiedQuorum::assemble(&self.eras[&checkpoint.era].electorate, checkpoint, votes).unwrap();
        self.watch.may_halt.insert(self.address(index));
        self.inject(index, Input::Quorum { certificate, parent });
    }

    /// Hands an input to a node, as a byzantine peer or an operator would.
    pub(crate) fn inject(&mut self, index: usize, input: Input) {
        self.schedule(index, 0, Event::Input(input));
    }

    pub(crate) fn run_for(&mut self, span: Duration) {
        let end = self.now.after(span);
        while let Some((&(at, _), _)) = self.queue.first_key_value() {
            if at > end {
                break;
            }
            let ((at, _), (index, life, event)) = self.queue.pop_first().unwrap();
            self.now = at;
            self.deliver(index, life, event);
        }
        self.now = end;
    }

    /// Runs until `done`, at most for `limit`; whether it came to that.
    pub(crate) fn run_until(&mut self, limit: Duration, mut done: impl FnMut(&Self) -> bool) -> bool {
        let end = self.now.after(limit);
        while self.now < end {
            if done(self) {
                return true;
            }
            self.run_for(Duration::from_millis(5));
        }
        done(self)
    }

    /// Runs until these nodes have the same block at a height; fails if that takes longer than `limit`.
    pub(crate) fn agree_at(&mut self, nodes: &[usize], height: u64, limit: Duration) {
        let height = Height(height);
        let agree = |world: &Self| {
            let blocks: BTreeSet<_> = nodes.iter().map(|index| world.disk(*index).hash_at(height)).collect();
            blocks.len() == 1 && !blocks.contains(&None)
        };
        let reached = self.run_until(limit, agree);
        let heads: Vec<_> = nodes.iter().map(|index| self.disk(*index).head().height.0).collect();
        assert!(
            reached,
            "no agreement at height {height} after {limit:?}: the heads are {heads:?}, term {}",
            self.term()
        );
    }

    fn schedule(&mut self, index: usize, delay: u64, event: Event) {
        self.schedule_at(index, self.now.after(Duration::from_millis(delay)), event);
    }

    fn schedule_at(&mut self, index: usize, at: Time, event: Event) {
        let life = self.nodes[index].life;
        self.queue.insert((at.max(self.now), self.sequence), (index, life, event));
        self.sequence += 1;
    }

    fn deliver(&mut self, index: usize, life: u32, event: Event) {
        let node = &mut self.nodes[index];
        if node.core.is_none() || node.life != life {
            return;
        }
        if node.paused {
            node.waiting.push(event);
            return;
        }
        match event {
            Event::Input(input) => self.feed(index, input),
            Event::Message(era, input) => self.hear(index, era, input),
            Event::Fetch(holder) => self.fetch(index, holder),
        }
    }
}
