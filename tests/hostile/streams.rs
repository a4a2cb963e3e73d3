//! What is wrong below the protocols.

use super::{Order, SENT, count, link::Link, pubsub};
use futures::{AsyncWriteExt, future::join_all};
use libp2p::{Multiaddr, identity::Keypair, multiaddr::Protocol};
use rand::{Rng, RngCore};
use std::{net::Ipv4Addr, time::Duration};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// Sockets that wait for nothing, to each target.
const HALF_OPEN: usize = 128;

/// Identities that hold a connection at a time, to each target.
const HELD: usize = 64;

/// Between two tries of one loop.
const PAUSE: Duration = Duration::from_millis(20);

/// Every protocol that a node may speak, and some that it does not.
pub(super) fn protocols(order: &Order) -> Vec<String> {
    let ours = [
        "blocks-by-range",
        "submit-block",
        "submit-vote",
        "push-transactions",
        "blocks-by-hash",
        "transactions-by-hash",
        "sequencer-records",
        "set-changes",
        "headers",
        "snapshot-offers",
        "snapshot-chunk",
        "kad",
    ];
    let foreign = [
        "/baton/status/1",
        "/meshsub/1.1.0",
        "/baton/transactions/1.1.0",
        "/ipfs/id/1.0.0",
        "/ipfs/id/push/1.0.0",
        "/ipfs/ping/1.0.0",
        "/libp2p/autonat/2/dial-request",
        "/libp2p/circuit/relay/0.2.0/hop",
        "/libp2p/dcutr",
        "/nobody/speaks/this",
    ];
    let ours = ours.iter().map(|name| order.protocol(name));
    ours.chain(foreign.iter().map(|name| (*name).to_owned())).collect()
}

/// Garbage in every protocol, and below them.
pub(super) async fn malformed(order: &Order) {
    let protocols = protocols(order);
    join_all(order.targets.iter().map(|target| async {
        loop {
            garbage_below(order, target).await;
            let Some(link) = Link::new(order.source(), target).await else {
                tokio::time::sleep(PAUSE).await;
                continue;
            };
            for protocol in &protocols {
                for frame in garbage_frames() {
                    let Some(mut stream) = link.open(protocol).await else { break };
                    let _ = stream.write_all(&frame).await;
                    let _ = stream.close().await;
                    count(&SENT);
                }
            }
            // A line of multistream-select that never ends, one that is too long, and one that is none.
            for line in
                [&[0xff_u8; 64][..], &[0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 1], b"\x05what?"]
            {
                let Some(mut stream) = link.open_raw().await else { break };
                let _ = stream.write_all(line).await;
                let _ = stream.flush().await;
                count(&SENT);
            }
        }
    }))
    .await;
}

fn garbage_frames() -> Vec<Vec<u8>> {
    let mut random = vec![0; 512];
    rand::rng().fill_bytes(&mut random);
    let declared = |length: u32, body: &[u8]| [&length.to_be_bytes(), body].concat();
    vec![
        random.clone(),
        declared(u32::MAX, &random),
        declared(100, b"too short"),
        declared(4, &[1, 0xff, 0xff, 0xff]),
        declared(0, &[]),
        // As protocol buffers have it: a field of 2^60 bytes.
        vec![0x0b, 0x12, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f, 1],
        Vec::new(),
    ]
}

/// Garbage where a connection is to become one.
async fn garbage_below(order: &Order, target: &Multiaddr) {
    let mut random = vec![0; rand::rng().random_range(1..4096)];
    rand::rng().fill_bytes(&mut random);
    let noise = [&b"\x13/multistream/1.0.0\n\x07/noise\n"[..], &[0xff, 0xff], &random].concat();
    for bytes in [random.as_slice(), b"GET / HTTP/1.1\r\n\r\n", &noise] {
        if let Some(mut socket) = order.source().knock(target).await {
            let _ = socket.write_all(bytes).await;
            count(&SENT);
        }
    }
}

/// Streams that never get anywhere, and answers that nobody reads.
pub(super) async fn slow(order: &Order) {
    let protocols = protocols(order);
    let ranges = super::requests::range(1, 128);
    join_all(order.targets.iter().map(|target| async {
        loop {
            let Some(link) = Link::new(order.source(), target).await else {
                tokio::time::sleep(PAUSE).await;
                continue;
            };
            let mut streams = Vec::new();
            for protocol in &protocols {
                for _ in 0..8 {
                    // Half a line of negotiation.
                    if let Some(mut stream) = link.open_raw().await {
                        let _ = stream.write_all(b"\x13/multi").await;
                        streams.push(stream);
                    }
                    // Half a frame.
                    if let Some(mut stream) = link.open(protocol).await {
                        let _ = stream.write_all(&[0, 0, 0]).await;
                        streams.push(stream);
                    }
                    count(&SENT);
                }
            }
            for _ in 0..16 {
                if let Some(mut stream) = link.open(&order.protocol("blocks-by-range")).await {
                    let _ = stream.write_all(&ranges).await;
                    let _ = stream.flush().await;
                    streams.push(stream);
                    count(&SENT);
                }
            }
            while !link.is_closed() {
                for stream in &mut streams {
                    let _ = tokio::time::timeout(PAUSE, async {
                        stream.write_all(&[0]).await?;
                        stream.flush().await
                    })
                    .await;
                }
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        }
    }))
    .await;
}

/// Many identities that come and stay, and connections that never become any.
pub(super) async fn connections(order: &Order) {
    let half_open = order.targets.iter().flat_map(|target| (0..HALF_OPEN).map(move |_| target)).map(|target| async {
        loop {
            if let Some(mut socket) = order.source().knock(target).await {
                let _ = socket.write_all(b"\x13/multistream/1.0.0\n").await;
                // It lasts as long as the node has patience.
                let mut bytes = [0; 64];
                while matches!(socket.read(&mut bytes).await, Ok(1..)) {}
            }
            tokio::time::sleep(PAUSE).await;
        }
    });
    let held = order.targets.iter().flat_map(|target| (0..HELD).map(move |_| target)).map(|target| async {
        loop {
            if let Some(link) = Link::new(order.source(), target).await {
                while !link.is_closed() {
                    tokio::time::sleep(PAUSE).await;
                }
            }
            tokio::time::sleep(PAUSE).await;
        }
    });
    tokio::join!(join_all(half_open), join_all(held));
}

/// Lies about addresses and keys, told without being asked.
pub(super) async fn identify(order: &Order) {
    join_all(order.targets.iter().map(|target| async {
        loop {
            let Some(link) = Link::new(order.source(), target).await else {
                tokio::time::sleep(PAUSE).await;
                continue;
            };
            for lie in identify_lies(&order.targets) {
                let Some(mut stream) = link.open("/ipfs/id/push/1.0.0").await else { break };
                let _ = stream.write_all(&pubsub::frame(&lie)).await;
                let _ = stream.close().await;
                count(&SENT);
            }
            tokio::time::sleep(PAUSE).await;
        }
    }))
    .await;
}

fn identify_lies(others: &[Multiaddr]) -> Vec<Vec<u8>> {
    let own = Keypair::generate_ed25519().public().encode_protobuf();
    let start = |key: &[u8]| {
        let mut message = Vec::new();
        pubsub::field(&mut message, 1, key);
        pubsub::field(&mut message, 5, b"/baton/1");
        pubsub::field(&mut message, 6, b"baton/99.0.0");
        message
    };
    let with_addresses = |count: u16| {
        let mut message = start(&own);
        for port in 0..count {
            let address: Multiaddr = Multiaddr::from(Ipv4Addr::new(10, 1, 2, 3)).with(Protocol::Tcp(port + 1));
            pubsub::field(&mut message, 2, &address.to_vec());
        }
        message
    };
    let mut of_others = start(&own);
    for address in others {
        pubsub::field(&mut of_others, 2, &address.to_vec());
        pubsub::field(&mut of_others, 4, &address.to_vec());
    }
    let mut talkative = start(&own);
    pubsub::field(&mut talkative, 6, &[b'x'; 3000]);
    // Small enough to be read at all, then too large for that; another's addresses; another's key; a long name.
    vec![with_addresses(200), with_addresses(5000), of_others, start(b"no key"), talkative]
}
