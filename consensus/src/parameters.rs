//! What genesis fixes about the protocol.

use crate::types::{Sequencer, Stake};
use alloy_primitives::{B256, keccak256};
use alloy_rlp::{Encodable, RlpEncodable};
use serde::{Deserialize, Serialize};
use std::{fmt, time::Duration};
use thiserror::Error;

/// What the `finalized` tag means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FinalityRule {
    /// Blocks by at least ⌊N/2⌋+1 distinct sequencers stand on it, itself counted.
    DepthCount,
    /// Blocks by sequencers with more than half of the stake stand on it, itself counted.
    DepthStake,
    /// Two chained quorum certificates (R12).
    #[default]
    Quorum,
}

impl FinalityRule {
    /// The members with the weights that count: their stake, or 1 each under [`Self::DepthCount`].
    #[must_use]
    pub fn count(self, mut members: Vec<Sequencer>) -> Vec<Sequencer> {
        if self == Self::DepthCount {
            members.iter_mut().for_each(|member| member.weight = Stake::ONE);
        }
        members
    }
}

impl fmt::Display for FinalityRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::DepthCount => "depth-count",
            Self::DepthStake => "depth-stake",
            Self::Quorum => "quorum",
        })
    }
}

/// The most blocks that may wait for finality: as many can be taken back.
pub(crate) const MAX_UNFINALIZED_BLOCKS: u64 = 1024;

/// The timing and counting parameters of a chain. The same on every node: they are part of the genesis hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameters {
    /// The pace of a leader; 10 ms to 60 s.
    pub block_time: Duration,
    /// Blocks in an epoch; 1 to 65,536.
    pub epoch_blocks: u64,
    /// How long beyond `block_time` a scheduler waits for the next block before it replaces the leader.
    pub leader_timeout: Duration,
    /// How often a sequencer sends a heartbeat.
    pub heartbeat_interval: Duration,
    /// How long after the last heartbeat a member counts as silent; more than `heartbeat_interval`.
    pub heartbeat_timeout: Duration,
    /// How long a scheduler waits for the other members when it opens a term without having heard of them.
    pub opening_timeout: Duration,
    /// `T` of R5: how long a sequencer waits for a sign of progress before it wants another scheduler.
    pub term_timeout: Duration,
    /// How long a new scheduler looks for better branches before it takes the best one that it has (R7).
    pub adopt_timeout: Duration,
    /// Blocks after which a scheduler hands over to the next (R5d); at least `epoch_blocks`.
    pub term_blocks: u64,
    /// How long a scheduler waits for the votes on a checkpoint before it puts another one to the vote; doubles with every
    /// one in a row that finds no quorum, three times at most.
    pub vote_timeout: Duration,
    /// How many sealed blocks may wait for finality; then sealing waits as well.
    pub max_unfinalized_blocks: u64,
    /// What `finalized` means.
    pub finality: FinalityRule,
}

impl Default for Parameters {
    fn default() -> Self {
        Self {
            block_time: Duration::from_millis(250),
            epoch_blocks: 8,
            leader_timeout: Duration::from_millis(500),
            heartbeat_interval: Duration::from_millis(250),
            heartbeat_timeout: Duration::from_millis(1500),
            opening_timeout: Duration::from_millis(1500),
            term_timeout: Duration::from_secs(3),
            adopt_timeout: Duration::from_secs(1),
            term_blocks: 1024,
            vote_timeout: Duration::from_millis(500),
            max_unfinalized_blocks: 1024,
            finality: FinalityRule::default(),
        }
    }
}

/// A parameter out of its bounds.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{name} is {value}; it must be {bound}")]
pub struct InvalidParameter {
    name: &'static str,
    value: String,
    bound: &'static str,
}

impl Parameters {
    /// Checks every bound.
    ///
    /// # Errors
    /// [`InvalidParameter`] names the first one that is broken.
    pub fn check(&self) -> Result<(), InvalidParameter> {
        let Self {
            block_time,
            epoch_blocks,
            leader_timeout,
            heartbeat_interval,
            heartbeat_timeout,
            opening_timeout,
            term_timeout,
            adopt_timeout,
            term_blocks,
            vote_timeout,
            max_unfinalized_blocks,
            finality: _,
        } = self;
        let span = |name, value: &Duration, low: u64, high: u64, bound| {
            if (Duration::from_millis(low)..=Duration::from_millis(high)).contains(value) {
                Ok(())
            } else {
                Err(InvalidParameter { name, value: format!("{value:?}"), bound })
            }
        };
        span("block_time", block_time, 10, 60_000, "10ms to 60s")?;
        if !(1..=65_536).contains(epoch_blocks) {
            let value = epoch_blocks.to_string();
            return Err(InvalidParameter { name: "epoch_blocks", value, bound: "1 to 65536" });
        }
        span("leader_timeout", leader_timeout, 10, 600_000, "10ms to 10m")?;
        span("heartbeat_interval", heartbeat_interval, 10, 60_000, "10ms to 60s")?;
        span("heartbeat_timeout", heartbeat_timeout, 20, 600_000, "20ms to 10m")?;
        span("opening_timeout", opening_timeout, 0, 600_000, "0ms to 10m")?;
        span("term_timeout", term_timeout, 50, 3_600_000, "50ms to 1h")?;
        span("adopt_timeout", adopt_timeout, 0, 600_000, "0ms to 10m")?;
        span("vote_timeout", vote_timeout, 10, 600_000, "10ms to 10m")?;
        if !(1..=MAX_UNFINALIZED_BLOCKS).contains(max_unfinalized_blocks) {
            let value = max_unfinalized_blocks.to_string();
            return Err(InvalidParameter { name: "max_unfinalized_blocks", value, bound: "1 to 1024" });
        }
        if *term_blocks < *epoch_blocks || *term_blocks > 1 << 20 {
            let bound = "at least epoch_blocks, at most 1048576";
            return Err(InvalidParameter { name: "term_blocks", value: term_blocks.to_string(), bound });
        }
        if *heartbeat_timeout < *heartbeat_interval * 2 {
            let value = format!("{heartbeat_timeout:?}");
            let bound = "at least twice heartbeat_interval";
            return Err(InvalidParameter { name: "heartbeat_timeout", value, bound });
        }
        Ok(())
    }

    /// The keccak of the RLP list of all parameters in ms, which genesis commits to.
    #[must_use]
    pub fn digest(&self) -> B256 {
        #[derive(RlpEncodable)]
        struct Canonical {
            spans: Vec<u64>,
            epoch_blocks: u64,
            term_blocks: u64,
            max_unfinalized_blocks: u64,
            finality: String,
        }
        let Self {
            block_time,
            epoch_blocks,
            leader_timeout,
            heartbeat_interval,
            heartbeat_timeout,
            opening_timeout,
            term_timeout,
            adopt_timeout,
            term_blocks,
            vote_timeout,
            max_unfinalized_blocks,
            finality,
        } = self;
        let spans = [
            block_time,
            leader_timeout,
            heartbeat_interval,
            heartbeat_timeout,
            opening_timeout,
            term_timeout,
            adopt_timeout,
            vote_timeout,
        ]
        .map(|span| u64::try_from(span.as_millis()).unwrap_or(u64::MAX))
        .to_vec();
        let mut bytes = Vec::new();
        let (epoch_blocks, term_blocks, max_unfinalized_blocks) =
            (*epoch_blocks, *term_blocks, *max_unfinalized_blocks);
        let finality = finality.to_string();
        Canonical { spans, epoch_blocks, term_blocks, max_unfinalized_blocks, finality }.encode(&mut bytes);
        keccak256(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_in_bounds() {
        Parameters::default().check().unwrap();
    }

    #[test]
    fn what_is_out_of_bounds_is_named() {
        let slow = Parameters { block_time: Duration::from_secs(61), ..Parameters::default() };
        assert_eq!(slow.check().unwrap_err().to_string(), "block_time is 61s; it must be 10ms to 60s");
        let flapping = Parameters { heartbeat_timeout: Duration::from_millis(300), ..Parameters::default() };
        assert!(flapping.check().unwrap_err().to_string().contains("twice heartbeat_interval"));
    }

    #[test]
    fn every_parameter_moves_the_digest() {
        let base = Parameters::default();
        let other = Parameters { finality: FinalityRule::DepthStake, ..base.clone() };
        assert_ne!(base.digest(), other.digest());
        let other = Parameters { epoch_blocks: 9, ..base.clone() };
        assert_ne!(base.digest(), other.digest());
    }
}
