//! Connections and streams, negotiated by hand.

use super::{CONNECTIONS, CUT, REFUSED, count, pubsub, source::Source};
use futures::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use libp2p::{
    Multiaddr, Transport,
    core::{
        Endpoint,
        muxing::{StreamMuxerBox, StreamMuxerExt, SubstreamBox},
        transport::{DialOpts, PortUse},
        upgrade,
    },
    identity::Keypair,
    noise, yamux,
};
use std::{
    collections::VecDeque,
    io,
    task::{Context, Poll},
    time::Duration,
};
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinHandle,
};

/// How long anything may take before the attacker tries something else.
pub(super) const PATIENCE: Duration = Duration::from_secs(3);

/// What multistream-select begins with.
const MULTISTREAM: &str = "/multistream/1.0.0";

/// The longest line that is read of it.
const MAX_LINE: usize = 1024;

type Opened = oneshot::Sender<SubstreamBox>;

/// A connection, as a dialer.
pub(super) struct Link {
    orders: mpsc::UnboundedSender<Opened>,
    driver: JoinHandle<()>,
}

/// A message that the node sent by gossip.
pub(super) struct Heard {
    pub(super) topic: String,
    pub(super) data: Vec<u8>,
}

impl Link {
    /// Connects as somebody new.
    pub(super) async fn new(from: Source, target: &Multiaddr) -> Option<Self> {
        Self::hearing(from, target, mpsc::channel(1).0).await
    }

    /// The same; what the node gossips goes to `heard`.
    pub(super) async fn hearing(from: Source, target: &Multiaddr, heard: mpsc::Sender<Heard>) -> Option<Self> {
        let connected = tokio::time::timeout(PATIENCE, dial(from, target, &Keypair::generate_ed25519())).await;
        let Ok(Some(muxer)) = connected else {
            count(&REFUSED);
            return None;
        };
        count(&CONNECTIONS);
        let (orders, receiver) = mpsc::unbounded_channel();
        let driver = tokio::spawn(async move {
            drive(muxer, receiver, heard).await;
            count(&CUT);
        });
        Some(Self { orders, driver })
    }

    /// Whether the node has closed it.
    pub(super) fn is_closed(&self) -> bool {
        self.driver.is_finished()
    }

    /// A stream for which nothing is negotiated yet.
    pub(super) async fn open_raw(&self) -> Option<SubstreamBox> {
        let (opened, stream) = oneshot::channel();
        self.orders.send(opened).ok()?;
        tokio::time::timeout(PATIENCE, stream).await.ok()?.ok()
    }

    /// A stream of a protocol; none if the node does not speak it, or is gone.
    pub(super) async fn open(&self, protocol: &str) -> Option<SubstreamBox> {
        let mut stream = self.open_raw().await?;
        tokio::time::timeout(PATIENCE, propose(&mut stream, protocol)).await.ok()?.ok()?;
        Some(stream)
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

async fn dial(from: Source, target: &Multiaddr, key: &Keypair) -> Option<StreamMuxerBox> {
    let mut transport = from
        .upgrade(upgrade::Version::V1)
        .authenticate(noise::Config::new(key).ok()?)
        .multiplex(yamux::Config::default())
        .boxed();
    let options = DialOpts { role: Endpoint::Dialer, port_use: PortUse::New };
    let (_, muxer) = transport.dial(target.clone(), options).ok()?.await.ok()?;
    Some(muxer)
}

/// Moves bytes until the connection is closed.
async fn drive(mut muxer: StreamMuxerBox, mut orders: mpsc::UnboundedReceiver<Opened>, heard: mpsc::Sender<Heard>) {
    let mut waiting = VecDeque::new();
    std::future::poll_fn(move |context| {
        loop {
            match step(&mut muxer, &mut orders, &mut waiting, &heard, context) {
                Some(true) => {}
                Some(false) => return Poll::Pending,
                None => return Poll::Ready(()),
            }
        }
    })
    .await;
}

/// One step; whether there may be another one now. None when the connection is over.
fn step(
    muxer: &mut StreamMuxerBox,
    orders: &mut mpsc::UnboundedReceiver<Opened>,
    waiting: &mut VecDeque<Opened>,
    heard: &mpsc::Sender<Heard>,
    context: &mut Context<'_>,
) -> Option<bool> {
    let mut moved = false;
    if let Poll::Ready(order) = orders.poll_recv(context) {
        waiting.push_back(order?);
        moved = true;
    }
    if let Poll::Ready(event) = muxer.poll_unpin(context) {
        event.ok()?;
        moved = true;
    }
    if !waiting.is_empty()
        && let Poll::Ready(stream) = muxer.poll_outbound_unpin(context)
    {
        let stream = stream.ok()?;
        if let Some(order) = waiting.pop_front() {
            let _ = order.send(stream);
        }
        moved = true;
    }
    if let Poll::Ready(stream) = muxer.poll_inbound_unpin(context) {
        tokio::spawn(serve(stream.ok()?, heard.clone()));
        moved = true;
    }
    Some(moved)
}

/// Agrees to whatever the node proposes; listens to gossip, answers pings, and says nothing else.
async fn serve(mut stream: SubstreamBox, heard: mpsc::Sender<Heard>) {
    let _ = listen(&mut stream, &heard).await;
}

async fn listen(stream: &mut SubstreamBox, heard: &mpsc::Sender<Heard>) -> io::Result<()> {
    read_line(stream).await?;
    let proposed = read_line(stream).await?;
    write_line(stream, MULTISTREAM).await?;
    write_line(stream, &proposed).await?;
    if proposed.starts_with("/ipfs/ping/") {
        let mut ping = [0; 32];
        loop {
            stream.read_exact(&mut ping).await?;
            stream.write_all(&ping).await?;
            stream.flush().await?;
        }
    }
    if proposed.starts_with("/meshsub/") || proposed.starts_with(pubsub::TRANSACTIONS) {
        loop {
            let length = read_varint(stream).await?;
            let mut frame = vec![0; usize::try_from(length).unwrap_or_default().min(16 << 20)];
            stream.read_exact(&mut frame).await?;
            for (topic, data) in pubsub::published(&frame) {
                let _ = heard.try_send(Heard { topic, data });
            }
        }
    }
    // Whatever else it asks, it waits for.
    stream.read_to_end(&mut Vec::new()).await?;
    Ok(())
}

async fn propose(stream: &mut SubstreamBox, protocol: &str) -> io::Result<()> {
    write_line(stream, MULTISTREAM).await?;
    write_line(stream, protocol).await?;
    read_line(stream).await?;
    let answer = read_line(stream).await?;
    if answer == protocol { Ok(()) } else { Err(io::ErrorKind::Unsupported.into()) }
}

/// A line of multistream-select.
pub(super) async fn write_line(stream: &mut (impl AsyncWrite + Unpin), line: &str) -> io::Result<()> {
    let mut bytes = Vec::new();
    pubsub::put_varint(&mut bytes, line.len() as u64 + 1);
    bytes.extend_from_slice(line.as_bytes());
    bytes.push(b'\n');
    stream.write_all(&bytes).await?;
    stream.flush().await
}

async fn read_line(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<String> {
    let length = usize::try_from(read_varint(stream).await?).unwrap_or(usize::MAX);
    if length > MAX_LINE {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut line = vec![0; length];
    stream.read_exact(&mut line).await?;
    Ok(String::from_utf8_lossy(&line).trim_end().to_owned())
}

async fn read_varint(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let mut byte = [0];
        stream.read_exact(&mut byte).await?;
        value |= u64::from(byte[0] & 0x7f) << shift;
        if byte[0] < 0x80 {
            return Ok(value);
        }
    }
    Err(io::ErrorKind::InvalidData.into())
}
