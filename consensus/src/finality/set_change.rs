use super::{FinalityProof, InvalidProof, VerifiedFinality, VerifiedQuorum};
use crate::election::Priorities;
use crate::reign::{InvalidSuccession, Reign};
use crate::signing::SigningContext;
use crate::types::{Electorate, Sequencer};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use thiserror::Error;

/// The end of an era: the finality proof of its closing checkpoint and the set that it names (R13). Nothing in it is verified.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetChange {
    /// Finality of a checkpoint with a next set root.
    pub proof: FinalityProof,
    /// The members of the next set.
    pub members: Vec<Sequencer>,
    /// The priorities that they begin with.
    pub priorities: Priorities,
}

/// Why a set change changes nothing.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum InvalidSetChange {
    /// The closing checkpoint is not final by this proof.
    #[error(transparent)]
    Proof(#[from] InvalidProof),
    /// The set is not the one that it names.
    #[error(transparent)]
    Succession(#[from] InvalidSuccession),
}

/// A set change that holds. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedSetChange {
    change: Arc<SetChange>,
    finality: VerifiedFinality,
    reign: Reign,
}

impl SetChange {
    /// Checks everything against the set of the era that ends: a pairing. The set is looked at first, which costs less.
    ///
    /// # Errors
    /// [`InvalidSetChange`].
    pub fn verify(self: Arc<Self>, electorate: &Electorate) -> Result<VerifiedSetChange, InvalidSetChange> {
        let reign = self.reign(electorate.context)?;
        let finality = self.proof.verify(electorate)?;
        Ok(VerifiedSetChange { change: self, finality, reign })
    }

    /// The era that it opens, its proof unchecked: for what this node made durable itself.
    ///
    /// # Errors
    /// [`InvalidSuccession`] if the set is not the one that the proof is about.
    pub fn reign(&self, context: SigningContext) -> Result<Reign, InvalidSuccession> {
        Reign::after(context, &self.proof.checkpoint, self.members.clone(), self.priorities.clone())
    }
}

impl VerifiedSetChange {
    /// As it travels.
    #[must_use]
    pub const fn change(&self) -> &Arc<SetChange> {
        &self.change
    }

    /// What makes the closing checkpoint final.
    #[must_use]
    pub const fn finality(&self) -> &VerifiedFinality {
        &self.finality
    }

    /// The certificate that does.
    #[must_use]
    pub const fn child(&self) -> &VerifiedQuorum {
        self.finality.child()
    }

    /// The era that it opens.
    #[must_use]
    pub const fn reign(&self) -> &Reign {
        &self.reign
    }
}

#[cfg(test)]
mod tests;
