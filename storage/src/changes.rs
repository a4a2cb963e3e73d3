//! What callers write.

use crate::records::{StoredAccount, StoredReceipt};
use alloy_primitives::{Address, B256, Bytes, U256};
use baton_consensus::{
    certificate::TermCertificate,
    messages::Announcement,
    signing::Signed,
    types::{Block, Height, SealedBlock, SignedBlock},
};
use std::{sync::Arc, time::Duration};

/// How a block changes the state. Order does not matter between keys; of two entries for one key the last counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StateChanges {
    /// The new value of each changed account; none removes it. Its slots are not removed with it: list them too.
    pub accounts: Vec<(Address, Option<StoredAccount>)>,
    /// Address, slot and new value of each changed slot; zero removes it.
    pub slots: Vec<(Address, U256, U256)>,
    /// Hash and bytes of new code.
    pub code: Vec<(B256, Bytes)>,
    /// Key and new value of each changed trie node; none removes it. The key is the caller's: owner, then path.
    pub trie: Vec<(Vec<u8>, Option<Bytes>)>,
}

/// An executed and sealed block with all that follows from it.
#[derive(Clone, Debug)]
pub struct BlockCommit {
    /// The block; must extend the head.
    pub block: Arc<SealedBlock>,
    /// The hash of its header.
    pub hash: B256,
    /// The sender of each transaction.
    pub senders: Vec<Address>,
    /// The receipt of each transaction.
    pub receipts: Vec<StoredReceipt>,
    /// The changes to the state.
    pub state: StateChanges,
    /// What is signed because of this block: durable together with it.
    pub journal: Vec<JournalWrite>,
    /// The newest final height if it rises with this block; never above it.
    pub finalized: Option<Height>,
}

/// What a chain begins with.
#[derive(Clone, Debug)]
pub struct GenesisCommit {
    /// The EIP-155 chain id.
    pub chain_id: u64,
    /// The hash of block 0.
    pub genesis_hash: B256,
    /// Block 0, without transactions.
    pub block: Block,
    /// The whole state of block 0.
    pub state: StateChanges,
}

/// One entry of the safety journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JournalWrite {
    /// The position, as the caller encodes it. It holds one value for ever, until it is pruned.
    pub key: Vec<u8>,
    /// The whole signed message.
    pub value: Bytes,
}

/// What becomes durable together with entries of the safety journal.
#[derive(Clone, Copy, Debug, Default)]
pub struct JournalBatch<'a> {
    /// The entries.
    pub entries: &'a [JournalWrite],
    /// The own block that an entry signs, to be found again after a restart.
    pub proposal: Option<&'a SignedBlock>,
    /// The own announcement that an entry signs.
    pub schedule: Option<ScheduleWrite<'a>>,
    /// The protocol's safety state that goes with the entries (last vote, floor, highest QC, entered term: R3), opaque;
    /// replaces the one before.
    pub safety_state: Option<&'a [u8]>,
}

/// An announcement, a term's first with the certificate that it links to.
#[derive(Clone, Copy, Debug)]
pub struct ScheduleWrite<'a> {
    /// The announcement.
    pub announcement: &'a Signed<Announcement>,
    /// What opened its term.
    pub certificate: Option<&'a TermCertificate>,
}

/// What a commit cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CommitStats {
    /// Keys written or deleted.
    pub keys: u64,
    /// The size of the batch in bytes, before compression.
    pub bytes: u64,
    /// The time to read old values and to encode.
    pub prepare: Duration,
    /// The time to write and sync.
    pub write: Duration,
}
