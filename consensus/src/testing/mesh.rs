use super::{CONTEXT, Committee};
use crate::core::{Core, Effect, Identity, Input, Outgoing, Restored, Timer};
use crate::keys::{BlsKey, OperatorKey};
use crate::messages::L1Anchor;
use crate::parameters::Parameters;
use crate::reign::Reign;
use crate::types::Time;
use alloy_primitives::Address;
use std::{collections::VecDeque, sync::Arc, time::Duration};

/// Members whose messages arrive at once. Blocks are not built: what is looked at happens between them.
pub(crate) struct Mesh {
    pub(crate) committee: Committee,
    pub(crate) cores: Vec<Core>,
    pub(crate) now: Time,
    /// What each member did, in order.
    pub(crate) effects: Vec<Vec<Effect>>,
}

impl Mesh {
    pub(crate) fn new(weights: &[u64]) -> Self {
        let committee = Committee::new(weights);
        let core = |keys: &(OperatorKey, BlsKey)| {
            let (operator, bls) = keys.clone();
            let identity = Identity { keys: Some((operator, vec![bls])), ..Identity::default() };
            let set = Arc::clone(&committee.electorate.set);
            let reign = Reign::genesis(CONTEXT, set, L1Anchor::default());
            Core::new(CONTEXT, Parameters::default(), reign, identity, Restored::default())
        };
        let cores: Vec<_> = committee.keys.iter().map(core).collect();
        let effects = vec![Vec::new(); cores.len()];
        let mut mesh = Self { committee, cores, now: Time(1_000_000), effects };
        for member in 0..mesh.cores.len() {
            mesh.feed(member, Input::Start { proposals: Vec::new() });
        }
        mesh
    }

    /// Everyone beats twice, and so is live; the scheduler appoints.
    pub(crate) fn open(weights: &[u64]) -> Self {
        let mut mesh = Self::new(weights);
        for _ in 0..2 {
            (0..mesh.cores.len()).for_each(|member| mesh.beat(member));
        }
        mesh
    }

    pub(crate) fn beat(&mut self, member: usize) {
        self.now = self.now.after(Duration::from_millis(10));
        self.feed(member, Input::Timer(Timer::Heartbeat));
    }

    /// Feeds an input and whatever follows from it, everywhere.
    pub(crate) fn feed(&mut self, member: usize, input: Input) {
        let mut waiting = VecDeque::from([(member, input)]);
        while let Some((member, input)) = waiting.pop_front() {
            for effect in self.cores[member].handle(input, self.now) {
                if let Effect::Gossip(message) = &effect {
                    let others = (0..self.cores.len()).filter(|other| *other != member);
                    waiting.extend(others.map(|other| (other, self.verified(other, message.clone()))));
                }
                self.effects[member].push(effect);
            }
        }
    }

    /// What a member makes of a message.
    pub(crate) fn verified(&self, member: usize, message: Outgoing) -> Input {
        Input::verify(message, &self.cores[member].reign().electorate).unwrap()
    }

    /// The member of an address.
    pub(crate) fn member(&self, address: Address) -> usize {
        self.committee.place(address)
    }

    pub(crate) fn scheduler(&self) -> usize {
        self.member(self.cores[0].schedule().scheduler())
    }

    pub(crate) fn leader(&self) -> usize {
        self.member(self.cores[self.scheduler()].schedule().latest().unwrap().announcement.leader)
    }

    /// What a member does from now on.
    pub(crate) fn since(&mut self, member: usize) {
        self.effects[member].clear();
    }
}
