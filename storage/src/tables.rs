//! The column families and the form of their keys.

use alloy_primitives::{Address, B256, U256};
use baton_consensus::types::{BlockRef, Era, ExtraData, Height, Term};

/// The version of tables, keys and records together. Any change to one of them is a new version.
pub(crate) const SCHEMA_VERSION: u32 = 5;

/// The length of an address.
const ADDRESS_BYTES: usize = 20;

/// The length of [`slot_key`].
const SLOT_KEY_BYTES: usize = 52;

/// A column family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Table {
    /// Pointers and single records: see [`meta`].
    Meta,
    /// Height to hash and header.
    Headers,
    /// Height to block, senders, signature and seal.
    Blocks,
    /// Block hash to height.
    BlockHeights,
    /// Height to receipts.
    Receipts,
    /// Transaction hash to height and index.
    Transactions,
    /// Address to account.
    Accounts,
    /// Address and slot to value; zero is absence.
    Slots,
    /// Code hash to code.
    Code,
    /// Trie key, opaque, to node.
    Trie,
    /// Height and part to undo record.
    Undo,
    /// Era, term, epoch and hash to announcement.
    Announcements,
    /// Era, term and hash to the certificate that opened the term.
    Certificates,
    /// Height and hash to own blocks that are signed but not sealed.
    Proposals,
    /// Position, opaque, to what was signed for it.
    Journal,
    /// Height of a block to the finality proof that makes it final.
    Finality,
    /// Id of a fault to the evidence of it.
    Evidence,
    /// Era to what ended it.
    SetChanges,
    /// Keccak of an address to the address.
    Addresses,
    /// Keccak of a slot to the slot.
    SlotKeys,
    /// Address and height to the account before that block.
    AccountHistory,
    /// Address, slot and height to the value before that block.
    SlotHistory,
}

impl Table {
    /// Every table.
    pub(crate) const ALL: [Self; 22] = [
        Self::Meta,
        Self::Headers,
        Self::Blocks,
        Self::BlockHeights,
        Self::Receipts,
        Self::Transactions,
        Self::Accounts,
        Self::Slots,
        Self::Code,
        Self::Trie,
        Self::Undo,
        Self::Announcements,
        Self::Certificates,
        Self::Proposals,
        Self::Journal,
        Self::Finality,
        Self::Evidence,
        Self::SetChanges,
        Self::Addresses,
        Self::SlotKeys,
        Self::AccountHistory,
        Self::SlotHistory,
    ];

    /// The name of the column family on disk.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Meta => "meta",
            Self::Headers => "headers",
            Self::Blocks => "blocks",
            Self::BlockHeights => "block_heights",
            Self::Receipts => "receipts",
            Self::Transactions => "transactions",
            Self::Accounts => "accounts",
            Self::Slots => "slots",
            Self::Code => "code",
            Self::Trie => "trie",
            Self::Undo => "undo",
            Self::Announcements => "announcements",
            Self::Certificates => "certificates",
            Self::Proposals => "proposals",
            Self::Journal => "journal",
            Self::Finality => "finality",
            Self::Evidence => "evidence",
            Self::SetChanges => "set_changes",
            Self::Addresses => "addresses",
            Self::SlotKeys => "slot_keys",
            Self::AccountHistory => "account_history",
            Self::SlotHistory => "slot_history",
        }
    }

    /// Whether single keys are looked up at random, so that a filter for absent ones pays.
    pub(crate) const fn is_random_access(self) -> bool {
        matches!(self, Self::BlockHeights | Self::Transactions | Self::Accounts | Self::Slots | Self::Code | Self::Trie)
    }

    /// How many bytes of a key name the thing whose history the rest of the key orders; none where a key names one thing.
    pub(crate) const fn prefix(self) -> Option<usize> {
        match self {
            Self::AccountHistory => Some(ADDRESS_BYTES),
            Self::SlotHistory => Some(SLOT_KEY_BYTES),
            _ => None,
        }
    }

    /// Whether every block writes many keys or large values to it.
    pub(crate) const fn is_busy(self) -> bool {
        matches!(
            self,
            Self::Blocks
                | Self::Receipts
                | Self::Transactions
                | Self::Accounts
                | Self::Slots
                | Self::Trie
                | Self::Undo
                | Self::AccountHistory
                | Self::SlotHistory
        )
    }
}

/// The keys of [`Table::Meta`].
pub(crate) mod meta {
    /// [`super::SCHEMA_VERSION`] of the writer, a `u32`.
    pub(crate) const SCHEMA: &[u8] = b"schema";
    /// [`crate::GenesisId`].
    pub(crate) const GENESIS: &[u8] = b"genesis";
    /// The sealed head, a `BlockRef`.
    pub(crate) const HEAD: &[u8] = b"head";
    /// The newest final block, a `BlockRef`.
    pub(crate) const FINALIZED: &[u8] = b"finalized";
    /// The lowest height with an undo record, or the one after the head if there is none.
    pub(crate) const UNDO_FROM: &[u8] = b"undo-from";
    /// The protocol's safety state, opaque.
    pub(crate) const SAFETY: &[u8] = b"safety";
    /// [`crate::ImportState`], while a state is imported.
    pub(crate) const IMPORT: &[u8] = b"import";
    /// The lowest block that is there with its body, genesis aside; 0 if absent.
    pub(crate) const EARLIEST: &[u8] = b"earliest";
    /// The [`crate::Prune`] in which the directory was used last.
    pub(crate) const PRUNE: &[u8] = b"prune";
    /// The lowest height with receipts; 0 if it is absent.
    pub(crate) const RECEIPTS_FROM: &[u8] = b"receipts-from";
    /// The lowest height whose state the history index gives.
    pub(crate) const INDEXED_FROM: &[u8] = b"indexed-from";
}

/// The key of a height.
pub(crate) const fn height_key(height: Height) -> [u8; 8] {
    height.0.to_be_bytes()
}

/// The key of an era.
pub(crate) const fn era_key(era: Era) -> [u8; 8] {
    era.0.to_be_bytes()
}

/// What the keys of a term's announcements and certificates begin with.
pub(crate) fn term_key(era: Era, term: Term) -> [u8; 16] {
    let mut key = [0; 16];
    key[..8].copy_from_slice(&era.0.to_be_bytes());
    key[8..].copy_from_slice(&term.0.to_be_bytes());
    key
}

/// The key of an announcement.
pub(crate) fn announcement_key(epoch: ExtraData, hash: B256) -> [u8; 56] {
    let mut key = [0; 56];
    key[..24].copy_from_slice(&epoch.to_bytes());
    key[24..].copy_from_slice(hash.as_slice());
    key
}

/// The key of a certificate.
pub(crate) fn certificate_key(era: Era, term: Term, hash: B256) -> [u8; 48] {
    let mut key = [0; 48];
    key[..16].copy_from_slice(&term_key(era, term));
    key[16..].copy_from_slice(hash.as_slice());
    key
}

/// The key of a storage slot.
pub(crate) fn slot_key(address: Address, slot: U256) -> [u8; SLOT_KEY_BYTES] {
    let mut key = [0; SLOT_KEY_BYTES];
    key[..20].copy_from_slice(address.as_slice());
    key[20..].copy_from_slice(&slot.to_be_bytes::<32>());
    key
}

/// The key of an account before a block.
pub(crate) fn account_history_key(address: Address, height: Height) -> [u8; ADDRESS_BYTES + 8] {
    let mut key = [0; ADDRESS_BYTES + 8];
    key[..ADDRESS_BYTES].copy_from_slice(address.as_slice());
    key[ADDRESS_BYTES..].copy_from_slice(&height_key(height));
    key
}

/// The key of a slot before a block.
pub(crate) fn slot_history_key(address: Address, slot: U256, height: Height) -> [u8; SLOT_KEY_BYTES + 8] {
    let mut key = [0; SLOT_KEY_BYTES + 8];
    key[..SLOT_KEY_BYTES].copy_from_slice(&slot_key(address, slot));
    key[SLOT_KEY_BYTES..].copy_from_slice(&height_key(height));
    key
}

/// The key of a part of an undo record: 0 is the index, 1 the state, the trie follows.
pub(crate) fn undo_key(height: Height, part: u32) -> [u8; 12] {
    let mut key = [0; 12];
    key[..8].copy_from_slice(&height_key(height));
    key[8..].copy_from_slice(&part.to_be_bytes());
    key
}

/// The key of an own block that is not sealed yet.
pub(crate) fn proposal_key(block: BlockRef) -> [u8; 40] {
    let mut key = [0; 40];
    key[..8].copy_from_slice(&height_key(block.height));
    key[8..].copy_from_slice(block.hash.as_slice());
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_distinct() {
        let names: std::collections::BTreeSet<_> = Table::ALL.iter().map(|table| table.name()).collect();
        assert_eq!(names.len(), Table::ALL.len());
    }

    #[test]
    fn the_order_of_keys_is_the_order_of_numbers() {
        assert!(height_key(Height(255)) < height_key(Height(256)));
        assert!(undo_key(Height(1), u32::MAX) < undo_key(Height(2), 0));
        assert!(slot_key(Address::ZERO, U256::from(255)) < slot_key(Address::ZERO, U256::from(256)));
    }
}
