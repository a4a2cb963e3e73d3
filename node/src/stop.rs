//! What makes a node stop, and how it takes its leave.

use crate::{config, engine::EngineHandle};
use eyre::WrapErr;
use std::time::Duration;
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::oneshot,
};
use tracing::{info, warn};

/// How long the others may take to do without this node before it goes all the same.
const FAREWELL: Duration = Duration::from_secs(2);

/// What the operator, or the process that started this one, does to stop the node.
#[derive(Debug)]
pub(crate) struct StopRequests {
    interrupt: Signal,
    terminate: Signal,
    stdin: Option<oneshot::Receiver<()>>,
}

impl StopRequests {
    /// Listens from now on.
    pub(crate) fn listen(on_stdin_eof: bool) -> eyre::Result<Self> {
        let interrupt = signal(SignalKind::interrupt()).wrap_err("cannot listen for SIGINT")?;
        let terminate = signal(SignalKind::terminate()).wrap_err("cannot listen for SIGTERM")?;
        Ok(Self { interrupt, terminate, stdin: on_stdin_eof.then(config::stdin_closed) })
    }

    /// Waits for the next one and says what it was.
    pub(crate) async fn next(&mut self) -> &'static str {
        let Self { interrupt, terminate, stdin } = self;
        let ended = async {
            match stdin {
                Some(closed) => drop(closed.await),
                None => std::future::pending().await,
            }
        };
        let what = tokio::select! {
            _ = interrupt.recv() => return "SIGINT",
            _ = terminate.recv() => return "SIGTERM",
            () = ended => "standard input ended",
        };
        // It ends once.
        self.stdin = None;
        what
    }

    /// Waits until the others do without this node, at most [`FAREWELL`]: a scheduler hands over, a leader is replaced. Whoever
    /// asks a second time does not wait.
    pub(crate) async fn take_leave(&mut self, engine: &EngineHandle) {
        tokio::select! {
            left = tokio::time::timeout(FAREWELL, engine.leave()) => match left {
                Ok(()) => info!("nobody relies on this node any more"),
                Err(_) => warn!("nobody took over within {FAREWELL:?}; the others will notice that this node is silent"),
            },
            again = self.next() => warn!("{again} again: stopping at once"),
        }
    }
}
