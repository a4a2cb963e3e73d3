//! Having operators join, leave and cheat on time, as they would by themselves, and seeing each of them through.

use super::{
    L1, payout,
    twin::{Peer, twin},
    watch::{Watch, ask_all},
};
use crate::{
    genesis::Genesis,
    l1::{ISequencerRegistry, L1Error},
    staking::StakingError,
    testnet::{fleet::Fleet, observe::Record, setup::keys_directory},
};
use alloy_primitives::{Address, B256, U256};
use alloy_rpc_types_eth::Filter;
use alloy_sol_types::SolEvent;
use eyre::{OptionExt, eyre};
use std::{
    fmt,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};
use tokio::task::JoinSet;

/// How often something that is to come is looked for.
const STEP: Duration = Duration::from_millis(200);

/// How long the nodes may take to find a contradiction before another one is made.
const FINDING: Duration = Duration::from_secs(8);

/// How long before a command that failed is typed again: L1 may be down.
const AGAIN: Duration = Duration::from_secs(1);

/// How long a new node may take to catch up.
const CATCH_UP: Duration = Duration::from_secs(60);

/// What an operator does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    Join,
    Exit,
    Equivocate,
}

/// A change to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::testnet) struct Planned {
    pub(super) what: What,
    pub(super) node: usize,
    /// After the start of the load.
    pub(super) at: Duration,
}

impl fmt::Display for Planned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let flag = match self.what {
            What::Join => "join",
            What::Exit => "exit",
            What::Equivocate => "equivocate",
        };
        write!(f, "--{flag} @{}", humantime::format_duration(self.at))
    }
}

/// A slash, as L1 tells it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slash {
    pub(super) block: u64,
    pub(super) reporter: Address,
    pub(super) burnt: U256,
    pub(super) reward: U256,
    /// What is left of the stake.
    pub(super) left: U256,
}

/// What became of a change. Times are on the record's clock.
#[derive(Clone, Debug)]
pub(super) struct Course {
    pub(super) what: What,
    pub(super) node: usize,
    pub(super) operator: Address,
    pub(super) asked: Duration,
    /// The newest era when it was asked for.
    pub(super) era: u64,
    /// The stake before, in wei; for a joiner, what it staked; zero before that is known.
    pub(super) stake: U256,
    /// When L1 had the registration or the wish to leave, and in which block.
    pub(super) on_l1: Option<(Duration, u64)>,
    /// When the stake was at the payout address, and how much of it.
    pub(super) withdrawn: Option<(Duration, U256)>,
    /// The height of the block that was signed twice.
    pub(super) height: Option<u64>,
    /// When a node had found the contradiction.
    pub(super) found: Option<Duration>,
    /// When it was slashed.
    pub(super) slashed: Option<(Duration, Slash)>,
}

/// All changes of a run, for several tasks.
#[derive(Clone, Debug, Default)]
pub(in crate::testnet) struct Courses(Arc<Mutex<Vec<Course>>>);

impl Courses {
    pub(super) fn all(&self) -> Vec<Course> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn put(&self, course: &Course) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match all.iter_mut().find(|other| other.operator == course.operator && other.what == course.what) {
            Some(known) => *known = course.clone(),
            None => all.push(course.clone()),
        }
    }
}

/// What carries the changes out, and what it needs for that.
#[derive(Clone, Debug)]
pub(in crate::testnet) struct Memberships {
    pub(in crate::testnet) l1: Arc<L1>,
    pub(in crate::testnet) genesis: Arc<Genesis>,
    pub(in crate::testnet) directory: PathBuf,
    pub(in crate::testnet) fleet: Arc<Fleet>,
    pub(in crate::testnet) record: Record,
    pub(in crate::testnet) watch: Watch,
    pub(in crate::testnet) courses: Courses,
}

impl Memberships {
    /// Carries the changes out, each at its time from now, and sees them through. To be given up if it takes too long.
    pub(in crate::testnet) fn start(&self, tasks: &mut JoinSet<()>, planned: Vec<Planned>) {
        let started = tokio::time::Instant::now();
        for planned in planned {
            let this = self.clone();
            tasks.spawn(async move {
                tokio::time::sleep_until(started + planned.at).await;
                if let Err(error) = this.carry_out(planned).await {
                    this.watch.note(format!("{planned} failed: {error:#}"));
                }
            });
        }
    }

    async fn carry_out(&self, Planned { what, node, at: _ }: Planned) -> eyre::Result<()> {
        let operator = self.fleet.operator(node).ok_or_else(|| eyre!("there is no node {node}"))?;
        let mut course = Course {
            what,
            node,
            operator,
            asked: self.record.now(),
            era: self.watch.seen().newest_era(),
            stake: U256::ZERO,
            on_l1: None,
            withdrawn: None,
            height: None,
            found: None,
            slashed: None,
        };
        self.courses.put(&course);
        match what {
            What::Join => {
                self.join(&mut course).await?;
                self.see_the_set_change(&course).await;
            }
            What::Exit => {
                self.exit(&mut course).await?;
                let leaving = course.clone();
                tokio::join!(self.withdraw(&mut course), self.see_the_set_change(&leaving));
            }
            What::Equivocate => {
                self.equivocate(&mut course).await?;
                self.see_the_set_change(&course).await;
            }
        }
        Ok(())
    }

    /// A new node follows the chain, and then its operator stakes.
    async fn join(&self, course: &mut Course) -> eyre::Result<()> {
        let Course { node, operator, .. } = *course;
        self.fleet.start_one(node).await?;
        self.record.chronicle().come_back(node, self.record.now());
        self.catch_up(node).await?;
        course.stake = self.l1.stake.saturating_mul(U256::from(10).pow(U256::from(18)));
        let keys = keys_directory(&self.directory, node);
        let block = self
            .insist("join", || async {
                self.l1.fund(operator).await?;
                self.l1.commands.register(&keys, self.l1.stake, payout(node), 1).await
            })
            .await;
        course.on_l1 = Some((self.record.now(), block));
        self.courses.put(course);
        self.watch.note(format!("node {node} ({operator}) registered in L1 block {block}"));
        Ok(())
    }

    async fn catch_up(&self, node: usize) -> eyre::Result<()> {
        let started = Instant::now();
        loop {
            let client = self.fleet.client(node).ok_or_else(|| eyre!("node {node} is not up"))?;
            let height = client.block_number().await?;
            if height.saturating_add(2) >= self.record.chronicle().highest() {
                return Ok(());
            }
            if started.elapsed() > CATCH_UP {
                return Err(eyre!("node {node} has not caught up after {CATCH_UP:?}"));
            }
            tokio::time::sleep(STEP).await;
        }
    }

    /// A member asks to leave.
    async fn exit(&self, course: &mut Course) -> eyre::Result<()> {
        let Course { node, operator, .. } = *course;
        course.stake = self.insist("look at the stake", || self.operator(operator)).await.stake;
        let keys = keys_directory(&self.directory, node);
        let block = self.insist("exit", || self.l1.commands.exit(&keys)).await;
        course.on_l1 = Some((self.record.now(), block));
        self.courses.put(course);
        self.watch.note(format!("node {node} ({operator}) asked to leave in L1 block {block}"));
        Ok(())
    }

    /// Whoever left has its stake sent to its payout address, once the delay is over.
    async fn withdraw(&self, course: &mut Course) {
        let Course { node, operator, .. } = *course;
        let keys = keys_directory(&self.directory, node);
        loop {
            tokio::time::sleep(AGAIN).await;
            let (Ok(entry), Ok(head)) = (self.operator(operator).await, self.l1.client().head().await) else {
                continue;
            };
            if head.timestamp >= entry.withdrawableAt {
                break;
            }
        }
        let block = self.insist("withdraw", || self.l1.commands.withdraw(&keys)).await;
        let paid =
            self.insist("look at the payout", || async { Ok(self.l1.client().balance(payout(node)).await?) }).await;
        course.withdrawn = Some((self.record.now(), paid));
        self.courses.put(course);
        self.watch.note(format!("node {node} ({operator}) withdrew {paid} wei in L1 block {block}"));
    }

    /// A member's key signs a second block, and the mesh hears of it.
    async fn equivocate(&self, course: &mut Course) -> eyre::Result<()> {
        let Course { node, operator, .. } = *course;
        let keys = keys_directory(&self.directory, node);
        let peer = Peer::start(&self.genesis, self.fleet.addresses())?;
        let (mut told, mut last) = (None, B256::ZERO);
        while !self.is_found(operator).await {
            if told.is_none_or(|told: Instant| told.elapsed() > FINDING)
                && let Some((height, hash)) = self.led_lately(operator).filter(|(_, hash)| *hash != last)
            {
                let block = twin(self.header(hash).await?, &self.genesis.signing_context(), &keys)?;
                peer.tell(block).await?;
                (told, last, course.height) = (Some(Instant::now()), hash, Some(height));
                self.watch.note(format!("node {node} ({operator}) signed another block {height}"));
            }
            tokio::time::sleep(STEP).await;
        }
        course.found = Some(self.record.now());
        self.courses.put(course);
        self.watch.note(format!("the nodes have evidence against node {node} ({operator})"));
        let slash = loop {
            // L1 may be down.
            if let Ok(Some(slash)) = self.slash_of(operator).await {
                break slash;
            }
            tokio::time::sleep(STEP).await;
        };
        let Slash { block, burnt, reward, left, .. } = slash;
        let taken = burnt.saturating_add(reward);
        course.slashed = Some((self.record.now(), slash));
        course.stake = taken.saturating_add(left);
        self.courses.put(course);
        self.watch.note(format!("node {node} ({operator}) lost {taken} wei in L1 block {block}"));
        Ok(())
    }

    /// The newest block that the operator led in the running era: the nodes remember it.
    fn led_lately(&self, operator: Address) -> Option<(u64, B256)> {
        let era = self.watch.seen().newest_era();
        self.record.chronicle().newest_of(operator, era)
    }

    async fn header(&self, hash: B256) -> eyre::Result<alloy_consensus::Header> {
        let answers = ask_all(&self.fleet, |client| async move { client.header(hash).await.ok().flatten() }).await;
        let header = answers.into_iter().next().ok_or_eyre("no node has the block any more")?;
        eyre::ensure!(header.hash_slow() == hash, "a node told another header than that of block {hash}");
        Ok(header)
    }

    async fn is_found(&self, operator: Address) -> bool {
        let accused = ask_all(&self.fleet, |client| async move { client.accused().await.ok() }).await;
        accused.into_iter().flatten().any(|signer| signer == operator)
    }

    async fn operator(&self, operator: Address) -> eyre::Result<ISequencerRegistry::Operator> {
        let at = self.l1.client().head().await?;
        self.l1.registry.operator(operator, at).await.map_err(|error: StakingError| error.into())
    }

    async fn slash_of(&self, operator: Address) -> Result<Option<Slash>, L1Error> {
        let filter = Filter::new()
            .address(self.l1.registry.address)
            .event_signature(ISequencerRegistry::Slashed::SIGNATURE_HASH)
            .topic1(operator.into_word())
            .from_block(0);
        let logs = self.l1.client().logs(&filter).await?;
        Ok(logs.iter().find_map(|log| {
            let slashed = ISequencerRegistry::Slashed::decode_log(&log.inner).ok()?;
            let ISequencerRegistry::Slashed { reporter, burnt, reward, stake: left, .. } = slashed.data;
            Some(Slash { block: log.block_number?, reporter, burnt, reward, left })
        }))
    }

    /// Waits until a set takes the change in, and a joiner leads.
    async fn see_the_set_change(&self, course: &Course) {
        let Course { what, node, operator, era, .. } = *course;
        let member = what == What::Join;
        loop {
            let found = self.watch.seen().era_with(operator, member, era).map(|(era, _)| era);
            if let Some(era) = found {
                let is = if member { "in" } else { "out of" };
                self.watch.note(format!("era {era}: node {node} ({operator}) is {is} the set"));
                break;
            }
            tokio::time::sleep(STEP).await;
        }
        while member && self.record.chronicle().newest_of(operator, 0).is_none() {
            tokio::time::sleep(STEP).await;
        }
        if member {
            self.watch.note(format!("node {node} ({operator}) leads"));
        }
    }

    /// Does it again and again until it works; the first failure is told.
    async fn insist<T, F: Future<Output = eyre::Result<T>>>(&self, what: &str, attempt: impl Fn() -> F) -> T {
        let mut told = false;
        loop {
            match attempt().await {
                Ok(done) => return done,
                Err(error) if !told => {
                    told = true;
                    self.watch.note(format!("cannot {what} yet: {error:#}"));
                }
                Err(_) => {}
            }
            tokio::time::sleep(AGAIN).await;
        }
    }
}
