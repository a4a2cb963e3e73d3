//! What is logged while a node has no peer: one line, then ever more rarely.

use std::time::{Duration, Instant};
use tracing::{info, warn};

/// How long a node may be without peers before it says so.
const FIRST: Duration = Duration::from_secs(15);

/// The longest pause between two lines.
const MAX_PAUSE: Duration = Duration::from_secs(600);

/// What was tried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tried {
    /// Bootnodes that are known.
    pub(crate) bootnodes: usize,
    /// Other peers whose addresses are known.
    pub(crate) others: usize,
    /// Bootnodes that are connected.
    pub(crate) connected: usize,
}

/// How long this node has been alone.
#[derive(Debug)]
pub(crate) struct Loneliness {
    since: Instant,
    say_at: Instant,
    pause: Duration,
    attempts: u64,
    last: Option<String>,
}

impl Loneliness {
    pub(crate) fn new(now: Instant) -> Self {
        Self { since: now, say_at: now + FIRST, pause: 2 * FIRST, attempts: 0, last: None }
    }

    /// A dial failed for this reason.
    pub(crate) fn failed(&mut self, reason: &impl ToString) {
        self.attempts += 1;
        self.last = Some(reason.to_string().chars().take(256).collect());
    }

    /// Looks at the clock, and says what is to be said.
    pub(crate) fn look(&mut self, now: Instant, ready: usize, tried: Tried) {
        if ready > 0 {
            *self = Self::new(now);
        } else if self.is_due(now) {
            let alone = now.saturating_duration_since(self.since).as_secs();
            let (attempts, last) = (self.attempts, self.last.as_deref().unwrap_or("none"));
            if tried.connected > 0 {
                warn!(
                    seconds = alone,
                    bootnodes = tried.connected,
                    attempts,
                    last_failure = last,
                    "no peers: connected to bootnodes, and nobody whom they know can be reached; trying on. Is this node the first one?"
                );
            } else if tried == Tried::default() {
                info!(
                    seconds = alone,
                    "no peers: no bootnode is given, by --bootnode or in the genesis file, and none is remembered; waiting for others to connect"
                );
            } else {
                warn!(
                    seconds = alone,
                    bootnodes = tried.bootnodes,
                    remembered = tried.others,
                    attempts,
                    last_failure = last,
                    "no peers: nobody who is known can be reached; trying on. Is this machine online, does its firewall let the \
                     peer-to-peer port out, and is the genesis file that of the others? --bootnode names further peers"
                );
            }
        }
    }

    fn is_due(&mut self, now: Instant) -> bool {
        let due = now >= self.say_at;
        if due {
            self.say_at = now + self.pause;
            self.pause = (2 * self.pause).min(MAX_PAUSE);
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lonely_node_speaks_ever_more_rarely() {
        let start = Instant::now();
        let mut loneliness = Loneliness::new(start);
        let said: Vec<_> = (0..3600).filter(|second| loneliness.is_due(start + Duration::from_secs(*second))).collect();
        assert_eq!(said[..4], [15, 45, 105, 225]);
        assert!(said.len() < 12, "{said:?}");
        loneliness.look(start + Duration::from_secs(3600), 1, Tried::default());
        assert!(!loneliness.is_due(start + Duration::from_secs(3610)));
        assert!(loneliness.is_due(start + Duration::from_secs(3615)));
    }
}
