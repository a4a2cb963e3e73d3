//! One scenario on one seed.

use crate::network::{Latency, Link};
use crate::scenarios::Scenario;
use crate::world::World;
use baton_consensus::{
    FinalityRule, Parameters,
    core::VoteRoute,
    simulation::{mutation, tags},
};
use std::{
    cell::{Cell, RefCell},
    panic::{AssertUnwindSafe, catch_unwind},
    rc::Rc,
    sync::Once,
    time::Duration,
};

/// Something that is broken on purpose: the invariants must see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Broken {
    /// A rule of the protocol.
    Rule(mutation::Mutation),
    /// The fence and the entered term are lost at a crash.
    FenceNotJournaled,
    /// The newest entries of the journal are lost at a crash, though the messages were sent.
    JournalNotSynced,
    /// Votes, the floor and the highest certificate are lost at a crash.
    VotesNotJournaled,
}

/// What the runs of a campaign share.
#[derive(Clone, Debug, Default)]
pub struct Setup {
    /// How many members, all of one weight; as each scenario has it if none.
    pub nodes: Option<usize>,
    /// Whether members sit in ten regions of the world instead of one room. Bounds in time are not judged then.
    pub regions: bool,
    /// What is broken on purpose.
    pub broken: Option<Broken>,
    /// Whether messages are really signed, at ten times the cost, instead of tagged.
    pub signatures: bool,
    /// Whether everything that happens is written down.
    pub trace: bool,
    /// Another block time than the default.
    pub block_time: Option<Duration>,
    /// Another meaning of `finalized` than the default.
    pub finality: Option<FinalityRule>,
    /// Another way for votes than the set's size gives.
    pub votes: Option<VoteRoute>,
    /// Another `T` of R5 than the default.
    pub term_timeout: Option<Duration>,
}

/// What came of a run.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The scenario's name.
    pub scenario: &'static str,
    /// The seed.
    pub seed: u64,
    /// What was violated; nothing if all went well.
    pub failure: Option<String>,
    /// What happened, a line for each step; empty unless asked for.
    pub trace: String,
    /// Spans that the scenario measured, by name.
    pub measured: Vec<(&'static str, Duration)>,
}

/// A run as its scenario sees it.
pub(crate) struct Run<'a> {
    pub(crate) seed: u64,
    setup: &'a Setup,
    trace: Trace,
    measured: RefCell<Vec<(&'static str, Duration)>>,
}

/// Lines that outlive the world that writes them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Trace(Option<Rc<RefCell<String>>>);

impl Trace {
    /// Writes a line if anyone wants it.
    pub(crate) fn line(&self, line: impl FnOnce() -> String) {
        if let Some(lines) = &self.0 {
            let mut lines = lines.borrow_mut();
            lines.push_str(&line());
            lines.push('\n');
        }
    }
}

impl Run<'_> {
    /// What genesis fixes.
    pub(crate) fn parameters(&self) -> Parameters {
        let default = Parameters::default();
        Parameters {
            finality: self.setup.finality.unwrap_or(default.finality),
            block_time: self.setup.block_time.unwrap_or(default.block_time),
            term_timeout: self.setup.term_timeout.unwrap_or(default.term_timeout),
            ..default
        }
    }

    /// How many members a network of usually `usual` ones has.
    pub(crate) fn nodes(&self, usual: usize) -> usize {
        self.setup.nodes.unwrap_or(usual)
    }

    /// A network of `usual` members of one weight, unless the setup wants more or fewer.
    pub(crate) fn world(&self, usual: usize) -> World {
        self.weighted_world(&vec![1; self.nodes(usual)], self.parameters())
    }

    /// A network of members with these weights.
    pub(crate) fn weighted_world(&self, weights: &[u64], parameters: Parameters) -> World {
        let mut world = World::new(self.seed, weights, parameters, self.setup.broken, self.trace.clone());
        world.link = self.calm();
        world
    }

    /// The network as it is when nothing is wrong with it.
    pub(crate) fn calm(&self) -> Link {
        let latency = if self.setup.regions { self.in_regions() } else { Latency::Uniform(1, 20) };
        Link { latency, ..Link::default() }
    }

    /// A bad network: latencies up to `high` ms (those of the regions, if members sit there), loss and duplication in
    /// percent.
    pub(crate) fn bad(&self, high: u64, percent: u32) -> Link {
        let latency = if self.setup.regions { self.in_regions() } else { Latency::Uniform(1, high) };
        Link { latency, loss: percent, duplication: percent }
    }

    /// Where a member sits depends on the seed: so does how far the scheduler is from everyone.
    const fn in_regions(&self) -> Latency {
        Latency::Regions { first: (self.seed % 10) as usize }
    }

    /// A number below `bound` that depends on the seed alone; `salt` tells several of them apart.
    pub(crate) const fn pick(&self, salt: u64, bound: u64) -> u64 {
        (self.seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(salt.wrapping_mul(0xbf58_476d_1ce4_e5b9)) >> 20)
            % bound
    }

    /// A span below `bound` ms that depends on the seed alone.
    pub(crate) const fn moment(&self, bound: u64) -> Duration {
        Duration::from_millis(self.pick(0, bound))
    }

    /// Notes a span for the campaign's report, and fails if it is not below `bound`; in regions it is only noted.
    pub(crate) fn measure(&self, name: &'static str, span: Duration, bound: Duration) {
        self.measured.borrow_mut().push((name, span));
        assert!(self.setup.regions || span < bound, "{name}: {span:?}, where less than {bound:?} is claimed");
    }
}

thread_local! {
    /// The message of the last panic, while a run is on.
    static PANIC: RefCell<String> = const { RefCell::new(String::new()) };
    static RUNNING: Cell<bool> = const { Cell::new(false) };
}

/// Runs a scenario on a seed. Whatever goes wrong in it is in the outcome.
#[must_use]
pub fn run(scenario: &Scenario, seed: u64, setup: &Setup) -> Outcome {
    hush();
    let trace = Trace(setup.trace.then(Rc::default));
    let run = Run { seed, setup, trace: trace.clone(), measured: RefCell::default() };
    let rule = setup.broken.and_then(|broken| match broken {
        Broken::Rule(rule) => Some(rule),
        Broken::FenceNotJournaled | Broken::JournalNotSynced | Broken::VotesNotJournaled => None,
    });
    mutation::set(rule);
    tags::set(!setup.signatures);
    VoteRoute::force(setup.votes);
    RUNNING.set(true);
    let result = catch_unwind(AssertUnwindSafe(|| (scenario.play)(&run)));
    RUNNING.set(false);
    mutation::set(None);
    tags::set(false);
    VoteRoute::force(None);
    let failure = result.err().map(|_| PANIC.take());
    let trace = trace.0.map(|lines| lines.take()).unwrap_or_default();
    Outcome { scenario: scenario.name, seed, failure, trace, measured: run.measured.into_inner() }
}

/// Keeps the panics of runs for their outcomes instead of printing them.
fn hush() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if RUNNING.get() {
                PANIC.set(info.to_string());
            } else {
                usual(info);
            }
        }));
    });
}
