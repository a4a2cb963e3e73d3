//! Breaking things on time: killing nodes and starting them again, pausing them and letting them go on.
//!
//! Everyone else sees a paused node as a live one that says nothing: its kernel still takes in what is sent to it, and
//! afterwards it acts on what it knew before. No node is left paused: with the end of the load it goes on.

mod plan;

pub(super) use plan::{Action, FaultOptions, Planned, Victim};

use super::{fleet::Fleet, l1::L1, load::Ledger, observe::Record};
use eyre::eyre;
use futures::future::join_all;
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// How long to look for a node in the wanted role: between two terms there may be none for a moment.
const SEARCH: Duration = Duration::from_secs(5);

/// How often to look.
const SEARCH_STEP: Duration = Duration::from_millis(50);

/// A fault that happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) action: Action,
    pub(super) victim: Victim,
    /// On the record's clock.
    pub(super) at: Duration,
}

/// What happened, and what could not.
#[derive(Clone, Debug, Default)]
pub(super) struct FaultLog(Arc<Mutex<(Vec<Fault>, Vec<String>)>>);

impl FaultLog {
    /// The faults so far, in order.
    pub(super) fn faults(&self) -> Vec<Fault> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).0.clone()
    }

    /// What went wrong on our side.
    pub(super) fn problems(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).1.clone()
    }

    fn happened(&self, fault: Fault) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).0.push(fault);
    }

    fn problem(&self, problem: String) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).1.push(problem);
    }
}

/// How long a node stays away, once it is hit.
#[derive(Clone, Copy, Debug)]
pub(super) struct Absences {
    /// Until a killed node is started again; for good, without it.
    pub(super) killed: Option<Duration>,
    /// Until a paused node goes on.
    pub(super) paused: Duration,
}

/// What breaks things, and what it needs for that.
#[derive(Clone, Debug)]
pub(super) struct Breaker {
    pub(super) absences: Absences,
    pub(super) fleet: Arc<Fleet>,
    pub(super) record: Record,
    pub(super) ledger: Ledger,
    /// None if the set does not come from L1.
    pub(super) l1: Option<Arc<L1>>,
    pub(super) log: FaultLog,
    pub(super) stop: CancellationToken,
}

/// Carries the faults out, each at its time from now, until the breaker is told to stop. They are in order.
pub(super) fn start(tasks: &mut JoinSet<()>, faults: Vec<Planned>, breaker: Breaker) {
    let started = tokio::time::Instant::now();
    tasks.spawn(async move {
        let mut returns = JoinSet::new();
        for fault in faults {
            let due = tokio::time::sleep_until(started + fault.at);
            if breaker.stop.run_until_cancelled(due).await.is_none() {
                break;
            }
            if let Err(error) = breaker.carry_out(fault, &mut returns).await {
                breaker.log.problem(format!("cannot carry out {fault}: {error:#}"));
            }
        }
        returns.join_all().await;
    });
}

impl Breaker {
    async fn carry_out(&self, fault: Planned, returns: &mut JoinSet<()>) -> eyre::Result<()> {
        let Planned { action, victim, at: _ } = fault;
        let mut happened = Fault { action, victim, at: Duration::ZERO };
        match action {
            Action::Kill => {
                let node = find(victim, &self.fleet).await?;
                happened.at = self.leave(node);
                self.fleet.kill(node).await?;
                if let Some(after) = self.absences.killed {
                    returns.spawn(self.clone().restart(node, after));
                }
            }
            Action::Pause if victim == Victim::L1 => {
                let l1 = self.l1.clone().ok_or_else(|| eyre!("there is no L1"))?;
                happened.at = self.record.now();
                l1.pause()?;
                returns.spawn(self.clone().resume_l1(l1, self.absences.paused));
            }
            Action::Pause => {
                let node = find(victim, &self.fleet).await?;
                happened.at = self.leave(node);
                self.fleet.pause(node).await?;
                returns.spawn(self.clone().resume(node, self.absences.paused));
            }
            Action::RestartAll => {
                let nodes = self.fleet.begun().await;
                happened.at = nodes.iter().fold(self.record.now(), |first, node| first.min(self.leave(*node)));
                self.fleet.kill_all().await?;
                self.ledger.everyone_died(|transaction| self.record.chronicle().is_included(transaction));
                join_all(nodes.into_iter().map(|node| self.start(node))).await;
            }
        }
        self.log.happened(happened);
        Ok(())
    }

    /// The node is away from now on.
    fn leave(&self, node: usize) -> Duration {
        let at = self.record.now();
        self.record.chronicle().leave(node, at);
        at
    }

    /// Starts a killed node later. One that is still down at the end of the load stays down.
    async fn restart(self, node: usize, after: Duration) {
        if self.stop.run_until_cancelled(tokio::time::sleep(after)).await.is_some() {
            self.start(node).await;
        }
    }

    async fn start(&self, node: usize) {
        match self.fleet.start_one(node).await {
            // Otherwise it came back with everyone else.
            Ok(was_down) if was_down => self.record.chronicle().come_back(node, self.record.now()),
            Ok(_) => {}
            Err(error) => self.log.problem(format!("cannot restart node {node}: {error:#}")),
        }
    }

    /// Lets L1 go on later, at the end of the load at the latest.
    async fn resume_l1(self, l1: Arc<L1>, after: Duration) {
        // It goes on in both cases.
        let _ = self.stop.run_until_cancelled(tokio::time::sleep(after)).await;
        if let Err(error) = l1.resume() {
            self.log.problem(format!("cannot let L1 go on: {error:#}"));
        }
    }

    /// Lets a paused node go on later, at the end of the load at the latest.
    async fn resume(self, node: usize, after: Duration) {
        // It goes on in both cases.
        let _ = self.stop.run_until_cancelled(tokio::time::sleep(after)).await;
        match self.fleet.resume(node).await {
            Ok(was_paused) if was_paused => self.record.chronicle().come_back(node, self.record.now()),
            Ok(_) => {}
            Err(error) => self.log.problem(format!("cannot let node {node} go on: {error:#}")),
        }
    }
}

/// The live node in this role; of several followers, the first.
async fn find(victim: Victim, fleet: &Fleet) -> eyre::Result<usize> {
    let started = tokio::time::Instant::now();
    loop {
        let answers = join_all(
            fleet
                .live()
                .into_iter()
                .map(|(index, client)| async move { client.status().await.ok().map(|status| (index, status)) }),
        );
        let answers: Vec<_> = answers.await.into_iter().flatten().collect();
        // The node that is furthest knows best who does what.
        let best = answers.iter().max_by_key(|(_, status)| status.head.number);
        if let Some((_, view)) = best {
            let index_of = |operator: Option<_>| operator.and_then(|operator| fleet.of(operator));
            let (leader, scheduler) = (index_of(view.leader), index_of(view.scheduler));
            let live = |index: &usize| fleet.client(*index).is_some();
            let found = match victim {
                Victim::Leader => leader.filter(live),
                Victim::Scheduler => scheduler.filter(live),
                Victim::Everyone | Victim::L1 => None,
                Victim::Follower => {
                    let members = answers.iter().filter(|(_, status)| status.role != "observer");
                    let mut others = members.map(|(index, _)| *index);
                    others.find(|index| Some(*index) != leader && Some(*index) != scheduler)
                }
            };
            if let Some(index) = found {
                return Ok(index);
            }
        }
        if started.elapsed() > SEARCH {
            return Err(eyre!("no live node has that role"));
        }
        tokio::time::sleep(SEARCH_STEP).await;
    }
}
