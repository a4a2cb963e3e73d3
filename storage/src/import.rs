//! Taking over the state of a final block instead of executing all blocks up to it.
//!
//! [`Store::begin_import`] takes away the chain that was there and leaves a mark. [`Store::import_state`] adds the new state
//! piece by piece, each with the caller's progress in the same batch, so that after a crash the progress is never ahead of what
//! is there. [`Store::finish_import`] makes the block the head. Between the first and the last the store shows no chain at
//! all: it has neither genesis nor head, and takes neither. What the operator's keys signed stays throughout.

use crate::{
    changes::StateChanges,
    database::{Batch, Read},
    error::StorageError,
    genesis::{put_genesis_block, put_state},
    preimages,
    records::{BlockSeal, GenesisId, StoredBlockRef, StoredHeader, TransactionLocation},
    schedule, state_history,
    store::{Pointers, Store},
    tables::{Table, era_key, height_key, meta, proposal_key},
};
use alloy_consensus::Header;
use alloy_primitives::{Address, Bytes};
use baton_consensus::{
    certificate::TermCertificate,
    finality::{FinalityProof, SetChange},
    messages::Announcement,
    signing::Signed,
    types::{Block, BlockRef, Height, SealedBlock},
};
use serde::{Deserialize, Serialize};

/// How many headers below the imported block the `BLOCKHASH` opcode can ask for.
pub const MAX_ANCESTORS: usize = 256;

/// An import that is under way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportState {
    /// The chain that the state belongs to.
    pub genesis: GenesisId,
    /// The block whose state it is.
    pub target: BlockRef,
    /// How far the caller has come, opaque. It belongs to the pieces that are stored.
    pub progress: Bytes,
}

/// The chain around an imported state.
#[derive(Clone, Debug)]
pub struct ImportedChain {
    /// Block 0.
    pub genesis: Block,
    /// The block whose state was imported.
    pub block: SealedBlock,
    /// The sender of each of its transactions.
    pub senders: Vec<Address>,
    /// The headers below it, highest first, each the parent of the one before; at most [`MAX_ANCESTORS`]. Without all of them
    /// blocks that ask for the hash of an ancestor cannot be executed.
    pub ancestors: Vec<Header>,
    /// What makes the block final, or one of the ancestors.
    pub finality: Option<FinalityProof>,
    /// The ends of all eras before that of the block, and its own if it is the last one of it.
    pub changes: Vec<SetChange>,
    /// The announcements of its term.
    pub announcements: Vec<Signed<Announcement>>,
    /// What opened its term.
    pub certificates: Vec<TermCertificate>,
    /// The protocol's safety state if it changes with the import; none leaves what is there.
    pub safety_state: Option<Bytes>,
}

impl Store {
    /// The import that is under way, if one is. Ask it before anything else after opening: meanwhile the store is no chain.
    ///
    /// # Errors
    /// If the disk refuses or the database is damaged.
    pub fn import(&self) -> Result<Option<ImportState>, StorageError> {
        self.database().get(Table::Meta, meta::IMPORT)
    }

    /// The lowest block that is here with its transactions, genesis aside, which always is: 0 where the whole chain is, the
    /// imported block after an import.
    #[must_use]
    pub fn earliest(&self) -> Height {
        self.pointers().earliest
    }

    /// Takes away the chain that is here, or what an earlier import left, and begins to import the state of `target`. The
    /// safety journal, the safety state, own proposals and evidence stay. One atomic batch, on disk when this returns.
    ///
    /// # Errors
    /// [`StorageError::OtherGenesis`] if the directory belongs to another chain, [`StorageError::Inconsistent`] if the target is
    /// genesis, or if the disk refuses.
    pub fn begin_import(&self, genesis: GenesisId, target: BlockRef, progress: Bytes) -> Result<(), StorageError> {
        let mut writer = self.writer();
        let found = self.import()?.map(|import| import.genesis).or(self.genesis());
        if let Some(found) = found.filter(|found| *found != genesis) {
            return Err(StorageError::OtherGenesis { expected: genesis, found });
        }
        if target.height == Height(0) {
            return Err(StorageError::Inconsistent { block: target, what: "the state of genesis is not imported" });
        }
        let mut batch = self.database().batch();
        clear_chain(&mut batch);
        batch.put(Table::Meta, meta::IMPORT, &ImportState { genesis, target, progress });
        batch.write(true)?;
        writer.undo_from = Height(1);
        self.publish(&mut writer, Pointers::default());
        Ok(())
    }

    /// Adds a piece of the state of `target`, and the progress that it makes, in one atomic batch. It is not synced: a crash
    /// may undo the newest pieces together with their progress, in the order in which they were written.
    ///
    /// # Errors
    /// [`StorageError::NoImport`] if none of that state is under way, as for a piece that comes late, after the target was
    /// given up; or if the disk refuses. Nothing is written then.
    pub fn import_state(&self, target: BlockRef, state: &StateChanges, progress: Bytes) -> Result<(), StorageError> {
        let _writer = self.writer();
        let import = self.import()?.filter(|import| import.target == target).ok_or(StorageError::NoImport)?;
        let mut batch = self.database().batch();
        put_state(&mut batch, state);
        let accounts = state.accounts.iter().map(|(address, _)| *address);
        preimages::put(&mut batch, accounts, state.slots.iter().map(|(_, slot, _)| *slot));
        batch.put(Table::Meta, meta::IMPORT, &ImportState { progress, ..import });
        batch.write(false)
    }

    /// Makes the imported block the head, final and the lowest block, with the chain around it. Whether its state is whole is
    /// for the caller to know. One atomic batch, on disk with all pieces when this returns.
    ///
    /// # Errors
    /// [`StorageError::NoImport`] if none is under way, [`StorageError::Inconsistent`] if the parts do not fit together, or if
    /// the disk refuses. Nothing is written then.
    pub fn finish_import(&self, chain: &ImportedChain) -> Result<(), StorageError> {
        let mut writer = self.writer();
        let ImportState { genesis, target, .. } = self.import()?.ok_or(StorageError::NoImport)?;
        check(chain, genesis, target)?;
        let ImportedChain { ancestors, finality, changes, announcements, certificates, safety_state, .. } = chain;
        let mut batch = self.database().batch();
        put_genesis_block(&mut batch, genesis.genesis_hash, &chain.genesis);
        for (header, block) in ancestors.iter().zip(ancestor_refs(chain)) {
            put_header(&mut batch, block, header);
        }
        put_block(&mut batch, chain, target)?;
        if let Some(proof) = finality {
            batch.put(Table::Finality, height_key(proof.checkpoint.head.height), proof);
        }
        for change in changes {
            let last = &change.proof.checkpoint;
            batch.put(Table::SetChanges, era_key(last.era), change);
            if last.head.height > Height(0) {
                batch.put(Table::Finality, height_key(last.head.height), &change.proof);
            }
        }
        for announcement in announcements {
            schedule::put_announcement(&mut batch, announcement);
        }
        for certificate in certificates {
            schedule::put_certificate(&mut batch, certificate);
        }
        if let Some(state) = safety_state {
            batch.put(Table::Meta, meta::SAFETY, state);
        }
        for proposal in writer.proposals.iter().take_while(|proposal| proposal.height <= target.height) {
            batch.delete(Table::Proposals, proposal_key(*proposal));
        }
        let (undo_from, receipts_from) = (target.height.next(), target.height.next());
        batch.put(Table::Meta, meta::UNDO_FROM, &undo_from);
        batch.put(Table::Meta, meta::GENESIS, &genesis);
        batch.put(Table::Meta, meta::HEAD, &target);
        batch.put(Table::Meta, meta::FINALIZED, &target);
        batch.put(Table::Meta, meta::EARLIEST, &target.height);
        batch.put(Table::Meta, meta::RECEIPTS_FROM, &receipts_from);
        state_history::put_from(&mut batch, target.height);
        batch.delete(Table::Meta, meta::IMPORT);
        batch.write(true)?;
        (writer.undo_from, writer.indexed_from) = (undo_from, target.height);
        writer.proposals.retain(|proposal| proposal.height > target.height);
        let (genesis, earliest) = (Some(genesis), target.height);
        self.publish(&mut writer, Pointers { genesis, head: target, finalized: target, earliest, receipts_from });
        Ok(())
    }

    /// Takes away what was imported so far. Genesis can be written again then. Does nothing if no import is under way.
    ///
    /// # Errors
    /// If the disk refuses.
    pub fn abandon_import(&self) -> Result<(), StorageError> {
        let _writer = self.writer();
        if self.import()?.is_none() {
            return Ok(());
        }
        let mut batch = self.database().batch();
        clear_chain(&mut batch);
        batch.write(true)
    }
}

/// Adds the removal of everything but what this node's keys signed, evidence, and preimages, which stay right, to a batch.
fn clear_chain(batch: &mut Batch<'_>) {
    for table in Table::ALL {
        match table {
            Table::Meta | Table::Proposals | Table::Journal | Table::Evidence | Table::Addresses | Table::SlotKeys => {}
            Table::Headers
            | Table::Blocks
            | Table::BlockHeights
            | Table::Receipts
            | Table::Transactions
            | Table::Accounts
            | Table::Slots
            | Table::Code
            | Table::Trie
            | Table::Undo
            | Table::AccountHistory
            | Table::SlotHistory
            | Table::Announcements
            | Table::Certificates
            | Table::Finality
            | Table::SetChanges => batch.clear(table),
        }
    }
    for pointer in [
        meta::GENESIS,
        meta::HEAD,
        meta::FINALIZED,
        meta::UNDO_FROM,
        meta::INDEXED_FROM,
        meta::RECEIPTS_FROM,
        meta::EARLIEST,
        meta::IMPORT,
    ] {
        batch.delete(Table::Meta, pointer);
    }
}

/// The ancestors by height and hash, each as its child names it.
fn ancestor_refs(chain: &ImportedChain) -> impl Iterator<Item = BlockRef> {
    let children = std::iter::once(&chain.block.block.block.header).chain(&chain.ancestors);
    children.map(|child| BlockRef { height: Height(child.number).previous(), hash: child.parent_hash })
}

/// Checks that the parts fit together.
fn check(chain: &ImportedChain, genesis: GenesisId, target: BlockRef) -> Result<(), StorageError> {
    let ImportedChain { block, ancestors, .. } = chain;
    let Block { header, body } = &block.block.block;
    let is_linked = |(ancestor, expected): (&Header, BlockRef)| {
        let is_genesis = ancestor.number != 0 || expected.hash == genesis.genesis_hash;
        is_genesis && ancestor.number == expected.height.0 && ancestor.hash_slow() == expected.hash
    };
    let is_known = |proof: &FinalityProof| {
        let head = proof.checkpoint.head;
        head == target || ancestor_refs(chain).take(ancestors.len()).any(|ancestor| ancestor == head)
    };
    let block_zero = &chain.genesis;
    let complaints = [
        (header.number != target.height.0 || header.hash_slow() != target.hash, "it is not the block of the import"),
        (block.seal.message.block() != target, "its seal is for another block"),
        (chain.senders.len() != body.transactions.len(), "it needs one sender for each transaction"),
        (ancestors.len() > MAX_ANCESTORS, "it has too many ancestors"),
        (!ancestors.iter().zip(ancestor_refs(chain)).all(is_linked), "its ancestors are not a chain"),
        (!chain.finality.iter().all(is_known), "its finality proof is for a block that is not there"),
        (block_zero.header.hash_slow() != genesis.genesis_hash, "block 0 is another one"),
        (!block_zero.body.transactions.is_empty(), "block 0 has no transactions"),
    ];
    match complaints.into_iter().find(|(wrong, _)| *wrong) {
        Some((_, what)) => Err(StorageError::Inconsistent { block: target, what }),
        None => Ok(()),
    }
}

fn put_header(batch: &mut Batch<'_>, block: BlockRef, header: &Header) {
    batch.put(Table::Headers, height_key(block.height), &StoredHeader { hash: block.hash, header: header.clone() });
    batch.put(Table::BlockHeights, block.hash, &block.height);
}

/// Adds the imported block to a batch: everything but its receipts, which nobody has proved.
fn put_block(batch: &mut Batch<'_>, chain: &ImportedChain, block: BlockRef) -> Result<(), StorageError> {
    let signed = &chain.block.block;
    put_header(batch, block, &signed.block.header);
    let seal = Some(BlockSeal { signature: signed.signature, seal: chain.block.seal.clone() });
    let stored = StoredBlockRef { block: &signed.block, senders: &chain.senders, seal };
    batch.put(Table::Blocks, height_key(block.height), &stored);
    for (index, transaction) in signed.block.body.transactions.iter().enumerate() {
        let index = u32::try_from(index)
            .map_err(|_| StorageError::Inconsistent { block, what: "it has more than 2^32 transactions" })?;
        batch.put(Table::Transactions, transaction.tx_hash(), &TransactionLocation { height: block.height, index });
    }
    Ok(())
}
