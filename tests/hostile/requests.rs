//! Floods of requests, and submissions of strangers.

use super::{
    Order, SENT, count,
    forgeries::Stranger,
    link::{Link, PATIENCE},
};
use alloy_primitives::{B256, Bytes};
use baton_consensus::{
    codec,
    types::{BlockRef, ChainSegment, Epoch, Era, ExtraData, Height, Term},
};
use baton_network::{Agent, BlocksByRange, Status};
use futures::{AsyncReadExt, AsyncWriteExt, future::join_all};
use libp2p::Multiaddr;
use serde::Serialize;
use std::time::Duration;

/// Requests that one connection has open at a time.
const AT_ONCE: usize = 8;

/// The protocol that comes first.
const STATUS: &str = "/baton/status/1";

/// Between two tries.
const PAUSE: Duration = Duration::from_millis(20);

/// A value as a frame.
fn frame(value: &impl Serialize) -> Vec<u8> {
    let body = codec::encode(value);
    [&(body.len() as u32).to_be_bytes()[..], &body].concat()
}

/// A request for blocks.
pub(super) fn range(from: u64, count: u32) -> Vec<u8> {
    frame(&BlocksByRange { from: Height(from), count, known: ExtraData::default() })
}

/// Sends a frame, and reads what comes, if it comes soon.
async fn ask(link: &Link, protocol: &str, frame: &[u8]) {
    let Some(mut stream) = link.open(protocol).await else {
        return tokio::time::sleep(PAUSE).await;
    };
    count(&SENT);
    let exchange = async {
        stream.write_all(frame).await?;
        stream.flush().await?;
        stream.read_to_end(&mut Vec::new()).await
    };
    let _ = tokio::time::timeout(PATIENCE, exchange).await;
}

/// The beginning of the chain, with the announcements that it stands on.
pub(super) async fn segment(order: &Order, target: &Multiaddr) -> Option<ChainSegment> {
    const LIMIT: usize = 16 << 20;
    let link = Link::new(order.source(), target).await?;
    let mut stream = link.open(&order.protocol("blocks-by-range")).await?;
    let exchange = async {
        stream.write_all(&range(1, 128)).await?;
        stream.flush().await?;
        let mut answer = Vec::new();
        stream.take(LIMIT as u64).read_to_end(&mut answer).await?;
        Ok::<_, std::io::Error>(answer)
    };
    let answer = tokio::time::timeout(PATIENCE, exchange).await.ok()?.ok()?;
    codec::decode::<_, LIMIT>(answer.get(4..)?).ok()
}

/// Asks every target, over and over, as many at a time as one connection takes.
async fn pester(order: &Order, requests: &[(String, Vec<u8>)]) {
    join_all(order.targets.iter().map(|target| async {
        loop {
            let Some(link) = Link::new(order.source(), target).await else {
                tokio::time::sleep(PAUSE).await;
                continue;
            };
            let link = &link;
            join_all((0..AT_ONCE).map(|lane| async move {
                for (protocol, frame) in requests.iter().cycle().skip(lane) {
                    if link.is_closed() {
                        return;
                    }
                    ask(link, protocol, frame).await;
                    tokio::task::yield_now().await;
                }
            }))
            .await;
        }
    }))
    .await;
}

/// Ranges as long as they may be, and what strangers submit.
pub(super) async fn flood(order: &Order) {
    let Some(stranger) = Stranger::new(order) else { return };
    let block = frame(&stranger.signed_block(0, 9, 1 << 20));
    let mut requests = Vec::new();
    for number in 0..8 {
        requests.push((order.protocol("blocks-by-range"), range(1 + number, 128)));
        requests.push((order.protocol("submit-vote"), frame(&stranger.cast_vote(number))));
        requests.push((order.protocol("transactions-by-hash"), frame(&vec![B256::random(); 16_384])));
        requests.push((order.protocol("blocks-by-hash"), frame(&(B256::random(), 64_u32))));
    }
    requests.push((order.protocol("submit-block"), block));
    requests.push((order.protocol("push-transactions"), frame(&vec![Bytes::from_static(&[2, 0xc0]); 4096])));
    requests.push((STATUS.to_owned(), status(order)));
    pester(order, &requests).await;
}

/// Frames that claim more than they hold.
pub(super) async fn bombs(order: &Order) {
    // A list, in the codec's words, that is longer than any memory.
    let body = [&[1, 0xfd][..], &u64::MAX.to_be_bytes(), &[0; 100]].concat();
    let long = [&(body.len() as u32).to_be_bytes()[..], &body].concat();
    // As many bytes as the protocol takes, most of which never come.
    let declared = |bytes: u32| [&bytes.to_be_bytes()[..], &[0; 64]].concat();
    let names = [
        "blocks-by-range",
        "submit-block",
        "submit-vote",
        "push-transactions",
        "transactions-by-hash",
        "blocks-by-hash",
        "sequencer-records",
        "snapshot-chunk",
    ];
    let frames = [long, declared(8 << 20), declared(1 << 20), declared(u32::MAX)];
    let requests: Vec<_> =
        names.iter().flat_map(|name| frames.iter().map(|frame| (order.protocol(name), frame.clone()))).collect();
    pester(order, &requests).await;
}

/// A status of the far future: whoever believes it asks for blocks that are not there.
pub(super) async fn boast(order: &Order) {
    pester(order, &[(STATUS.to_owned(), status(order))]).await;
}

/// Asks for a status as an honest newcomer does, without which a connection does not last.
pub(super) async fn introduce(order: &Order, link: &Link) {
    ask(link, STATUS, &frame(&newcomer(order))).await;
}

fn newcomer(order: &Order) -> Status {
    Status {
        head: BlockRef { height: Height(0), hash: order.genesis_hash },
        term: Term(1),
        agent: Agent::fit("baton/0.1.0"),
        ..Status::of_newcomer(&order.chain())
    }
}

fn status(order: &Order) -> Vec<u8> {
    frame(&Status {
        head: BlockRef { height: Height(u64::MAX / 2), hash: B256::random() },
        finalized: Height(u64::MAX / 2),
        era: Era(7),
        term: Term(1 << 40),
        epoch: Epoch(1 << 40),
        ..newcomer(order)
    })
}
