//! Following the registry: from its logs to versions of the sequencer set, each named by the L1 block that made it.
//!
//! Every poll takes one endpoint, the *source*, and asks it for everything, so that what it says can be held against
//! itself and against others:
//!
//! 1. Is the block up to which logs were read still there? If not, and no other endpoint knows it either, L1 was reorganised
//!    deeper than the confirmations: back to the newest common block, and what was told from above it is taken back.
//! 2. Logs up to the head less the confirmations, in ranges that halve when they are refused.
//! 3. Does the contract's own view, at the last block that was read and at each that changed the set, named by their hashes,
//!    say the same as the logs? Else the source omits, invents or mixes up something: what was read is forgotten, nothing is
//!    told, and if it happens again the source is set aside.
//! 4. Does another endpoint know these blocks by these hashes, with these sets? One that says otherwise becomes the source of the
//!    next poll, and so shows whether its own answers agree; while two endpoints, each in itself consistent, contradict
//!    each other, nothing is told. One that does not answer is waited for a while, unless it has been down before.
//! 5. Only then are the new versions told, in order.
//!
//! State of old blocks is pruned by most servers. Where a view of the past cannot be had, that of the newest confirmed block
//! vouches for the logs that lead to it. What a view cannot show is a change that another one undid between two looks.
//!
//! - [`actor`]: the loop. [`start`]: what must hold before it. [`reading`]: steps 1 and 2. [`checking`]: steps 3 and 4.
//! - [`position`]: how far was read, and what could be gone back to. [`range`]: how much is asked for at once.
//! - [`handle`]: what others see.

mod actor;
mod checking;
mod handle;
mod position;
mod range;
mod reading;
mod start;

pub use actor::Follower;
pub use handle::{FollowerConfig, FollowerHandle, FollowerStatus, Phase, RegistrySet, RegistryUpdate};
pub use start::StartError;
