//! What a caller is told when a request fails: one code and one clear message.
//!
//! Codes are those of JSON-RPC 2.0 and of EIP-1474, with geth's `3` for a revert that carries data, and `4444`, as Ethereum's
//! clients answer since EIP-4444, for blocks and receipts that exist but are not kept here.

use alloy_primitives::Bytes;
use alloy_sol_types::{Panic, Revert, SolError};
use jsonrpsee::types::ErrorObjectOwned;
use std::fmt;

/// The call is well formed, but the node refuses it (a transaction, an execution, a block it does not have).
const SERVER_ERROR: i32 = -32000;
/// A limit of this node is exceeded.
const LIMIT_EXCEEDED: i32 = -32005;
/// A parameter is not what the method takes.
const INVALID_PARAMS: i32 = -32602;
/// The node itself failed.
const INTERNAL_ERROR: i32 = -32603;
/// There is no such method.
const METHOD_NOT_FOUND: i32 = -32601;
/// The answer exists, but this node does not keep it: others do (EIP-4444).
const PRUNED_HISTORY: i32 = 4444;
/// The execution reverted; `data` holds what it returned.
const REVERTED: i32 = 3;

/// The answer to a request that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RpcError {
    code: i32,
    message: String,
    data: Option<Bytes>,
}

/// The outcome of a method.
pub(crate) type RpcResult<T> = Result<T, RpcError>;

impl RpcError {
    const fn new(code: i32, message: String) -> Self {
        Self { code, message, data: None }
    }

    /// A parameter is missing or malformed (-32602).
    pub(crate) fn invalid_params(message: impl fmt::Display) -> Self {
        Self::new(INVALID_PARAMS, message.to_string())
    }

    /// The node refuses the call (-32000).
    pub(crate) fn refused(message: impl fmt::Display) -> Self {
        Self::new(SERVER_ERROR, message.to_string())
    }

    /// A limit is exceeded (-32005).
    pub(crate) fn limit(message: impl fmt::Display) -> Self {
        Self::new(LIMIT_EXCEEDED, message.to_string())
    }

    /// What is asked for is not kept (4444).
    pub(crate) fn pruned(message: impl fmt::Display) -> Self {
        Self::new(PRUNED_HISTORY, message.to_string())
    }

    /// There is no such method (-32601).
    pub(crate) fn method_not_found(method: &str) -> Self {
        Self::new(METHOD_NOT_FOUND, format!("the method {method} does not exist or is not available"))
    }

    /// The node failed (-32603). The cause goes to the log; the caller learns no more than that.
    pub(crate) fn internal(cause: impl fmt::Display) -> Self {
        tracing::error!(target: "baton::rpc", %cause, "a request failed inside the node");
        Self::new(INTERNAL_ERROR, "internal error: the node could not answer; its log says why".to_owned())
    }

    /// The execution reverted with `output` (3, as geth).
    pub(crate) fn reverted(output: Bytes) -> Self {
        let reason = Revert::abi_decode(&output)
            .map(|revert| revert.reason)
            .or_else(|_| Panic::abi_decode(&output).map(|panic| panic.to_string()));
        let message =
            reason.map_or_else(|_| "execution reverted".to_owned(), |reason| format!("execution reverted: {reason}"));
        Self { code: REVERTED, message, data: Some(output) }
    }

    /// The JSON-RPC error code.
    #[must_use]
    pub const fn code(&self) -> i32 {
        self.code
    }
}

impl fmt::Display for RpcError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for RpcError {}

impl From<RpcError> for ErrorObjectOwned {
    fn from(error: RpcError) -> Self {
        Self::owned(error.code, error.message, error.data)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_sol_types::PanicKind;

    #[test]
    fn a_revert_carries_its_reason_and_its_data() {
        let output: Bytes = Revert::from("not yours").abi_encode().into();
        let error = ErrorObjectOwned::from(RpcError::reverted(output.clone()));
        assert_eq!(error.code(), 3);
        assert_eq!(error.message(), "execution reverted: not yours");
        assert_eq!(error.data().unwrap().get(), format!("\"{output}\""));
    }

    #[test]
    fn a_revert_without_a_reason_says_just_that() {
        let error = ErrorObjectOwned::from(RpcError::reverted(Bytes::new()));
        assert_eq!((error.code(), error.message()), (3, "execution reverted"));
        assert_eq!(error.data().unwrap().get(), "\"0x\"");
    }

    #[test]
    fn a_panic_of_solidity_is_named() {
        let panic = Panic::from(PanicKind::UnderOverflow);
        let error = RpcError::reverted(panic.abi_encode().into());
        assert_eq!(error.to_string(), "execution reverted: panic: arithmetic underflow or overflow (0x11)");
    }

    #[test]
    fn an_internal_cause_stays_inside() {
        assert!(!RpcError::internal("/var/lib/baton is full").to_string().contains("/var"));
    }
}
