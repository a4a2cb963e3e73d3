//! Since when committed blocks wait for their finality.

use super::Durations;
use baton_consensus::types::Height;
use std::{collections::VecDeque, time::Instant};

/// Blocks that are remembered at most: sealing stops at 1024 that are not final, and only catching up knows more. Those above are
/// not measured.
const CAPACITY: usize = 4096;

/// The blocks that this node committed and that are not final, lowest first.
#[derive(Debug)]
pub struct AwaitingFinality(VecDeque<(Height, Instant)>);

impl Default for AwaitingFinality {
    fn default() -> Self {
        Self(VecDeque::with_capacity(CAPACITY))
    }
}

impl AwaitingFinality {
    /// A block became the head.
    pub fn committed(&mut self, height: Height, at: Instant) {
        if self.0.len() < CAPACITY {
            self.0.push_back((height, at));
        }
    }

    /// The blocks above a height left the chain.
    pub fn reverted(&mut self, to: Height) {
        let kept = self.0.partition_point(|(height, _)| *height <= to);
        self.0.truncate(kept);
    }

    /// The blocks up to a height are final: tells how long each of them waited.
    pub fn finalized(&mut self, up_to: Height, at: Instant, seconds: &Durations) {
        while let Some((_, since)) = self.0.pop_front_if(|(height, _)| *height <= up_to) {
            seconds.observe(at.saturating_duration_since(since));
        }
    }
}
