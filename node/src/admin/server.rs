//! The actor that answers.

use super::{
    AdminSocket, Answer, Request,
    protocol::{MAX_LINE, line},
};
use std::{future::Future, io, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::UnixStream,
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

/// Clients at once.
pub(super) const MAX_CLIENTS: usize = 8;

/// How long a client may be silent between requests.
const IDLE: Duration = Duration::from_secs(10);

/// How long a client may take to read an answer.
const WRITING: Duration = Duration::from_secs(2);

/// What is read of a line that is too long, so that its sender comes to read the answer, in bytes.
const DRAINED: u64 = 1 << 20;

/// How long to read on, and how long to wait when the operating system gives no connection.
const BREATH: Duration = Duration::from_millis(100);

/// What the server needs of the node.
pub trait Operations: Send + Sync + 'static {
    /// Does what is asked.
    fn carry_out(&self, request: Request) -> impl Future<Output = Answer> + Send;
}

/// Serves the admin socket.
#[derive(Debug)]
pub struct Server<O> {
    socket: AdminSocket,
    operations: Arc<O>,
    pub(super) idle: Duration,
}

impl<O: Operations> Server<O> {
    /// A server that is not running yet; clients that connect wait.
    pub fn new(socket: AdminSocket, operations: O) -> Self {
        Self { socket, operations: Arc::new(operations), idle: IDLE }
    }

    /// Runs until `shutdown`; those who wait for an answer then are told, and the socket file goes.
    pub async fn run(self, shutdown: CancellationToken) {
        let mut clients = JoinSet::new();
        loop {
            tokio::select! {
                () = shutdown.cancelled() => break,
                // How a client's connection ended concerns nobody.
                Some(_) = clients.join_next(), if !clients.is_empty() => {}
                accepted = self.socket.listener.accept() => match accepted {
                    Ok((stream, _)) => self.admit(stream, &mut clients, &shutdown).await,
                    Err(error) => {
                        warn!(%error, "cannot accept a client of the admin socket");
                        tokio::time::sleep(BREATH).await;
                    }
                },
            }
        }
        let told = async { while clients.join_next().await.is_some() {} };
        // Whoever does not read is cut off.
        let _ = tokio::time::timeout(WRITING, told).await;
    }

    async fn admit(&self, stream: UnixStream, clients: &mut JoinSet<()>, shutdown: &CancellationToken) {
        let user = stream.peer_cred().map(|peer| peer.uid());
        let refusal = match user {
            Ok(user) if user == self.socket.owner || user == 0 => {
                (clients.len() >= MAX_CLIENTS).then(|| format!("{MAX_CLIENTS} others ask already; try again"))
            }
            Ok(user) => Some(format!("user {user} may not tell this node anything; user {} may", self.socket.owner)),
            Err(error) => Some(format!("cannot tell who asks: {error}")),
        };
        match refusal {
            None => {
                let client = serve(stream, Arc::clone(&self.operations), self.idle, shutdown.clone());
                clients.spawn(client);
            }
            Some(reason) => {
                warn!(reason, "refused a client of the admin socket");
                let mut stream = stream;
                // It may not listen.
                let _ = write(&mut stream, &Answer::refused(reason)).await;
            }
        }
    }
}

/// Answers one client until it leaves, says nothing for too long, or says too much.
async fn serve<O: Operations>(mut stream: UnixStream, operations: Arc<O>, idle: Duration, shutdown: CancellationToken) {
    let (reader, mut writer) = stream.split();
    let mut reader = BufReader::new(reader);
    loop {
        let line = tokio::select! {
            () = shutdown.cancelled() => return,
            line = tokio::time::timeout(idle, read_line(&mut reader)) => line,
        };
        let Ok(Ok(Some(line))) = line else { return };
        let (answer, goes_on) = match line {
            Line::Whole(line) => match Request::parse(&line) {
                Ok(request) => {
                    info!(?request, "the operator asks");
                    let answer = tokio::select! {
                        // What is done is told, even if the node stops now.
                        biased;
                        answer = operations.carry_out(request) => answer,
                        () = shutdown.cancelled() => Answer::stopping(),
                    };
                    (answer, true)
                }
                Err(problem) => (Answer::Malformed { problem }, true),
            },
            Line::TooLong => {
                let (mut rest, mut nowhere) = ((&mut reader).take(DRAINED), tokio::io::sink());
                // Whatever ends it, its sender is answered.
                let _ = tokio::time::timeout(BREATH, tokio::io::copy(&mut rest, &mut nowhere)).await;
                (Answer::Malformed { problem: format!("the line is longer than {MAX_LINE} bytes") }, false)
            }
        };
        if write(&mut writer, &answer).await.is_err() || !goes_on {
            return;
        }
    }
}

#[derive(Debug)]
enum Line {
    Whole(Vec<u8>),
    TooLong,
}

/// The next line, or what came before the client left; none if that is nothing.
async fn read_line(reader: &mut (impl AsyncBufRead + Unpin)) -> io::Result<Option<Line>> {
    let mut line = Vec::new();
    reader.take(MAX_LINE as u64 + 1).read_until(b'\n', &mut line).await?;
    Ok(match line.pop() {
        None => None,
        Some(b'\n') => Some(Line::Whole(line)),
        Some(_) if line.len() >= MAX_LINE => Some(Line::TooLong),
        Some(last) => {
            line.push(last);
            Some(Line::Whole(line))
        }
    })
}

async fn write(writer: &mut (impl AsyncWriteExt + Unpin), answer: &Answer) -> io::Result<()> {
    tokio::time::timeout(WRITING, writer.write_all(&line(answer))).await?
}
