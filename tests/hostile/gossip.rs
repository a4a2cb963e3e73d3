//! Floods and replays of gossip.

use super::{
    Order, SENT, count,
    forgeries::{self, Stranger},
    link::{Heard, Link, PATIENCE},
    pubsub::{self, Control},
    requests,
};
use crate::harness::wallets;
use alloy_primitives::{Address, B256, Bytes};
use baton_consensus::{
    certificate::Appointment,
    codec,
    types::{ChainSegment, CompactBlock, CompactTransaction},
};
use futures::{AsyncWriteExt, future::join_all};
use libp2p::{Multiaddr, core::muxing::SubstreamBox};
use rand::RngCore;
use std::time::Duration;
use tokio::{
    sync::mpsc,
    time::{Instant, MissedTickBehavior},
};

/// Every kind of gossip.
const KINDS: [&str; 13] = [
    "heartbeat",
    "schedule",
    "block",
    "seal",
    "term-change",
    "certificate",
    "checkpoint",
    "vote",
    "quorum",
    "evidence",
    "set-change",
    "transactions",
    "sequencer-record",
];

/// How often a flood pours.
const TICK: Duration = Duration::from_millis(20);

/// Between two tries to get in.
const PAUSE: Duration = Duration::from_millis(20);

/// Identities of an eclipse, to each target.
const IDENTITIES: usize = 48;

/// Messages that a replay remembers: enough that a node has forgotten the first of them.
const OVERHEARD: usize = 4096;

/// An RPC of gossipsub, and whether it goes where transactions do.
struct Said {
    of_transactions: bool,
    rpc: Vec<u8>,
}

impl Said {
    /// About a topic.
    fn about(topic: &str, rpc: Vec<u8>) -> Self {
        Self { of_transactions: is_of_transactions(topic), rpc }
    }
}

fn is_of_transactions(topic: &str) -> bool {
    topic.ends_with("/transactions/1")
}

/// A place in a node's gossip. Whoever is sent away comes back as another.
struct Session<'a> {
    order: &'a Order,
    target: &'a Multiaddr,
    heard: mpsc::Sender<Heard>,
    place: Option<Place>,
}

/// A connection with both kinds of gossip on it.
struct Place {
    link: Link,
    chain: SubstreamBox,
    transactions: SubstreamBox,
}

impl<'a> Session<'a> {
    fn new(order: &'a Order, target: &'a Multiaddr) -> Self {
        Self::hearing(order, target, mpsc::channel(1).0)
    }

    fn hearing(order: &'a Order, target: &'a Multiaddr, heard: mpsc::Sender<Heard>) -> Self {
        Self { order, target, heard, place: None }
    }

    /// Joins, if it is not in.
    async fn join(&mut self) -> bool {
        if self.place.as_ref().is_some_and(|place| place.link.is_closed()) {
            self.place = None;
        }
        if self.place.is_some() {
            return true;
        }
        self.place = self.enter().await;
        self.place.is_some()
    }

    async fn enter(&self) -> Option<Place> {
        let link = Link::hearing(self.order.source(), self.target, self.heard.clone()).await?;
        let mut chain = link.open("/meshsub/1.1.0").await?;
        let mut transactions = link.open("/baton/transactions/1.1.0").await?;
        let topics = KINDS.iter().map(|kind| self.order.topic(kind));
        let (of_transactions, others): (Vec<_>, Vec<_>) = topics.partition(|topic| is_of_transactions(topic));
        let subscribed = write(&mut chain, &pubsub::subscribe(&others)).await
            && write(&mut transactions, &pubsub::subscribe(&of_transactions)).await;
        subscribed.then_some(Place { link, chain, transactions })
    }

    /// Sends an RPC; false if it is out.
    async fn send(&mut self, said: &Said) -> bool {
        if !self.join().await {
            return false;
        }
        let sent = match &mut self.place {
            Some(place) if said.of_transactions => write(&mut place.transactions, &said.rpc).await,
            Some(place) => write(&mut place.chain, &said.rpc).await,
            None => false,
        };
        if sent {
            count(&SENT);
        } else {
            self.place = None;
        }
        sent
    }
}

async fn write(stream: &mut SubstreamBox, rpc: &[u8]) -> bool {
    let frame = pubsub::frame(rpc);
    let written = async {
        stream.write_all(&frame).await?;
        stream.flush().await
    };
    matches!(tokio::time::timeout(PATIENCE, written).await, Ok(Ok(())))
}

/// Sends so many RPCs a second to every target, made by number.
async fn pour(order: &Order, per_second: u64, make: impl Fn(u64) -> Vec<Said>) {
    let make = &make;
    join_all(order.targets.iter().map(|target| async move {
        let mut session = Session::new(order, target);
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (began, mut sent) = (Instant::now(), 0);
        loop {
            tick.tick().await;
            let due = (began.elapsed().as_secs_f64() * per_second as f64) as u64;
            while sent < due {
                let mut got_in = true;
                for said in make(sent) {
                    got_in &= session.send(&said).await;
                    sent += 1;
                }
                if !got_in {
                    // What would have gone out meanwhile is not made up for.
                    sent = sent.max(due);
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }))
    .await;
}

/// A message on its topic.
fn rpc(order: &Order, (kind, data): (&str, Vec<u8>)) -> Said {
    published(&order.topic(kind), &data)
}

fn published(topic: &str, data: &[u8]) -> Said {
    Said::about(topic, pubsub::publish(topic, data))
}

/// What is shared out over the targets.
fn each(order: &Order, total: u64) -> u64 {
    (total / order.targets.len().max(1) as u64).max(1)
}

/// A few bytes that claim to be many.
pub(super) async fn bombs(order: &Order) {
    let zeros = |bytes: usize| forgeries::compressed(&vec![0; bytes]);
    let bombs = [zeros(64 << 20), zeros(8 << 20), zeros(1 << 20), vec![0xff, 0xff, 0xff, 0xff, 0x0f, 0]];
    // A vector, in the codec's words, that is longer than any memory.
    let vector = forgeries::compressed(&[&[1, 0xfd][..], &u64::MAX.to_be_bytes(), &[0; 64]].concat());
    let make = |number: u64| {
        let kind = KINDS[(number % KINDS.len() as u64) as usize];
        bombs
            .iter()
            .chain([&vector])
            .map(|bomb| {
                let mut data = bomb.clone();
                // Each is another message.
                data.extend_from_slice(&number.to_be_bytes());
                rpc(order, (kind, data))
            })
            .collect()
    };
    tokio::join!(pour(order, each(order, 50), make), requests::bombs(order));
}

/// A thousand messages a second that nobody in the set signed.
pub(super) async fn signatures(order: &Order) {
    let Some(stranger) = Stranger::new(order) else { return };
    let make = |number: u64| {
        let forgery = match number % 8 {
            0 => stranger.seal(number),
            1 => stranger.vote(number),
            2 => stranger.block(0, number, 0),
            3 => stranger.heartbeat(0, number),
            _ => Stranger::unsigned_heartbeat(number),
        };
        vec![rpc(order, forgery)]
    };
    pour(order, each(order, 1000), make).await;
}

/// Certificates of the right form that nobody voted for.
pub(super) async fn pairings(order: &Order) {
    let Some(stranger) = Stranger::new(order) else { return };
    // Made before, so that it is the nodes who are to be kept busy.
    let forged: Vec<_> = (0..64).flat_map(|number| stranger.certificates(number)).collect();
    let make = |number: u64| {
        let (kind, data) = &forged[(number % forged.len() as u64) as usize];
        let fresh = if number % 64 == 63 { stranger.certificates(number) } else { vec![(*kind, data.clone())] };
        fresh.into_iter().map(|forgery| rpc(order, forgery)).collect()
    };
    pour(order, each(order, 600), make).await;
}

/// Heights, terms and eras that are far away.
pub(super) async fn future(order: &Order) {
    let Some(stranger) = Stranger::new(order) else { return };
    let make = |number: u64| {
        let forgery = match number % 16 {
            0 => stranger.block(1, number, 1 << 20),
            1..4 => stranger.block(u64::MAX, number, 64 << 10),
            4..8 => stranger.heartbeat(u64::MAX, number),
            _ => stranger.heartbeat(1 + number % 3, number),
        };
        vec![rpc(order, forgery)]
    };
    tokio::join!(pour(order, each(order, 200), make), requests::boast(order));
}

/// Many identities that behave, and fill the place.
pub(super) async fn eclipse(order: &Order) {
    let places = order.targets.iter().flat_map(|target| (0..IDENTITIES).map(move |_| target));
    join_all(places.map(|target| async {
        let mut session = Session::new(order, target);
        for number in 0_u64.. {
            session.join().await;
            if let Some(place) = session.place.as_ref().filter(|_| number % 8 == 0) {
                requests::introduce(order, &place.link).await;
            }
            // Into every mesh, so that the honest have no room.
            for kind in KINDS {
                let topic = order.topic(kind);
                let graft = pubsub::control(Control::Graft, &topic, std::iter::empty());
                session.send(&Said::about(&topic, graft)).await;
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }))
    .await;
}

/// Old messages in other bytes, and others' blocks with another body.
pub(super) async fn replay(order: &Order) {
    let (heard, mut messages) = mpsc::channel(OVERHEARD);
    let mut ears: Vec<_> = order.targets.iter().map(|target| Session::hearing(order, target, heard.clone())).collect();
    let mut mouths: Vec<_> = order.targets.iter().map(|target| Session::new(order, target)).collect();
    let mut old: Vec<Heard> = Vec::new();
    let mut number = 0;
    loop {
        for ear in &mut ears {
            ear.join().await;
        }
        while let Ok(message) = messages.try_recv() {
            if old.len() < OVERHEARD {
                old.push(message);
            }
        }
        for mouth in &mut mouths {
            // The newest first: whoever has not got it yet may take it from here. Then those that it may have forgotten.
            let again = old.iter().cycle().skip(number % old.len().max(1));
            for message in old.iter().rev().take(16).chain(again.take(16)) {
                number += 1;
                for data in variants(message, number) {
                    mouth.send(&published(&message.topic, &data)).await;
                }
            }
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// A message again: as it is, in other bytes, and, of a block, with another body under the leader's signature.
fn variants(message: &Heard, number: usize) -> Vec<Vec<u8>> {
    let mut variants = vec![message.data.clone()];
    let Ok(payload) = snap::raw::Decoder::new().decompress_vec(&message.data) else { return variants };
    variants.push(forgeries::compressed_otherwise(&payload, number));
    if message.topic.contains("/block/")
        && let Ok(mut block) = codec::decode::<CompactBlock, { 16 << 20 }>(&payload)
    {
        let nobodys = std::iter::repeat_with(|| CompactTransaction::Hash(B256::random()));
        block.transactions = nobodys.take(number % 512).collect();
        variants.push(forgeries::packed(&block));
    }
    variants
}

/// The schedule from its beginning, over and over, in other bytes, with the certificates that opened its terms.
pub(super) async fn stale_announcements(order: &Order) {
    let mut said = Vec::new();
    while said.is_empty() {
        for target in &order.targets {
            let Some(ChainSegment { certificates, announcements, .. }) = requests::segment(order, target).await else {
                continue;
            };
            said.extend(announcements.into_iter().map(|announcement| {
                let previous = announcement.message.previous;
                let certificate = certificates.iter().find(|certificate| certificate.hash() == previous).cloned();
                codec::encode(&Appointment { announcement, certificate })
            }));
        }
        tokio::time::sleep(PAUSE).await;
    }
    let make = |number: u64| {
        let one = &said[(number % said.len() as u64) as usize];
        vec![rpc(order, ("schedule", forgeries::compressed_otherwise(one, number as usize)))]
    };
    pour(order, each(order, 1000), make).await;
}

/// Topics, subscriptions and control messages.
pub(super) async fn control(order: &Order) {
    let make = |number: u64| {
        let mut random = [0; 32];
        rand::rng().fill_bytes(&mut random);
        let ids = |count: u64| {
            (0..count).map(move |index| {
                let mut id = random;
                id[..8].copy_from_slice(&index.to_be_bytes());
                id
            })
        };
        let topic = order.topic(KINDS[(number % KINDS.len() as u64) as usize]);
        let strange: Vec<_> = (0..100).map(|index| format!("/nobody/{number}/{index}")).collect();
        // About as many as a node takes; once in a while more, which ends the stream.
        let count = if number % 100 == 99 { 5000 } else { 400 };
        let control = match number % 6 {
            0 => pubsub::subscribe(&strange),
            1 => pubsub::control(Control::IHave, &topic, ids(count)),
            2 => pubsub::control(Control::IWant, &topic, ids(count)),
            3 => pubsub::control(Control::Graft, &topic, ids(0)),
            4 => pubsub::control(Control::Prune, &topic, ids(0)),
            _ => pubsub::control(Control::IDontWant, &topic, ids(count)),
        };
        vec![Said::about(&topic, control)]
    };
    pour(order, each(order, 200), make).await;
}

/// Transactions with bad signatures, and good ones of accounts that own nothing.
pub(super) async fn transactions(order: &Order) {
    const BATCH: usize = 32;
    // Those that come first are funded.
    let mut poor = wallets(order.chain_id, 160).unwrap_or_default().split_off(128);
    let good: Vec<Bytes> = poor
        .iter_mut()
        .flat_map(|wallet| {
            (0..16).filter_map(|_| Some(wallet.transfer(Address::random(), 1).ok()?.raw)).collect::<Vec<_>>()
        })
        .collect();
    let make = |number: u64| {
        let start = (number as usize * 7) % good.len().max(1);
        let batch: Vec<Bytes> = good.iter().cycle().skip(start).take(BATCH).cloned().collect();
        let spoilt = |raw: &Bytes| {
            let mut bytes = raw.to_vec();
            // An s that no signature has; and every message is another one.
            if let Some(s) = bytes.last_chunk_mut::<32>() {
                s.fill(0xff);
                s[24..].copy_from_slice(&number.to_be_bytes());
            }
            Bytes::from(bytes)
        };
        let batch = if number.is_multiple_of(2) { batch } else { batch.iter().map(spoilt).collect() };
        vec![rpc(order, ("transactions", forgeries::packed(&batch)))]
    };
    pour(order, each(order, 100), make).await;
}
