//! From the publication of a block by its leader until it is final on the others.

use crate::{
    course::Course,
    cpu::{busy, cpu_of},
    legs::Legs,
    mesh::Mesh,
    options::Options,
    statistics::quantile,
};
use eyre::ensure;
use std::{
    path::Path,
    time::{Duration, Instant, SystemTime},
};

/// What the nodes are given to settle down before blocks count.
const WARM_UP: Duration = Duration::from_secs(3);

/// What the last blocks are given to become final.
const SETTLE: Duration = Duration::from_secs(3);

/// The blocks of one mesh, in milliseconds.
pub(crate) struct Latency {
    pub(crate) nodes: usize,
    pub(crate) delay: Duration,
    /// Until the last node that is not the leader had the block final.
    pub(crate) last: Vec<f64>,
    /// Until half of all nodes had.
    pub(crate) median: Vec<f64>,
    /// Blocks of the chain that did not become final on some node.
    pub(crate) unfinished: usize,
    pub(crate) legs: Legs,
    /// Warnings in the logs of all nodes.
    pub(crate) warnings: usize,
    /// Processors that the nodes kept busy, and everything else but this program.
    pub(crate) processors: (f64, f64),
}

/// What a mesh is called.
pub(crate) fn name(nodes: usize, delay: Duration) -> String {
    match delay.is_zero() {
        true => format!("{nodes} nodes"),
        false => format!("{nodes} nodes, links slower by {delay:?}"),
    }
}

/// Runs a mesh for a while, without any load.
pub(crate) async fn measure(options: &Options, nodes: usize, delay: Duration, place: &Path) -> eyre::Result<Latency> {
    let mesh = Mesh::start(options, place, nodes, delay, &[], std::iter::empty()).await?;
    mesh.until_final().await?;
    tokio::time::sleep(WARM_UP).await;
    let spent = || -> eyre::Result<(f64, f64)> {
        let nodes = mesh.nodes.iter().map(|node| cpu_of(node.process.id())).sum::<eyre::Result<f64>>()?;
        Ok((nodes, busy()? - cpu_of(std::process::id())? - nodes))
    };
    let (before, from, started) = (spent()?, SystemTime::now(), Instant::now());
    tokio::time::sleep(options.span).await;
    let (after, until, elapsed) = (spent()?, SystemTime::now(), started.elapsed().as_secs_f64());
    mesh.check_links().await?;
    tokio::time::sleep(SETTLE).await;
    let courses = mesh.stop()?;
    let mut latency = Latency {
        nodes,
        delay,
        last: Vec::new(),
        median: Vec::new(),
        unfinished: 0,
        legs: Legs::default(),
        warnings: courses.iter().map(|course| course.warnings).sum(),
        processors: ((after.0 - before.0) / elapsed, ((after.1 - before.1) / elapsed).max(0.0)),
    };
    for (leader, course) in courses.iter().enumerate() {
        for (hash, (published, height)) in &course.published {
            if (from..until).contains(published) && courses[0].has(*height, hash) {
                latency.add(&courses, leader, (*published, *height, hash));
            }
        }
    }
    ensure!(!latency.last.is_empty(), "no block became final on all nodes");
    Ok(latency)
}

impl Latency {
    fn add(&mut self, courses: &[Course], leader: usize, block: (SystemTime, u64, &str)) {
        let (published, height, _) = block;
        let finalized: Option<Vec<_>> = courses.iter().map(|course| course.finalized(height)).collect();
        let Some(finalized) = finalized else {
            self.unfinished += 1;
            return;
        };
        let took: Vec<_> = finalized.iter().map(|at| milliseconds(published, *at)).collect();
        let others = took.iter().enumerate().filter(|(node, _)| *node != leader).map(|(_, took)| *took);
        self.last.push(others.fold(0.0, f64::max));
        self.median.extend(quantile(&took, 0.5));
        self.legs.add(courses, leader, block);
    }
}

/// Milliseconds from one moment to another; below zero if it came before.
pub(crate) fn milliseconds(from: SystemTime, to: SystemTime) -> f64 {
    match to.duration_since(from) {
        Ok(span) => span.as_secs_f64() * 1e3,
        Err(error) => error.duration().as_secs_f64() * -1e3,
    }
}
