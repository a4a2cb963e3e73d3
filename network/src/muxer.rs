//! Yamux, with a bounded end.
//!
//! To close a connection, yamux first writes what is still to be said. A peer that reads nothing any more, or is no longer at its
//! address, never takes it, and the kernel tries for a quarter of an hour. For so long the connection would count as open: it
//! would keep its place, and gossipsub would not tell the same peer on a new connection what this node is subscribed to. So the
//! farewell has a deadline; after it the connection is dropped.

use futures::{
    AsyncRead, AsyncWrite,
    future::{Ready, ready},
};
use libp2p::{
    core::{
        StreamMuxer, UpgradeInfo,
        muxing::StreamMuxerEvent,
        upgrade::{InboundConnectionUpgrade, OutboundConnectionUpgrade},
    },
    yamux,
};
use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};
use tokio::time::Sleep;

/// How long it may take to part from a peer.
const FAREWELL: Duration = Duration::from_secs(1);

/// Makes connections of yamux that end in time.
#[derive(Clone, Debug)]
pub(crate) struct Yamux(pub(crate) yamux::Config);

impl UpgradeInfo for Yamux {
    type Info = <yamux::Config as UpgradeInfo>::Info;
    type InfoIter = <yamux::Config as UpgradeInfo>::InfoIter;

    fn protocol_info(&self) -> Self::InfoIter {
        self.0.protocol_info()
    }
}

impl<C: AsyncRead + AsyncWrite + Send + Unpin + 'static> InboundConnectionUpgrade<C> for Yamux {
    type Output = BoundedClose<yamux::Muxer<C>>;
    type Error = io::Error;
    type Future = Ready<io::Result<Self::Output>>;

    fn upgrade_inbound(self, io: C, info: Self::Info) -> Self::Future {
        ready(self.0.upgrade_inbound(io, info).into_inner().map(BoundedClose::new))
    }
}

impl<C: AsyncRead + AsyncWrite + Send + Unpin + 'static> OutboundConnectionUpgrade<C> for Yamux {
    type Output = BoundedClose<yamux::Muxer<C>>;
    type Error = io::Error;
    type Future = Ready<io::Result<Self::Output>>;

    fn upgrade_outbound(self, io: C, info: Self::Info) -> Self::Future {
        ready(self.0.upgrade_outbound(io, info).into_inner().map(BoundedClose::new))
    }
}

/// A muxer that is closed after a while, whether or not the peer has taken leave.
#[derive(Debug)]
pub(crate) struct BoundedClose<M> {
    muxer: M,
    patience: Duration,
    /// Since it was first asked to close.
    deadline: Option<Pin<Box<Sleep>>>,
}

impl<M> BoundedClose<M> {
    const fn new(muxer: M) -> Self {
        Self { muxer, patience: FAREWELL, deadline: None }
    }
}

impl<M: StreamMuxer + Unpin> StreamMuxer for BoundedClose<M> {
    type Substream = M::Substream;
    type Error = M::Error;

    fn poll_inbound(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<Self::Substream, Self::Error>> {
        Pin::new(&mut self.muxer).poll_inbound(cx)
    }

    fn poll_outbound(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<Self::Substream, Self::Error>> {
        Pin::new(&mut self.muxer).poll_outbound(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        if let Poll::Ready(closed) = Pin::new(&mut self.muxer).poll_close(cx) {
            return Poll::Ready(closed);
        }
        let patience = self.patience;
        let deadline = self.deadline.get_or_insert_with(|| Box::pin(tokio::time::sleep(patience)));
        deadline.as_mut().poll(cx).map(Ok)
    }

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<StreamMuxerEvent, Self::Error>> {
        Pin::new(&mut self.muxer).poll(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::{AsyncWriteExt, future::poll_fn};
    use libp2p::core::muxing::StreamMuxerExt;
    use tokio::{io::DuplexStream, time::timeout};
    use tokio_util::compat::{Compat, TokioAsyncReadCompatExt};

    const LONG: Duration = Duration::from_secs(30);

    type Muxer = BoundedClose<yamux::Muxer<Compat<DuplexStream>>>;

    /// Our end of a connection over which this many bytes may be on their way, and the far end of the wire.
    async fn connection(room: usize) -> (Muxer, DuplexStream) {
        let (ours, theirs) = tokio::io::duplex(room);
        let upgrade = Yamux(yamux::Config::default());
        let info = upgrade.protocol_info().next().unwrap();
        (upgrade.upgrade_outbound(ours.compat(), info).await.unwrap(), theirs)
    }

    #[tokio::test]
    async fn who_reads_nothing_does_not_keep_a_connection() {
        let (mut muxer, _wire) = connection(64).await;
        let mut stream = poll_fn(|cx| muxer.poll_outbound_unpin(cx)).await.unwrap();
        let filled = async {
            loop {
                stream.write_all(&[0; 1024]).await.unwrap();
                stream.flush().await.unwrap();
            }
        };
        let driven = poll_fn(|cx| muxer.poll_unpin(cx));
        assert!(timeout(Duration::from_millis(50), futures::future::join(filled, driven)).await.is_err());
        assert!(
            timeout(Duration::from_millis(200), poll_fn(|cx| Pin::new(&mut muxer.muxer).poll_close(cx))).await.is_err()
        );
        muxer.patience = Duration::from_millis(10);
        timeout(LONG, muxer.close()).await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn who_reads_is_told_of_the_end() {
        let (mut muxer, mut wire) = connection(1 << 16).await;
        muxer.patience = LONG;
        let mut said = Vec::new();
        let heard = tokio::io::AsyncReadExt::read_to_end(&mut wire, &mut said);
        let (closed, heard) = timeout(LONG / 2, futures::future::join(muxer.close(), heard)).await.unwrap();
        closed.unwrap();
        assert!(heard.unwrap() > 0, "no farewell was said");
    }
}
