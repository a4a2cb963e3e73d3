//! Finality proofs, by the height of the block that each makes final.

use crate::{
    database::Read,
    error::StorageError,
    store::{Pointers, Store},
    tables::{Table, height_key, meta},
};
use baton_consensus::{
    finality::FinalityProof,
    types::{BlockRef, Height},
};

impl Store {
    /// Stores the proof that makes `block` final and moves the newest final height up to `finalized`, which genesis' rule
    /// gives and which may differ; a lower one moves nothing. One atomic batch, on disk when this returns.
    ///
    /// # Errors
    /// [`StorageError::BeyondHead`] if one of the two heights is above the head, [`StorageError::Inconsistent`] if the chain
    /// has another block at that height, or if the disk refuses. Nothing is written then.
    pub fn put_finality(&self, block: BlockRef, proof: &FinalityProof, finalized: Height) -> Result<(), StorageError> {
        let mut writer = self.writer();
        let pointers = self.pointers();
        let highest = finalized.max(block.height);
        if highest > pointers.head.height {
            return Err(StorageError::BeyondHead { height: highest, head: pointers.head });
        }
        if self.canonical(block.height)? != block {
            return Err(StorageError::Inconsistent { block, what: "it is not in the chain, so it cannot be final" });
        }
        let mut batch = self.database().batch();
        batch.put(Table::Finality, height_key(block.height), proof);
        let mut next = pointers;
        if finalized > pointers.finalized.height {
            next = Pointers { finalized: self.canonical(finalized)?, ..pointers };
            batch.put(Table::Meta, meta::FINALIZED, &next.finalized);
        }
        batch.write(true)?;
        self.publish(&mut writer, next);
        Ok(())
    }

    /// The proof of the lowest block at or above a height that has one, and that block's height: it makes all blocks below
    /// final as well.
    ///
    /// # Errors
    /// If the disk refuses or the database is damaged.
    pub fn finality_proof_from(&self, height: Height) -> Result<Option<(Height, FinalityProof)>, StorageError> {
        let entry = self.database().scan::<FinalityProof>(Table::Finality, &height_key(height)).next();
        Ok(entry.transpose()?.map(|(_, _, proof)| (proof.checkpoint.head.height, proof)))
    }

    /// The proof of the highest block that has one; none before the first.
    ///
    /// # Errors
    /// If the disk refuses or the database is damaged.
    pub fn newest_finality(&self) -> Result<Option<FinalityProof>, StorageError> {
        self.database().last(Table::Finality)
    }
}
