//! Who is alive, judged by heartbeats with hysteresis, so that a slow peer does not flap.
//!
//! A member turns live with its second timely heartbeat in a row and silent when none came for the timeout.

use crate::messages::Heartbeat;
use crate::types::Time;
use alloy_primitives::Address;
use std::{collections::BTreeMap, time::Duration};

/// Timely heartbeats in a row that make a silent member live.
const BEATS_TO_LIVE: u8 = 2;

/// What this node knows of one member by its heartbeats.
#[derive(Clone, Debug)]
pub struct MemberLiveness {
    /// Whether it counts as live.
    pub live: bool,
    /// When its newest heartbeat came, by this node's clock.
    pub last_seen: Time,
    /// Its newest heartbeat.
    pub heartbeat: Heartbeat,
    beats_in_row: u8,
}

/// What this node knows of all members.
#[derive(Clone, Debug, Default)]
pub struct Liveness {
    timeout: Duration,
    members: BTreeMap<Address, MemberLiveness>,
}

impl Liveness {
    /// Nobody has been heard yet. A member is silent `timeout` after its last heartbeat.
    #[must_use]
    pub fn new(timeout: Duration) -> Self {
        Self { timeout, members: BTreeMap::new() }
    }

    /// Takes a heartbeat in; false if one as new is known already.
    pub fn observe(&mut self, member: Address, heartbeat: Heartbeat, now: Time) -> bool {
        let Some(known) = self.members.get_mut(&member) else {
            let entry = MemberLiveness { live: false, last_seen: now, heartbeat, beats_in_row: 1 };
            self.members.insert(member, entry);
            return true;
        };
        if heartbeat.sent_at <= known.heartbeat.sent_at {
            return false;
        }
        let timely = now.since(known.last_seen) < self.timeout;
        known.beats_in_row = if timely { known.beats_in_row.saturating_add(1) } else { 1 };
        known.live = timely && (known.live || known.beats_in_row >= BEATS_TO_LIVE);
        known.last_seen = now;
        known.heartbeat = heartbeat;
        true
    }

    /// Lets members whose heartbeats stopped turn silent.
    pub fn sweep(&mut self, now: Time) {
        for member in self.members.values_mut() {
            if now.since(member.last_seen) >= self.timeout {
                member.live = false;
                member.beats_in_row = 0;
            }
        }
    }

    /// What is known of one member.
    #[must_use]
    pub fn get(&self, member: Address) -> Option<&MemberLiveness> {
        self.members.get(&member)
    }

    /// Whether the member counts as live.
    #[must_use]
    pub fn is_live(&self, member: Address) -> bool {
        self.get(member).is_some_and(|member| member.live)
    }

    /// The live members with their newest heartbeats.
    pub fn live(&self) -> impl Iterator<Item = (Address, &Heartbeat)> {
        self.members.iter().filter(|(_, member)| member.live).map(|(address, member)| (*address, &member.heartbeat))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::address;
    use crate::types::{Era, Height, Term};
    use alloy_primitives::B256;

    fn beat(sent_at: u64) -> Heartbeat {
        Heartbeat {
            era: Era(0),
            term: Term(1),
            height: Height(sent_at),
            head: B256::ZERO,
            sent_at,
            version: String::new(),
        }
    }

    #[test]
    fn one_beat_is_not_a_life_and_one_gap_ends_it() {
        let mut liveness = Liveness::new(Duration::from_millis(100));
        let member = address(1);
        assert!(liveness.observe(member, beat(1), Time(1_000)));
        assert!(!liveness.is_live(member));
        assert!(liveness.observe(member, beat(2), Time(1_050)));
        assert!(liveness.is_live(member));
        liveness.sweep(Time(1_149));
        assert!(liveness.is_live(member));
        liveness.sweep(Time(1_150));
        assert!(!liveness.is_live(member));
        liveness.observe(member, beat(3), Time(1_200));
        assert!(!liveness.is_live(member), "back, but not yet steady");
        liveness.observe(member, beat(4), Time(1_250));
        assert!(liveness.is_live(member));
        assert_eq!(liveness.live().next().unwrap().1.height, Height(4));
    }

    #[test]
    fn a_replay_is_no_sign_of_life() {
        let mut liveness = Liveness::new(Duration::from_millis(100));
        assert!(liveness.observe(address(1), beat(5), Time(1_000)));
        assert!(!liveness.observe(address(1), beat(5), Time(1_050)));
        assert!(!liveness.observe(address(1), beat(4), Time(1_060)));
        assert!(!liveness.is_live(address(1)));
    }
}
