//! Which peers the members of the set are, and where: what their signed records say, else the registry's hint.

use alloy_primitives::Address;
use baton_consensus::{
    messages::SequencerRecord,
    signing::{Signed, Verified},
    types::SequencerSet,
};
use baton_network::{Multiaddr, PeerId};
use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};
use tokio::sync::Notify;

/// What became of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It is the newest of its member, and is kept.
    New,
    /// As new a one is known, or its signer is not in the set, or it names no peer.
    Useless,
}

#[derive(Debug)]
struct Member {
    /// What genesis or the registry says.
    hint: Option<PeerId>,
    record: Option<Record>,
}

#[derive(Debug)]
struct Record {
    peer: PeerId,
    signed: Signed<SequencerRecord>,
}

impl Member {
    fn peer(&self) -> Option<PeerId> {
        self.record.as_ref().map(|record| record.peer).or(self.hint)
    }
}

#[derive(Debug, Default)]
struct Directory {
    members: BTreeMap<Address, Member>,
    operators: BTreeMap<PeerId, Address>,
}

impl Directory {
    /// Two members that claim one peer are both right as far as this node can tell; the one whom the registry names goes first.
    fn index(&mut self) {
        self.operators.clear();
        let named = self.members.iter().filter_map(|(address, member)| Some((member.hint?, *address)));
        let claimed = self.members.iter().filter_map(|(address, member)| Some((member.peer()?, *address)));
        let current = named.filter(|(peer, address)| self.members.get(address).and_then(Member::peer) == Some(*peer));
        for (peer, address) in current.chain(claimed) {
            self.operators.entry(peer).or_insert(address);
        }
    }
}

#[derive(Debug, Default)]
struct Shared {
    directory: RwLock<Directory>,
    changed: Notify,
}

/// The directory of members. Cheap to clone; bounded by the set.
#[derive(Clone, Debug)]
pub struct MemberPeers(Arc<Shared>);

impl MemberPeers {
    /// Knows the hints of the set.
    #[must_use]
    pub fn new(set: &SequencerSet) -> Self {
        let members = Self(Arc::default());
        members.set(set);
        members
    }

    /// The set changed: records of those who stay are kept.
    pub fn set(&self, set: &SequencerSet) {
        let mut directory = self.write();
        let mut old = std::mem::take(&mut directory.members);
        directory.members = (set.members().iter())
            .map(|member| {
                let record = old.remove(&member.address).and_then(|old| old.record);
                (member.address, Member { hint: member.peer_id.parse().ok(), record })
            })
            .collect();
        directory.index();
        drop(directory);
        self.0.changed.notify_one();
    }

    /// Keeps a record if it is the newest of a member.
    pub fn take(&self, record: Verified<SequencerRecord>) -> Taken {
        let mut directory = self.write();
        let Some(member) = directory.members.get_mut(&record.signer()) else { return Taken::Useless };
        let known = member.record.as_ref().map(|known| known.signed.message.sequence);
        let Ok(peer) = record.message().peer_id.parse() else { return Taken::Useless };
        if known.is_some_and(|known| known >= record.message().sequence) {
            return Taken::Useless;
        }
        member.record = Some(Record { peer, signed: record.into_signed() });
        directory.index();
        drop(directory);
        self.0.changed.notify_one();
        Taken::New
    }

    /// Waits for a change since the last time. For one waiter.
    pub(super) async fn changed(&self) {
        self.0.changed.notified().await;
    }

    /// The peer of a member, if it is known.
    #[must_use]
    pub fn peer(&self, member: &Address) -> Option<PeerId> {
        self.read().members.get(member)?.peer()
    }

    /// Who operates a peer, if it is a member's.
    #[must_use]
    pub fn operator(&self, peer: &PeerId) -> Option<Address> {
        self.read().operators.get(peer).copied()
    }

    /// All members whose peers are known.
    #[must_use]
    pub fn operators(&self) -> BTreeMap<PeerId, Address> {
        self.read().operators.clone()
    }

    /// Whether the set has one member: then there may be nobody else.
    #[must_use]
    pub fn is_single(&self) -> bool {
        self.read().members.len() == 1
    }

    /// Whether the operator is in the set.
    #[must_use]
    pub fn contains(&self, operator: &Address) -> bool {
        self.read().members.contains_key(operator)
    }

    /// The newest record of a member.
    #[must_use]
    pub fn record(&self, member: &Address) -> Option<SequencerRecord> {
        self.read().members.get(member)?.record.as_ref().map(|record| record.signed.message.clone())
    }

    /// The newest records of all members.
    #[must_use]
    pub fn records(&self) -> Vec<Signed<SequencerRecord>> {
        self.read().members.values().filter_map(|member| Some(member.record.as_ref()?.signed.clone())).collect()
    }

    /// All members' peers with the addresses in their records.
    #[must_use]
    pub fn peers(&self) -> Vec<(PeerId, Vec<Multiaddr>)> {
        let addresses = |record: &Record| {
            let texts = record.signed.message.addresses.iter();
            texts.filter_map(|text| text.parse().ok()).collect()
        };
        let members = self.read();
        (members.members.values())
            .filter_map(|member| Some((member.peer()?, member.record.as_ref().map(addresses).unwrap_or_default())))
            .collect()
    }

    fn read(&self) -> RwLockReadGuard<'_, Directory> {
        self.0.directory.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Directory> {
        self.0.directory.write().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Committee;
    use baton_consensus::signing::SigningContext;

    fn record(committee: &Committee, member: usize, peer: &str, sequence: u64) -> Verified<SequencerRecord> {
        let context: SigningContext = committee.genesis.signing_context();
        let addresses = vec!["/ip4/10.0.0.1/tcp/1".to_owned(), "nonsense".to_owned()];
        let message = SequencerRecord { peer_id: peer.to_owned(), addresses, sequence };
        Signed::new(message, &context, &committee.keys[member].operator).verify(&context).unwrap()
    }

    #[test]
    fn the_newest_record_of_a_member_counts_before_the_hint() {
        let committee = Committee::new(2);
        let members = MemberPeers::new(&committee.genesis.set);
        let (one, hint) = (committee.keys[0].operator.address(), committee.keys[0].public().peer_id.parse().unwrap());
        assert_eq!((members.peer(&one), members.operator(&hint)), (Some(hint), Some(one)));
        let (first, second) = (PeerId::random(), PeerId::random());
        assert_eq!(members.take(record(&committee, 0, &first.to_base58(), 5)), Taken::New);
        assert_eq!((members.peer(&one), members.operator(&hint)), (Some(first), None));
        for sequence in [5, 4] {
            let replayed = record(&committee, 0, &second.to_base58(), sequence);
            assert_eq!(members.take(replayed), Taken::Useless, "{sequence}");
        }
        assert_eq!(members.take(record(&committee, 0, "nobody", 6)), Taken::Useless);
        assert_eq!(members.take(record(&committee, 0, &second.to_base58(), 6)), Taken::New);
        assert_eq!(members.operator(&second), Some(one));
        let addresses: Vec<_> = members.peers().into_iter().flat_map(|(_, addresses)| addresses).collect();
        assert_eq!(addresses, ["/ip4/10.0.0.1/tcp/1".parse().unwrap()], "what is no address is passed over");
    }

    #[test]
    fn records_move_with_the_set() {
        let committee = Committee::new(3);
        let all = committee.genesis.set.members();
        let without = |index: usize| {
            let stays = all.iter().enumerate().filter(|(place, _)| *place != index).map(|(_, member)| member.clone());
            SequencerSet::new(stays.collect()).unwrap()
        };
        let members = MemberPeers::new(&without(2));
        let peer = PeerId::random().to_base58();
        assert_eq!(members.take(record(&committee, 2, &peer, 1)), Taken::Useless, "it is not in the set");
        assert_eq!(members.take(record(&committee, 0, &peer, 1)), Taken::New);
        assert_eq!(members.take(record(&committee, 1, &peer, 1)), Taken::New);
        members.set(&without(0));
        assert_eq!(members.records().len(), 1);
        assert_eq!(members.operator(&peer.parse().unwrap()), Some(committee.keys[1].operator.address()));
        assert_eq!(members.take(record(&committee, 2, &peer, 1)), Taken::New);
        members.set(&without(1));
        assert_eq!(members.operator(&peer.parse().unwrap()), Some(committee.keys[2].operator.address()));
    }
}
