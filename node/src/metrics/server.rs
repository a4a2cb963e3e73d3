//! The actor that answers Prometheus. Whoever asks too slowly, or too often, waits; the node does not.

use super::Exposition;
use http_body_util::Full;
use hyper::{
    Method, Request, Response, StatusCode,
    body::{Bytes, Incoming},
    header::{ALLOW, CONTENT_TYPE, HeaderValue},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::{convert::Infallible, fmt, io, net::SocketAddr, sync::Arc, time::Duration};
use thiserror::Error;
use tokio::{
    net::{TcpListener, TcpStream},
    task::{JoinSet, spawn_blocking},
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, warn};

/// The only path.
const PATH: &str = "/metrics";

/// Connections at once; others wait for one of them to end.
pub(super) const MAX_CLIENTS: usize = 8;

/// How long a client may take for everything: to ask, and to read the answer. A connection serves one request.
const PATIENCE: Duration = Duration::from_secs(5);

/// The largest head of a request, in bytes. Nothing else of it is read.
const MAX_REQUEST: usize = 8 << 10;

/// How long to wait when the operating system gives no connection.
const BREATH: Duration = Duration::from_millis(100);

/// What is sent, by the specification of OpenMetrics.
const FORMAT: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Why metrics are not served.
#[derive(Debug, Error)]
#[error("cannot serve metrics on {address}: {cause}; choose another address, or stop who uses it")]
pub struct BindError {
    /// The address.
    pub address: SocketAddr,
    /// What the operating system said.
    pub cause: io::Error,
}

/// Where the metrics are served. Clients that connect wait until somebody serves.
#[derive(Debug)]
pub struct Socket {
    listener: TcpListener,
    address: SocketAddr,
}

impl Socket {
    /// Takes the address; port 0 lets the system choose.
    ///
    /// # Errors
    /// If it is not free or not ours.
    pub async fn bind(address: SocketAddr) -> Result<Self, BindError> {
        let bound = async {
            let listener = TcpListener::bind(address).await?;
            Ok(Self { address: listener.local_addr()?, listener })
        };
        bound.await.map_err(|cause| BindError { address, cause })
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }
}

/// Serves the metrics.
#[derive(Debug)]
pub struct Server {
    socket: Socket,
    exposition: Arc<Exposition>,
    pub(super) patience: Duration,
}

impl Server {
    /// A server that is not running yet.
    #[must_use]
    pub fn new(socket: Socket, exposition: Exposition) -> Self {
        Self { socket, exposition: Arc::new(exposition), patience: PATIENCE }
    }

    /// Runs until `shutdown`; connections are cut then.
    pub async fn run(self, shutdown: CancellationToken) {
        let mut clients = JoinSet::new();
        loop {
            tokio::select! {
                () = shutdown.cancelled() => return,
                // How a client's connection ended concerns nobody.
                Some(_) = clients.join_next(), if !clients.is_empty() => {}
                accepted = self.socket.listener.accept(), if clients.len() < MAX_CLIENTS => match accepted {
                    Ok((stream, _)) => _ = clients.spawn(serve(stream, Arc::clone(&self.exposition), self.patience)),
                    Err(error) => {
                        warn!(%error, "cannot accept a client of the metrics");
                        sleep(BREATH).await;
                    }
                },
            }
        }
    }
}

/// Answers one request.
async fn serve(stream: TcpStream, exposition: Arc<Exposition>, patience: Duration) {
    let service = service_fn(|request| answer(Arc::clone(&exposition), request));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(patience)
        .keep_alive(false)
        .max_buf_size(MAX_REQUEST)
        .serve_connection(TokioIo::new(stream), service);
    match timeout(patience, connection).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => debug!(%error, "a client of the metrics broke off"),
        Err(_) => debug!("a client of the metrics took too long"),
    }
}

async fn answer(exposition: Arc<Exposition>, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    if request.uri().path() != PATH {
        return Ok(refusal(StatusCode::NOT_FOUND, "the metrics are at /metrics\n"));
    }
    if request.method() != Method::GET {
        let mut response = refusal(StatusCode::METHOD_NOT_ALLOWED, "the metrics can only be read: GET\n");
        response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET"));
        return Ok(response);
    }
    Ok(match spawn_blocking(move || exposition.text()).await {
        Ok(Ok(text)) => {
            let mut response = Response::new(text.into());
            response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(FORMAT));
            response
        }
        Ok(Err(error)) => failure(error),
        Err(error) => failure(error),
    })
}

fn failure(error: impl fmt::Display) -> Response<Full<Bytes>> {
    error!(%error, "cannot write the metrics");
    refusal(StatusCode::INTERNAL_SERVER_ERROR, "this node cannot write its metrics; its log says why\n")
}

fn refusal(status: StatusCode, why: &'static str) -> Response<Full<Bytes>> {
    let mut response = Response::new(why.into());
    *response.status_mut() = status;
    response
}
