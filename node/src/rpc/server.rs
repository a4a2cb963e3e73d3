//! The server itself: listening, limits, and which methods there are.

use super::{
    batch::{BatchLimits, ConcurrentBatches, Unknown},
    baton,
    config::RpcConfig,
    context::{Rpc, RpcContext},
    errors::RpcError,
    eth,
    origins::{OriginGuard, Origins},
    proofs, storage, txpool, web3,
};
use alloy_primitives::U64;
use jsonrpsee::{
    RpcModule,
    core::{RegisterMethodError, middleware::RpcServiceBuilder, traits::IdProvider},
    server::{BatchRequestConfig, PingConfig, Server, ServerConfig, ServerHandle},
    types::SubscriptionId,
};
use std::net::{SocketAddr, TcpListener};
use thiserror::Error;
use tower::ServiceBuilder;

/// Why the server does not run.
#[derive(Debug, Error)]
pub enum RpcStartError {
    /// The address cannot be listened on.
    #[error("cannot listen for JSON-RPC on {address}: {source}; choose another address, or stop who uses it")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// An origin is not one.
    #[error("\"{0}\" is not a web origin such as https://example.org; write * for all")]
    Origin(String),
    /// Two methods share a name: a fault of this program.
    #[error("a JSON-RPC method is registered twice: {0}")]
    Methods(#[from] RegisterMethodError),
}

/// A running server. It stops when the handle is dropped.
#[derive(Debug)]
pub struct RpcHandle {
    server: ServerHandle,
}

impl RpcHandle {
    /// Takes no more requests, answers those that run, and returns when all connections are closed.
    pub async fn stop(self) {
        // It fails only if the server has stopped already.
        let _ = self.server.stop();
        self.server.stopped().await;
    }
}

/// Where JSON-RPC listens. One server after the other may take its clients; those that connect in between wait.
#[derive(Debug)]
pub struct Socket {
    listener: TcpListener,
    address: SocketAddr,
}

impl Socket {
    /// Takes the address; port 0 lets the system choose.
    ///
    /// # Errors
    /// If the address is not free or not ours.
    pub fn bind(listen: SocketAddr) -> Result<Self, RpcStartError> {
        let failed = |source| RpcStartError::Listen { address: listen, source };
        let listener = TcpListener::bind(listen).map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        Ok(Self { listener, address })
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }
}

/// Starts the server and tells where it listens. Must be called on a tokio runtime.
///
/// # Errors
/// If the address is not free or not ours, or an origin is malformed.
pub fn start(config: RpcConfig, node: RpcContext) -> Result<(RpcHandle, SocketAddr), RpcStartError> {
    let socket = Socket::bind(config.listen)?;
    Ok((start_on(&socket, config, node)?, socket.address()))
}

/// Starts the server on a socket. Must be called on a tokio runtime.
///
/// # Errors
/// If the socket cannot be used, or an origin is malformed.
pub fn start_on(socket: &Socket, config: RpcConfig, node: RpcContext) -> Result<RpcHandle, RpcStartError> {
    let limits = config.limits;
    serve(socket, config, methods(Rpc::new(node, limits))?, RpcError::method_not_found)
}

/// Serves the methods of a module.
pub(super) fn serve<T: Send + Sync + 'static>(
    socket: &Socket,
    config: RpcConfig,
    methods: RpcModule<T>,
    unknown: Unknown,
) -> Result<RpcHandle, RpcStartError> {
    let RpcConfig {
        listen: _,
        max_connections,
        max_request_bytes,
        max_response_bytes,
        max_batch,
        max_subscriptions,
        websocket_buffer,
        cors_origins,
        limits: _,
    } = config;
    let origins = Origins::parse(&cors_origins)?;
    let cors = origins.cors();
    let server = ServerConfig::builder()
        .max_connections(max_connections)
        .max_request_body_size(max_request_bytes)
        .max_response_body_size(max_response_bytes)
        .max_subscriptions_per_connection(max_subscriptions)
        .set_message_buffer_capacity(websocket_buffer.max(1))
        // The middleware bounds batches, with a clearer message.
        .set_batch_request_config(BatchRequestConfig::Unlimited)
        .enable_ws_ping(PingConfig::new())
        .set_id_provider(HexIds)
        .build();
    let batches = BatchLimits { requests: max_batch as usize, response_bytes: max_response_bytes as usize };
    let failed = |source| RpcStartError::Listen { address: socket.address, source };
    let server = Server::builder()
        .set_config(server)
        .set_http_middleware(
            ServiceBuilder::new()
                .option_layer(cors)
                .layer_fn(move |service| OriginGuard::new(service, origins.clone())),
        )
        .set_rpc_middleware(
            RpcServiceBuilder::new().layer_fn(move |service| ConcurrentBatches::new(service, batches, unknown)),
        )
        .build_from_tcp(socket.listener.try_clone().map_err(failed)?)
        .map_err(failed)?;
    Ok(RpcHandle { server: server.start(methods) })
}

/// Every method of every namespace.
pub(super) fn methods(rpc: Rpc) -> Result<RpcModule<Rpc>, RegisterMethodError> {
    let mut module = RpcModule::new(rpc);
    web3::register(&mut module)?;
    storage::register(&mut module)?;
    eth::register(&mut module)?;
    txpool::register(&mut module)?;
    baton::register(&mut module)?;
    proofs::register(&mut module)?;
    Ok(module)
}

/// Names subscriptions as Ethereum's clients expect: hexadecimal strings, not to be guessed.
#[derive(Clone, Copy, Debug)]
struct HexIds;

impl IdProvider for HexIds {
    fn next_id(&self) -> SubscriptionId<'static> {
        format!("{:#x}", U64::from(rand::random::<u64>())).into()
    }
}
