//! What L1 is told of finality: proofs as the contract `CheckpointVerifier` takes them.

pub mod bindings;
mod submission;

pub use submission::submission;
