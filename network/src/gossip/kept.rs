//! Messages that found no peer, kept until one subscribes.

use super::Kind;
use std::collections::{HashMap, VecDeque};

/// One bounded queue a kind; the newest messages stay.
#[derive(Debug, Default)]
pub(crate) struct Kept(HashMap<Kind, VecDeque<Vec<u8>>>);

impl Kept {
    /// Adds the newest message; the oldest one leaves if the queue is full.
    pub(crate) fn push(&mut self, kind: Kind, data: Vec<u8>) {
        let queue = self.0.entry(kind).or_default();
        while queue.len() >= kind.spec().kept {
            queue.pop_front();
        }
        queue.push_back(data);
    }

    /// Takes all messages of a kind, oldest first.
    pub(crate) fn take(&mut self, kind: Kind) -> VecDeque<Vec<u8>> {
        self.0.remove(&kind).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_stay() {
        let mut kept = Kept::default();
        kept.push(Kind::Heartbeat, vec![1]);
        kept.push(Kind::Heartbeat, vec![2]);
        kept.push(Kind::Seal, vec![3]);
        assert_eq!(kept.take(Kind::Heartbeat), [vec![2]]);
        assert!(kept.take(Kind::Heartbeat).is_empty());
        assert_eq!(kept.take(Kind::Seal), [vec![3]]);
    }
}
