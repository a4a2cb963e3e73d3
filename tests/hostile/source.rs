//! TCP from an address of the attacker's choice: all of 127.0.0.0/8 is this machine.

use super::{CONNECTIONS, REFUSED, count};
use futures::{FutureExt, future::BoxFuture};
use libp2p::{
    Multiaddr,
    core::transport::{DialOpts, ListenerId, TransportError, TransportEvent},
    multiaddr::Protocol,
    tcp,
};
use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    pin::Pin,
    task::{Context, Poll},
};
use tokio::net::{TcpSocket, TcpStream};

/// A transport that only dials, and from this address.
#[derive(Clone, Copy, Debug)]
pub(super) struct Source(pub(super) Ipv4Addr);

impl Source {
    /// A socket to where a multiaddress begins.
    pub(super) async fn connect(self, target: &Multiaddr) -> io::Result<TcpStream> {
        let address = socket_address(target).ok_or(io::ErrorKind::AddrNotAvailable)?;
        let socket = TcpSocket::new_v4()?;
        socket.bind((self.0, 0).into())?;
        let stream = socket.connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }

    /// The same, counted.
    pub(super) async fn knock(self, target: &Multiaddr) -> Option<TcpStream> {
        let stream = self.connect(target).await.ok();
        count(if stream.is_some() { &CONNECTIONS } else { &REFUSED });
        stream
    }
}

impl libp2p::Transport for Source {
    type Output = tcp::tokio::TcpStream;
    type Error = io::Error;
    type ListenerUpgrade = futures::future::Pending<io::Result<Self::Output>>;
    type Dial = BoxFuture<'static, io::Result<Self::Output>>;

    fn listen_on(&mut self, _: ListenerId, address: Multiaddr) -> Result<(), TransportError<Self::Error>> {
        Err(TransportError::MultiaddrNotSupported(address))
    }

    fn remove_listener(&mut self, _: ListenerId) -> bool {
        false
    }

    fn dial(&mut self, address: Multiaddr, _: DialOpts) -> Result<Self::Dial, TransportError<Self::Error>> {
        let source = *self;
        Ok(async move { source.connect(&address).await.map(tcp::tokio::TcpStream) }.boxed())
    }

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<TransportEvent<Self::ListenerUpgrade, Self::Error>> {
        Poll::Pending
    }
}

fn socket_address(target: &Multiaddr) -> Option<SocketAddr> {
    let mut parts = target.iter();
    match (parts.next()?, parts.next()?) {
        (Protocol::Ip4(ip), Protocol::Tcp(port)) => Some((ip, port).into()),
        _ => None,
    }
}
