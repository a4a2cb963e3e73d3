//! Killing the leader, and the scheduler, of a mesh under load.
//!
//! A round: wait until everyone is in step and the victim is where it should be, and then a random part of a block time;
//! kill it; start it again when it has been down for its time; wait until everyone is in step again and what was sealed
//! at the kill is final. The gaps are those between the kill and then, at the node among the two that neither led nor
//! scheduled for which they were longest.

use crate::{
    load::Load,
    mesh::{Mesh, NODES},
    options::{Settings, Subject},
    series::{Kill, Series},
    step::{self, Standing},
    timeline::Gap,
    verify::{self, Verdict},
    watch,
};
use alloy_primitives::B256;
use eyre::{OptionExt, WrapErr, ensure};
use serde_json::json;
use std::{
    path::Path,
    time::{Duration, Instant},
};
use tokio::task::JoinSet;

/// Starts a mesh from nothing, kills each of `subjects` as often as asked for, and judges what is left.
pub(crate) async fn run(settings: &Settings, subjects: &[Subject], place: &Path) -> eyre::Result<Vec<Series>> {
    let load = Load::new(settings.load)?;
    let mut mesh = Mesh::start(settings, place, load.accounts()).await?;
    // Dropped last to first, and everything that runs on the nodes with them.
    let mut tasks = JoinSet::new();
    let records = watch::start(&mut tasks, &mesh.contacts, NODES);
    step::wait(&mut mesh, 0, |_| true).await.wrap_err("at the start")?;
    let running = load.start(&mesh.contacts);
    let mut all = Vec::new();
    for subject in subjects {
        let mut series = empty(settings, *subject);
        for number in 1..=settings.kills {
            let kill = round(settings, *subject, series.downtime, &mut mesh, &records).await;
            let kill = kill.wrap_err_with(|| format!("{}, kill {number}", series.name))?;
            eprintln!("{:24} {number:3}/{}: {}", series.name, settings.kills, describe(&kill));
            series.kills.push(kill);
        }
        all.push((series, running.count()));
    }
    let accepted = running.stop().await?;
    // What the lanes had under way belongs to the last one.
    if let Some((_, until)) = all.last_mut() {
        *until = accepted.len();
    }
    let verdict = verify::verify(&mut mesh, &accepted).await.wrap_err("at the end")?;
    drop(tasks);
    mesh.stop();
    judge(all, &accepted, &verdict)
}

/// Attributes to each series what was accepted while it ran, given how much was accepted at its end.
fn judge(all: Vec<(Series, usize)>, accepted: &[B256], verdict: &Verdict) -> eyre::Result<Vec<Series>> {
    let starts: Vec<_> = std::iter::once(0).chain(all.iter().map(|(_, until)| *until)).collect();
    let judged = all.into_iter().zip(starts).map(|((series, until), from)| {
        let own = accepted.get(from..until).unwrap_or_default();
        ensure!(!own.is_empty(), "{}: no node accepted a transaction", series.name);
        let lost = own.iter().filter(|hash| verdict.lost.contains(*hash)).count();
        Ok(Series { accepted: own.len(), lost, problems: verdict.problems.clone(), ..series })
    });
    judged.collect()
}

fn empty(settings: &Settings, subject: Subject) -> Series {
    let bound = settings.bound(subject);
    let name = if subject == Subject::Leader { "baton, leader killed" } else { "baton, scheduler killed" };
    Series {
        subject,
        name: name.to_owned(),
        downtime: settings.downtime(bound.unwrap_or_default()),
        bound,
        kills: Vec::with_capacity(settings.kills),
        accepted: 0,
        lost: 0,
        problems: Vec::new(),
    }
}

fn describe(kill: &Kill) -> String {
    let finalized = kill.finalized.map_or(Duration::ZERO, |gap| gap.longest);
    format!(
        "node {} ({}) killed: sealed gap {:.2} s, finalized gap {:.2} s, back in step after {:.1} s",
        kill.victim,
        kill.detail["pid"],
        kill.sealed.longest.as_secs_f64(),
        finalized.as_secs_f64(),
        kill.back_in_step.as_secs_f64()
    )
}

async fn round(
    settings: &Settings,
    subject: Subject,
    downtime: Duration,
    mesh: &mut Mesh,
    records: &[watch::Record],
) -> eyre::Result<Kill> {
    let suits = |standing: &Standing| subject == Subject::Scheduler || standing.is_leading();
    let before = step::wait(mesh, 0, suits).await?;
    let victim = if subject == Subject::Leader { before.leader } else { before.scheduler };
    // A look follows close on a block; a death does not.
    tokio::time::sleep(settings.parameters.block_time.mul_f64(rand::random())).await;
    let (killed, pid) = mesh.kill(victim).await?;
    tokio::time::sleep_until((killed + downtime).into()).await;
    mesh.start_node(victim).await?;
    let after = step::wait(mesh, before.height, |_| true).await?;
    let followers: Vec<_> = (0..NODES).filter(|node| ![before.leader, before.scheduler].contains(node)).collect();
    // The watchers may learn a moment later than this loop of what ended the round.
    for node in &followers {
        watch::until_final(&records[*node], before.height).await.wrap_err_with(|| format!("node {node}"))?;
    }
    let end = Instant::now();
    let worst = |of: &dyn Fn(&watch::Seen) -> Option<Gap>| {
        let gaps: Option<Vec<_>> = followers.iter().map(|node| of(&records[*node].seen())).collect();
        gaps?.into_iter().reduce(Gap::max)
    };
    let sealed = worst(&|seen| seen.sealed.gap(killed, end)).ok_or_eyre("a follower saw no block after the kill")?;
    let finalized = worst(&|seen| seen.finalized.gap(killed, end));
    let finalized = finalized.ok_or_eyre("a follower saw nothing become final after the kill")?;
    Ok(Kill {
        victim,
        sealed,
        finalized: Some(finalized),
        back_in_step: end.duration_since(killed),
        detail: json!({ "pid": pid, "height": before.height, "term": before.term, "term_after": after.term }),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    fn series(name: &str) -> Series {
        Series {
            subject: Subject::Leader,
            name: name.to_owned(),
            downtime: Duration::ZERO,
            bound: None,
            kills: Vec::new(),
            accepted: 0,
            lost: 0,
            problems: Vec::new(),
        }
    }

    #[test]
    fn a_lost_transaction_is_held_against_the_rounds_in_which_it_was_accepted() {
        let accepted: Vec<_> = (1..=5).map(B256::repeat_byte).collect();
        let lost = HashSet::from([B256::repeat_byte(3), B256::repeat_byte(5)]);
        let verdict = Verdict { lost, problems: vec!["two chains".to_owned()] };
        let judged = judge(vec![(series("one"), 2), (series("two"), 5)], &accepted, &verdict).unwrap();
        let counts: Vec<_> = judged.iter().map(|series| (series.accepted, series.lost)).collect();
        assert_eq!(counts, [(2, 0), (3, 2)]);
        assert!(judged.iter().all(|series| series.problems == verdict.problems));
    }

    #[test]
    fn a_load_of_which_nothing_was_accepted_proves_nothing() {
        let verdict = Verdict { lost: HashSet::new(), problems: Vec::new() };
        let judged = judge(vec![(series("one"), 0), (series("two"), 1)], &[B256::ZERO], &verdict);
        assert!(judged.unwrap_err().to_string().contains("one: no node accepted"));
    }
}
