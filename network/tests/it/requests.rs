//! Requests, their responses and their failures.

use crate::{
    node::{Node, config, pair},
    samples,
};
use alloy_primitives::FixedBytes;
use baton_consensus::{
    messages::Seal,
    signing::Signed,
    types::{ChainSegment, Epoch, Era, ExtraData, Height, SealedBlock, Term},
};
use baton_network::{
    BlocksByHash, BlocksByRange, Branch, BranchBlock, Chunk, ChunkPart, ChunkRequest, FoundTransactions, HeaderProof,
    HeadersRequest, NetworkEvent, PeerId, Received, Request, RequestError, RespondError, Responder, Response,
    SetChanges, SetChangesRequest, SnapshotOffers, SnapshotOffersRequest, Submission, Text, TransactionsByHash,
    WireError,
};
use std::time::Duration;

const RANGE: BlocksByRange =
    BlocksByRange { from: Height(1), count: 2, known: ExtraData { era: Era(0), term: Term(1), epoch: Epoch(1) } };

async fn next_request(node: &mut Node) -> (PeerId, Request, Responder) {
    node.until("a request", |event| match event {
        NetworkEvent::Request { peer, request, responder } => Some((peer, request, responder)),
        _ => None,
    })
    .await
}

fn segment(blocks: u64) -> ChainSegment {
    let seal = Seal { era: Era(0), term: Term(1), height: Height(1), hash: FixedBytes::ZERO };
    let sealed = |height| SealedBlock {
        block: (*samples::block(height)).clone(),
        seal: Signed { message: seal, signature: FixedBytes([1; 65]) },
    };
    ChainSegment { blocks: (1..=blocks).map(sealed).collect(), ..ChainSegment::default() }
}

#[tokio::test]
async fn every_protocol_answers() {
    let (mut server, client) = pair().await;
    let exchanges = [
        (Request::BlocksByRange(RANGE), Response::BlocksByRange(segment(2))),
        (Request::SubmitBlock(samples::block(3)), Response::SubmitBlock(Submission::Accepted)),
        (Request::SubmitBlock(samples::block(4)), Response::SubmitBlock(Submission::Refused(Text::fit("not leader")))),
        (
            Request::PushTransactions(samples::transactions(1)),
            Response::PushTransactions(Received { count: 1, refused: vec![1] }),
        ),
        (
            Request::TransactionsByHash(TransactionsByHash { hashes: vec![FixedBytes([1; 32]), FixedBytes([2; 32])] }),
            Response::TransactionsByHash(FoundTransactions { transactions: samples::transactions(1) }),
        ),
        (
            Request::BlocksByHash(BlocksByHash { hash: FixedBytes([1; 32]), count: 64 }),
            Response::BlocksByHash(Branch {
                blocks: vec![BranchBlock { block: (*samples::block(3)).clone(), seal: None }],
                ..Branch::default()
            }),
        ),
        (
            Request::SetChanges(SetChangesRequest { from: Era(0), count: 1 }),
            Response::SetChanges(SetChanges::default()),
        ),
        (
            Request::Headers(HeadersRequest::Proof(FixedBytes([1; 32]))),
            Response::Headers(HeaderProof { headers: vec![vec![1; 600].into()], finality: None }),
        ),
        (Request::SnapshotOffers(SnapshotOffersRequest {}), Response::SnapshotOffers(SnapshotOffers::default())),
        (
            Request::SnapshotChunk(ChunkRequest {
                block: Default::default(),
                part: ChunkPart::Accounts(FixedBytes([1; 32])),
            }),
            Response::SnapshotChunk(Chunk::Unavailable),
        ),
    ];
    let (handle, id) = (client.handle.clone(), server.id());
    for (request, response) in exchanges {
        let (handle, asked) = (handle.clone(), request.clone());
        let answer = tokio::spawn(async move { handle.request(id, asked).await });
        let (peer, received, responder) = next_request(&mut server).await;
        assert_eq!((peer, received), (client.id(), request));
        responder.respond(&response).unwrap();
        assert_eq!(answer.await.unwrap().unwrap(), response);
    }
}

#[tokio::test]
async fn large_responses_arrive_whole() {
    let (mut server, client) = pair().await;
    let (handle, id) = (client.handle.clone(), server.id());
    let answer = tokio::spawn(async move { handle.request(id, Request::BlocksByRange(RANGE)).await });
    let (_, _, responder) = next_request(&mut server).await;
    let mut segment = segment(8);
    for sealed in &mut segment.blocks {
        sealed.block.block.header.extra_data = vec![5; 1 << 20].into();
    }
    let response = Response::BlocksByRange(segment);
    responder.respond(&response).unwrap();
    assert_eq!(answer.await.unwrap().unwrap(), response);
}

#[tokio::test]
async fn failures_are_told_apart() {
    let (mut server, mut client) = pair().await;
    let (handle, id) = (client.handle.clone(), server.id());
    let ask = |request: Request| {
        let handle = handle.clone();
        tokio::spawn(async move { handle.request(id, request).await })
    };

    let stranger = PeerId::random();
    let result = handle.request(stranger, Request::BlocksByRange(RANGE)).await;
    assert!(matches!(result, Err(RequestError::NotConnected(peer)) if peer == stranger));

    let endless = Request::BlocksByRange(BlocksByRange { count: 129, ..RANGE });
    assert!(matches!(handle.request(id, endless).await, Err(RequestError::Request(WireError::Bounds(_)))));

    let answer = ask(Request::BlocksByRange(RANGE));
    let (_, _, responder) = next_request(&mut server).await;
    drop(responder);
    assert!(matches!(answer.await.unwrap(), Err(RequestError::Refused { .. })));

    let answer = ask(Request::BlocksByRange(RANGE));
    let (_, _, responder) = next_request(&mut server).await;
    let mismatch = responder.respond(&Response::SubmitBlock(Submission::Accepted));
    assert!(matches!(mismatch, Err(RespondError::Protocol { .. })));
    assert!(matches!(answer.await.unwrap(), Err(RequestError::Refused { .. })));

    let answer = ask(Request::BlocksByRange(RANGE));
    let (_, _, responder) = next_request(&mut server).await;
    let mut much = segment(17);
    for sealed in &mut much.blocks {
        sealed.block.block.header.extra_data = vec![5; 1 << 20].into();
    }
    let too_large = responder.respond(&Response::BlocksByRange(much));
    assert!(matches!(too_large, Err(RespondError::Response(WireError::TooLarge { .. }))));
    assert!(matches!(answer.await.unwrap(), Err(RequestError::Refused { .. })));

    server.stop().await;
    client.gone(id).await;
    let result = handle.request(id, Request::BlocksByRange(RANGE)).await;
    assert!(matches!(result, Err(RequestError::NotConnected(_))));
    client.stop().await;
    assert!(matches!(handle.request(id, Request::BlocksByRange(RANGE)).await, Err(RequestError::Stopped)));
}

#[tokio::test]
async fn a_request_without_a_response_ends_at_its_deadline() {
    let mut server = Node::start(config());
    let mut impatient = config();
    impatient.timing.request_deadline_max = Duration::from_millis(500);
    impatient.bootnodes.push(server.address().await);
    let mut client = Node::start(impatient);
    client.ready(server.id()).await;
    let (handle, id) = (client.handle.clone(), server.id());
    let answer = tokio::spawn(async move { handle.request(id, Request::BlocksByRange(RANGE)).await });
    let (_, _, responder) = next_request(&mut server).await;
    assert!(matches!(answer.await.unwrap(), Err(RequestError::Timeout { .. })));
    drop(responder);
}

#[tokio::test]
async fn one_peer_can_have_only_so_many_requests_waiting() {
    let (mut server, client) = pair().await;
    let id = server.id();
    let answers: Vec<_> = (0..5)
        .map(|_| {
            let handle = client.handle.clone();
            tokio::spawn(async move { handle.request(id, Request::BlocksByRange(RANGE)).await })
        })
        .collect();
    let mut responders = Vec::new();
    for _ in 0..4 {
        responders.push(next_request(&mut server).await.2);
    }
    // One of the five is refused while the others still wait.
    let (first, _, rest) = futures::future::select_all(answers).await;
    assert!(matches!(first.unwrap(), Err(RequestError::Refused { .. })));
    for responder in responders {
        responder.respond(&Response::BlocksByRange(ChainSegment::default())).unwrap();
    }
    for answer in rest {
        assert!(answer.await.unwrap().is_ok());
    }
}
