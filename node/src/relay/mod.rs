//! What L1 is told of finality: proofs as the contract `CheckpointVerifier` takes them.

pub mod bindings;
mod deployment;
mod plan;
mod submission;

pub use deployment::deployment;
pub use plan::{Known, NoPlan, Submission, plan};
pub use submission::submission;
