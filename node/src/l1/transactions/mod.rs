//! One transaction on L1, from an estimate to its confirmations.
//!
//! A nonce belongs to whoever uses it first: another process may send with the same key. A transaction is sent with the next
//! nonce; while it is in no block, its fees are raised; once the nonce is used and no version of the transaction is in a
//! block, somebody else used it, and all begins anew. That is concluded only from several looks at one endpoint that knows
//! the nonce to be used below its newest block and none of the transactions, so that nothing is done twice because two endpoints differ.

mod error;
mod fees;
mod sender;

pub use error::SendError;
pub use fees::FeePolicy;
pub use sender::{Call, Estimate, Progress, Sender};
