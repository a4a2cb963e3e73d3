//! Reading logs from one endpoint, and finding out what of them still holds.

use super::{
    handle::{FollowerConfig, RegistrySet},
    position::{Position, Track},
    range::Range,
    start::StartError,
};
use crate::l1::{L1Client, L1Error};
use alloy_primitives::Address;
use alloy_rpc_types_eth::{Filter, Log};
use baton_consensus::{FinalityRule, messages::L1Anchor};
use std::sync::Arc;
use thiserror::Error;

/// Why a look at L1 came to nothing.
#[derive(Debug, Error)]
pub(super) enum StepError {
    /// The source does not answer.
    #[error(transparent)]
    Rpc(#[from] L1Error),
    /// The source does not have a block yet that it must have.
    #[error("it does not know L1 block {0}")]
    Behind(u64),
    /// The source changed its mind while it was read, as in a reorganisation.
    #[error("L1 moved while it was read")]
    Moved,
    /// The source contradicts itself.
    #[error("{0}")]
    Inconsistent(String),
    /// Another endpoint, at this place, contradicts the source.
    #[error("{contradiction}; nothing is believed until they agree")]
    Contradicted { by: usize, contradiction: String },
    /// Another endpoint is waited for.
    #[error("a change of the set waits for another L1 endpoint to confirm it")]
    Unwitnessed,
    /// L1 and genesis do not fit together.
    #[error(transparent)]
    Start(#[from] StartError),
}

/// Reads logs in ranges.
#[derive(Debug)]
pub(super) struct Reader {
    registry: Address,
    finality: FinalityRule,
    range: Range,
}

impl Reader {
    pub(super) fn new(config: &FollowerConfig) -> Self {
        Self { registry: config.registry, finality: config.finality, range: Range::new(config.max_range) }
    }

    /// Reads on from a position up to a block, and notes the positions at which the set changed.
    pub(super) async fn read(
        &mut self,
        source: &L1Client,
        position: &mut Position,
        changes: &mut Vec<Position>,
        target: u64,
    ) -> Result<(), StepError> {
        while position.anchor.number < target {
            let from = position.anchor.number + 1;
            let to = self.range.end(from, target);
            let filter = Filter::new().address(self.registry).from_block(from).to_block(to);
            let logs = match source.logs(&filter).await {
                Ok(logs) => logs,
                Err(error) if error.suggests_less() && self.range.shrink(to - from + 1) => {
                    // It may rest after a timeout; the next look goes on from here, with less.
                    if error.is_refusal() {
                        continue;
                    }
                    return Err(error.into());
                }
                Err(error) => return Err(error.into()),
            };
            let end = source.block_at(to).await?.ok_or(StepError::Behind(to))?;
            if end.number != to {
                return Err(StepError::Inconsistent(format!("asked for block {to}, it gives block {}", end.number)));
            }
            if to == from && position.timestamp > 0 && end.parent_hash != position.anchor.hash {
                return Err(StepError::Moved);
            }
            self.check_form(&logs, (from, to), end.anchor())?;
            let mut next = position.clone();
            let mut found = Vec::new();
            self.follow(&logs, &mut next, &mut found)?;
            (next.anchor, next.timestamp) = (end.anchor(), end.timestamp);
            *position = next;
            changes.append(&mut found);
            self.range.grow();
        }
        Ok(())
    }

    /// Logs come from the registry, in order, out of the range, and each block has one hash.
    fn check_form(&self, logs: &[Log], (from, to): (u64, u64), end: L1Anchor) -> Result<(), StepError> {
        let bad = |what: &str| Err(StepError::Inconsistent(format!("of the logs of blocks {from} to {to}, {what}")));
        let mut before: Option<(L1Anchor, u64)> = None;
        for log in logs {
            let (Some(number), Some(hash), Some(index)) = (log.block_number, log.block_hash, log.log_index) else {
                return bad("one is of no block");
            };
            if log.removed || log.inner.address != self.registry || number < from || number > to {
                return bad("one was not asked for");
            }
            if number == to && hash != end.hash {
                return Err(StepError::Moved);
            }
            if let Some((anchor, last)) = before {
                if (number, index) <= (anchor.number, last) {
                    return bad("some are out of order");
                }
                if number == anchor.number && hash != anchor.hash {
                    return bad("two are of different blocks at one height");
                }
            }
            before = Some((L1Anchor { number, hash }, index));
        }
        Ok(())
    }

    fn follow(&self, logs: &[Log], position: &mut Position, changes: &mut Vec<Position>) -> Result<(), StepError> {
        for block in logs.chunk_by(|one, other| one.block_number == other.block_number) {
            let Some(first) = block.first() else { continue };
            let (number, hash) = (first.block_number.unwrap_or_default(), first.block_hash.unwrap_or_default());
            position.anchor = L1Anchor { number, hash };
            for log in block {
                Arc::make_mut(&mut position.state).apply(&log.inner).map_err(|problem| {
                    StepError::Inconsistent(format!("a log of block {number} is none of the registry's: {problem}"))
                })?;
            }
            let members = position.members(self.finality);
            if members.is_empty() {
                // Before the first registration there is nothing to keep.
                if !position.set.members.is_empty() {
                    tracing::error!(
                        block = number,
                        "the registry has no members any more; the chain keeps those it has"
                    );
                }
            } else if members != position.set.members {
                position.set = Arc::new(RegistrySet { anchor: position.anchor, members });
                changes.push(position.clone());
            }
        }
        Ok(())
    }
}

/// Whether an endpoint has this block on its chain; nothing if it does not reach so far.
pub(super) async fn has(client: &L1Client, anchor: L1Anchor) -> Result<Option<bool>, L1Error> {
    let block = client.block_at(anchor.number).await?;
    Ok(block.map(|block| block.hash == anchor.hash))
}

/// The newest block that was read and is on the source's chain.
pub(super) async fn common(source: &L1Client, track: &Track) -> Result<L1Anchor, StepError> {
    let candidates = track.candidates();
    for anchor in &candidates {
        // A block that the source does not reach is gone as well: its chain is shorter now.
        if has(source, *anchor).await? == Some(true) {
            return Ok(*anchor);
        }
    }
    let start = candidates.last().copied().unwrap_or_default();
    let block = source.block_at(start.number).await?.ok_or(StepError::Behind(start.number))?;
    let (number, expected, actual) = (start.number, start.hash, block.hash);
    Err(StartError::ForeignAnchor { number, expected, actual }.into())
}
