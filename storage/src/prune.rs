//! What of the past a store keeps, and taking away what it does not.

use crate::{
    database::{Batch, Database, Read},
    error::StorageError,
    state_history,
    store::{Pointers, Store, Writer},
    tables::{Table, height_key, meta},
    undo,
};
use baton_consensus::types::{BlockRef, Height};
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};
use thiserror::Error;

/// How many blocks lose their receipts with one commit at most, so that a lowered bound does not make a single block slow.
const RECEIPTS_PER_COMMIT: usize = 64;

/// How many blocks lose their old tries, and how many their old states, with one commit at most. One does in a steady run.
const STATES_PER_COMMIT: usize = 4;

/// How many blocks keep their undo records at most, for proofs of recent states: old tries are much larger than old states.
const MAX_UNDO_BLOCKS: u64 = 1024;

/// What of the past is kept. Blocks are kept in either mode: peers that execute the chain from its beginning need them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Prune {
    /// All receipts and states, from when the archive began.
    Archive,
    /// The receipts and states of the last so many blocks below the head, at least 1, and of all blocks that are not final.
    Full(u64),
}

/// A text that names no mode.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{0}` is not a prune mode; write archive, full, or full:N for the states and receipts of the last N blocks")]
pub struct InvalidPrune(String);

impl Prune {
    /// How many blocks `full` means without a number: a day of blocks every 250 ms.
    pub const DEFAULT_BLOCKS: u64 = 345_600;

    /// How many undo records are kept. The head's is always among them.
    fn undo_blocks(self) -> u64 {
        match self {
            Self::Archive => MAX_UNDO_BLOCKS,
            Self::Full(blocks) => blocks.clamp(1, MAX_UNDO_BLOCKS),
        }
    }

    /// How many blocks keep their receipts; none for all.
    fn receipt_blocks(self) -> Option<u64> {
        match self {
            Self::Archive => None,
            Self::Full(blocks) => Some(blocks.max(1)),
        }
    }
}

impl Default for Prune {
    /// Full, with the last [`Self::DEFAULT_BLOCKS`].
    fn default() -> Self {
        Self::Full(Self::DEFAULT_BLOCKS)
    }
}

impl FromStr for Prune {
    type Err = InvalidPrune;

    fn from_str(text: &str) -> Result<Self, InvalidPrune> {
        let invalid = || InvalidPrune(text.to_owned());
        match text.split_once(':') {
            None if text == "archive" => Ok(Self::Archive),
            None if text == "full" => Ok(Self::default()),
            Some(("full", blocks)) if blocks.bytes().all(|digit| digit.is_ascii_digit()) => {
                blocks.parse().ok().filter(|blocks| *blocks > 0).map(Self::Full).ok_or_else(invalid)
            }
            _ => Err(invalid()),
        }
    }
}

impl fmt::Display for Prune {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Archive => f.write_str("archive"),
            Self::Full(blocks) => write!(f, "full:{blocks}"),
        }
    }
}

impl TryFrom<String> for Prune {
    type Error = InvalidPrune;

    fn try_from(text: String) -> Result<Self, InvalidPrune> {
        text.parse()
    }
}

impl From<Prune> for String {
    fn from(prune: Prune) -> Self {
        prune.to_string()
    }
}

/// What of the past is there, by the lowest height of each kind. What lies between that height and the head is whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kept {
    /// The lowest height with receipts.
    pub receipts: Height,
    /// The lowest height whose state can be read.
    pub state: Height,
    /// The lowest height whose state is read from the history index, at a cost that does not grow with its age. Below it,
    /// the cost grows with the distance from the head.
    pub indexed_state: Height,
    /// The lowest height whose state has its trie, as proofs need it.
    pub trie: Height,
}

impl Store {
    /// What of the past is kept.
    #[must_use]
    pub fn prune(&self) -> Prune {
        self.options().prune.unwrap_or_default()
    }

    /// The lowest height with receipts, from memory.
    #[must_use]
    pub fn oldest_receipts(&self) -> Height {
        self.pointers().receipts_from
    }

    /// What of the past is there now.
    ///
    /// # Errors
    /// If the disk refuses or the database is damaged.
    pub fn kept(&self) -> Result<Kept, StorageError> {
        let snapshot = self.database().snapshot();
        let head = snapshot.get::<BlockRef>(Table::Meta, meta::HEAD)?.ok_or(StorageError::NotInitialized)?;
        let trie = oldest_undone(&snapshot)?.unwrap_or(head.height);
        let indexed_state = state_history::from(&snapshot)?.unwrap_or(head.height);
        Ok(Kept { receipts: receipts_from(&snapshot)?, state: indexed_state.min(trie), indexed_state, trie })
    }

    /// Adds the removal of old values that are neither within the kept span nor of blocks that may be reverted: of the tries in
    /// undo records, and in a full store of what the history index has of the blocks. Returns what [`Writer::undo_from`] and
    /// [`Writer::indexed_from`] become.
    pub(crate) fn prune_states(
        &self,
        batch: &mut Batch<'_>,
        writer: &Writer,
        next: &Pointers,
    ) -> Result<(Height, Height), StorageError> {
        let (database, prune) = (self.database(), self.prune());
        let Writer { mut undo_from, mut indexed_from, .. } = *writer;
        let last = |blocks: u64| next.head.height.0.saturating_sub(blocks).min(next.finalized.height.0);

        for height in (undo_from.0..=last(prune.undo_blocks())).take(STATES_PER_COMMIT).map(Height) {
            undo::delete_trie(batch, database, height)?;
            if prune == Prune::Archive || height <= indexed_from {
                // Nobody needs to know which keys the index has of this block.
                undo::delete_state(batch, height);
            }
            undo_from = height.next();
            batch.put(Table::Meta, meta::UNDO_FROM, &undo_from);
        }
        if let Prune::Full(blocks) = prune {
            let expired = indexed_from.next().0..=last(blocks).min(undo_from.previous().0);
            for height in expired.take(STATES_PER_COMMIT).map(Height) {
                if let Some(old) = undo::load_state(database, height)? {
                    state_history::delete(batch, height, &old);
                }
                undo::delete_state(batch, height);
                indexed_from = height;
                state_history::put_from(batch, indexed_from);
            }
        }
        Ok((undo_from, indexed_from))
    }

    /// Adds the removal of receipts that are neither within the kept span nor of blocks that may be reverted. Returns the
    /// lowest height that keeps them.
    pub(crate) fn prune_receipts(&self, batch: &mut Batch<'_>, next: &Pointers) -> Height {
        let Some(kept) = self.prune().receipt_blocks() else { return next.receipts_from };
        let end = next.head.height.0.saturating_sub(kept).min(next.finalized.height.0);
        let mut from = next.receipts_from;
        for height in (from.0..end).take(RECEIPTS_PER_COMMIT).map(Height) {
            batch.delete(Table::Receipts, height_key(height));
            from = height.next();
        }
        if from != next.receipts_from {
            batch.put(Table::Meta, meta::RECEIPTS_FROM, &from);
        }
        from
    }
}

/// The lowest height to which undo records lead back; none without any.
pub(crate) fn oldest_undone(source: &impl Read) -> Result<Option<Height>, StorageError> {
    Ok(source.get::<Height>(Table::Meta, meta::UNDO_FROM)?.map(Height::previous))
}

/// The lowest height with receipts.
pub(crate) fn receipts_from(source: &impl Read) -> Result<Height, StorageError> {
    Ok(source.get::<Height>(Table::Meta, meta::RECEIPTS_FROM)?.unwrap_or_default())
}

/// The mode that holds: the wished one, else that in which the directory was used last. What a mode has no use for is
/// given up here, once; what it only bounds goes with the commits.
pub(crate) fn settle(database: &Database, wished: Option<Prune>) -> Result<Prune, StorageError> {
    let last = database.get::<Prune>(Table::Meta, meta::PRUNE)?;
    let prune = wished.or(last).unwrap_or_default();
    if last == Some(Prune::Archive) && prune != Prune::Archive {
        state_history::abandon_archive(database)?;
    }
    if last != Some(prune) {
        if let Some(last) = last {
            tracing::warn!(%last, now = %prune, "the prune mode of the data directory changes");
        }
        let mut batch = database.batch();
        batch.put(Table::Meta, meta::PRUNE, &prune);
        batch.write(true)?;
    }
    Ok(prune)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_are_read_as_they_are_written() {
        for (text, prune) in
            [("archive", Prune::Archive), ("full:1", Prune::Full(1)), ("full:90000", Prune::Full(90_000))]
        {
            assert_eq!(text.parse(), Ok(prune));
            assert_eq!(prune.to_string(), text);
        }
        assert_eq!("full".parse(), Ok(Prune::Full(345_600)));
        for text in [
            "",
            "Archive",
            "archive:1",
            "full:",
            "full:0",
            "full:-1",
            "full:+1",
            "full:1k",
            "full:99999999999999999999",
        ] {
            assert_eq!(text.parse::<Prune>(), Err(InvalidPrune(text.to_owned())), "{text}");
        }
    }
}
