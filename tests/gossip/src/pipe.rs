//! A connection's bytes: they leave through their node's line, one after the other, and arrive a while later.

use futures::{AsyncRead, AsyncWrite, ready};
use std::{
    io,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::Duration,
};
use tokio::{
    sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
    time::{Instant, Sleep, sleep_until},
};

/// What one connection may have in its node's line before its writer waits, as a socket's send buffer: 128 KiB.
const SEND_BUFFER: u64 = 128 << 10;

/// A node's way out, which all its connections share.
#[derive(Debug)]
pub(crate) struct Line {
    bits_per_second: u64,
    /// When all that was written has left.
    free: Mutex<Instant>,
}

impl Line {
    pub(crate) fn new(bits_per_second: u64) -> Self {
        Self { bits_per_second, free: Mutex::new(Instant::now()) }
    }

    fn takes(&self, bytes: u64) -> Duration {
        Duration::from_nanos(bytes * 8 * 1_000_000_000 / self.bits_per_second)
    }

    /// When bytes that are written now have left.
    fn leave(&self, bytes: usize) -> Instant {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        *free = (*free).max(Instant::now()) + self.takes(bytes as u64);
        *free
    }
}

/// Bytes with the time at which they arrive.
type Chunk = (Instant, Vec<u8>);

/// One end of a connection.
#[derive(Debug)]
pub(crate) struct Pipe {
    line: Arc<Line>,
    latency: Duration,
    /// None once this side has said that no more comes.
    out: Option<UnboundedSender<Chunk>>,
    /// When what was written last has left.
    left: Instant,
    patience: Pin<Box<Sleep>>,
    incoming: UnboundedReceiver<Chunk>,
    /// What arrives next, and how much of it was read.
    next: Option<(Vec<u8>, usize)>,
    arrival: Pin<Box<Sleep>>,
}

/// Both ends of a connection between two lines.
pub(crate) fn pipe(lines: [Arc<Line>; 2], latency: Duration) -> [Pipe; 2] {
    let (ours, from_them) = unbounded_channel();
    let (theirs, from_us) = unbounded_channel();
    let [line, other] = lines;
    [Pipe::new(line, latency, ours, from_us), Pipe::new(other, latency, theirs, from_them)]
}

impl Pipe {
    fn new(
        line: Arc<Line>,
        latency: Duration,
        out: UnboundedSender<Chunk>,
        incoming: UnboundedReceiver<Chunk>,
    ) -> Self {
        let now = Instant::now();
        let [patience, arrival] = [now; 2].map(|at| Box::pin(sleep_until(at)));
        Self { line, latency, out: Some(out), left: now, patience, incoming, next: None, arrival }
    }
}

impl AsyncRead for Pipe {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        if self.next.is_none() {
            let Some((at, bytes)) = ready!(self.incoming.poll_recv(context)) else { return Poll::Ready(Ok(0)) };
            self.arrival.as_mut().reset(at);
            self.next = Some((bytes, 0));
        }
        ready!(self.arrival.as_mut().poll(context));
        let Some((bytes, read)) = &mut self.next else { return Poll::Ready(Ok(0)) };
        let length = buffer.len().min(bytes.len() - *read);
        buffer[..length].copy_from_slice(&bytes[*read..*read + length]);
        *read += length;
        if *read == bytes.len() {
            self.next = None;
        }
        Poll::Ready(Ok(length))
    }
}

impl AsyncWrite for Pipe {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let buffered = self.line.takes(SEND_BUFFER);
        if self.left > Instant::now() + buffered {
            let at = self.left - buffered;
            self.patience.as_mut().reset(at);
            ready!(self.patience.as_mut().poll(context));
        }
        let left = self.line.leave(bytes.len());
        self.left = left;
        let arrives = left + self.latency;
        let sent = self.out.as_ref().is_some_and(|out| out.send((arrives, bytes.to_vec())).is_ok());
        Poll::Ready(if sent { Ok(bytes.len()) } else { Err(io::ErrorKind::BrokenPipe.into()) })
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.out = None;
        Poll::Ready(Ok(()))
    }
}
