//! What nodes send each other.

use super::{Event, Node, World};
use crate::byzantine::{Deceiver, Receiver};
use alloy_primitives::Address;
use baton_consensus::{
    core::{Input, Outgoing},
    types::{BlockRef, Era},
};

impl World {
    /// Checks signatures as a node's router does; once for all who receive the message.
    pub(crate) fn verified(&self, message: Outgoing) -> Input {
        let electorate = &self.eras[&message.era()].electorate;
        Input::verify(message, electorate).unwrap()
    }

    pub(super) fn gossip(&mut self, from: usize, message: &Outgoing) {
        if let Outgoing::Checkpoint(proposed) = message {
            self.watch.proposed(&proposed.checkpoint.message);
        }
        let input = self.verified(message.clone());
        for to in (0..self.nodes.len()).filter(|to| *to != from) {
            self.send(from, to, message, &input);
        }
    }

    /// Sends to every node that has these keys.
    pub(super) fn send_to_address(&mut self, from: usize, to: Address, message: &Outgoing) {
        let input = self.verified(message.clone());
        for to in (0..self.nodes.len()).filter(|index| self.address(*index) == to && *index != from).collect::<Vec<_>>()
        {
            self.send(from, to, message, &input);
        }
    }

    pub(super) fn send(&mut self, from: usize, to: usize, message: &Outgoing, input: &Input) {
        let Some(mut vice) = self.nodes[from].vice.take() else { return self.carry(from, to, 0, message.era(), input) };
        let rivals = |sealed: BlockRef| {
            let others = self.sent.get(&sealed.height)?;
            others.iter().copied().find(|hash| *hash != sealed.hash)
        };
        let Node { key, bls, disk, .. } = &self.nodes[from];
        let chain = |height| disk.hash_at(height);
        let deceiver = Deceiver { context: &self.context, key, bls, chain: &chain, rivals: &rivals };
        let receiver = Receiver { index: to, is_scheduler: self.scheduler() == to, core: self.nodes[to].core.as_ref() };
        let bent = vice.bend(message, receiver, &deceiver);
        self.nodes[from].vice = Some(vice);
        for (delay, message) in bent {
            if let Outgoing::Checkpoint(proposed) = &message {
                self.watch.proposed(&proposed.checkpoint.message);
            }
            let era = message.era();
            let input = self.verified(message);
            self.carry(from, to, delay, era, &input);
        }
    }

    pub(super) fn carry(&mut self, from: usize, to: usize, late: u64, era: Era, input: &Input) {
        if let Input::Block(block) = input {
            self.sent.entry(block.height()).or_default().insert(block.hash());
        }
        if self.cuts.is_cut(from, to) {
            return;
        }
        let late = late + self.nodes[from].late;
        for delay in self.link.carry(from, to, &mut self.random) {
            self.schedule(to, late + delay, Event::Message(era, input.clone()));
        }
    }
}
