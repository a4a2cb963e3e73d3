//! How many blocks are put together at once.

use baton_network::PeerId;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

/// Blocks of either urgency that are put together at once. None takes more than the largest block and its header, so this
/// bounds bytes as well: to 128 MiB.
const IN_ALL: usize = 8;

/// Of one peer: an honest one passes a block on only when it has it, and there are few at a time.
const PER_PEER: usize = 4;

/// Whose blocks they are. A member that does not lead can sign as many as it likes: they must not keep those out that count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Urgency {
    /// Of the leader of the newest epoch that is known.
    Leading,
    /// Of another member: an epoch that ends, or one whose announcement has not come yet.
    Other,
}

type Taken = HashMap<(Urgency, PeerId), usize>;

/// Who takes how many places. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(super) struct Places(Arc<Mutex<Taken>>);

impl Places {
    /// A place for a block from this peer, if there is one.
    pub(super) fn take(&self, urgency: Urgency, peer: PeerId) -> Option<Place> {
        let mut taken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let all: usize = taken.iter().filter(|((of, _), _)| *of == urgency).map(|(_, count)| count).sum();
        let own = taken.entry((urgency, peer)).or_default();
        if all >= IN_ALL || *own >= PER_PEER {
            taken.retain(|_, count| *count > 0);
            return None;
        }
        *own += 1;
        drop(taken);
        Some(Place { places: self.clone(), of: (urgency, peer) })
    }
}

/// A place, given back when it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    places: Places,
    of: (Urgency, PeerId),
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = taken.get_mut(&self.of) {
            *own -= 1;
            if *own == 0 {
                taken.remove(&self.of);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neither_one_peer_nor_all_take_more_than_there_is() {
        let places = Places::default();
        let take = |peer| places.take(Urgency::Other, peer);
        let greedy = PeerId::random();
        let mut taken: Vec<_> = (0..PER_PEER).map(|_| take(greedy).unwrap()).collect();
        assert!(take(greedy).is_none());
        taken.extend((PER_PEER..IN_ALL).map(|_| take(PeerId::random()).unwrap()));
        assert!(take(PeerId::random()).is_none());
        // The leader's blocks have places of their own.
        assert!(places.take(Urgency::Leading, greedy).is_some());
        taken.clear();
        assert!(take(greedy).is_some());
        assert!(places.0.lock().unwrap().is_empty());
    }
}
