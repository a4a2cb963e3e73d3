//! A network of cores on virtual time.

use crate::byzantine::{Deceiver, Receiver, Vice};
use crate::clock::{Clock, START};
use crate::disk::{Disk, Sealed};
use crate::invariants::Watch;
use crate::network::{Cuts, Link};
use crate::run::{Broken, Trace};
use alloy_consensus::{BlockBody, Header};
use alloy_primitives::{Address, B256, U256};
use baton_consensus::{
    Parameters,
    certificate::{Appointment, VerifiedCertificate},
    core::{BuildRequest, Core, Effect, Identity, Input, Outgoing, Report, Verdict},
    election::{Election, Priorities},
    finality::VerifiedQuorum,
    keys::{BlsKey, OperatorKey},
    messages::{Announcement, Checkpoint, Vote},
    signing::SigningContext,
    types::{Block, BlockRef, Electorate, ExtraData, Height, Sequencer, SequencerSet, Stake, Term, Time},
};
use rand::{Rng, SeedableRng, rngs::StdRng};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

/// How many blocks a peer hands over at once, and how long that takes, in ms.
const FETCHED_AT_ONCE: u64 = 48;
const FETCHING: u64 = 30;

#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "nearly every event is an input")]
enum Event {
    Input(Input),
    Fetch(Option<usize>),
}

struct Node {
    key: OperatorKey,
    bls: BlsKey,
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
}

impl Node {
    fn new(key: OperatorKey, disk: Disk) -> Self {
        Self {
            bls: BlsKey::generate(key.to_bytes().as_slice()).unwrap(),
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
    set: Arc<SequencerSet>,
    electorate: Electorate,
    context: SigningContext,
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
        let member = |(key, weight): (&OperatorKey, &u64)| Sequencer {
            address: key.address(),
            bls_public_key: BlsKey::generate(key.to_bytes().as_slice()).unwrap().public_key(),
            weight: Stake(U256::from(*weight)),
            peer_id: String::new(),
        };
        let set = Arc::new(SequencerSet::new(keys.iter().zip(weights).map(member).collect()).unwrap());
        let context = SigningContext { chain_id: 7, genesis_hash: B256::repeat_byte(7) };
        let electorate = Electorate::genesis(context, Arc::clone(&set));
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
            set,
            electorate,
            context,
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

    // What scenarios do to nodes.

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
        let identity = Identity { keys: Some((node.key.clone(), node.bls.clone())), version: "simulated".to_owned() };
        let restored = node.disk.restored();
        node.core = Some(Core::new(self.context, self.parameters.clone(), Arc::clone(&self.set), identity, restored));
        let proposals = node.disk.unsealed_proposals(&self.context);
        self.schedule(index, 0, Event::Input(Input::Start { proposals }));
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
        let certificate = VerifiedQuorum::assemble(&self.electorate, checkpoint, votes).unwrap();
        self.watch.may_halt.insert(self.address(index));
        self.inject(index, Input::Quorum { certificate, parent });
    }

    /// Hands an input to a node, as a byzantine peer or an operator would.
    pub(crate) fn inject(&mut self, index: usize, input: Input) {
        self.schedule(index, 0, Event::Input(input));
    }

    // What scenarios ask.

    pub(crate) fn members(&self) -> usize {
        self.nodes.len()
    }

    pub(crate) fn is_honest(&self, index: usize) -> bool {
        !self.watch.byzantine.contains(&self.address(index))
    }

    pub(crate) fn is_running(&self, index: usize) -> bool {
        self.nodes[index].core.is_some() && !self.nodes[index].paused
    }

    pub(crate) fn is_paused(&self, index: usize) -> bool {
        self.nodes[index].paused
    }

    /// How long it took from the publication of each block until `node` knew that it is final.
    pub(crate) fn finality_delays(&self, node: usize, since: Time) -> Vec<Duration> {
        let at = heights_reached(&self.finalizations, node);
        let delay = |(height, at): (usize, &Time)| Some(at.since(self.publication(node, height, since)?));
        at.iter().enumerate().filter_map(delay).collect()
    }

    /// The same if every member said at once when it holds the certificate of a block, and more than two thirds of that made
    /// the block final: what another vote would gain.
    pub(crate) fn commit_vote_delays(&self, node: usize, since: Time) -> Vec<Duration> {
        let certified: Vec<_> = (0..self.members()).map(|member| heights_reached(&self.certified, member)).collect();
        let quorum = self.members() * 2 / 3;
        let delay = |height: usize| {
            let arrival = |member: usize| {
                let said = certified[member].get(height)?;
                Some(if member == node {
                    *said
                } else {
                    said.after(Duration::from_millis(self.link.usual(member, node)))
                })
            };
            let mut arrivals: Vec<_> = (0..self.members()).filter_map(arrival).collect();
            arrivals.sort_unstable();
            Some(arrivals.get(quorum)?.since(self.publication(node, height, since)?))
        };
        (0..certified[node].len()).filter_map(delay).collect()
    }

    /// When the block below this place in a node's chain was published, if that was after `since`.
    fn publication(&self, node: usize, place: usize, since: Time) -> Option<Time> {
        let block = self.disk(node).chain.get(place)?.block.reference();
        self.published.get(&block).copied().filter(|published| *published >= since)
    }

    pub(crate) fn honest(&self) -> Vec<usize> {
        (0..self.members()).filter(|index| self.is_honest(*index)).collect()
    }

    pub(crate) fn index_of(&self, address: Address) -> usize {
        self.nodes.iter().position(|node| node.key.address() == address).unwrap()
    }

    pub(crate) fn address(&self, index: usize) -> Address {
        self.nodes[index].key.address()
    }

    pub(crate) fn disk(&self, index: usize) -> &Disk {
        &self.nodes[index].disk
    }

    pub(crate) fn core(&self, index: usize) -> &Core {
        self.nodes[index].core.as_ref().expect("the node runs")
    }

    fn cores(&self) -> impl Iterator<Item = &Core> {
        self.nodes.iter().filter_map(|node| node.core.as_ref())
    }

    /// The scheduler of the newest term that a running node is in; the first member if none runs.
    pub(crate) fn scheduler(&self) -> usize {
        let newest = self.cores().max_by_key(|core| core.schedule().term());
        newest.map_or(0, |core| self.index_of(core.schedule().scheduler()))
    }

    /// The scheduler of a term.
    pub(crate) fn scheduler_of(&self, term: Term) -> usize {
        self.index_of(Election::new(Priorities::genesis(&self.set)).turn(&self.set, term).0)
    }

    /// The newest term that a running node is in.
    pub(crate) fn term(&self) -> Term {
        self.cores().map(|core| core.schedule().term()).max().unwrap_or_default()
    }

    /// The leader as a node of the newest term sees it.
    pub(crate) fn leader(&self) -> usize {
        let newest = self.cores().max_by_key(|core| (core.schedule().term(), core.schedule().epoch())).unwrap();
        let latest = newest.schedule().latest().expect("an epoch was announced");
        self.index_of(latest.announcement.leader)
    }

    /// How many blocks the running epoch still has above the head, as a node of the newest term sees it.
    pub(crate) fn blocks_left(&self) -> u64 {
        let newest = self.cores().max_by_key(|core| (core.schedule().term(), core.head().height)).unwrap();
        let last = newest.schedule().latest().map_or(Height(0), |latest| latest.announcement.last);
        last.0.saturating_sub(newest.head().height.0)
    }

    /// The longest `T` of R5 that a running node has.
    pub(crate) fn longest_patience(&self) -> Duration {
        self.cores().map(Core::term_timeout).max().unwrap_or_default()
    }

    /// The highest head of any disk.
    pub(crate) fn highest(&self) -> Height {
        self.nodes.iter().map(|node| node.disk.head().height).max().unwrap()
    }

    /// The longest time between two commits of `node` after `since`, until now.
    pub(crate) fn longest_gap(&self, node: usize, since: Time) -> Duration {
        let mut last = since;
        let mut longest = Duration::ZERO;
        for (at, index, _) in &self.commits {
            if *index == node && *at >= since {
                longest = longest.max(at.since(last));
                last = *at;
            }
        }
        longest.max(self.now.since(last))
    }

    // Time.

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
            Event::Fetch(holder) => self.fetch(index, holder),
        }
    }

    fn feed(&mut self, index: usize, input: Input) {
        self.trace.line(|| format!("{} {index} < {}", self.now.0, name_of(&input)));
        let node = &mut self.nodes[index];
        if node.vice.as_ref().is_some_and(|vice| !vice.hears(&input)) {
            return;
        }
        let now = node.clock.at(self.now);
        let Some(core) = &mut node.core else { return };
        let effects = core.handle(input, now);
        let last = node.doomed.filter(|_| effects.iter().any(is_durable)).map(|place| place % (effects.len() + 1));
        for (place, effect) in effects.into_iter().enumerate() {
            if last == Some(place) {
                break;
            }
            self.carry_out(index, effect);
        }
        if last.is_some() {
            self.kill(index);
        }
    }

    fn carry_out(&mut self, index: usize, effect: Effect) {
        let honest = self.is_honest(index);
        let node = &mut self.nodes[index];
        if honest {
            self.watch.effect(node.key.address(), &node.disk, &self.electorate, &effect);
        }
        let disk = &mut node.disk;
        match effect {
            Effect::Judge(Verdict::Accept) | Effect::Discard(_) | Effect::Resigned(_) => {}
            Effect::Judge(verdict) => self.trace.line(|| format!("{} {index}   {}", self.now.0, verdict.label())),
            Effect::PersistSafety { state, journal } => {
                disk.safety = state;
                disk.unsynced.clear();
                disk.journal.extend(journal.into_iter().map(|entry| (entry.key(), entry)));
            }
            Effect::PersistEvidence { fault, evidence } => {
                disk.evidence.insert(fault, evidence);
            }
            Effect::Finalize { block, proof, finalized } => {
                self.trace.line(|| format!("{} {index} finalizes {block}", self.now.0));
                disk.finality = Some(proof);
                disk.finalized = disk.finalized.max(finalized);
                disk.unsynced.clear();
                self.finalizations.push((self.now, index, block.height));
                if honest {
                    self.watch.finalized(node.key.address(), &node.disk);
                }
            }
            Effect::Safe(block) => self.certified.push((self.now, index, block.height)),
            Effect::Halt(conflict) => {
                self.trace.line(|| format!("{} {index} halts: {conflict:?}", self.now.0));
                self.halted.push(index);
                node.core = None;
            }
            Effect::CastVote { to, vote } => {
                self.send_to_address(index, to, &Outgoing::Vote(vote));
            }
            Effect::Revert { to } => {
                disk.chain.truncate(usize::try_from(to.height.0).unwrap());
                assert_eq!(disk.head(), to, "a revert ends on the chain");
            }
            Effect::PersistAnnouncement { appointment, journal } => {
                let Appointment { announcement, certificate } = appointment;
                let Announcement { term, epoch, .. } = announcement.message;
                if let Some(certificate) = certificate {
                    disk.certificates.insert((term.0, certificate.hash()), certificate);
                }
                let key = (term.0, epoch.0, announcement.message.hash());
                // What is written again as it was cannot be lost any more.
                if disk.announcements.insert(key, announcement).is_none() {
                    disk.unsynced.push(key);
                }
                if let Some(entry) = journal {
                    disk.unsynced.clear();
                    disk.journal.insert(entry.key(), entry);
                }
            }
            Effect::PersistProposal { block, journal } => {
                let header = &block.block.header;
                let reference = BlockRef { height: Height(header.number), hash: header.hash_slow() };
                self.published.entry(reference).or_insert(self.now);
                disk.journal.insert(journal.key(), journal);
                disk.proposals.push(block);
                disk.unsynced.clear();
            }
            Effect::Commit { block, seal, journal, finalized } => {
                assert_eq!(block.parent(), disk.head().hash, "a commit extends the head");
                disk.finalized = disk.finalized.max(finalized);
                disk.unsynced.clear();
                if let Some(entry) = journal {
                    disk.journal.insert(entry.key(), entry);
                }
                self.trace.line(|| format!("{} {index} commits {}", self.now.0, block.reference()));
                self.commits.push((self.now, index, block.height()));
                disk.chain.push(Sealed { block, seal });
                if honest {
                    self.watch.finalized(node.key.address(), &node.disk);
                }
            }
            Effect::Gossip(message) => self.gossip(index, &message),
            Effect::Submit { to, block } => {
                self.send_to_address(index, to, &Outgoing::Block(block));
            }
            Effect::Execute(block) => {
                let (low, high) = node.execution;
                let delay = self.random.random_range(low..=high);
                self.schedule(index, delay, Event::Input(Input::Executed { hash: block.hash(), result: Ok(()) }));
            }
            Effect::Build(request) => {
                let (low, high) = node.execution;
                let delay = self.random.random_range(low..=high);
                let result = Some(Box::new(build(&request, self.random.random())));
                self.schedule(index, delay, Event::Input(Input::Built { request, result }));
            }
            Effect::StartTimer { timer, at } => {
                let at = node.clock.when(at);
                self.schedule_at(index, at, Event::Input(Input::Timer(timer)));
            }
            Effect::CatchUp { holders, .. } => {
                let holder = holders.first().map(|holder| self.index_of(*holder));
                self.start_fetch(index, holder);
            }
            Effect::Report(report) => {
                self.trace.line(|| format!("{} {index} {report:?}", self.now.0));
                self.reports.push((self.now, index, report));
            }
        }
    }

    // Messages.

    /// Checks signatures as a node's router does; once for all who receive the message.
    pub(crate) fn verified(&self, message: Outgoing) -> Input {
        Input::verify(message, &self.electorate).unwrap()
    }

    fn gossip(&mut self, from: usize, message: &Outgoing) {
        if let Outgoing::Checkpoint(proposed) = message {
            self.watch.proposed(&proposed.checkpoint.message);
        }
        let input = self.verified(message.clone());
        for to in (0..self.nodes.len()).filter(|to| *to != from) {
            self.send(from, to, message, &input);
        }
    }

    /// Sends to every node that has these keys.
    fn send_to_address(&mut self, from: usize, to: Address, message: &Outgoing) {
        let input = self.verified(message.clone());
        for to in (0..self.nodes.len()).filter(|index| self.address(*index) == to && *index != from).collect::<Vec<_>>()
        {
            self.send(from, to, message, &input);
        }
    }

    fn send(&mut self, from: usize, to: usize, message: &Outgoing, input: &Input) {
        let Some(mut vice) = self.nodes[from].vice.take() else { return self.carry(from, to, 0, input) };
        let rivals = |sealed: BlockRef| {
            let others = self.sent.get(&sealed.height)?;
            others.iter().copied().find(|hash| *hash != sealed.hash)
        };
        let Node { key, bls, disk, .. } = &self.nodes[from];
        let chain = |height| disk.hash_at(height);
        let deceiver = Deceiver { context: &self.context, key, bls, chain: &chain, rivals: &rivals };
        let receiver = Receiver { index: to, is_scheduler: self.scheduler() == to, core: self.nodes[to].core.as_ref() };
        let bent = vice.bend(message, receiver, &deceiver);
        self.nodes[from].vice = Some(vice);
        for (delay, message) in bent {
            if let Outgoing::Checkpoint(proposed) = &message {
                self.watch.proposed(&proposed.checkpoint.message);
            }
            let input = self.verified(message);
            self.carry(from, to, delay, &input);
        }
    }

    fn carry(&mut self, from: usize, to: usize, late: u64, input: &Input) {
        if let Input::Block(block) = input {
            self.sent.entry(block.height()).or_default().insert(block.hash());
        }
        if self.cuts.is_cut(from, to) {
            return;
        }
        let late = late + self.nodes[from].late;
        for delay in self.link.carry(from, to, &mut self.random) {
            self.schedule(to, late + delay, Event::Input(input.clone()));
        }
    }

    fn start_fetch(&mut self, index: usize, holder: Option<usize>) {
        if !std::mem::replace(&mut self.nodes[index].fetching, true) {
            self.schedule(index, FETCHING, Event::Fetch(holder));
        }
    }

    /// Catching up: takes a stretch of what a reachable peer has durable, from where the chains part.
    fn fetch(&mut self, index: usize, holder: Option<usize>) {
        self.nodes[index].fetching = false;
        let is_reachable = |other: usize| {
            other != index
                && self.is_running(other)
                && self.is_honest(other)
                && !self.cuts.is_cut(other, index)
                && !self.cuts.is_cut(index, other)
        };
        let reachable: Vec<_> = (0..self.nodes.len()).filter(|other| is_reachable(*other)).collect();
        if reachable.is_empty() {
            return;
        }
        let server = match holder.filter(|holder| reachable.contains(holder)) {
            Some(holder) => holder,
            None => reachable[self.random.random_range(0..reachable.len())],
        };
        let (disk, own) = (&self.nodes[server].disk, &self.nodes[index].disk);
        let mut from = own.head().height.min(disk.head().height);
        while own.hash_at(from) != disk.hash_at(from) {
            from = from.previous();
        }
        let header = |sealed: &Sealed| ExtraData::from_bytes(&sealed.block.signed().block.header.extra_data);
        let known = own.block_at(from).and_then(header);
        let known = known.map_or((0, 0), |position| (position.term.0, position.epoch.0));
        let newest = disk.safety.certificate.clone();
        let certificates = disk.certificates.values().cloned().chain(newest);
        let mut inputs: Vec<_> = certificates
            .filter(|certificate| certificate.term.0 >= known.0)
            // An honest peer serves what it checked itself.
            .map(|certificate| Input::Certificate(VerifiedCertificate::restore(certificate, &self.electorate).unwrap()))
            .collect();
        for (_, signed) in disk.announcements.range((known.0, known.1, B256::ZERO)..) {
            let announcement = signed.clone().verify(&self.context).unwrap();
            inputs.push(Input::Announcement { announcement, certificate: None });
        }
        let more = disk.head().height.0 > from.0 + FETCHED_AT_ONCE;
        for sealed in (from.0 + 1..=from.0 + FETCHED_AT_ONCE).map_while(|height| disk.block_at(Height(height))) {
            inputs.push(Input::Seal(sealed.seal.clone().verify(&self.context).unwrap()));
            inputs.push(Input::Block(sealed.block.clone()));
        }
        let finality = disk.finality.clone();
        for input in inputs {
            self.feed(index, input);
        }
        if let Some(proof) = finality {
            let certificate = VerifiedQuorum::restore(Arc::new(proof.child.clone()), &self.electorate).unwrap();
            self.feed(index, Input::Quorum { certificate, parent: Some(proof.checkpoint) });
        }
        if more {
            self.start_fetch(index, Some(server));
        }
    }
}

/// When a node reached height 1, 2, 3 and so on.
fn heights_reached(events: &[(Time, usize, Height)], node: usize) -> Vec<Time> {
    let mut reached = Vec::new();
    for (at, _, height) in events.iter().filter(|(_, index, _)| *index == node) {
        reached.resize(reached.len().max(usize::try_from(height.0).unwrap()), *at);
    }
    reached
}

const fn is_durable(effect: &Effect) -> bool {
    matches!(
        effect,
        Effect::PersistSafety { .. }
            | Effect::PersistAnnouncement { .. }
            | Effect::PersistProposal { .. }
            | Effect::PersistEvidence { .. }
            | Effect::Finalize { .. }
            | Effect::Commit { .. }
    )
}

fn build(request: &BuildRequest, salt: u64) -> Block {
    let header = Header {
        number: request.parent.height.0 + 1,
        parent_hash: request.parent.hash,
        timestamp: request.timestamp,
        beneficiary: request.beneficiary,
        extra_data: request.position.to_bytes(),
        parent_beacon_block_root: Some(request.announcement),
        // Two builds of one height differ, as they would with other transactions.
        mix_hash: B256::left_padding_from(&salt.to_be_bytes()),
        ..Header::default()
    };
    Block {
        header,
        body: BlockBody { transactions: Vec::new(), ommers: Vec::new(), withdrawals: Some(Default::default()) },
    }
}

fn name_of(input: &Input) -> String {
    match input {
        Input::Start { proposals } => format!("start with {} proposals", proposals.len()),
        Input::Heartbeat(heartbeat) => {
            let message = heartbeat.message();
            format!("heartbeat of {} at {} in term {}", heartbeat.signer(), message.height, message.term)
        }
        Input::Announcement { announcement, .. } => {
            let message = announcement.message();
            format!("announcement {}/{} of {} on {}", message.term, message.epoch, message.leader, message.parent())
        }
        Input::TermChange(change) => format!("term change of {}: {:?}", change.signer(), change.report()),
        Input::Certificate(certificate) => format!("certificate of term {}", certificate.term()),
        Input::Checkpoint { checkpoint, .. } => {
            let message = checkpoint.message();
            format!("checkpoint {} over {} on {}", message.position(), message.head, message.parent.position)
        }
        Input::Vote(vote) => format!("vote of {} for {}", vote.signer(), vote.message().vote.checkpoint()),
        Input::Quorum { certificate, .. } => format!("certificate of {}", certificate.reference()),
        Input::Evidence(evidence) => format!("evidence of {}", evidence.fault()),
        Input::Resign => "resign".to_owned(),
        Input::Leave => "leave".to_owned(),
        Input::Block(block) => format!("block {}", block.reference()),
        Input::Seal(seal) => format!("seal {} of term {}", seal.message().block(), seal.message().term),
        Input::Executed { hash, .. } => format!("executed {hash}"),
        Input::Built { request, .. } => format!("built on {}", request.parent),
        Input::Timer(timer) => format!("timer {timer:?}"),
    }
}
