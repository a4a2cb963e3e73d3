//! The transport: every node listens at `/memory/NUMBER`, and whoever dials it gets a pipe and a real Yamux on it.

use crate::{
    pipe::{Line, Pipe, pipe},
    tally::{CountedMuxer, Tally},
};
use baton_network::simulation::yamux;
use futures::{FutureExt, future::BoxFuture};
use libp2p::{
    Multiaddr, PeerId,
    core::{
        muxing::StreamMuxerBox,
        transport::{DialOpts, ListenerId, TransportError, TransportEvent},
        upgrade::{InboundConnectionUpgrade, OutboundConnectionUpgrade},
    },
    multiaddr::Protocol,
};
use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};
use tokio::{
    sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
    time::sleep,
};

/// A way between two nodes, in one direction.
pub(crate) type Latency = Box<dyn Fn(usize, usize) -> Duration + Send + Sync>;

/// A node as the others reach it.
struct Place {
    peer: PeerId,
    line: Arc<Line>,
    arrivals: UnboundedSender<(usize, PeerId, Pipe)>,
}

/// All nodes.
pub(crate) struct Hub {
    places: Vec<Place>,
    latency: Latency,
}

/// One node's transport.
pub(crate) struct HubTransport {
    hub: Arc<Hub>,
    own: usize,
    arrivals: UnboundedReceiver<(usize, PeerId, Pipe)>,
    listener: Option<(ListenerId, bool)>,
    tally: Arc<Tally>,
}

/// The address of a node.
pub(crate) fn address(node: usize) -> Multiaddr {
    Multiaddr::empty().with(Protocol::Memory(node as u64))
}

impl Hub {
    /// A hub for these peers, each with a line of so many bits a second, and what they send is counted.
    pub(crate) fn connect(
        peers: Vec<(PeerId, Arc<Tally>)>,
        bits_per_second: u64,
        latency: Latency,
    ) -> Vec<HubTransport> {
        let (places, receivers): (Vec<_>, Vec<_>) = peers
            .into_iter()
            .map(|(peer, tally)| {
                let (arrivals, receiver) = unbounded_channel();
                (Place { peer, line: Arc::new(Line::new(bits_per_second)), arrivals }, (receiver, tally))
            })
            .unzip();
        let hub = Arc::new(Self { places, latency });
        let transport =
            |(own, (arrivals, tally))| HubTransport { hub: Arc::clone(&hub), own, arrivals, listener: None, tally };
        receivers.into_iter().enumerate().map(transport).collect()
    }
}

type Output = (PeerId, StreamMuxerBox);

impl HubTransport {
    fn muxed<M>(&self, peer: PeerId, muxer: M) -> Output
    where
        M: libp2p::core::StreamMuxer + Send + 'static,
        M::Substream: Send + Unpin + 'static,
        M::Error: Send + Sync + 'static,
    {
        (peer, StreamMuxerBox::new(CountedMuxer::new(muxer, Arc::clone(&self.tally))))
    }
}

impl libp2p::Transport for HubTransport {
    type Output = Output;
    type Error = io::Error;
    type ListenerUpgrade = std::future::Ready<io::Result<Output>>;
    type Dial = BoxFuture<'static, io::Result<Output>>;

    fn listen_on(&mut self, id: ListenerId, _: Multiaddr) -> Result<(), TransportError<io::Error>> {
        self.listener = Some((id, false));
        Ok(())
    }

    fn remove_listener(&mut self, _: ListenerId) -> bool {
        self.listener.take().is_some()
    }

    fn dial(&mut self, target: Multiaddr, _: DialOpts) -> Result<Self::Dial, TransportError<io::Error>> {
        let number = target.iter().find_map(|part| match part {
            Protocol::Memory(number) => usize::try_from(number).ok(),
            _ => None,
        });
        let Some((number, place)) = number.and_then(|number| Some((number, self.hub.places.get(number)?))) else {
            return Err(TransportError::MultiaddrNotSupported(target));
        };
        let own = &self.hub.places[self.own];
        let latency = (self.hub.latency)(self.own, number);
        let [near, far] = pipe([Arc::clone(&own.line), Arc::clone(&place.line)], latency);
        let (arrivals, caller) = (place.arrivals.clone(), (self.own, own.peer, far));
        let muxer = yamux().upgrade_outbound(near, "/yamux/1.0.0");
        let muxed = muxer.now_or_never().and_then(Result::ok).map(|muxer| self.muxed(place.peer, muxer));
        Ok(async move {
            // Half of the handshake of TCP.
            sleep(latency).await;
            arrivals.send(caller).map_err(|_| io::Error::from(io::ErrorKind::ConnectionRefused))?;
            sleep(latency).await;
            muxed.ok_or_else(|| io::ErrorKind::Other.into())
        }
        .boxed())
    }

    fn poll(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<TransportEvent<Self::ListenerUpgrade, io::Error>> {
        let own = self.own;
        let Some((listener_id, told)) = &mut self.listener else { return Poll::Pending };
        let listener_id = *listener_id;
        if !std::mem::replace(told, true) {
            return Poll::Ready(TransportEvent::NewAddress { listener_id, listen_addr: address(own) });
        }
        let Poll::Ready(Some((from, peer, pipe))) = self.arrivals.poll_recv(context) else { return Poll::Pending };
        let muxer = yamux().upgrade_inbound(pipe, "/yamux/1.0.0");
        let muxed = muxer.now_or_never().and_then(Result::ok).map(|muxer| self.muxed(peer, muxer));
        let upgrade = std::future::ready(muxed.ok_or_else(|| io::ErrorKind::Other.into()));
        Poll::Ready(TransportEvent::Incoming {
            listener_id,
            upgrade,
            local_addr: address(own),
            send_back_addr: address(from),
        })
    }
}
