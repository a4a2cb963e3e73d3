//! An operator's dealings with the staking registry on L1: what it must sign to join, where it stands, what a change would do.
//!
//! - [`registry`]: the contract at an address, read as of one L1 block.
//! - [`standing`]: rank and seat by a stake, as the contract ranks.
//! - [`registration`]: the two signatures that bring an operator in. Both are made over what is computed here; a server that
//!   says otherwise gets no signature.
//! - [`token`]: amounts of what is staked.
//! - [`refusal`]: the contract's errors in words.
//! - [`deployment`]: a new registry.

mod bindings;
pub mod deployment;
mod refusal;
mod registration;
mod registry;
mod standing;
mod token;

pub use bindings::{IERC20, Membership};
pub use refusal::{explain, time};
pub use registration::{bls_key, registration_digest};
pub use registry::{Registry, Snapshot, StakingError, connect, erc20};
pub use standing::Standing;
pub use token::{InvalidAmount, Token};
