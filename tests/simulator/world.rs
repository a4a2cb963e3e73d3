//! A network of cores on virtual time.

use crate::{
    byzantine::{Vice, bend},
    disk::Disk,
    invariants::Watch,
};
use alloy_consensus::{BlockBody, Header};
use alloy_primitives::{Address, B256, U256};
use baton_consensus::{
    Parameters,
    certificate::Appointment,
    codec,
    core::{BuildRequest, Core, Effect, Identity, Input, Outgoing, Report, Timer},
    keys::{BlsKey, OperatorKey},
    messages::{Announcement, VerifiedTermChange},
    signing::SigningContext,
    types::{Block, BlockRef, ExtraData, Height, SealedBlock, Sequencer, SequencerSet, SignedBlock, Stake, Term, Time},
};
use rand::{Rng, SeedableRng, rngs::StdRng};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    sync::Arc,
    time::Duration,
};

/// How the network treats messages.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Link {
    pub(crate) latency: (u64, u64),
    /// In percent.
    pub(crate) loss: u32,
    /// In percent.
    pub(crate) duplication: u32,
}

impl Default for Link {
    fn default() -> Self {
        Self { latency: (1, 20), loss: 0, duplication: 0 }
    }
}

#[derive(Clone, Debug)]
enum Event {
    Input(Input),
    Deliver(Outgoing),
    Fetch(Option<usize>),
}

struct Node {
    key: OperatorKey,
    bls: BlsKey,
    disk: Disk,
    core: Option<Core>,
    /// Counts restarts: events for an earlier life are lost.
    life: u32,
    paused: bool,
    vice: Option<Vice>,
    /// Messages that wait for a paused node, as its sockets would hold them.
    waiting: Vec<Event>,
}

/// Broken persistence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mutation {
    /// The fence and the entered term are lost at a crash.
    FenceNotJournaled,
    /// The newest entries of the journal are lost at a crash, though the messages were sent.
    JournalNotSynced,
}

/// The network, its nodes and its clock.
pub(crate) struct World {
    pub(crate) parameters: Parameters,
    pub(crate) now: Time,
    pub(crate) link: Link,
    set: SequencerSet,
    context: SigningContext,
    nodes: Vec<Node>,
    queue: BTreeMap<(Time, u64), (usize, u32, Event)>,
    sequence: u64,
    random: StdRng,
    watch: Watch,
    cut: BTreeSet<(usize, usize)>,
    /// What a broken node would do at a crash: the invariants must see it.
    pub(crate) mutation: Option<Mutation>,
    /// A scenario signs with honest nodes' keys itself.
    pub(crate) blame_allowed: bool,
    pub(crate) reports: Vec<(Time, usize, Report)>,
    /// When each node committed which height.
    pub(crate) commits: Vec<(Time, usize, Height)>,
    trace: String,
}

impl World {
    pub(crate) fn new(seed: u64, weights: &[u64], parameters: Parameters) -> Self {
        let keys: Vec<_> = (1..=weights.len())
            .map(|index| OperatorKey::from_bytes(&B256::with_last_byte(u8::try_from(index).unwrap())).unwrap())
            .collect();
        let member = |(key, weight): (&OperatorKey, &u64)| Sequencer {
            address: key.address(),
            bls_public_key: BlsKey::generate(key.to_bytes().as_slice()).unwrap().public_key(),
            weight: Stake(U256::from(*weight)),
            peer_id: String::new(),
        };
        let set = SequencerSet::new(keys.iter().zip(weights).map(member).collect()).unwrap();
        let context = SigningContext { chain_id: 7, genesis_hash: B256::repeat_byte(7) };
        let genesis = BlockRef { height: Height(0), hash: context.genesis_hash };
        let node = |key: OperatorKey| Node {
            bls: BlsKey::generate(key.to_bytes().as_slice()).unwrap(),
            key,
            disk: Disk::new(genesis),
            core: None,
            life: 0,
            paused: false,
            vice: None,
            waiting: Vec::new(),
        };
        let mut world = Self {
            parameters,
            now: Time(1_700_000_000_000),
            link: Link::default(),
            set,
            context,
            nodes: keys.into_iter().map(node).collect(),
            queue: BTreeMap::new(),
            sequence: 0,
            random: StdRng::seed_from_u64(seed),
            watch: Watch::default(),
            cut: BTreeSet::new(),
            mutation: None,
            blame_allowed: false,
            reports: Vec::new(),
            commits: Vec::new(),
            trace: String::new(),
        };
        for index in 0..world.nodes.len() {
            world.start(index);
        }
        world
    }

    pub(crate) fn start(&mut self, index: usize) {
        let node = &mut self.nodes[index];
        node.life += 1;
        let identity = Identity { keys: Some((node.key.clone(), node.bls.clone())), version: "simulated".to_owned() };
        let restored = node.disk.restored(&self.context);
        let core = Core::new(self.context, self.parameters.clone(), self.set.clone(), identity, restored);
        node.core = Some(core);
        let proposals = node.disk.unsealed_proposals();
        let proposals = proposals.into_iter().map(|block| block.verify(&self.context).unwrap()).collect();
        self.schedule(index, 0, Event::Input(Input::Start { proposals }));
    }

    /// Ends a node at once; what was not durable is lost.
    pub(crate) fn kill(&mut self, index: usize) {
        self.nodes[index].disk.crash(self.mutation);
        self.nodes[index].core = None;
        self.nodes[index].paused = false;
        self.nodes[index].waiting.clear();
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
        self.nodes[index].vice = Some(vice);
    }

    pub(crate) fn is_honest(&self, index: usize) -> bool {
        self.nodes[index].vice.is_none()
    }

    /// Lets nothing of `from` reach `to`; the other way stays open.
    pub(crate) fn cut_one_way(&mut self, from: usize, to: usize) {
        self.cut.insert((from, to));
    }

    /// Cuts the link between two nodes, both ways.
    pub(crate) fn cut(&mut self, one: usize, other: usize) {
        self.cut.insert((one, other));
        self.cut.insert((other, one));
    }

    pub(crate) fn heal(&mut self) {
        self.cut.clear();
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

    pub(crate) fn scheduler(&self) -> usize {
        let cores = self.nodes.iter().filter_map(|node| node.core.as_ref());
        let newest = cores.max_by_key(|core| core.schedule().term()).unwrap();
        self.index_of(newest.schedule().scheduler())
    }

    /// The newest term that a running node is in.
    pub(crate) fn term(&self) -> Term {
        self.nodes.iter().filter_map(|node| Some(node.core.as_ref()?.schedule().term())).max().unwrap_or_default()
    }

    /// The leader as a node of the newest term sees it.
    pub(crate) fn leader(&self) -> usize {
        let cores = self.nodes.iter().filter_map(|node| node.core.as_ref());
        let newest = cores.max_by_key(|core| (core.schedule().term(), core.schedule().epoch())).unwrap();
        let latest = newest.schedule().latest().expect("an epoch was announced");
        self.index_of(latest.announcement.leader)
    }

    pub(crate) fn members(&self) -> usize {
        self.nodes.len()
    }

    pub(crate) fn trace(&self) -> &str {
        &self.trace
    }

    /// Hands an input to a node, as a byzantine peer or a scenario's own hand would.
    pub(crate) fn inject(&mut self, index: usize, input: Input) {
        self.schedule(index, 0, Event::Input(input));
    }

    pub(crate) fn context(&self) -> SigningContext {
        self.context
    }

    pub(crate) fn key(&self, index: usize) -> OperatorKey {
        self.nodes[index].key.clone()
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

    fn schedule(&mut self, index: usize, delay: u64, event: Event) {
        let at = self.now.after(Duration::from_millis(delay));
        self.schedule_at(index, at, event);
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
            Event::Deliver(message) => {
                let input = self.verified(message);
                self.feed(index, input);
            }
            Event::Fetch(holder) => self.fetch(index, holder),
        }
    }

    /// Checks signatures as a node's router does.
    pub(crate) fn verified(&self, message: Outgoing) -> Input {
        let context = &self.context;
        match message {
            Outgoing::Heartbeat(signed) => Input::Heartbeat(signed.verify(context).unwrap()),
            Outgoing::Announcement(Appointment { announcement, certificate }) => Input::Announcement {
                announcement: announcement.verify(context).unwrap(),
                certificate: certificate.map(|certificate| certificate.verify(context, &self.set).unwrap()),
            },
            Outgoing::Block(block) => Input::Block(block.verify(context).unwrap()),
            Outgoing::Seal(signed) => Input::Seal(signed.verify(context).unwrap()),
            Outgoing::TermChange(signed) => {
                let verified = signed.verify(context).unwrap();
                Input::TermChange(VerifiedTermChange::check(verified, context, &self.set).unwrap())
            }
            Outgoing::Certificate(certificate) => Input::Certificate(certificate.verify(context, &self.set).unwrap()),
        }
    }

    fn feed(&mut self, index: usize, input: Input) {
        let _ = writeln!(self.trace, "{} {index} < {}", self.now.0, name_of(&input));
        let now = self.now;
        let node = &mut self.nodes[index];
        let Some(core) = &mut node.core else { return };
        let effects = core.handle(input, now);
        if node.vice.is_none() {
            self.watch.effects(node.key.address(), &node.disk, &effects);
        }
        for effect in effects {
            self.carry_out(index, effect);
        }
    }

    fn carry_out(&mut self, index: usize, effect: Effect) {
        match effect {
            Effect::Judge(_) | Effect::Discard(_) => {}
            Effect::PersistSafety(safety) => {
                let disk = &mut self.nodes[index].disk;
                disk.safety = safety;
                disk.unsynced.clear();
            }
            Effect::Revert { to } => {
                let disk = &mut self.nodes[index].disk;
                disk.chain.truncate(usize::try_from(to.height.0).unwrap());
                assert_eq!(disk.head(), to, "a revert ends on the chain");
            }
            Effect::PersistAnnouncement { appointment, journal } => {
                let disk = &mut self.nodes[index].disk;
                let Appointment { announcement, certificate } = appointment;
                let Announcement { term, epoch, .. } = announcement.message;
                if let Some(certificate) = certificate {
                    disk.certificates.insert((term.0, certificate.hash()), certificate);
                }
                let key = (term.0, epoch.0, announcement.message.hash());
                disk.announcements.insert(key, announcement);
                disk.unsynced.push(key);
                if journal.is_some() {
                    disk.unsynced.clear();
                }
                if let Some(entry) = journal {
                    disk.journal.insert(entry.key(), entry);
                }
            }
            Effect::PersistProposal { block, journal } => {
                let disk = &mut self.nodes[index].disk;
                disk.journal.insert(journal.key(), journal);
                disk.proposals.push(block);
                disk.unsynced.clear();
            }
            Effect::Commit { block, seal, journal, finalized } => {
                let disk = &mut self.nodes[index].disk;
                assert_eq!(block.parent(), disk.head().hash, "a commit extends the head");
                disk.chain.push(SealedBlock { block: SignedBlock::clone(block.signed()), seal });
                disk.finalized = disk.finalized.max(finalized);
                disk.unsynced.clear();
                if let Some(entry) = journal {
                    disk.journal.insert(entry.key(), entry);
                }
                if self.nodes[index].vice.is_none() {
                    self.watch.finalized(self.nodes[index].key.address(), &self.nodes[index].disk);
                }
                let _ = writeln!(self.trace, "{} {index} committed {}", self.now.0, block.reference());
                self.commits.push((self.now, index, block.height()));
            }
            Effect::Gossip(message) => {
                for to in (0..self.nodes.len()).filter(|to| *to != index) {
                    self.send(index, to, &message);
                }
            }
            Effect::Submit { to, block } => {
                let to = self.index_of(to);
                self.send(index, to, &Outgoing::Block(block));
            }
            Effect::Execute(block) => {
                let delay = self.random.random_range(1..5);
                self.schedule(index, delay, Event::Input(Input::Executed { hash: block.hash(), result: Ok(()) }));
            }
            Effect::Build(request) => {
                let delay = self.random.random_range(1..5);
                let result = Some(Box::new(build(&request, self.random.random())));
                self.schedule(index, delay, Event::Input(Input::Built { request, result }));
            }
            Effect::StartTimer { timer, at } => self.schedule_at(index, at, Event::Input(Input::Timer(timer))),
            Effect::CatchUp { holders, .. } => {
                let holder = holders.first().map(|holder| self.index_of(*holder));
                self.schedule(index, 30, Event::Fetch(holder));
            }
            Effect::Report(report) => {
                if let Report::Equivocation { signer, .. } = report {
                    let signer = self.index_of(signer);
                    let honest = self.nodes[signer].vice.is_none() && self.nodes[index].vice.is_none();
                    assert!(!honest || self.blame_allowed, "an honest key is blamed: {report:?}");
                }
                let _ = writeln!(self.trace, "{} {index} {report:?}", self.now.0);
                self.reports.push((self.now, index, report));
            }
        }
    }

    fn send(&mut self, from: usize, to: usize, message: &Outgoing) {
        let to_scheduler = self.scheduler() == to;
        let node = &mut self.nodes[from];
        let Some(vice) = &mut node.vice else { return self.carry(from, to, 0, message) };
        for (delay, bent) in bend(vice, message, to_scheduler, &self.context, (&node.key, &node.bls)) {
            self.carry(from, to, delay, &bent);
        }
    }

    fn carry(&mut self, from: usize, to: usize, late: u64, message: &Outgoing) {
        if self.cut.contains(&(from, to)) || self.random.random_range(0..100) < self.link.loss {
            return;
        }
        let copies = 1 + u32::from(self.random.random_range(0..100) < self.link.duplication);
        for _ in 0..copies {
            let (low, high) = self.link.latency;
            let delay = late + self.random.random_range(low..=high);
            self.schedule(to, delay, Event::Deliver(message.clone()));
        }
    }

    /// Catching up: takes a stretch of what a reachable peer has durable, from where the chains part.
    fn fetch(&mut self, index: usize, holder: Option<usize>) {
        let is_reachable = |other: usize| {
            other != index
                && self.nodes[other].core.is_some()
                && !self.nodes[other].paused
                && !self.cut.contains(&(other, index))
                && !self.cut.contains(&(index, other))
                && self.nodes[other].vice.is_none()
        };
        let reachable: Vec<_> = (0..self.nodes.len()).filter(|other| is_reachable(*other)).collect();
        if reachable.is_empty() {
            return;
        }
        let server = match holder.filter(|holder| reachable.contains(holder)) {
            Some(holder) => holder,
            None => reachable[self.random.random_range(0..reachable.len())],
        };
        let (disk, own) = (self.nodes[server].disk.clone(), &self.nodes[index].disk);
        let mut from = own.head().height.min(disk.head().height);
        while own.hash_at(from) != disk.hash_at(from) {
            from = from.previous();
        }
        let known = own.block_at(from).and_then(|sealed| ExtraData::from_bytes(&sealed.block.block.header.extra_data));
        let known = known.map_or((0, 0), |position| (position.term.0, position.epoch.0));
        let newest = disk.safety.certificate.clone();
        for certificate in disk.certificates.values().cloned().chain(newest) {
            if certificate.term.0 >= known.0 {
                self.feed(index, Input::Certificate(certificate.verify(&self.context, &self.set).unwrap()));
            }
        }
        for signed in disk.announcements.range((known.0, known.1, B256::ZERO)..).map(|(_, signed)| signed.clone()) {
            let announcement = signed.verify(&self.context).unwrap();
            self.feed(index, Input::Announcement { announcement, certificate: None });
        }
        for height in (from.0 + 1..=from.0 + 48).map(Height) {
            let Some(sealed) = disk.block_at(height) else { break };
            let seal = sealed.seal.clone().verify(&self.context).unwrap();
            let block = Arc::new(sealed.block.clone()).verify(&self.context).unwrap();
            self.feed(index, Input::Seal(seal));
            self.feed(index, Input::Block(block));
        }
        if disk.head().height.0 > from.0 + 48 {
            self.schedule(index, 30, Event::Fetch(Some(server)));
        }
    }
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
        Input::Heartbeat(heartbeat) => format!("heartbeat of {}", heartbeat.signer()),
        Input::Announcement { announcement, .. } => {
            let message = announcement.message();
            format!("announcement {}/{} of {} on {}", message.term, message.epoch, message.leader, message.parent())
        }
        Input::TermChange(change) => format!("term change of {}: {:?}", change.signer(), change.report()),
        Input::Certificate(certificate) => format!("certificate of term {}", certificate.term()),
        Input::Resign => "resign".to_owned(),
        Input::Block(block) => format!("block {}", block.reference()),
        Input::Seal(seal) => format!("seal {} of term {}", seal.message().block(), seal.message().term),
        Input::Executed { hash, .. } => format!("executed {hash}"),
        Input::Built { request, .. } => format!("built on {}", request.parent),
        Input::Timer(Timer::Heartbeat) => "heartbeat timer".to_owned(),
        Input::Timer(timer) => format!("{timer:?}"),
    }
}

/// The bytes of a whole network's disks: two runs of one seed are the same to the byte.
pub(crate) fn fingerprint(world: &World) -> Vec<u8> {
    let mut bytes = world.trace().as_bytes().to_vec();
    for index in 0..world.members() {
        bytes.extend(codec::encode(&world.disk(index).chain));
    }
    bytes
}
