//! How long things took in a world.

use super::World;
use baton_consensus::types::{Height, Time};
use std::time::Duration;

impl World {
    /// How long it took from the publication of each block until `node` knew that it is final.
    pub(crate) fn finality_delays(&self, node: usize, since: Time) -> Vec<Duration> {
        let at = heights_reached(&self.finalizations, node);
        let delay = |(height, at): (usize, &Time)| Some(at.since(self.publication(node, height, since)?));
        at.iter().enumerate().filter_map(delay).collect()
    }

    /// The same if every member said at once when it holds the certificate of a block, and more than two thirds of that made
    /// the block final: what another vote would gain.
    pub(crate) fn commit_vote_delays(&self, node: usize, since: Time) -> Vec<Duration> {
        let certified: Vec<_> = (0..self.members()).map(|member| heights_reached(&self.certified, member)).collect();
        let quorum = self.members() * 2 / 3;
        let delay = |height: usize| {
            let arrival = |member: usize| {
                let said = certified[member].get(height)?;
                Some(if member == node {
                    *said
                } else {
                    said.after(Duration::from_millis(self.link.usual(member, node)))
                })
            };
            let mut arrivals: Vec<_> = (0..self.members()).filter_map(arrival).collect();
            arrivals.sort_unstable();
            Some(arrivals.get(quorum)?.since(self.publication(node, height, since)?))
        };
        (0..certified[node].len()).filter_map(delay).collect()
    }

    /// When the block below this place in a node's chain was published, if that was after `since`.
    pub(super) fn publication(&self, node: usize, place: usize, since: Time) -> Option<Time> {
        let block = self.disk(node).chain.get(place)?.block.reference();
        self.published.get(&block).copied().filter(|published| *published >= since)
    }

    /// The longest time between two commits of `node` after `since`, until now.
    pub(crate) fn longest_gap(&self, node: usize, since: Time) -> Duration {
        let mut last = since;
        let mut longest = Duration::ZERO;
        for (at, index, _) in &self.commits {
            if *index == node && *at >= since {
                longest = longest.max(at.since(last));
                last = *at;
            }
        }
        longest.max(self.now.since(last))
    }
}

/// When a node reached height 1, 2, 3 and so on.
fn heights_reached(events: &[(Time, usize, Height)], node: usize) -> Vec<Time> {
    let mut reached = Vec::new();
    for (at, _, height) in events.iter().filter(|(_, index, _)| *index == node) {
        reached.resize(reached.len().max(usize::try_from(height.0).unwrap()), *at);
    }
    reached
}
