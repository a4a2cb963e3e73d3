//! A TCP link that the test opens and closes, and on which it counts.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on ends here")]

use baton_network::Multiaddr;
use libp2p::multiaddr::Protocol;
use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    sync::Semaphore,
    task::JoinSet,
};

/// Bytes that the system may hold on either side of the link.
const SYSTEM: u32 = 64 << 10;

/// As many bytes as anyone wants.
const OPEN: usize = 1 << 40;

/// A link to one node. What the dialer sends passes as far as the test lets it; what it receives always does.
pub(crate) struct Gate {
    pub(crate) address: Multiaddr,
    allowance: Arc<Semaphore>,
    passed: Arc<AtomicU64>,
    _task: JoinSet<()>,
}

impl Gate {
    /// An open link to a node's address.
    pub(crate) fn to(target: &Multiaddr) -> Self {
        let port = target.iter().find_map(|part| match part {
            Protocol::Tcp(port) => Some(port),
            _ => None,
        });
        let target = SocketAddr::from((Ipv4Addr::LOCALHOST, port.unwrap()));
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(SYSTEM).unwrap();
        socket.bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
        let listener = socket.listen(8).unwrap();
        let port = listener.local_addr().unwrap().port();
        let address = Multiaddr::from(Ipv4Addr::LOCALHOST).with(Protocol::Tcp(port));
        let (allowance, passed) = (Arc::new(Semaphore::new(OPEN)), Arc::new(AtomicU64::new(0)));
        let mut task = JoinSet::new();
        let (permits, counter) = (Arc::clone(&allowance), Arc::clone(&passed));
        task.spawn(async move {
            let mut links = JoinSet::new();
            while let Ok((dialer, _)) = listener.accept().await {
                let listener = TcpStream::connect(target).await.unwrap();
                dialer.set_nodelay(true).unwrap();
                listener.set_nodelay(true).unwrap();
                links.spawn(carry(dialer, listener, Arc::clone(&permits), Arc::clone(&counter)));
            }
        });
        Self { address, allowance, passed, _task: task }
    }

    /// Nothing passes any more.
    pub(crate) fn close(&self) {
        self.allowance.forget_permits(OPEN);
    }

    /// So many bytes pass.
    pub(crate) fn let_through(&self, bytes: usize) {
        self.allowance.add_permits(bytes);
    }

    /// Bytes that passed in both directions.
    pub(crate) fn passed(&self) -> u64 {
        self.passed.load(Ordering::SeqCst)
    }
}

async fn carry(dialer: TcpStream, listener: TcpStream, permits: Arc<Semaphore>, passed: Arc<AtomicU64>) {
    let (mut from_dialer, mut to_dialer) = dialer.into_split();
    let (mut from_listener, mut to_listener) = listener.into_split();
    let counter = Arc::clone(&passed);
    let back = async move {
        let mut buffer = vec![0; 16 << 10];
        while let Ok(bytes @ 1..) = from_listener.read(&mut buffer).await {
            counter.fetch_add(bytes as u64, Ordering::SeqCst);
            if to_dialer.write_all(&buffer[..bytes]).await.is_err() {
                break;
            }
        }
    };
    let forth = async move {
        let mut buffer = vec![0; 16 << 10];
        while let Ok(bytes @ 1..) = from_dialer.read(&mut buffer).await {
            permits.acquire_many(u32::try_from(bytes).unwrap()).await.unwrap().forget();
            passed.fetch_add(bytes as u64, Ordering::SeqCst);
            if to_listener.write_all(&buffer[..bytes]).await.is_err() {
                break;
            }
        }
    };
    tokio::join!(back, forth);
}
