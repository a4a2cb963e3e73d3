//! The connections that are open, and who has to make room.

use super::AddressRange;
use libp2p::{PeerId, swarm::ConnectionId};
use std::{
    collections::{BTreeMap, HashMap},
    net::IpAddr,
    time::Instant,
};

/// An open connection.
#[derive(Clone, Debug)]
pub(super) struct Slot {
    pub(super) peer: PeerId,
    pub(super) inbound: bool,
    pub(super) ip: Option<IpAddr>,
    pub(super) range: AddressRange,
    pub(super) since: Instant,
    /// It is being closed, and counts no more.
    pub(super) leaving: bool,
}

/// All open connections.
#[derive(Debug, Default)]
pub(super) struct Slots(HashMap<ConnectionId, Slot>);

impl Slots {
    pub(super) fn open(&mut self, id: ConnectionId, slot: Slot) {
        self.0.insert(id, slot);
    }

    pub(super) fn close(&mut self, id: ConnectionId) {
        self.0.remove(&id);
    }

    pub(super) fn leave(&mut self, id: ConnectionId) {
        if let Some(slot) = self.0.get_mut(&id) {
            slot.leaving = true;
        }
    }

    /// All connections of a peer are being closed.
    pub(super) fn leave_all(&mut self, peer: &PeerId) {
        for slot in self.0.values_mut().filter(|slot| slot.peer == *peer) {
            slot.leaving = true;
        }
    }

    /// Connections of a peer, those that are being closed included.
    pub(super) fn of(&self, peer: &PeerId) -> impl Iterator<Item = &Slot> {
        self.0.values().filter(move |slot| slot.peer == *peer)
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Slot> {
        self.0.values()
    }

    /// Connections of one direction that take a slot: those of peers that are not reserved.
    fn taken(&self, inbound: bool, reserved: impl Fn(&PeerId) -> bool) -> impl Iterator<Item = (&ConnectionId, &Slot)> {
        self.0.iter().filter(move |(_, slot)| slot.inbound == inbound && !slot.leaving && !reserved(&slot.peer))
    }

    pub(super) fn count(&self, inbound: bool, reserved: impl Fn(&PeerId) -> bool) -> usize {
        self.taken(inbound, reserved).count()
    }

    pub(super) fn count_range(&self, inbound: bool, range: AddressRange, reserved: impl Fn(&PeerId) -> bool) -> usize {
        self.taken(inbound, reserved).filter(|(_, slot)| slot.range == range).count()
    }

    /// Who makes room for an inbound newcomer of this range: of the most crowded range the peer with most points, and of those
    /// the last that came. Nobody, unless that range then still has at least as many slots as the newcomer's.
    pub(super) fn makes_room(
        &self,
        newcomer: AddressRange,
        reserved: impl Fn(&PeerId) -> bool,
        points: impl Fn(&PeerId) -> f64,
    ) -> Option<(ConnectionId, PeerId)> {
        let taken: Vec<_> = self.taken(true, reserved).collect();
        let mut crowds: BTreeMap<AddressRange, usize> = BTreeMap::new();
        for (_, slot) in &taken {
            *crowds.entry(slot.range).or_default() += 1;
        }
        let after = crowds.get(&newcomer).copied().unwrap_or_default() + 1;
        let (crowded, most) = crowds.into_iter().max_by_key(|(_, count)| *count)?;
        if most <= after {
            return None;
        }
        let (id, slot) =
            (taken.into_iter()).filter(|(_, slot)| slot.range == crowded).max_by(|(_, one), (_, other)| {
                points(&one.peer).total_cmp(&points(&other.peer)).then(one.since.cmp(&other.since))
            })?;
        Some((*id, slot.peer))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn range(number: u8) -> AddressRange {
        AddressRange::V4([203, 0, number])
    }

    fn filled(ranges: &[u8]) -> (Slots, Vec<(ConnectionId, PeerId)>) {
        let (mut slots, start) = (Slots::default(), Instant::now());
        let peers = (ranges.iter().zip(0..))
            .map(|(number, age)| {
                let (id, peer) = (ConnectionId::new_unchecked(age), PeerId::random());
                let since = start + Duration::from_secs(age as u64);
                slots.open(id, Slot { peer, inbound: true, ip: None, range: range(*number), since, leaving: false });
                (id, peer)
            })
            .collect();
        (slots, peers)
    }

    #[test]
    fn a_newcomer_of_another_range_replaces_the_last_of_the_crowd() {
        let (slots, peers) = filled(&[1, 2, 2, 2, 3]);
        assert_eq!(slots.makes_room(range(4), |_| false, |_| 0.0), Some(peers[3]));
        let bad = peers[1].1;
        let points = |peer: &PeerId| if *peer == bad { 5.0 } else { 0.0 };
        assert_eq!(slots.makes_room(range(4), |_| false, points), Some(peers[1]));
        // With the first range's second peer the crowd is still larger.
        assert_eq!(slots.makes_room(range(1), |_| false, |_| 0.0), Some(peers[3]));
        assert_eq!(slots.makes_room(range(2), |_| false, |_| 0.0), None);
    }

    #[test]
    fn nobody_who_is_alone_in_a_range_is_replaced() {
        let (slots, _) = filled(&[1, 2, 3, 4]);
        assert_eq!(slots.makes_room(range(5), |_| false, |_| 99.0), None);
        let (slots, _) = filled(&[1, 1]);
        assert_eq!(slots.makes_room(range(1), |_| false, |_| 0.0), None);
    }

    #[test]
    fn an_attacker_with_two_ranges_cannot_drive_the_others_out() {
        let (mut slots, _) = filled(&[1, 2, 3, 4, 5, 6]);
        let (mut attempts, mut replaced) = (0, 0);
        for attempt in 100..200usize {
            attempts += 1;
            let number = 10 + u8::try_from(attempt % 2).unwrap();
            if let Some((id, _)) = slots.makes_room(range(number), |_| false, |_| 0.0) {
                slots.close(id);
                replaced += 1;
            }
        }
        assert_eq!((attempts, replaced), (100, 0));
    }

    #[test]
    fn reserved_and_leaving_connections_take_no_slot() {
        let (mut slots, peers) = filled(&[1, 1, 1]);
        let member = peers[2].1;
        assert_eq!(slots.count(true, |peer| *peer == member), 2);
        assert_eq!(slots.makes_room(range(2), |peer| *peer == member, |_| 0.0), Some(peers[1]));
        slots.leave(peers[0].0);
        assert_eq!(slots.count_range(true, range(1), |peer| *peer == member), 1);
        assert_eq!(slots.count(false, |_| false), 0);
    }
}
