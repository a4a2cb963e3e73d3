//! What can go wrong, and what the operator can do about it.

use crate::{records::GenesisId, tables::SCHEMA_VERSION};
use alloy_primitives::{B256, hex};
use baton_consensus::types::{BlockRef, Height};
use std::path::PathBuf;
use thiserror::Error;

/// Why the store did not do what it was asked for. Nothing was changed, unless a message says otherwise.
#[derive(Debug, Error)]
pub enum StorageError {
    /// The operating system refused an access to the data directory.
    #[error("cannot {action} {path}: {source}; check that the path exists, is writable and has free space")]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which file or directory.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// RocksDB failed for a reason other than damage.
    #[error("the database could not {action}: {source}; check free disk space, permissions and the health of the disk")]
    Database {
        /// What was tried.
        action: &'static str,
        /// What RocksDB said.
        source: rocksdb::Error,
    },
    /// The directory is in use.
    #[error(
        "another process uses the data directory {path}; stop it, or give this node a directory of its own. Two nodes \
         must never run with the same keys"
    )]
    Locked {
        /// The data directory.
        path: PathBuf,
    },
    /// The directory holds something else.
    #[error("{path} is not empty and is not a Baton database; choose an empty or new directory, nothing was changed")]
    Foreign {
        /// The directory.
        path: PathBuf,
    },
    /// The directory was written by another version of this program.
    #[error(
        "the database in {path} has schema version {found}, this program reads version {SCHEMA_VERSION}; run the program \
         version that wrote it, or one whose release notes name a migration from schema {found}"
    )]
    UnknownSchema {
        /// The data directory.
        path: PathBuf,
        /// The version found in it.
        found: u32,
    },
    /// The database is damaged.
    #[error(
        "the database in {path} is damaged: {what}. Move the directory away, but keep it, and start again: the node syncs \
         the chain from its peers. The directory also holds the safety journal, the record of all that this operator's \
         keys signed: without it a sequencer must not sign before the current term is over, so run as an observer until \
         then, or register new keys"
    )]
    Corrupt {
        /// The data directory.
        path: PathBuf,
        /// What does not fit, and where.
        what: String,
    },
    /// No genesis was written yet.
    #[error("the database holds no chain yet; the genesis file must be written to it first")]
    NotInitialized,
    /// The directory belongs to another chain.
    #[error(
        "the genesis file is that of {expected}, but the data directory belongs to {found}; use the directory of this \
         chain, or the genesis file of that one"
    )]
    OtherGenesis {
        /// What the genesis file says.
        expected: GenesisId,
        /// What the directory says.
        found: GenesisId,
    },
    /// A block does not extend the head.
    #[error("block {block} with parent {parent} does not extend the head {head}")]
    NotNext {
        /// The refused block.
        block: BlockRef,
        /// The parent that it names.
        parent: B256,
        /// The head of the store.
        head: BlockRef,
    },
    /// The parts of a commit do not fit together: a fault of the caller.
    #[error("block {block} cannot be stored: {what}")]
    Inconsistent {
        /// The refused block.
        block: BlockRef,
        /// What does not fit.
        what: &'static str,
    },
    /// A record is larger than could be read again.
    #[error("a record of {bytes} bytes for the table {table} is larger than the limit of {limit}")]
    TooLarge {
        /// The table.
        table: &'static str,
        /// The size of the record in bytes.
        bytes: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// A key of the safety journal already holds another value.
    #[error(
        "the safety journal already holds another message for position 0x{}; one position is never signed twice. If this \
         key is used by a second node, stop one of them now; otherwise report this as a bug. Keep the data directory",
        hex::encode(key)
    )]
    JournalConflict {
        /// The position, as the caller encodes it.
        key: Vec<u8>,
    },
    /// The head is final, or genesis, and cannot be reverted.
    #[error("the head {head} cannot be reverted: block {finalized} is final")]
    HeadIsFinal {
        /// The head.
        head: BlockRef,
        /// The newest final block.
        finalized: BlockRef,
    },
    /// The head's undo record is gone.
    #[error("the head {head} cannot be reverted: its undo record is no longer kept; the store must keep more of them")]
    UndoPruned {
        /// The head.
        head: BlockRef,
    },
    /// The state of that block is no longer kept.
    #[error("the state at height {height} is no longer kept; the oldest available is {oldest}")]
    HistoryPruned {
        /// The height that was asked for.
        height: Height,
        /// The lowest height whose state can be read.
        oldest: Height,
    },
    /// The blocks of that height are not here.
    #[error("block {height} is not kept here; the lowest one is {earliest}")]
    BlocksPruned {
        /// The height that was asked for.
        height: Height,
        /// The lowest height whose block can be read.
        earliest: Height,
    },
    /// A state is imported: the store holds no chain until that is done or abandoned.
    #[error("a state is being imported into the database; it holds no chain until that is done, or abandoned")]
    ImportUnderWay,
    /// That state is not imported.
    #[error("the state is not, or no longer, being imported into the database")]
    NoImport,
    /// Only states of final blocks are pinned.
    #[error("the state at height {height} cannot be pinned: the newest final block is {finalized}")]
    NotFinal {
        /// The height that was asked for.
        height: Height,
        /// The newest final block.
        finalized: BlockRef,
    },
    /// Enough states are pinned.
    #[error("{most} states are pinned already, more must not be")]
    TooManyPins {
        /// How many can be.
        most: usize,
    },
    /// A pinned state is gone.
    #[error("the pinned state is gone: the database is being closed")]
    PinEnded,
    /// The state of that block is kept, but not the trie over it.
    #[error(
        "the trie of the state at height {height} is no longer kept, and without it nothing of that state can be proven; the \
         oldest available is {oldest}. Accounts and slots are kept longer than tries"
    )]
    TriePruned {
        /// The height that was asked for.
        height: Height,
        /// The lowest height whose trie can be read.
        oldest: Height,
    },
    /// A height above the head.
    #[error("height {height} is above the head {head}")]
    BeyondHead {
        /// The height that was asked for.
        height: Height,
        /// The head.
        head: BlockRef,
    },
}
