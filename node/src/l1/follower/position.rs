//! How far the logs were read.

use super::handle::RegistrySet;
use crate::l1::RegistryState;
use baton_consensus::{FinalityRule, messages::L1Anchor, types::Sequencer};
use std::{collections::VecDeque, sync::Arc};

/// Positions that can be gone back to. One is added with every check and every set change.
const REMEMBERED: usize = 512;

/// A block, and what the logs up to it say.
#[derive(Clone, Debug)]
pub(super) struct Position {
    pub(super) anchor: L1Anchor,
    /// In seconds since 1970; unknown at blocks that changed the set.
    pub(super) timestamp: u64,
    pub(super) state: Arc<RegistryState>,
    /// The newest set of one member or more, and the block that made it.
    pub(super) set: Arc<RegistrySet>,
}

impl Position {
    /// The start: before any log.
    pub(super) fn origin(anchor: L1Anchor) -> Self {
        let set = RegistrySet { anchor, members: Vec::new() };
        Self { anchor, timestamp: 0, state: Arc::default(), set: Arc::new(set) }
    }

    /// The set at this position, with the weights that count.
    pub(super) fn members(&self, finality: FinalityRule) -> Vec<Sequencer> {
        finality.count(self.state.members())
    }
}

/// Where logs were read up to, where all of it was checked, and where to go back to.
#[derive(Debug)]
pub(super) struct Track {
    /// Checked; nothing is told that is above it.
    verified: Position,
    /// Read, and not checked yet.
    pub(super) read: Position,
    /// Set changes between the two, oldest first.
    pub(super) changes: Vec<Position>,
    /// Oldest first, the newest is `verified`.
    history: VecDeque<Position>,
    start: Position,
    /// The blocks of the sets that were told.
    told: Vec<u64>,
}

impl Track {
    pub(super) fn new(start: Position) -> Self {
        Self {
            verified: start.clone(),
            read: start.clone(),
            changes: Vec::new(),
            history: VecDeque::from([start.clone()]),
            start,
            told: Vec::new(),
        }
    }

    /// Forgets what was not checked.
    pub(super) fn reset(&mut self) {
        self.read = self.verified.clone();
        self.changes.clear();
    }

    /// All that was read holds; the sets that are to be told, in order.
    pub(super) fn verify(&mut self) -> Vec<Arc<RegistrySet>> {
        let changes = std::mem::take(&mut self.changes);
        let sets: Vec<_> = changes.iter().map(|change| Arc::clone(&change.set)).collect();
        self.told.extend(sets.iter().map(|set| set.anchor.number));
        // A change in the last block is that position itself.
        self.history.extend(changes.into_iter().filter(|change| change.anchor.number < self.read.anchor.number));
        self.verified = self.read.clone();
        self.history.push_back(self.verified.clone());
        while self.history.len() > REMEMBERED {
            self.history.pop_front();
        }
        sets
    }

    pub(super) const fn verified(&self) -> &Position {
        &self.verified
    }

    /// Blocks that could be common with another branch of L1, the newest first; the last one is the start.
    pub(super) fn candidates(&self) -> Vec<L1Anchor> {
        let mut anchors: Vec<_> = self.history.iter().rev().map(|position| position.anchor).collect();
        if anchors.last() != Some(&self.start.anchor) {
            anchors.push(self.start.anchor);
        }
        anchors
    }

    /// Goes back to one of [`Self::candidates`]; whether something was told of blocks above it.
    pub(super) fn rewind(&mut self, to: L1Anchor) -> bool {
        while self.history.back().is_some_and(|position| position.anchor != to) {
            self.history.pop_back();
        }
        let position = self.history.back().unwrap_or(&self.start).clone();
        if self.history.is_empty() {
            self.history.push_back(position.clone());
        }
        self.verified = position;
        self.reset();
        let before = self.told.len();
        self.told.retain(|number| *number <= to.number);
        self.told.len() < before
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::{B256, U256};

    fn at(number: u64) -> Position {
        Position::origin(L1Anchor { number, hash: B256::from(U256::from(number)) })
    }

    fn numbers(track: &Track) -> Vec<u64> {
        track.candidates().iter().map(|anchor| anchor.number).collect()
    }

    #[test]
    fn what_was_told_above_the_common_block_is_taken_back() {
        let mut track = Track::new(at(10));
        (track.read, track.changes) = (at(20), vec![at(15), at(20)]);
        assert_eq!(track.verify().iter().map(|set| set.anchor.number).collect::<Vec<_>>(), [15, 20]);
        assert_eq!(numbers(&track), [20, 15, 10]);
        (track.read, track.changes) = (at(30), vec![]);
        assert!(track.verify().is_empty());
        track.read = at(33);
        // Nothing was told of blocks above 20.
        assert!(!track.rewind(at(20).anchor));
        assert_eq!((track.read.anchor.number, numbers(&track)), (20, vec![20, 15, 10]));
        assert!(track.rewind(at(15).anchor));
        assert_eq!(track.verified().anchor.number, 15);
        assert!(track.rewind(at(10).anchor) && !track.rewind(at(10).anchor));
    }

    #[test]
    fn the_start_is_never_forgotten() {
        let mut track = Track::new(at(0));
        for number in 1..2000 {
            track.read = at(number);
            track.verify();
        }
        assert_eq!(numbers(&track).len(), REMEMBERED + 1);
        assert_eq!(numbers(&track).last(), Some(&0));
        track.rewind(at(0).anchor);
        assert_eq!((track.verified().anchor.number, numbers(&track)), (0, vec![0]));
    }
}
