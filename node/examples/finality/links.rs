//! Slow links: a proxy for every pair of nodes, which hands on what comes, in order, a fixed time later, both ways. What it
//! holds meanwhile is not bounded, so that it limits no rate.

use baton_node::config::Ready;
use eyre::{OptionExt, WrapErr};
use libp2p::{Multiaddr, multiaddr::Protocol};
use std::{
    collections::HashSet,
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::mpsc,
    task::JoinSet,
    time::Instant,
};

/// How much is read at once, in bytes.
const CHUNK: usize = 16 * 1024;

/// The proxies; they end with this.
#[derive(Debug)]
pub(crate) struct Links {
    delay: Duration,
    ports: HashSet<u16>,
    proxies: JoinSet<()>,
}

impl Links {
    /// Everything takes so much longer, to the timer's millisecond.
    pub(crate) fn new(delay: Duration) -> Self {
        Self { delay, ports: HashSet::new(), proxies: JoinSet::new() }
    }

    /// Opens a link to each of these nodes, for one more node; the addresses by which it knows them.
    pub(crate) async fn open(&mut self, nodes: &[Ready]) -> eyre::Result<Vec<String>> {
        let mut addresses = Vec::with_capacity(nodes.len());
        for node in nodes {
            let (target, peer) = node.p2p.first().and_then(parts).ok_or_eyre("a node does not listen on TCP")?;
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.wrap_err("cannot listen for a link")?;
            let port = listener.local_addr()?.port();
            self.proxies.spawn(serve(listener, target, self.delay));
            self.ports.insert(port);
            let address = Multiaddr::empty().with(Ipv4Addr::LOCALHOST.into()).with(Protocol::Tcp(port)).with(peer);
            addresses.push(address.to_string());
        }
        Ok(addresses)
    }

    /// Whether an address is that of a link.
    pub(crate) fn is_one(&self, address: &str) -> bool {
        let address: Option<Multiaddr> = address.parse().ok();
        address.as_ref().and_then(socket).is_some_and(|socket| self.ports.contains(&socket.port()))
    }
}

/// Where to dial, and whom.
fn parts(address: &Multiaddr) -> Option<(SocketAddr, Protocol<'_>)> {
    let peer = address.iter().find(|part| matches!(part, Protocol::P2p(_)))?;
    Some((socket(address)?, peer))
}

fn socket(address: &Multiaddr) -> Option<SocketAddr> {
    let mut parts = address.iter();
    match (parts.next()?, parts.next()?) {
        (Protocol::Ip4(ip), Protocol::Tcp(port)) => Some(SocketAddr::from((ip, port))),
        _ => None,
    }
}

async fn serve(listener: TcpListener, target: SocketAddr, delay: Duration) {
    let mut connections = JoinSet::new();
    while let Ok((near, _)) = listener.accept().await {
        connections.spawn(async move {
            // Whatever breaks, the nodes see it as a broken connection.
            let _ = join(near, target, delay).await;
        });
    }
}

async fn join(near: TcpStream, target: SocketAddr, delay: Duration) -> std::io::Result<()> {
    let far = TcpStream::connect(target).await?;
    near.set_nodelay(true)?;
    far.set_nodelay(true)?;
    let ((from_near, to_near), (from_far, to_far)) = (near.into_split(), far.into_split());
    tokio::try_join!(hand_on(from_near, to_far, delay), hand_on(from_far, to_near, delay))?;
    Ok(())
}

async fn hand_on(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, delay: Duration) -> std::io::Result<()> {
    let (sender, mut receiver) = mpsc::unbounded_channel();
    let read = async move {
        loop {
            let mut chunk = vec![0; CHUNK];
            let length = from.read(&mut chunk).await?;
            chunk.truncate(length);
            // It fails when the other side is gone, and there is no more to do.
            if length == 0 || sender.send((Instant::now() + delay, chunk)).is_err() {
                return Ok(());
            }
        }
    };
    let write = async move {
        while let Some((due, chunk)) = receiver.recv().await {
            tokio::time::sleep_until(due).await;
            to.write_all(&chunk).await?;
        }
        to.shutdown().await
    };
    tokio::try_join!(read, write).map(drop)
}
