//! The yardstick: three etcd members, whose leader is killed while keys are put.
//!
//! A round is as one of Baton's: wait until all members are healthy, and then a random part of a heartbeat interval; kill
//! the leader; start it again when it has been down for its time; wait until all are healthy again. The gap is the
//! longest time between two acknowledged puts from the kill until then.

mod cluster;
mod endpoint;
mod writer;

use crate::{
    options::{Settings, Subject},
    series::{Kill, Series},
};
use baton_consensus::Parameters;
use cluster::Cluster;
use eyre::{OptionExt, WrapErr};
use serde_json::json;
use std::{
    path::Path,
    time::{Duration, Instant},
};
use writer::Writer;

/// etcd refuses an election timeout below so many heartbeat intervals.
const BEATS: u32 = 5;

/// How fast etcd's members notice a silent leader.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    pub(crate) heartbeat_interval: Duration,
    pub(crate) election_timeout: Duration,
}

impl Pace {
    /// That of Baton's scheduler: the term timeout. And that of Baton's leader, the time after which it is replaced, with
    /// the longest heartbeat interval that etcd allows for it, Baton's own if it does.
    pub(crate) fn both(parameters: &Parameters) -> [Self; 2] {
        let Parameters { heartbeat_interval, term_timeout, block_time, leader_timeout, .. } = parameters;
        [*term_timeout, *block_time + *leader_timeout].map(|election_timeout| Self {
            heartbeat_interval: (*heartbeat_interval).min(election_timeout / BEATS),
            election_timeout,
        })
    }
}

/// Starts a cluster from nothing, kills its leader as often as asked for, and looks for what was acknowledged.
pub(crate) async fn run(settings: &Settings, program: &Path, pace: &Pace, place: &Path) -> eyre::Result<Series> {
    let name = format!("etcd, {} ms, {} ms", pace.election_timeout.as_millis(), pace.heartbeat_interval.as_millis());
    let downtime = settings.downtime(pace.election_timeout * 2);
    let mut cluster = Cluster::start(program, pace, place)?;
    cluster.healthy().await.wrap_err("at the start")?;
    let writer = Writer::start(&cluster.endpoints);
    let mut kills = Vec::with_capacity(settings.kills);
    for number in 1..=settings.kills {
        let kill = round(pace, downtime, &mut cluster, &writer).await.wrap_err_with(|| format!("kill {number}"))?;
        eprintln!(
            "{name:24} {number:3}/{}: member {} ({}) killed: gap {:.2} s, back in step after {:.1} s",
            settings.kills,
            kill.victim,
            kill.detail["pid"],
            kill.sealed.longest.as_secs_f64(),
            kill.back_in_step.as_secs_f64()
        );
        kills.push(kill);
    }
    let acknowledged = writer.stop().await;
    cluster.healthy().await.wrap_err("at the end")?;
    let lost = cluster.missing(&acknowledged).await?;
    Ok(Series {
        subject: Subject::Etcd,
        name,
        downtime,
        bound: None,
        kills,
        accepted: acknowledged.len(),
        lost,
        problems: Vec::new(),
    })
}

async fn round(pace: &Pace, downtime: Duration, cluster: &mut Cluster, writer: &Writer) -> eyre::Result<Kill> {
    let leader = cluster.healthy().await?;
    tokio::time::sleep(pace.heartbeat_interval.mul_f64(rand::random())).await;
    let (killed, pid) = cluster.kill(leader.member).await?;
    tokio::time::sleep_until((killed + downtime).into()).await;
    cluster.start_member(leader.member)?;
    let next = cluster.healthy().await?;
    let end = Instant::now();
    let gap = writer.acknowledgements().gap(killed, end).ok_or_eyre("nothing was put after the kill")?;
    Ok(Kill {
        victim: leader.member,
        sealed: gap,
        finalized: None,
        back_in_step: end.duration_since(killed),
        detail: json!({ "pid": pid, "raft_term": leader.term, "raft_term_after": next.term }),
    })
}
