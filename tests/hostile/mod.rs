//! A peer that means harm. It speaks libp2p by hand, from the bytes up, so that it can break every rule: it uses transport,
//! Noise and Yamux as they come, and nothing else of what Baton or libp2p's behaviours would keep it from.
//!
//! Every [`Attack`] is one way to do harm. It runs in a process of its own, against some nodes, for some seconds and until it
//! has been noticed, with as many identities as it likes: who is sent away comes back as another.
//!
//! - [`source`]: TCP from any address of loopback.
//! - [`link`]: connections and streams, negotiated by hand.
//! - [`pubsub`]: what gossipsub says, as bytes.
//! - [`streams`]: what is wrong below the protocols: garbage, slowness, floods of connections, lies of identify.
//! - [`forgeries`]: messages of the right form that nobody should take.
//! - [`gossip`], [`requests`]: floods and replays of gossip and of requests.

mod forgeries;
mod gossip;
mod link;
mod pubsub;
mod requests;
mod source;
mod streams;

use alloy_primitives::{B256, hex};
use baton_consensus::signing::SigningContext;
use libp2p::Multiaddr;
use serde::{Deserialize, Serialize};
use source::Source;
use std::{
    net::Ipv4Addr,
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

/// A way to do harm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Attack {
    /// Garbage in every protocol, and below them.
    MalformedFrames,
    /// A few bytes that claim to be many.
    Bombs,
    /// Streams that never get anywhere, and answers that nobody reads.
    SlowStreams,
    /// Many identities that come, and connections that never become any.
    ConnectionFlood,
    /// Thousands of addresses, those of others, another's key.
    IdentifyLies,
    /// A thousand messages a second that nobody in the set signed.
    Signatures,
    /// Certificates of the right form that nobody voted for.
    Pairings,
    /// Heights, terms and eras that are far away, in messages, blocks and statuses.
    Future,
    /// Many identities from one address that behave, and fill the place.
    Eclipse,
    /// Old messages in other bytes, and others' blocks with another body.
    Replay,
    /// The schedule from its beginning, over and over, in other bytes.
    StaleAnnouncements,
    /// Topics, subscriptions and control messages.
    Control,
    /// Transactions with bad signatures, and good ones of accounts that own nothing.
    Transactions,
    /// Requests for ranges, as many as go, and submissions of strangers.
    Requests,
}

impl Attack {
    /// All of them.
    pub(crate) const ALL: [Self; 14] = [
        Self::MalformedFrames,
        Self::Bombs,
        Self::SlowStreams,
        Self::ConnectionFlood,
        Self::IdentifyLies,
        Self::Signatures,
        Self::Pairings,
        Self::Future,
        Self::Eclipse,
        Self::Replay,
        Self::StaleAnnouncements,
        Self::Control,
        Self::Transactions,
        Self::Requests,
    ];

    /// Whether whoever does this is known for it by some peer, and sent away.
    const fn is_sent_away(self) -> bool {
        matches!(self, Self::Bombs | Self::Signatures | Self::Pairings | Self::Replay | Self::Transactions)
    }
}

/// What an attacker is told to do.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Order {
    /// How.
    pub(crate) attack: Attack,
    /// Whom: addresses with the peer id at the end.
    pub(crate) targets: Vec<Multiaddr>,
    /// The address that it comes from, on loopback.
    pub(crate) from: Ipv4Addr,
    /// The chain id.
    pub(crate) chain_id: u64,
    /// The hash of block 0.
    pub(crate) genesis_hash: B256,
    /// What checkpoints name the set by.
    pub(crate) set_root: B256,
    /// How long at least, in ms.
    pub(crate) milliseconds: u64,
    /// How long at most, in ms, if it has not come to anything by then: other processes may leave it little time.
    pub(crate) patience_milliseconds: u64,
}

impl Order {
    /// What signatures of the chain are bound to.
    fn chain(&self) -> SigningContext {
        SigningContext { chain_id: self.chain_id, genesis_hash: self.genesis_hash }
    }

    /// The topic of a kind of gossip.
    fn topic(&self, kind: &str) -> String {
        format!("{}/{kind}/1", self.prefix())
    }

    /// A protocol that is bound to the chain.
    fn protocol(&self, name: &str) -> String {
        format!("{}/{name}/1", self.prefix())
    }

    fn prefix(&self) -> String {
        format!("/baton/{}/{}", self.chain_id, hex::encode(&self.genesis_hash[..4]))
    }

    const fn source(&self) -> Source {
        Source(self.from)
    }
}

/// What came of it.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Tally {
    /// Connections that were made.
    pub(crate) connections: u64,
    /// Connections that were refused, or broke before they were any.
    pub(crate) refused: u64,
    /// Messages, frames and streams that went out.
    pub(crate) sent: u64,
    /// Connections that the node closed.
    pub(crate) cut: u64,
}

impl Tally {
    fn now() -> Self {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Self { connections: of(&CONNECTIONS), refused: of(&REFUSED), sent: of(&SENT), cut: of(&CUT) }
    }

    /// Whether the attack has been one, and has been noticed if it is one of those that are.
    pub(crate) const fn has_come_to_something(&self, attack: Attack) -> bool {
        let has_sent = self.sent > 0 || matches!(attack, Attack::ConnectionFlood);
        self.connections > 0 && has_sent && (self.cut > 0 || !attack.is_sent_away())
    }
}

static CONNECTIONS: AtomicU64 = AtomicU64::new(0);
static REFUSED: AtomicU64 = AtomicU64::new(0);
static SENT: AtomicU64 = AtomicU64::new(0);
static CUT: AtomicU64 = AtomicU64::new(0);

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

/// How often it looks whether it has come to something.
const LOOK: Duration = Duration::from_millis(50);

/// Does what it is told until the time is over, and it has come to something.
pub(crate) async fn run(order: Order) -> Tally {
    let [least, most] = [order.milliseconds, order.patience_milliseconds].map(Duration::from_millis);
    let began = Instant::now();
    let attack = async {
        match order.attack {
            Attack::MalformedFrames => streams::malformed(&order).await,
            Attack::Bombs => gossip::bombs(&order).await,
            Attack::SlowStreams => streams::slow(&order).await,
            Attack::ConnectionFlood => streams::connections(&order).await,
            Attack::IdentifyLies => streams::identify(&order).await,
            Attack::Signatures => gossip::signatures(&order).await,
            Attack::Pairings => gossip::pairings(&order).await,
            Attack::Future => gossip::future(&order).await,
            Attack::Eclipse => gossip::eclipse(&order).await,
            Attack::Replay => gossip::replay(&order).await,
            Attack::StaleAnnouncements => gossip::stale_announcements(&order).await,
            Attack::Control => gossip::control(&order).await,
            Attack::Transactions => gossip::transactions(&order).await,
            Attack::Requests => requests::flood(&order).await,
        }
        // Whoever ends early has been kept out for good, which is no reason to end early.
        std::future::pending::<()>().await;
    };
    let is_over = async {
        tokio::time::sleep(least).await;
        while !Tally::now().has_come_to_something(order.attack) && began.elapsed() < most {
            tokio::time::sleep(LOOK).await;
        }
    };
    tokio::select! {
        () = attack => {}
        () = is_over => {}
    }
    Tally::now()
}
