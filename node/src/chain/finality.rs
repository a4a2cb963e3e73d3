//! What convinces others: finality proofs of blocks, and evidence.

use super::{ChainError, ChainReader};
use alloy_eips::BlockId;
use baton_consensus::{
    evidence::Evidence,
    finality::light_client::{BlockProof, MAX_HEADERS},
    signing::SigningContext,
    types::{Era, Height},
};

impl ChainReader {
    /// What signatures of this chain cover besides their message.
    ///
    /// # Errors
    /// [`ChainError::UnknownBlock`] before genesis is written, or if the disk refuses.
    pub fn signing_context(&self) -> Result<SigningContext, ChainError> {
        let genesis = self.store().block_hash(Height(0))?;
        let genesis_hash = genesis.ok_or(ChainError::UnknownBlock(BlockId::earliest()))?;
        Ok(SigningContext { chain_id: self.spec().chain_id(), genesis_hash })
    }

    /// What convinces a light client that a block is final: the ends of the eras from `known` on, the one that the client is in,
    /// the proof of the lowest block at or above it that has one, and the headers between.
    ///
    /// # Errors
    /// [`ChainError::UnknownBlock`], [`ChainError::NotFinal`], [`ChainError::ProofTooFar`], or if the disk refuses or the
    /// database is damaged.
    pub fn block_proof(&self, id: BlockId, known: Era) -> Result<BlockProof, ChainError> {
        let unknown = || ChainError::UnknownBlock(id);
        let height = Height(self.header(id)?.ok_or_else(unknown)?.number);
        let Some((top, finality)) = self.store().finality_proof_from(height)? else {
            let newest = self.store().newest_finality()?.map(|proof| proof.checkpoint.head.height);
            return Err(ChainError::NotFinal { height, newest });
        };
        if top.0 - height.0 >= MAX_HEADERS as u64 {
            return Err(ChainError::ProofTooFar { height, next: top });
        }
        let headers =
            (height.0..=top.0).map(|height| Ok(self.header_at(Height(height))?.ok_or_else(unknown)?.into_parts().0));
        let headers = headers.collect::<Result<Vec<_>, ChainError>>()?;
        let eras = finality.checkpoint.era.0.saturating_sub(known.0);
        let changes = self.store().set_changes(known, usize::try_from(eras).unwrap_or(usize::MAX))?;
        let proof = BlockProof { changes, finality, headers };
        // The block that was meant may have left the chain before it was final.
        match id.as_block_hash() {
            Some(hash) if proof.headers[0].hash_slow() != hash => Err(unknown()),
            _ => Ok(proof),
        }
    }

    /// All evidence that this node holds, in the order of the faults' ids.
    ///
    /// # Errors
    /// If the disk refuses or the database is damaged.
    pub fn evidence(&self) -> Result<Vec<Evidence>, ChainError> {
        Ok(self.store().evidence()?)
    }
}
