//! Peers that send what no honest node sends: counted, and after a few times refused for a while.

use libp2p::PeerId;
use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

/// Rejected or undecodable messages after which a peer is disconnected and refused. More than one, because a peer of
/// another software version may be wrong without malice; few, because an honest one never forwards what it rejects.
pub const MAX_OFFENCES: u32 = 8;

/// Peers that are remembered; identities are free, memory is not.
const MAX_REMEMBERED: usize = 4096;

/// Counts, and who is refused until when.
#[derive(Debug, Default)]
pub(crate) struct Offences {
    counts: HashMap<PeerId, (u32, Instant)>,
    blocked: HashMap<PeerId, Instant>,
}

impl Offences {
    /// Counts one; tells whether the peer has to go now.
    pub(crate) fn add(&mut self, peer: PeerId, now: Instant, block_for: Duration) -> bool {
        if self.counts.len() >= MAX_REMEMBERED && !self.counts.contains_key(&peer) {
            self.counts.clear();
        }
        let (count, last) = self.counts.entry(peer).or_insert((0, now));
        *count += 1;
        *last = now;
        if *count < MAX_OFFENCES {
            return false;
        }
        self.counts.remove(&peer);
        self.blocked.insert(peer, now + block_for);
        true
    }

    /// Forgets what is older than `memory` and returns whose time is over.
    pub(crate) fn expire(&mut self, now: Instant, memory: Duration) -> Vec<PeerId> {
        self.counts.retain(|_, (_, last)| now.saturating_duration_since(*last) < memory);
        let over: Vec<_> = self.blocked.iter().filter(|(_, until)| **until <= now).map(|(peer, _)| *peer).collect();
        for peer in &over {
            self.blocked.remove(peer);
        }
        over
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocked_after_the_last_offence_and_free_again() {
        let (mut offences, peer, now, span) =
            (Offences::default(), PeerId::random(), Instant::now(), Duration::from_secs(9));
        for _ in 1..MAX_OFFENCES {
            assert!(!offences.add(peer, now, span));
        }
        assert!(offences.add(peer, now, span));
        assert!(offences.expire(now, span).is_empty());
        assert_eq!(offences.expire(now + span, span), [peer]);
        assert!(!offences.add(peer, now, span));
    }
}
