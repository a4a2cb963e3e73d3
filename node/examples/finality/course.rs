//! What one node did on the way of its blocks to finality, read from its log (`node/src/engine/course.rs`).

use crate::log;
use std::{
    collections::{BTreeMap, HashMap},
    path::Path,
    time::SystemTime,
};

/// Term and round of a checkpoint.
pub(crate) type Round = (u64, u64);

/// What one node did, and when.
#[derive(Clone, Debug, Default)]
pub(crate) struct Course {
    /// Own blocks with their heights, by hash; a block that is sent again counts once.
    pub(crate) published: HashMap<String, (SystemTime, u64)>,
    /// Own seals, by the hash of the block.
    pub(crate) sealed: HashMap<String, SystemTime>,
    /// Own checkpoints, with the heights of their heads.
    pub(crate) checkpoints: BTreeMap<Round, (SystemTime, u64)>,
    /// Own votes.
    pub(crate) voted: HashMap<Round, SystemTime>,
    /// Blocks under a certificate.
    safe: Vec<(SystemTime, u64)>,
    /// Final blocks.
    finalized: Vec<(SystemTime, u64)>,
    /// The hash of the newest block that was committed at each height.
    chain: HashMap<u64, String>,
    /// How often it warned.
    pub(crate) warnings: usize,
}

/// Reads a node's log.
pub(crate) fn read(path: &Path) -> eyre::Result<Course> {
    let mut course = Course::default();
    for (at, event) in log::read(path)? {
        let hash = event["hash"].as_str().unwrap_or_default().to_owned();
        let height = log::height(&event).unwrap_or_default();
        let round = (event["term"].as_u64().unwrap_or_default(), event["round"].as_u64().unwrap_or_default());
        match event["message"].as_str().unwrap_or_default() {
            "published" => drop(course.published.entry(hash).or_insert((at, height))),
            "sealed" => drop(course.sealed.entry(hash).or_insert(at)),
            "checkpoint" => drop(course.checkpoints.entry(round).or_insert((at, height))),
            "voted" => drop(course.voted.entry(round).or_insert(at)),
            "safe" => course.safe.push((at, height)),
            "final" => course.finalized.push((at, height)),
            "block" => drop(course.chain.insert(height, hash)),
            _ => {}
        }
        course.warnings += usize::from(event["level"] == "WARN" || event["level"] == "ERROR");
    }
    Ok(course)
}

impl Course {
    /// Whether this block stayed in the chain.
    pub(crate) fn has(&self, height: u64, hash: &str) -> bool {
        self.chain.get(&height).is_some_and(|known| known == hash)
    }

    /// When something at this height or above was first under a certificate, from `since` on.
    pub(crate) fn safe(&self, height: u64, since: SystemTime) -> Option<SystemTime> {
        self.safe.iter().find(|(at, safe)| *safe >= height && *at >= since).map(|(at, _)| *at)
    }

    /// When this height was final.
    pub(crate) fn finalized(&self, height: u64) -> Option<SystemTime> {
        self.finalized.iter().find(|(_, finalized)| *finalized >= height).map(|(at, _)| *at)
    }
}
