//! Who may connect, who is sent away, and what the operator says of peers.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on ends here")]

use crate::{
    node::{Node, config, pair, within},
    samples,
};
use baton_network::{
    BanCause, GossipMessage, Keypair, ListError, Multiaddr, NetworkConfig, NetworkEvent, NetworkHandle, Offence,
    PeerAccount, PeerId, Protocol, Refusal, Request, RequestError, TransactionsByHash, Verdict,
};
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(3600);

async fn account(handle: &NetworkHandle, peer: PeerId) -> PeerAccount {
    handle.account(peer).await.unwrap()
}

/// Waits until a condition of a peer's account holds.
async fn until(handle: &NetworkHandle, peer: PeerId, what: &str, holds: impl Fn(&PeerAccount) -> bool) -> PeerAccount {
    within(what, async {
        loop {
            let account = account(handle, peer).await;
            if holds(&account) {
                return account;
            }
            tokio::task::yield_now().await;
        }
    })
    .await
}

/// A node that dials another and is refused.
async fn refused(by: &Node, refusal: Refusal, config: NetworkConfig) {
    let counters = by.handle.peer_counters();
    let before = counters.refusals(refusal);
    let node = Node::start(config);
    // The handshake ends on this side before the other one has judged.
    let _ = node.handle.dial(by.address().await).await;
    within("the refusal", async {
        while counters.refusals(refusal) == before {
            tokio::task::yield_now().await;
        }
    })
    .await;
    node.no_peers().await;
}

#[tokio::test]
async fn a_full_node_has_room_for_members_and_for_whom_its_operator_trusts() {
    let (member, trusted) = (Keypair::generate_ed25519(), Keypair::generate_ed25519());
    let mut full = config();
    full.limits.inbound = 2;
    full.explicit_peers = vec![member.public().into()];
    let mut full = Node::start(full);
    let mut guests = Vec::new();
    for _ in 0..2 {
        let guest = Node::start_to(&[&full]).await;
        full.ready(guest.id()).await;
        guests.push(guest);
    }
    refused(&full, Refusal::Inbound, config()).await;
    assert_eq!(full.handle.trust(trusted.public().into()).await, Ok(true));
    for keypair in [member, trusted] {
        let bootnodes = vec![full.address().await];
        let reserved = Node::start(NetworkConfig { keypair, bootnodes, ..config() });
        full.ready(reserved.id()).await;
        guests.push(reserved);
    }
    assert_eq!(full.handle.peers().await.len(), 4);
}

#[tokio::test]
async fn one_range_has_only_so_many_connections_in_and_out() {
    let mut strict = config();
    (strict.limits.limit_local, strict.limits.per_range_inbound, strict.limits.per_range_outbound) = (true, 2, 1);
    let mut strict = Node::start(strict);
    let mut guests = Vec::new();
    for _ in 0..2 {
        let guest = Node::start_to(&[&strict]).await;
        strict.ready(guest.id()).await;
        guests.push(guest);
    }
    refused(&strict, Refusal::Range, config()).await;
    let (one, other) = (Node::start(config()), Node::start(config()));
    strict.handle.dial(one.address().await).await.unwrap();
    strict.handle.dial(other.address().await).await.unwrap_err();
    // Whoever the operator added is no stranger.
    assert_eq!(strict.handle.add(other.address().await).await, Ok(true));
    strict.ready(other.id()).await;
}

#[tokio::test]
async fn arrivals_of_one_range_are_bounded() {
    let mut strict = config();
    (strict.limits.limit_local, strict.limits.arrivals_per_range) = (true, 1);
    let strict = Node::start(strict);
    let address = strict.address().await;
    let counters = strict.handle.peer_counters();
    let flood = Node::start(config());
    within("the arrivals to be refused", async {
        while counters.refusals(Refusal::Arrivals) == 0 {
            let _ = flood.handle.dial(address.clone()).await;
            flood.handle.disconnect(strict.id()).await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_ban_holds_both_ways_and_over_a_restart_until_it_is_lifted() {
    let directory = tempfile::tempdir().unwrap();
    let keypair = Keypair::generate_ed25519();
    let keeping =
        || NetworkConfig { keypair: keypair.clone(), state_dir: Some(directory.path().to_owned()), ..config() };
    let mut node = Node::start(keeping());
    let liar = Node::start_to(&[&node]).await;
    node.ready(liar.id()).await;
    node.handle.report_peer(liar.id(), Offence::ServedLie, Protocol::BlocksByRange);
    node.gone(liar.id()).await;
    let told = account(&node.handle, liar.id()).await;
    let ban = told.account.ban.unwrap();
    assert_eq!((ban.cause, told.account.charges[0].about), (BanCause::Offence(Offence::ServedLie), "blocks-by-range"));
    node.handle.dial(liar.address().await).await.unwrap_err();
    let counters = node.handle.peer_counters();
    within("the liar to be refused", async {
        while counters.refusals(Refusal::Banned) < 2 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    node.stop().await;

    let mut node = Node::start(keeping());
    let told = account(&node.handle, liar.id()).await;
    assert_eq!((told.account.ban.map(|ban| ban.cause), told.account.bans), (Some(ban.cause), 1));
    node.handle.dial(liar.address().await).await.unwrap_err();
    assert_eq!(node.handle.unban(liar.id()).await, Some(true));
    node.handle.dial(liar.address().await).await.unwrap();
    node.ready(liar.id()).await;
    node.stop().await;
    let node = Node::start(keeping());
    assert_eq!(account(&node.handle, liar.id()).await.account.bans, 0);
}

#[tokio::test]
async fn an_operators_ban_holds_for_anyone_but_the_node_itself() {
    let (mut node, other) = pair().await;
    assert_eq!(node.handle.trust(other.id()).await, Ok(true));
    let ban = node.handle.ban(other.id(), HOUR).await.unwrap();
    assert_eq!((ban.cause, ban.until.duration_since(ban.since).unwrap()), (BanCause::Operator, HOUR));
    node.gone(other.id()).await;
    node.handle.dial(other.address().await).await.unwrap_err();
    assert_eq!(node.handle.ban(node.id(), HOUR).await.unwrap_err(), ListError::Ourselves);
    assert_eq!(node.handle.trust(node.id()).await, Err(ListError::Ourselves));
    assert_eq!(node.handle.add(node.address().await).await, Err(ListError::Ourselves));
    let overview = node.handle.overview().await.unwrap();
    let listed: Vec<_> = overview.peers.iter().map(|peer| (peer.peer_id, peer.trusted)).collect();
    assert_eq!(listed, [(other.id(), true)]);
}

#[tokio::test]
async fn an_added_peer_is_kept_until_it_is_removed() {
    let directory = tempfile::tempdir().unwrap();
    let keypair = Keypair::generate_ed25519();
    let keeping =
        || NetworkConfig { keypair: keypair.clone(), state_dir: Some(directory.path().to_owned()), ..config() };
    let mut node = Node::start(keeping());
    let mut other = Node::start(config());
    let address = other.address().await;
    let bare: Multiaddr = address.iter().filter(|part| part.tag() != "p2p").collect();
    assert_eq!(node.handle.add(bare.clone()).await, Err(ListError::NoPeer(bare)));
    assert_eq!(node.handle.add(address.clone()).await, Ok(true));
    assert_eq!(node.handle.add(address.clone()).await, Ok(false));
    for _ in 0..2 {
        node.ready(other.id()).await;
        other.handle.disconnect(node.id()).await;
        node.gone(other.id()).await;
    }
    node.ready(other.id()).await;
    node.stop().await;
    other.gone(PeerId::from(keypair.public())).await;

    let mut node = Node::start(keeping());
    node.ready(other.id()).await;
    assert_eq!(account(&node.handle, other.id()).await.added, Some(address));
    assert_eq!(node.handle.remove(other.id()).await, Some(true));
    node.gone(other.id()).await;
    assert_eq!(node.handle.remove(other.id()).await, Some(false));
    assert!(node.handle.overview().await.unwrap().peers.is_empty());
}

#[tokio::test]
async fn what_is_rejected_leads_to_a_ban_and_what_is_ignored_to_nothing() {
    let (mut node, other) = pair().await;
    let handle = node.handle.clone();
    for (verdict, count) in [(Verdict::Ignore, 100), (Verdict::Reject, 1)] {
        for number in 0..count {
            let seal = samples::seal(if verdict == Verdict::Reject { 1000 + number } else { number });
            other.publish_to(1, |_| seal.clone()).await;
            node.until("a seal", |event| match event {
                NetworkEvent::Gossip { ticket, message: GossipMessage::Seal(_), .. } => {
                    handle.report(ticket, verdict);
                    Some(())
                }
                _ => None,
            })
            .await;
        }
    }
    let told = until(&handle, other.id(), "the charge", |account| !account.account.charges.is_empty()).await;
    let charge = told.account.charges[0];
    assert_eq!((told.account.charges.len(), charge.offence, charge.about), (1, Offence::InvalidGossip, "seal"));
    // Points decay all the time.
    assert!((19.0..=20.0).contains(&told.account.faults) && told.account.ban.is_none());
    assert!(told.gossip_score.unwrap() < -15.0);
    assert_eq!(account(&other.handle, node.id()).await.account.charges, []);
}

#[tokio::test]
async fn who_does_not_answer_is_sent_away_and_comes_back() {
    let mut impatient = config();
    impatient.timing.request_deadline_max = Duration::from_millis(50);
    // Only what is asked here counts.
    impatient.timing.status_interval = HOUR;
    let silent = Node::start(config());
    impatient.bootnodes.push(silent.address().await);
    let mut node = Node::start(impatient);
    let silent_id = silent.id();
    node.ready(silent_id).await;
    let mut silent = silent;
    let unanswered = tokio::spawn(async move {
        let mut kept = Vec::new();
        while let Some(event) = silent.events.next().await {
            if let NetworkEvent::Request { responder, .. } = event {
                kept.push(responder);
            }
        }
        drop(silent.status);
    });
    for number in 0..5 {
        let transactions = Request::PushTransactions(samples::transactions(number));
        let hashes = Request::TransactionsByHash(TransactionsByHash { hashes: vec![[number; 32].into()] });
        for request in [transactions, hashes] {
            let error = node.handle.request(silent_id, request).await.unwrap_err();
            assert!(matches!(error, RequestError::Timeout { .. }), "{error}");
        }
    }
    node.gone(silent_id).await;
    node.ready(silent_id).await;
    let told = account(&node.handle, silent_id).await;
    assert!(told.account.ban.is_none() && told.account.faults == 0.0 && told.account.charges.len() == 10);
    unanswered.abort();
}
