//! How the server is set up.

use super::workers::WorkLimits;
use std::net::{Ipv4Addr, SocketAddr};

const MIB: u32 = 1 << 20;

/// How far below the head proofs of the state may be asked for, unless told otherwise.
pub const STATE_HISTORY_BLOCKS: u64 = 128;

/// Where the server listens and what a client may send.
#[derive(Clone, Debug)]
pub struct RpcConfig {
    /// The address for HTTP and WebSocket; port 0 takes any free one.
    pub listen: SocketAddr,
    /// Connections (for HTTP: requests) at once.
    pub max_connections: u32,
    /// The largest request, in bytes.
    pub max_request_bytes: u32,
    /// The largest answer, in bytes.
    pub max_response_bytes: u32,
    /// Requests in a batch.
    pub max_batch: u32,
    /// Subscriptions of one WebSocket connection.
    pub max_subscriptions: u32,
    /// Messages that wait for one WebSocket client; with more, its subscriptions end.
    pub websocket_buffer: u32,
    /// The web origins whose pages may call the server from a browser; `*` for all. Empty: none may.
    pub cors_origins: Vec<String>,
    /// The limits of single methods.
    pub limits: RpcLimits,
}

impl Default for RpcConfig {
    /// Port 8545 on the loopback interface, 512 connections, 16 MiB in, 32 MiB out, batches of 1,000, no browsers.
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8545)),
            max_connections: 512,
            max_request_bytes: 16 * MIB,
            max_response_bytes: 32 * MIB,
            max_batch: 1_000,
            max_subscriptions: 128,
            websocket_buffer: 1_024,
            cors_origins: Vec::new(),
            limits: RpcLimits::default(),
        }
    }
}

/// What single methods allow.
#[derive(Clone, Copy, Debug)]
pub struct RpcLimits {
    /// Blocks in the range of `eth_getLogs`.
    pub logs_blocks: u64,
    /// Logs in an answer of `eth_getLogs`.
    pub logs_results: usize,
    /// Blocks in an answer of `eth_feeHistory`.
    pub fee_history_blocks: u64,
    /// Slots in a request of `eth_getProof`.
    pub proof_slots: usize,
    /// How far below the head a proof of the state may be asked for, in blocks: it costs more the older the state is. So does a
    /// state that is not indexed; one that is may be asked for at any depth.
    pub state_history_blocks: u64,
    /// The least priority fee that is ever suggested, in wei per gas.
    pub minimum_priority_fee: u128,
    /// What may run at once, and for how long.
    pub work: WorkLimits,
}

impl Default for RpcLimits {
    fn default() -> Self {
        Self {
            logs_blocks: 10_000,
            logs_results: 10_000,
            fee_history_blocks: 1_024,
            proof_slots: 1_024,
            state_history_blocks: STATE_HISTORY_BLOCKS,
            minimum_priority_fee: 1_000_000,
            work: WorkLimits::default(),
        }
    }
}
