//! Short memories: bounded maps of what happened lately.

use super::ports::Account;
use alloy_primitives::Address;
use std::{
    collections::{HashMap, VecDeque},
    hash::Hash,
};

/// A map that holds between `capacity` and twice as many of the newest entries: two halves, the older one forgotten when
/// the younger one is full.
#[derive(Debug)]
pub(super) struct Generations<K, V> {
    capacity: usize,
    young: HashMap<K, V>,
    old: HashMap<K, V>,
}

impl<K: Eq + Hash, V> Generations<K, V> {
    pub(super) fn new(capacity: usize) -> Self {
        Self { capacity: capacity.max(1), young: HashMap::new(), old: HashMap::new() }
    }

    pub(super) fn get(&self, key: &K) -> Option<&V> {
        self.young.get(key).or_else(|| self.old.get(key))
    }

    pub(super) fn insert(&mut self, key: K, value: V) {
        if self.young.len() >= self.capacity {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, value);
    }
}

/// Blocks whose changes are remembered.
const BLOCKS: usize = 64;

/// The accounts that the newest blocks changed: brings an account that was read a few blocks ago up to date.
#[derive(Debug, Default)]
pub(super) struct RecentChanges {
    blocks: VecDeque<(u64, HashMap<Address, Account>)>,
}

impl RecentChanges {
    /// Notes a block's changes; those of its height and above, from another branch, are forgotten.
    pub(super) fn push(&mut self, height: u64, changes: HashMap<Address, Account>) {
        while self.blocks.back().is_some_and(|(newest, _)| *newest >= height) {
            self.blocks.pop_back();
        }
        if self.blocks.back().is_some_and(|(newest, _)| newest + 1 != height) {
            self.blocks.clear();
        }
        self.blocks.push_back((height, changes));
        if self.blocks.len() > BLOCKS {
            self.blocks.pop_front();
        }
    }

    /// The account as it is now, if it was `account` after the block at `height`; none if that is too long ago.
    pub(super) fn update(&self, address: &Address, account: Account, height: u64) -> Option<Account> {
        let (oldest, _) = self.blocks.front()?;
        if height.saturating_add(1) < *oldest {
            return None;
        }
        let newer = self.blocks.iter().rev().take_while(|(changed_at, _)| *changed_at > height);
        Some(newer.filter_map(|(_, changes)| changes.get(address)).next().copied().unwrap_or(account))
    }
}
