//! Having cheaters slashed: evidence goes to the registry, once.
//!
//! Nothing is kept: the contract knows what it has slashed, and is asked first. Every node that holds evidence and an L1 key
//! may bring it; each waits for a while of its own, so that mostly one of them pays for it.

mod reporter;

pub use reporter::{EvidenceReport, EvidenceReporter, ReporterConfig, ReporterHandle, SlashOutcome};
