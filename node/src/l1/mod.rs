//! The node and L1: following the staking registry, and bringing evidence to it.
//!
//! Nothing here is needed for a block: L1 may be slow, dead or lying, and the chain goes on with the set that it has.
//!
//! - [`rpc`]: [`L1Client`], a handle on several JSON-RPC servers.
//! - [`registry`]: the contract's interface, and its logs as a pure function to a set.
//! - [`follower`]: the actor that reads the logs and tells of versions of the set once they are certain.
//! - [`transactions`]: one transaction, from an estimate to its confirmations.
//! - [`artifact`]: the contracts' code.
//! - [`link`]: the two actors as a part of the node.
//! - [`evidence`]: the actor that has cheaters slashed.

mod artifact;
mod evidence;
mod follower;
mod link;
mod registry;
mod rpc;
mod transactions;

#[cfg(test)]
mod tests;

pub use artifact::creation_code;
pub use evidence::{EvidenceReport, EvidenceReporter, ReporterConfig, ReporterHandle, SlashOutcome};
pub use follower::{
    Follower, FollowerConfig, FollowerHandle, FollowerStatus, Phase, RegistrySet, RegistryUpdate, StartError,
};
pub use link::Link;
pub use registry::{Candidate, ISequencerRegistry, RegistryState, sequencers};
pub use rpc::{
    ClientConfig, ClientError, EndpointError, EndpointStatus, EndpointUrl, ErrorKind, Failure, InvalidUrl, L1Block,
    L1Client, L1Error,
};
pub use transactions::{Call, Estimate, FeePolicy, Progress, SendError, Sender};
