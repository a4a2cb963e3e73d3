//! What scenarios ask of a world.

use super::World;
use crate::disk::Disk;
use alloy_primitives::Address;
use baton_consensus::{
    core::Core,
    election::{Election, Priorities},
    reign::Reign,
    types::{Era, Height, Term},
};
use std::time::Duration;

impl World {
    pub(crate) fn members(&self) -> usize {
        self.nodes.len()
    }

    pub(crate) fn is_honest(&self, index: usize) -> bool {
        !self.watch.byzantine.contains(&self.address(index))
    }

    pub(crate) fn is_running(&self, index: usize) -> bool {
        self.nodes[index].core.is_some() && !self.nodes[index].paused
    }

    pub(crate) fn is_paused(&self, index: usize) -> bool {
        self.nodes[index].paused
    }

    pub(crate) fn honest(&self) -> Vec<usize> {
        (0..self.members()).filter(|index| self.is_honest(*index)).collect()
    }

    pub(crate) fn index_of(&self, address: Address) -> usize {
        self.nodes.iter().position(|node| node.key.address() == address).unwrap()
    }

    pub(crate) fn address(&self, index: usize) -> Address {
        self.nodes[index].key.address()
    }

    pub(crate) fn disk(&self, index: usize) -> &Disk {
        &self.nodes[index].disk
    }

    pub(crate) fn core(&self, index: usize) -> &Core {
        self.nodes[index].core.as_ref().expect("the node runs")
    }

    pub(super) fn cores(&self) -> impl Iterator<Item = &Core> {
        self.nodes.iter().filter_map(|node| node.core.as_ref())
    }

    /// The scheduler of the newest term that a running node is in; the first member if none runs.
    pub(crate) fn scheduler(&self) -> usize {
        let newest = self.cores().max_by_key(|core| position(core));
        newest.map_or(0, |core| self.index_of(core.schedule().scheduler()))
    }

    /// The scheduler of a term of the first era.
    pub(crate) fn scheduler_of(&self, term: Term) -> usize {
        let Reign { electorate, priorities, .. } = &self.eras[&Era(0)];
        self.index_of(Election::new(Priorities::clone(priorities)).turn(&electorate.set, term).0)
    }

    /// The newest term of the newest era that a running node is in.
    pub(crate) fn term(&self) -> Term {
        self.cores().map(position).max().unwrap_or_default().1
    }

    /// The leader as a node of the newest term sees it.
    pub(crate) fn leader(&self) -> usize {
        let newest = self.cores().max_by_key(|core| (position(core), core.schedule().epoch())).unwrap();
        let latest = newest.schedule().latest().expect("an epoch was announced");
        self.index_of(latest.announcement.leader)
    }

    /// How many blocks the running epoch still has above the head, as a node of the newest term sees it.
    pub(crate) fn blocks_left(&self) -> u64 {
        let newest = self.cores().max_by_key(|core| (position(core), core.head().height)).unwrap();
        let last = newest.schedule().latest().map_or(Height(0), |latest| latest.announcement.last);
        last.0.saturating_sub(newest.head().height.0)
    }

    /// The longest `T` of R5 that a running node has.
    pub(crate) fn longest_patience(&self) -> Duration {
        self.cores().map(Core::term_timeout).max().unwrap_or_default()
    }

    /// The highest head of any disk.
    pub(crate) fn highest(&self) -> Height {
        self.nodes.iter().map(|node| node.disk.head().height).max().unwrap()
    }
}

/// The era and the term that a node is in.
fn position(core: &Core) -> (Era, Term) {
    (core.schedule().era(), core.schedule().term())
}
