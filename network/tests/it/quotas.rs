//! Requests beyond what is served, from a peer that keeps to nothing and from one that paces itself.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on ends here")]

use crate::node::{Node, config, pair, within};
use baton_network::{
    Keypair, NetworkEvent, Offence, PeerId, Protocol, RecordsRequest, Request, RequestError, Response,
    TransactionsByHash,
};
use futures::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, StreamExt};
use libp2p::{
    StreamProtocol, Swarm, SwarmBuilder, noise,
    request_response::{self as rr, Codec, Event, Message, ProtocolSupport},
    swarm::SwarmEvent,
    tcp, yamux,
};
use std::io;

/// Frames as docs/wire.md has them: the length in 4 bytes, then so many bytes.
#[derive(Clone, Copy, Default)]
struct Frames;

impl Codec for Frames {
    type Protocol = StreamProtocol;
    type Request = Vec<u8>;
    type Response = Vec<u8>;

    async fn read_request<T: AsyncRead + Unpin + Send>(
        &mut self,
        _: &StreamProtocol,
        _: &mut T,
    ) -> io::Result<Vec<u8>> {
        Err(io::ErrorKind::Unsupported.into())
    }

    async fn read_response<T: AsyncRead + Unpin + Send>(
        &mut self,
        _: &StreamProtocol,
        io: &mut T,
    ) -> io::Result<Vec<u8>> {
        let mut length = [0; 4];
        io.read_exact(&mut length).await?;
        let mut frame = vec![0; u32::from_be_bytes(length) as usize];
        io.read_exact(&mut frame).await?;
        Ok(frame)
    }

    async fn write_request<T: AsyncWrite + Unpin + Send>(
        &mut self,
        _: &StreamProtocol,
        io: &mut T,
        frame: Vec<u8>,
    ) -> io::Result<()> {
        io.write_all(&u32::try_from(frame.len()).unwrap().to_be_bytes()).await?;
        io.write_all(&frame).await?;
        io.flush().await
    }

    async fn write_response<T: AsyncWrite + Unpin + Send>(
        &mut self,
        _: &StreamProtocol,
        _: &mut T,
        _: Vec<u8>,
    ) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

async fn asking(node: &Node) -> Swarm<rr::Behaviour<Frames>> {
    let protocol = StreamProtocol::new("/baton/7/abababab/sequencer-records/1");
    let behaviour = rr::Behaviour::<Frames>::new([(protocol, ProtocolSupport::Outbound)], rr::Config::default());
    let mut swarm = SwarmBuilder::with_existing_identity(Keypair::generate_ed25519())
        .with_tokio()
        .with_tcp(tcp::Config::default(), noise::Config::new, yamux::Config::default)
        .unwrap()
        .with_behaviour(|_| behaviour)
        .unwrap()
        .build();
    swarm.dial(node.address().await).unwrap();
    swarm
}

/// Asks, and returns the response; nothing once it is sent away.
async fn ask(swarm: &mut Swarm<rr::Behaviour<Frames>>, peer: PeerId, request: &[u8]) -> Option<Vec<u8>> {
    swarm.behaviour_mut().send_request(&peer, request.to_vec());
    loop {
        match swarm.select_next_some().await {
            SwarmEvent::Behaviour(Event::Message { message: Message::Response { response, .. }, .. }) => {
                return Some(response);
            }
            SwarmEvent::Behaviour(Event::OutboundFailure { .. }) | SwarmEvent::ConnectionClosed { .. } => return None,
            _ => {}
        }
    }
}

#[tokio::test]
async fn a_flood_of_requests_is_refused_and_then_sent_away() {
    let node = Node::start(config());
    let mut flood = asking(&node).await;
    let (id, peer) = (node.id(), *flood.local_peer_id());
    let (handle, mut events) = (node.handle.clone(), node.events);
    let records = tokio::spawn(async move {
        while let Some(event) = events.next().await {
            if let NetworkEvent::Request { responder, .. } = event {
                responder.respond(&Response::SequencerRecords(Vec::new())).unwrap();
            }
        }
    });
    let request = baton_consensus::codec::encode(&RecordsRequest);
    let (mut served, mut refused) = (0u64, 0u64);
    within("the flood to be sent away", async {
        while let Some(response) = ask(&mut flood, id, &request).await {
            if response.is_empty() {
                refused += 1;
            } else {
                served += 1;
            }
        }
    })
    .await;
    // Two a second, and eight at once.
    assert!((8..64).contains(&served), "{served}");
    assert!(refused >= 256, "{refused}");
    assert!(handle.counters().refused >= refused);
    assert_eq!(handle.peer_counters().penalties(Offence::TooManyRequests), 10);
    let told = handle.account(peer).await.unwrap().account;
    assert!(told.ban.is_none());
    assert!(told.charges.iter().all(|charge| charge.about == Protocol::SequencerRecords.name()));
    records.abort();
}

#[tokio::test]
async fn an_honest_node_waits_rather_than_be_refused() {
    let (mut server, client) = pair().await;
    let (handle, id) = (client.handle.clone(), server.id());
    let many = tokio::spawn(async move {
        // More than leaves at once.
        for _ in 0..600 {
            let request = Request::TransactionsByHash(TransactionsByHash { hashes: vec![[1; 32].into()] });
            match handle.request(id, request).await {
                Ok(_) => {}
                Err(error @ RequestError::Refused { .. }) => panic!("{error}"),
                Err(error) => panic!("{error}"),
            }
        }
    });
    for _ in 0..600 {
        let responder = server
            .until("a request", |event| match event {
                NetworkEvent::Request { responder, .. } => Some(responder),
                _ => None,
            })
            .await;
        responder.respond(&Response::TransactionsByHash(Default::default())).unwrap();
    }
    within("the last answer", many).await.unwrap();
    assert_eq!(server.handle.counters().refused, 0);
    assert_eq!(server.handle.account(client.id()).await.unwrap().account, Default::default());
}
