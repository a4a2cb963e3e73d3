//! What makes a block final, and how anyone is convinced of it.
//!
//! [`quorum`] and [`proof`] are the two-chain rule of Jolteon (arXiv 2106.10362) over checkpoints: a [`QuorumCertificate`] is
//! a checkpoint with the votes of more than two thirds of the weight, and a [`FinalityProof`] is such a certificate with the
//! direct parent of its checkpoint, whose head it makes final (R12). [`light_client`] checks a chain of set changes and a
//! proof without any history. [`depth`] holds the two weaker rules, which count producers.

pub mod depth;
pub mod light_client;
mod proof;
mod quorum;
mod set_change;

pub use proof::{FinalityProof, InvalidProof, VerifiedFinality};
pub use quorum::{CertifiedCheckpoint, InvalidQuorum, ProposedCheckpoint, QuorumCertificate, VerifiedQuorum};
pub use set_change::{InvalidSetChange, SetChange, VerifiedSetChange};
