//! Talking to L1: several JSON-RPC servers, none of which is relied on.
//!
//! - [`client`]: the handle, and what can be asked.
//! - [`failover`]: who is asked, and who next.
//! - [`endpoint`]: one server and its health. It rests after failures, longer each time, and for as long as it asks to when
//!   it limits requests. Before it is used, and again after failures, it must show that it serves the right chain; whoever
//!   serves another, or contradicts itself or others, is set aside for a minute.
//! - [`http`]: one call, with a deadline and a bound.
//! - [`url`]: addresses with keys in them that nobody gets to see.

mod client;
mod endpoint;
mod error;
mod failover;
mod http;
mod url;

pub use client::{L1Block, L1Client};
pub use endpoint::EndpointStatus;
pub(crate) use error::contains;
pub use error::{EndpointError, ErrorKind, Failure, L1Error};
pub use failover::{ClientConfig, ClientError};
pub use url::{EndpointUrl, InvalidUrl};
