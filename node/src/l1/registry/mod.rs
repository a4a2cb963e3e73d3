//! The staking registry, as the node reads it.
//!
//! [`ISequencerRegistry`] is its interface; [`RegistryState`] is what its logs say, a pure function of them: every node that
//! read the same logs has the same sequencers, in the same order, with the same weights.
//!
//! What the contract cannot check, or a reader cannot use, is settled here, the same way on every node:
//! - a member whose BLS key is no point of the group (the contract admits none) keeps its seat and is not in the set;
//! - of two members with one BLS key, the one with the lower address is in the set;
//! - a peer id that is none, or not in its base58 form, is left out, and the member stays;
//! - members are taken in the order of their rank as long as their weights add up to less than 2^256.

mod bindings;
mod state;

#[cfg(test)]
mod tests;

pub use bindings::ISequencerRegistry;
pub use state::{Candidate, RegistryState, sequencers};
