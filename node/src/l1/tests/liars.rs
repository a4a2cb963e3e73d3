//! Several endpoints, one of which is not to be trusted.

use super::{
    Following,
    chain::Chain,
    client, patient,
    proxy::{Proxy, Treatment},
    until,
};
use crate::{
    keys::NodeKeys,
    l1::{FollowerConfig, L1Client},
};
use serde_json::{Value, json};
use std::time::Duration;

/// A chain of two; an endpoint that will lie, and one that does not, in this order.
async fn chain() -> (Chain, Proxy, Proxy, L1Client) {
    let chain = Chain::start(2).await;
    let liar = Proxy::start(Some(chain.anvil.address)).await;
    let honest = Proxy::start(Some(chain.anvil.address)).await;
    let client = client(&[liar.url(), honest.url()], patient());
    (chain, liar, honest, client)
}

fn keys() -> NodeKeys {
    NodeKeys::generate().unwrap()
}

#[tokio::test]
async fn one_that_omits_logs_is_found_out_by_its_own_view() {
    let (chain, liar, _honest, client) = chain().await;
    liar.treat(|method, _| match method {
        "eth_getLogs" => Treatment::Edit(Box::new(|logs| {
            let logs = logs.as_array_mut().unwrap();
            logs.truncate(3);
        })),
        _ => Treatment::Forward,
    });
    let mut following = Following::start(chain.follower(), &client);
    following.reads(chain.start.number).await;
    liar.treat(|method, _| match method {
        "eth_getLogs" => Treatment::Answer(json!([])),
        _ => Treatment::Forward,
    });
    let anchor = chain.register(&keys(), 5_000).await;
    chain.anvil.mine(3).await;
    assert_eq!(following.set().await.anchor, anchor);
    following.nothing_is_told();
}

#[tokio::test]
async fn one_whose_views_are_wrong_is_set_aside_and_missed_by_nobody() {
    let (chain, liar, _honest, client) = chain().await;
    let mut following = Following::start(chain.follower(), &client);
    following.reads(chain.start.number).await;
    let wrong = |method: &str, params: &Value| {
        let view = method == "eth_call" && params[1].get("blockHash").is_some();
        if view { Treatment::Answer(json!(format!("0x{:064x}{:064x}", 32, 0))) } else { Treatment::Forward }
    };
    liar.treat(wrong);
    for stake in [5_000, 6_000] {
        let anchor = chain.register(&keys(), stake).await;
        chain.anvil.mine(3).await;
        assert_eq!(following.set().await.anchor, anchor);
    }
    assert!(client.is_distrusted(0) && !client.is_distrusted(1));
}

#[tokio::test]
async fn a_set_that_one_endpoint_invents_consistently_is_not_believed() {
    let (chain, liar, _honest, client) = chain().await;
    let mut following = Following::start(chain.follower(), &client);
    following.reads(chain.start.number).await;
    // It serves a chain of its own, in which somebody registered whom the other has never seen.
    let invented = Chain::start(2).await;
    let anchor = chain.register(&keys(), 5_000).await;
    chain.anvil.mine(3).await;
    assert_eq!(following.set().await.anchor, anchor);
    liar.lead_to(Some(invented.anvil.address));
    let (registry, theirs) = (chain.registry, invented.registry);
    assert_eq!(registry, theirs, "the same account deploys to the same address");
    invented.register(&keys(), 9_000).await;
    invented.anvil.mine(20).await;
    let anchors = [chain.register(&keys(), 6_000).await, chain.exit(chain.founders[0].operator.address()).await];
    chain.anvil.mine(3).await;
    let looks = liar.seen("eth_getBlockByNumber");
    until("the lie was looked at again and again", || liar.seen("eth_getBlockByNumber") > looks + 20).await;
    following.nothing_is_told();
    // The truth comes through as soon as it can be confirmed.
    liar.lead_to(Some(chain.anvil.address));
    assert_eq!([following.set().await.anchor, following.set().await.anchor], anchors);
    assert_eq!(following.metrics.l1_deep_reorgs.get(), 0);
}

#[tokio::test]
async fn of_three_endpoints_two_are_believed() {
    let (chain, invented) = (Chain::start(2).await, Chain::start(2).await);
    let mut proxies = Vec::new();
    for _ in 0..3 {
        proxies.push(Proxy::start(Some(chain.anvil.address)).await);
    }
    let urls: Vec<_> = proxies.iter().map(Proxy::url).collect();
    let mut following = Following::start(chain.follower(), &client(&urls, patient()));
    following.reads(chain.start.number).await;
    invented.register(&keys(), 9_000).await;
    invented.anvil.mine(20).await;
    // Whichever is asked first.
    for liar in &proxies {
        liar.lead_to(Some(invented.anvil.address));
        let newcomer = keys();
        let anchors = [chain.register(&newcomer, 6_000).await, chain.exit(newcomer.operator.address()).await];
        chain.anvil.mine(3).await;
        assert_eq!([following.set().await.anchor, following.set().await.anchor], anchors);
        liar.lead_to(Some(chain.anvil.address));
    }
    following.nothing_is_told();
    assert_eq!(following.metrics.l1_deep_reorgs.get(), 0);
}

#[tokio::test]
async fn news_wait_for_a_witness_that_is_only_just_away() {
    let (chain, away, _honest, client) = chain().await;
    let mut following = Following::start(chain.follower(), &client);
    following.reads(chain.start.number).await;
    away.lead_to(None);
    let anchor = chain.register(&keys(), 5_000).await;
    chain.anvil.mine(3).await;
    following.fails("waits for another L1 endpoint").await;
    following.nothing_is_told();
    away.lead_to(Some(chain.anvil.address));
    assert_eq!(following.set().await.anchor, anchor);
}

#[tokio::test]
async fn news_do_not_wait_for_ever_for_a_witness_that_is_gone() {
    let (chain, gone, _honest, client) = chain().await;
    gone.lead_to(None);
    let config = FollowerConfig { witness_patience: Duration::from_millis(500), ..chain.follower() };
    let mut following = Following::start(config, &client);
    let anchor = chain.register(&keys(), 5_000).await;
    chain.anvil.mine(3).await;
    assert_eq!(following.set().await.anchor, anchor);
}

#[tokio::test]
async fn one_that_lags_behind_takes_nothing_back() {
    let (chain, slow, _honest, client) = chain().await;
    let mut following = Following::start(chain.follower(), &client);
    let anchor = chain.register(&keys(), 5_000).await;
    chain.anvil.mine(3).await;
    assert_eq!(following.set().await.anchor, anchor);
    // It stays where it was before that block.
    let last = anchor.number;
    let head = chain.client.block_at(last).await.unwrap().unwrap();
    let block = json!({ "number": format!("{last:#x}"), "hash": head.hash, "parentHash": head.parent_hash, "timestamp": "0x1" });
    slow.treat(move |method, params| match method {
        "eth_getBlockByNumber" if params[0] == "latest" => Treatment::Answer(block.clone()),
        "eth_getBlockByNumber" => {
            let asked: alloy_primitives::U64 = serde_json::from_value(params[0].clone()).unwrap();
            if asked.to::<u64>() > last { Treatment::Answer(Value::Null) } else { Treatment::Forward }
        }
        _ => Treatment::Forward,
    });
    let next = chain.exit(chain.founders[0].operator.address()).await;
    chain.anvil.mine(3).await;
    following.fails("waits for another L1 endpoint").await;
    following.nothing_is_told();
    slow.behave();
    assert_eq!(following.set().await.anchor, next);
    assert_eq!(following.metrics.l1_deep_reorgs.get(), 0);
}
