//! The registry on L1, and what follows from it: other sets, other eras.

use super::{Event, Node, World};
use crate::disk::Disk;
use alloy_primitives::{B256, U256, keccak256};
use baton_consensus::{
    FinalityRule,
    core::Input,
    finality::SetChange,
    keys::{BlsKey, OperatorKey},
    messages::L1Anchor,
    reign::{RegistrySet, Reign},
    types::{Era, Sequencer, Stake},
};
use std::time::Duration;

/// Messages of the next era that a node keeps until it is there.
const MAX_HELD: usize = 64;

/// A node's BLS key, the first, or the one that it rotates to.
pub(super) fn bls_key(key: &OperatorKey, rotated: bool) -> BlsKey {
    let seed = if rotated { keccak256(key.to_bytes()) } else { key.to_bytes() };
    BlsKey::generate(seed.as_slice()).unwrap()
}

/// A member with these keys.
pub(super) fn member(key: &OperatorKey, bls: &BlsKey, weight: u64) -> Sequencer {
    Sequencer {
        address: key.address(),
        bls_public_key: bls.public_key(),
        weight: Stake(U256::from(weight)),
        peer_id: String::new(),
    }
}

impl World {
    /// Runs a node whose key is not in the set; its index.
    pub(crate) fn add_observer(&mut self) -> usize {
        let number = self.nodes.len() + 1;
        let key = OperatorKey::from_bytes(&B256::from(U256::from(number))).unwrap();
        self.nodes.push(Node::new(key, Disk::new(self.nodes[0].disk.genesis)));
        self.start(self.nodes.len() - 1);
        self.nodes.len() - 1
    }

    /// The registry names these nodes with these stakes from the next L1 block on. Everyone learns it, each with its lag.
    pub(crate) fn register(&mut self, stakes: &[(usize, u64)]) -> RegistrySet {
        self.l1_height += 1;
        let number = self.l1_height;
        let anchor = L1Anchor { number, hash: B256::with_last_byte(u8::try_from(number % 251).unwrap()) };
        let entry = |(index, weight): &(usize, u64)| {
            let Node { key, rotated, .. } = &self.nodes[*index];
            member(key, &bls_key(key, *rotated), *weight)
        };
        let members = stakes.iter().map(entry).collect();
        let version = RegistrySet { anchor, members };
        self.watch.certified.anchors.insert(anchor);
        self.registry.push((self.now, version.clone()));
        for index in 0..self.nodes.len() {
            self.learn(index, self.registry.len() - 1);
        }
        version
    }

    /// The registry names the node's other BLS key from the next change on. The node always has both.
    pub(crate) fn rotate(&mut self, index: usize) {
        self.nodes[index].rotated = true;
    }

    /// L1 takes its newest change back, and another comes in a later block of the new branch. Everyone learns of both, each
    /// with its lag.
    pub(crate) fn reorganize(&mut self, stakes: &[(usize, u64)]) {
        let (_, version) = self.registry.pop().expect("the registry changed before");
        let above = version.anchor.number - 1;
        self.taken_back.push(version);
        for index in 0..self.nodes.len() {
            let Some(lag) = self.nodes[index].l1_lag else { continue };
            let at = self.now.after(Duration::from_millis(lag));
            self.schedule_at(index, at, Event::Input(Input::RegistryReverted { above }));
        }
        self.register(stakes);
    }

    /// Lets a node see what the registry says so much later, or not at all.
    pub(crate) fn lag_behind_l1(&mut self, index: usize, lag: Option<u64>) {
        self.nodes[index].l1_lag = lag;
        self.read_registry(index);
    }

    /// A node that starts reads the registry from the beginning.
    pub(super) fn read_registry(&mut self, index: usize) {
        (0..self.registry.len()).for_each(|place| self.learn(index, place));
    }

    fn learn(&mut self, index: usize, place: usize) {
        let Some(lag) = self.nodes[index].l1_lag else { return };
        let (at, version) = self.registry[place].clone();
        self.schedule_at(index, at.after(Duration::from_millis(lag)), Event::Input(Input::Registry(version)));
    }

    /// The era that a node is in, running or not.
    pub(crate) fn era(&self, index: usize) -> Era {
        self.nodes[index].disk.era()
    }

    /// What an era began with; none if nobody is in it.
    pub(crate) fn reign(&self, era: Era) -> Option<&Reign> {
        self.eras.get(&era)
    }

    /// A node opened the next era: it is the same for everyone. What it kept for that is looked at now.
    pub(super) fn opened(&mut self, index: usize, change: &SetChange) {
        let reign = change.reign(self.context).expect("an era opens with the set that its closing checkpoint names");
        let mut versions = self.registry.iter().map(|(_, version)| version).chain(&self.taken_back);
        let version = versions.find(|version| version.anchor == reign.anchor);
        let mut members = version.expect("the registry named this set").members.clone();
        members.sort_by_key(|member| member.address);
        if self.parameters.finality == FinalityRule::DepthCount {
            members.iter_mut().for_each(|member| member.weight = Stake(U256::ONE));
        }
        assert_eq!(members, reign.electorate.set.members(), "{index} opens an era with another set than L1 names");
        let before = self.eras[&change.proof.checkpoint.era].base.height.0;
        let lasted = reign.base.height.0 - before;
        assert!(lasted >= self.parameters.term_blocks, "{index} ends an era of {lasted} blocks");
        let known = self.eras.entry(reign.era()).or_insert_with(|| reign.clone());
        assert_eq!(*known, reign, "{index} opens another era {}", reign.era());
        let disk = &self.nodes[index].disk;
        assert_eq!(disk.head(), reign.base, "{index} opens an era above its base");
        for input in std::mem::take(&mut self.nodes[index].held) {
            self.schedule(index, 0, Event::Input(input));
        }
    }

    /// Takes in what another node sent, as a node's router does: what is of the next era waits until it can be checked.
    pub(super) fn hear(&mut self, index: usize, era: Era, input: Input) {
        let next = era == self.nodes[index].disk.era().next();
        if next && !matches!(input, Input::Heartbeat(_)) {
            let held = &mut self.nodes[index].held;
            if held.len() < MAX_HELD {
                held.push(input);
            }
            return;
        }
        self.feed(index, input);
    }
}
