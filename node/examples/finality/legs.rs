//! Where the time from publication to finality goes.

use crate::{course::Course, latency::milliseconds};
use std::time::SystemTime;

/// The legs, in order.
pub(crate) const NAMES: [&str; 8] = [
    "published to sealed",
    "sealed to checkpoint",
    "checkpoint to the quorum's last vote",
    "last vote to certificate",
    "certificate to next checkpoint",
    "checkpoint to the quorum's last vote",
    "last vote to final, on the scheduler",
    "from there to final on the last follower",
];

/// Milliseconds of each leg, block by block. The first six end where something is about to leave a node.
#[derive(Clone, Debug, Default)]
pub(crate) struct Legs(pub(crate) [Vec<f64>; NAMES.len()]);

impl Legs {
    /// Adds a block, if all its steps are in the logs.
    pub(crate) fn add(&mut self, courses: &[Course], leader: usize, block: (SystemTime, u64, &str)) {
        if let Some(steps) = steps(courses, leader, block) {
            for (leg, pair) in self.0.iter_mut().zip(steps.windows(2)) {
                leg.push(milliseconds(pair[0], pair[1]));
            }
        }
    }
}

fn steps(
    courses: &[Course],
    leader: usize,
    (published, height, hash): (SystemTime, u64, &str),
) -> Option<[SystemTime; NAMES.len() + 1]> {
    let scheduler = courses.iter().find(|course| course.sealed.contains_key(hash))?;
    let sealed = *scheduler.sealed.get(hash)?;
    // A round that was open then is over something older.
    let mut over = scheduler.checkpoints.iter().filter(|(_, (at, head))| *at >= sealed && *head >= height);
    let ((term, round), (first, _)) = over.next()?;
    let voted = vote_of_quorum(courses, (*term, *round))?;
    let certified = scheduler.safe(height, *first)?;
    let next = (*term, round + 1);
    let (second, _) = scheduler.checkpoints.get(&next)?;
    let voted_again = vote_of_quorum(courses, next)?;
    let finalized = scheduler.finalized(height)?;
    let others = courses.iter().enumerate().filter(|(node, _)| *node != leader);
    let last = others.map(|(_, course)| course.finalized(height)).collect::<Option<Vec<_>>>()?.into_iter().max()?;
    Some([published, sealed, *first, voted, certified, *second, voted_again, finalized, last])
}

/// When the vote left that made a quorum of equal weights full.
fn vote_of_quorum(courses: &[Course], round: (u64, u64)) -> Option<SystemTime> {
    let mut votes: Vec<_> = courses.iter().filter_map(|course| course.voted.get(&round).copied()).collect();
    votes.sort();
    votes.get(courses.len() * 2 / 3).copied()
}
