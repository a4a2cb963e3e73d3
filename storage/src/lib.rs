//! What a Baton node keeps on disk: the sealed chain, the state, the schedule, and the safety journal.
//!
//! Everything is one RocksDB database with a column family per kind of record ([`Store::open`] tells where the limits
//! are). Keys are big endian, so that their order is the order of heights and epochs; values go through
//! [`baton_consensus::codec`], with a version byte in front and a bound on decoding.
//!
//! **One block, one batch.** [`Store::commit_block`] writes a block, its receipts, its indexes, the state and trie that
//! it leads to, the record that undoes it, and the new head pointer in one atomic batch that is synced before the call
//! returns. A crash at any instant leaves either the old head or the new one. [`Store::revert_head`] takes the newest
//! block back, just as atomically; nothing at or below the finalized block is ever taken back.
//!
//! **History.** The undo record of a block holds the old value of everything that the block changed. It serves reverts. The
//! history index has the old accounts and slots by key and height. It serves [`Store::view_at`], which shows the state as it
//! was, at a cost that does not grow with its age. Trie nodes are not in the index: they are read by going back along the undo
//! records, and nothing of a state that is older than those can be proven.
//!
//! **Pruning.** [`Prune`] says how much of the past stays. [`Prune::Full`] keeps receipts, undo records and what the index has
//! of the last blocks, and of those that are not final; each commit takes away in its batch what has become too old, so much
//! at a time. [`Prune::Archive`] keeps all receipts and the whole index. Blocks, headers, proofs and the safety journal always
//! stay: peers that execute the chain from genesis need the first three, and no key may sign twice. [`Store::kept`] tells what
//! there is; it never claims what is not there, whatever the modes were before.
//!
//! **Pinned states.** [`Store::pin`] keeps the state of a final block readable for as long as someone holds it, whatever
//! becomes of the undo records: what a node serves to those that take its state over.
//!
//! **Imports.** [`Store::begin_import`] takes the chain away and [`Store::import_state`] writes the state of a final block piece
//! by piece, each with the progress that it makes, until [`Store::finish_import`] makes that block the head. Meanwhile the
//! store shows no chain; [`Store::import`] says so, also after a crash. [`Store::earliest`] is the lowest block of a chain that
//! began so.
//!
//! **Preimages.** The first block that has an account or a slot also writes what was hashed into its key of the trie, so that
//! a state can be served by its tries ([`StateView::address_of`], [`StateView::slot_of`]).
//!
//! **The safety journal.** What a key signs is written with [`Store::journal_write`], or together with the block that it
//! names, and synced before it may be sent. One key of the journal is one position of the protocol (R2): a second value
//! for it is refused, whatever the caller believes.
//!
//! **Finality and evidence.** [`Store::put_finality`] keeps the proof that makes a block final and moves the newest final
//! height with it; [`Store::put_evidence`] keeps what convicts a key that signed twice. Neither is ever removed.
//!
//! **Damage.** What comes from the disk is not trusted: a damaged database gives [`StorageError::Corrupt`], which tells
//! the operator what to do, and never a panic.

mod changes;
mod commit;
mod database;
mod directory;
mod eras;
mod error;
mod evidence;
mod finality;
mod genesis;
mod history;
mod import;
mod journal;
mod options;
mod pin;
mod preimages;
mod prune;
mod reads;
mod records;
mod revert;
mod schedule;
mod segment;
mod state_history;
mod store;
mod tables;
mod undo;
mod view;

pub use changes::{BlockCommit, CommitStats, GenesisCommit, JournalBatch, JournalWrite, ScheduleWrite, StateChanges};
pub use error::StorageError;
pub use import::{ImportState, ImportedChain, MAX_ANCESTORS};
pub use options::StoreOptions;
pub use pin::{MAX_PINS, PinnedState};
pub use prune::{InvalidPrune, Kept, Prune};
pub use records::{
    BlockSeal, GenesisId, StoredAccount, StoredBlock, StoredHeader, StoredLog, StoredReceipt, TransactionLocation,
};
pub use segment::MAX_SEGMENT_ANNOUNCEMENTS;
pub use store::Store;
pub use undo::{UndoIndex, UndoState, UndoTrie};
pub use view::StateView;
