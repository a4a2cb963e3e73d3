//! The vocabulary of the protocol as types: numbers that cannot be mixed up, the sequencer set, blocks.

mod block;
mod compact;
mod electorate;
mod numbers;
mod rlp_bytes;
mod sequencer;
mod stake;

pub use block::{
    Block, BlockRef, ChainSegment, ExtraData, MalformedBlock, SealedBlock, SignedBlock, Tip, Transaction,
    VerifiedBlock, VerifiedSealedBlock,
};
pub use compact::{CompactBlock, CompactTransaction, MAX_COMPACT_TRANSACTIONS, VerifiedCompactBlock, read_transaction};
pub use electorate::{Electorate, InvalidSigners};
pub use numbers::{Epoch, Era, Height, Round, Term, Time};
pub use sequencer::{InvalidSet, MAX_MEMBERS, MAX_PEER_ID_BYTES, Sequencer, SequencerSet};
pub use stake::Stake;
