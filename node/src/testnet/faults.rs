//! Killing nodes on time, and starting them again.

use super::{
    fleet::Fleet,
    observe::Record,
    options::{Kill, Victim},
};
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
    pub(super) victim: Victim,
    pub(super) node: usize,
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

/// Carries the faults out, each at its time from now, until `stop`.
pub(super) fn start(
    tasks: &mut JoinSet<()>,
    mut kills: Vec<Kill>,
    restart_after: Option<Duration>,
    fleet: &Arc<Fleet>,
    record: &Record,
    log: &FaultLog,
    stop: &CancellationToken,
) {
    kills.sort_by_key(|kill| kill.at);
    let (fleet, record, log, stop) = (Arc::clone(fleet), record.clone(), log.clone(), stop.clone());
    let started = tokio::time::Instant::now();
    tasks.spawn(async move {
        let mut restarts = JoinSet::new();
        for Kill { victim, at } in kills {
            if stop.run_until_cancelled(tokio::time::sleep_until(started + at)).await.is_none() {
                break;
            }
            match kill(victim, &fleet, &record).await {
                Ok(fault) => {
                    log.happened(fault);
                    if let Some(after) = restart_after {
                        let (fleet, record, log) = (Arc::clone(&fleet), record.clone(), log.clone());
                        let stop = stop.clone();
                        restarts.spawn(async move {
                            // A node that is still down at the end of the load stays down.
                            if stop.run_until_cancelled(tokio::time::sleep(after)).await.is_some() {
                                restart(fault.node, &fleet, &record, &log).await;
                            }
                        });
                    }
                }
                Err(error) => log.problem(format!("cannot kill the {victim}: {error:#}")),
            }
        }
        restarts.join_all().await;
    });
}

async fn kill(victim: Victim, fleet: &Fleet, record: &Record) -> eyre::Result<Fault> {
    let node = find(victim, fleet).await?;
    let at = record.now();
    fleet.kill(node).await?;
    record.chronicle().leave(node, at);
    Ok(Fault { victim, node, at })
}

async fn restart(node: usize, fleet: &Fleet, record: &Record, log: &FaultLog) {
    match fleet.start_one(node).await {
        Ok(()) => record.chronicle().come_back(node),
        Err(error) => log.problem(format!("cannot restart node {node}: {error:#}")),
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
                Victim::Follower => {
                    let mut others = answers.iter().map(|(index, _)| *index);
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
