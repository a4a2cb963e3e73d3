//! The loop that looks at L1.

use super::{
    checking::{Checker, is_missed},
    handle::{FollowerConfig, FollowerHandle, FollowerStatus, Phase, RegistryUpdate},
    position::Track,
    reading::{self, Reader, StepError, has},
    start::{self, Start, StartError},
};
use crate::{l1::L1Client, metrics};
use std::collections::{BTreeSet, HashMap};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, info, warn};

/// Updates that may wait for whoever takes them.
const UPDATES: usize = 64;

/// How often in a row an endpoint must contradict itself, or genesis, before it counts: L1 may have moved, and one answer
/// may have been damaged.
const STRIKES: u32 = 2;

/// After how many looks without a new block the others are asked whether there are some.
const IDLE_LOOKS: u32 = 5;

/// Follows the registry; built and not running yet.
#[must_use = "run it"]
#[derive(Debug)]
pub struct Follower {
    config: FollowerConfig,
    client: L1Client,
    metrics: metrics::L1,
    updates: mpsc::Sender<RegistryUpdate>,
    status: watch::Sender<FollowerStatus>,
    reader: Reader,
    checker: Checker,
    /// None before L1 and genesis were seen to agree.
    track: Option<Track>,
    /// The endpoint that is asked.
    source: usize,
    /// Looks in a row without a new block.
    idle: u32,
    /// Those that were read from since the last check.
    read_from: BTreeSet<usize>,
    /// How often each contradicted itself in a row.
    strikes: HashMap<usize, u32>,
    /// Those by whose word L1 and genesis do not fit together, and how often they said so.
    objections: HashMap<usize, (StartError, u32)>,
}

impl Follower {
    /// A follower that starts from genesis' anchor: all versions since then are told again after a restart.
    pub fn new(config: FollowerConfig, client: L1Client, metrics: metrics::L1) -> (Self, FollowerHandle) {
        let (updates, updates_receiver) = mpsc::channel(UPDATES);
        let (status, status_receiver) = watch::channel(FollowerStatus::default());
        let follower = Self {
            reader: Reader::new(&config),
            checker: Checker::new(config.clone()),
            config,
            client,
            metrics,
            updates,
            status,
            track: None,
            source: 0,
            idle: 0,
            read_from: BTreeSet::new(),
            strikes: HashMap::new(),
            objections: HashMap::new(),
        };
        (follower, FollowerHandle { updates: updates_receiver, status: status_receiver })
    }

    /// Runs until `shutdown`.
    ///
    /// # Errors
    /// [`StartError`] if L1 and genesis do not fit together by the word of every endpoint that answers.
    pub async fn run(mut self, shutdown: CancellationToken) -> Result<(), StartError> {
        let pause = self.config.poll_interval;
        loop {
            tokio::select! {
                () = shutdown.cancelled() => return Ok(()),
                looked = self.look() => looked?,
            }
            self.tell_status();
            tokio::select! {
                () = shutdown.cancelled() => return Ok(()),
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// One look at L1.
    async fn look(&mut self) -> Result<(), StartError> {
        self.choose_source();
        let result = self.step().await;
        let error = match result {
            Ok(()) => {
                self.strikes.remove(&self.source);
                if self.status.borrow().last_error.is_some() {
                    info!(endpoint = self.client.name_of(self.source), "L1 is followed again");
                }
                self.status.send_modify(|status| status.last_error = None);
                return Ok(());
            }
            Err(error) => error,
        };
        let told = format!("{}: {error}", self.client.name_of(self.source));
        if self.status.borrow().last_error.as_ref() == Some(&told) {
            debug!(error = told, "looking at L1 came to nothing again");
        } else {
            warn!(error = told, "looking at L1 came to nothing");
        }
        self.status.send_modify(|status| status.last_error = Some(told));
        self.draw_conclusions(error)
    }

    /// Whom to ask next, and what to forget.
    fn draw_conclusions(&mut self, error: StepError) -> Result<(), StartError> {
        let count = self.client.endpoint_count();
        let source = self.source;
        self.source = (source + 1) % count;
        match error {
            StepError::Rpc(_) | StepError::Behind(_) => {}
            StepError::Unwitnessed => self.source = source,
            StepError::Moved => {
                self.source = source;
                self.forget();
            }
            StepError::Inconsistent(what) => {
                // What others said before may be to blame.
                if self.read_from.iter().all(|endpoint| *endpoint == source) {
                    let strikes = self.strikes.entry(source).or_default();
                    *strikes += 1;
                    if *strikes >= STRIKES {
                        self.client.set_aside(source, &what);
                    }
                }
                self.forget();
            }
            StepError::Contradicted { by, contradiction } => {
                error!("{contradiction}");
                self.source = by;
                self.forget();
            }
            StepError::Start(objection) => {
                let (before, times) = self.objections.entry(source).or_insert_with(|| (objection.clone(), 0));
                *times = if *before == objection { *times + 1 } else { 1 };
                *before = objection.clone();
                let patience = self.config.witness_patience;
                let open = |other: usize| {
                    let answers = self.client.is_usable(other) || is_missed(&self.client, other, patience);
                    self.objections.get(&other).is_none_or(|(_, times)| *times < STRIKES) && answers
                };
                if !(0..count).any(open) {
                    return Err(objection);
                }
            }
        }
        Ok(())
    }

    /// Forgets what was read and not checked.
    fn forget(&mut self) {
        if let Some(track) = &mut self.track {
            track.reset();
        }
        self.read_from.clear();
    }

    /// Stays with the source as long as it works.
    fn choose_source(&mut self) {
        let count = self.client.endpoint_count();
        let order = (0..count).map(|step| (self.source + step) % count);
        self.source = order.into_iter().find(|endpoint| self.client.is_usable(*endpoint)).unwrap_or(self.source);
    }

    async fn step(&mut self) -> Result<(), StepError> {
        let client = self.client.on(self.source);
        let Some(track) = &mut self.track else { return self.start(&client).await };
        let head = client.head().await?;
        self.status.send_modify(|status| status.head = Some(head.number));
        match has(&client, track.read.anchor).await? {
            Some(true) => {}
            None => return Err(StepError::Behind(track.read.anchor.number)),
            Some(false) => return self.reorganised(&client).await,
        }
        self.objections.clear();
        self.read_from.insert(self.source);
        let target = head.number.saturating_sub(self.config.confirmations);
        self.reader.read(&client, &mut track.read, &mut track.changes, target).await?;
        if track.read.anchor == track.verified().anchor {
            self.idle += 1;
            if self.idle.is_multiple_of(IDLE_LOOKS) {
                self.prefer_one_ahead_of(head.number).await;
            }
            return Ok(());
        }
        self.idle = 0;
        self.checker.check(&self.client, self.source, track).await?;
        let sets = track.verify();
        self.read_from.clear();
        for set in sets {
            let (number, members) = (set.anchor.number, set.members.len());
            info!(block = number, hash = %set.anchor.hash, members, "the registry has another sequencer set");
            self.metrics.l1_set_versions.inc();
            self.tell(RegistryUpdate::Set((*set).clone())).await;
        }
        Ok(())
    }

    async fn start(&mut self, client: &L1Client) -> Result<(), StepError> {
        match start::check(client, &self.config, &mut self.reader).await? {
            Start::Ready(position) => {
                info!(block = position.anchor.number, hash = %position.anchor.hash, "L1 and genesis agree");
                self.track = Some(Track::new(position));
                self.objections.clear();
                self.status.send_modify(|status| status.phase = Phase::Following);
            }
            Start::NotConfirmed { head, needed } => {
                self.status.send_modify(|status| status.head = Some(head));
                debug!(head, needed, "genesis' L1 block is not deep enough yet");
            }
            Start::NotActivated => {
                if self.status.borrow().phase != Phase::AwaitingActivation {
                    let registry = self.config.registry;
                    warn!(%registry, "the registry is not bound to this chain yet: its owner has to call `activate`");
                    self.status.send_modify(|status| status.phase = Phase::AwaitingActivation);
                }
            }
        }
        Ok(())
    }

    /// A source that stands still is left if another endpoint knows newer blocks.
    async fn prefer_one_ahead_of(&mut self, head: u64) {
        for other in (0..self.client.endpoint_count()).filter(|other| *other != self.source) {
            if self.client.is_usable(other)
                && self.client.on(other).head().await.is_ok_and(|theirs| theirs.number > head)
            {
                let names = (self.client.name_of(self.source), self.client.name_of(other));
                debug!(behind = names.0, ahead = names.1, "another L1 endpoint knows newer blocks");
                self.source = other;
                return;
            }
        }
    }

    /// The last block that was read is not on the source's chain.
    async fn reorganised(&mut self, client: &L1Client) -> Result<(), StepError> {
        let Some(track) = &mut self.track else { return Ok(()) };
        let gone = track.read.anchor;
        for other in (0..self.client.endpoint_count()).filter(|other| *other != self.source) {
            if self.client.is_usable(other)
                && has(&self.client.on(other), gone).await.is_ok_and(|has| has == Some(true))
            {
                let names = (self.client.name_of(self.source), self.client.name_of(other));
                let contradiction =
                    format!("L1 endpoint {} denies block {} ({}), {} has it", names.0, gone.number, gone.hash, names.1);
                return Err(StepError::Contradicted { by: other, contradiction });
            }
        }
        let common = reading::common(client, track).await?;
        let depth = gone.number.saturating_sub(common.number);
        error!(
            gone = gone.number,
            common = common.number,
            "L1 was reorganised by up to {depth} blocks below those that {} confirmations made safe; use more of them",
            self.config.confirmations
        );
        self.metrics.l1_deep_reorgs.inc();
        let reverts = track.rewind(common);
        self.read_from.clear();
        if reverts {
            self.tell(RegistryUpdate::Reverted { above: common.number }).await;
        }
        Ok(())
    }

    /// Waits for whoever takes updates; if nobody does any more, the node is stopping.
    async fn tell(&self, update: RegistryUpdate) {
        let _ = self.updates.send(update).await;
    }

    fn tell_status(&self) {
        let endpoints = self.client.endpoints();
        let usable = endpoints.iter().filter(|endpoint| endpoint.usable).count();
        self.metrics.l1_endpoints_usable.set(usable as u64);
        let verified = self.track.as_ref().map(Track::verified);
        self.status.send_modify(|status| {
            status.endpoints = endpoints;
            status.confirmed = verified.map(|position| position.anchor);
            status.confirmed_at = verified.map(|position| position.timestamp);
        });
        let status = self.status.borrow();
        self.metrics.l1_confirmed_block.set(status.confirmed.map_or(0, |anchor| anchor.number));
        self.metrics.l1_lag_seconds.set(status.lag().map_or(0, |lag| lag.as_secs()));
    }
}
