//! One endpoint, and what can happen on the way to it.

use super::{
    Following,
    chain::Chain,
    client, patient,
    proxy::{Proxy, Treatment},
    until,
};
use crate::{
    keys::NodeKeys,
    l1::{FollowerConfig, RegistrySet},
};
use alloy_primitives::U64;
use serde_json::{Value, json};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

/// A chain of two, and a proxy before it.
async fn chain() -> (Chain, Proxy) {
    let chain = Chain::start(2).await;
    let proxy = Proxy::start(Some(chain.anvil.address)).await;
    (chain, proxy)
}

fn number(value: &Value) -> u64 {
    serde_json::from_value::<U64>(value.clone()).unwrap().to()
}

#[tokio::test]
async fn answers_that_are_late_lost_limited_or_garbage_only_delay() {
    let (chain, proxy) = chain().await;
    let mut calls = 0;
    proxy.treat(move |_, _| {
        calls += 1;
        match calls % 20 {
            3 => Treatment::Drop,
            7 => Treatment::Status(429, "retry-after: 0\r\n"),
            11 => Treatment::Garbage(b"{\"jsonrpc\":".to_vec()),
            15 if calls < 40 => Treatment::Delay(Duration::from_secs(20)),
            _ => Treatment::Forward,
        }
    });
    let client = client(&[proxy.url()], Duration::from_millis(1_500));
    let mut following = Following::start(chain.follower(), &client);
    let anchor = chain.register(&NodeKeys::generate().unwrap(), 5_000).await;
    chain.anvil.mine(3).await;
    assert_eq!(following.set().await.anchor, anchor);
    following.nothing_is_told();
}

#[tokio::test]
async fn ranges_shrink_until_they_are_served() {
    let (chain, proxy) = chain().await;
    proxy.treat(|method, params| {
        let too_wide = method == "eth_getLogs" && {
            let filter = &params[0];
            number(&filter["toBlock"]) - number(&filter["fromBlock"]) > 2
        };
        if too_wide { Treatment::Refuse(-32005, "query returned more than 10000 results") } else { Treatment::Forward }
    });
    let anchor = chain.register(&NodeKeys::generate().unwrap(), 5_000).await;
    chain.anvil.mine(60).await;
    let mut following = Following::start(chain.follower(), &client(&[proxy.url()], patient()));
    assert_eq!(following.set().await.anchor, anchor);
    following.reads(anchor.number + 57).await;
}

#[tokio::test]
async fn logs_that_are_missing_once_are_found() {
    let (chain, proxy) = chain().await;
    let mut following = Following::start(chain.follower(), &client(&[proxy.url()], patient()));
    following.reads(chain.start.number).await;
    // The first answer that has a log loses it.
    let lost = Arc::new(AtomicBool::new(false));
    let losing = Arc::clone(&lost);
    proxy.treat(move |method, _| {
        let losing = Arc::clone(&losing);
        let lose = move |logs: &mut Value| {
            if logs.as_array().is_some_and(|logs| !logs.is_empty()) && !losing.swap(true, Relaxed) {
                *logs = json!([]);
            }
        };
        if method == "eth_getLogs" { Treatment::Edit(Box::new(lose)) } else { Treatment::Forward }
    });
    let anchor = chain.register(&NodeKeys::generate().unwrap(), 5_000).await;
    chain.anvil.mine(3).await;
    assert_eq!(following.set().await.anchor, anchor);
    following.nothing_is_told();
    assert!(lost.load(Relaxed) && following.handle.status.borrow().endpoints[0].usable);
}

#[tokio::test]
async fn a_view_that_is_wrong_once_is_asked_for_again() {
    let (chain, proxy) = chain().await;
    let mut following = Following::start(chain.follower(), &client(&[proxy.url()], patient()));
    following.reads(chain.start.number).await;
    let mut lies = 1;
    proxy.treat(move |method, _| {
        if method != "eth_call" || lies == 0 {
            return Treatment::Forward;
        }
        lies -= 1;
        // The stake of the first member, in the view: one more than it is.
        Treatment::Edit(Box::new(|returned| {
            let text = returned.as_str().unwrap().replacen("5dc", "5dd", 1);
            *returned = json!(text);
        }))
    });
    let anchor = chain.register(&NodeKeys::generate().unwrap(), 5_000).await;
    chain.anvil.mine(3).await;
    assert_eq!(following.set().await.anchor, anchor);
    following.nothing_is_told();
    assert!(following.handle.status.borrow().endpoints[0].usable);
}

/// Another one of the digits of a result.
fn damage(result: &mut Value, chance: usize) {
    let mut text = result.to_string().into_bytes();
    let digits: Vec<_> = (0..text.len()).filter(|at| text[*at].is_ascii_hexdigit()).collect();
    if let Some(at) = (!digits.is_empty()).then(|| digits[chance % digits.len()]) {
        text[at] = if text[at] == b'7' { b'8' } else { b'7' };
    }
    // What is no JSON any more is left as it was.
    *result = serde_json::from_slice(&text).unwrap_or_else(|_| result.clone());
}

#[tokio::test]
async fn an_answer_that_is_damaged_now_and_then_changes_nothing_that_is_told() {
    let (chain, proxy) = chain().await;
    let mut calls = 0usize;
    proxy.treat(move |method, _| {
        calls += 1;
        let chance = calls.wrapping_mul(7_919);
        match calls % 23 {
            // Damage to this one is another test: it costs a minute.
            0 if method != "eth_chainId" => Treatment::Edit(Box::new(move |result| damage(result, chance))),
            _ => Treatment::Forward,
        }
    });
    let mut following = Following::start(chain.follower(), &client(&[proxy.url()], patient()));
    for stake in 0..12 {
        let newcomer = NodeKeys::generate().unwrap();
        // One by one: changes that undo each other between two looks leave no trace in the view.
        let anchor = chain.register(&newcomer, 5_000 + stake).await;
        chain.anvil.mine(4).await;
        let set = following.set().await;
        assert_eq!((set.anchor, set.members.len()), (anchor, 3));
        let anchor = chain.exit(newcomer.operator.address()).await;
        chain.anvil.mine(4).await;
        assert_eq!(following.set().await, RegistrySet { anchor, members: chain.members() });
    }
    following.nothing_is_told();
}

#[tokio::test]
async fn one_that_goes_on_contradicting_itself_is_set_aside() {
    let (chain, proxy) = chain().await;
    let client = client(&[proxy.url()], patient());
    let mut following = Following::start(chain.follower(), &client);
    following.reads(chain.start.number).await;
    proxy.treat(|method, _| match method {
        "eth_getLogs" => Treatment::Answer(json!([])),
        _ => Treatment::Forward,
    });
    chain.register(&NodeKeys::generate().unwrap(), 5_000).await;
    chain.anvil.mine(3).await;
    until("the endpoint is set aside", || client.is_distrusted(0)).await;
    following.nothing_is_told();
}

#[tokio::test]
async fn without_the_state_of_old_blocks_the_newest_vouches_for_all() {
    let (chain, proxy) = chain().await;
    let newcomer = NodeKeys::generate().unwrap();
    let first = chain.register(&newcomer, 5_000).await;
    let second = chain.exit(newcomer.operator.address()).await;
    chain.anvil.mine(30).await;
    let state_from = chain.client.block_at(second.number + 10).await.unwrap().unwrap().number;
    let mut kept = Vec::new();
    for height in state_from..=chain.client.head().await.unwrap().number {
        kept.push(json!(chain.client.block_at(height).await.unwrap().unwrap().hash));
    }
    proxy.treat(move |method, params| {
        let pruned = method == "eth_call" && params[1].get("blockHash").is_some_and(|hash| !kept.contains(hash));
        if pruned { Treatment::Refuse(-32000, "missing trie node") } else { Treatment::Forward }
    });
    let mut following = Following::start(chain.follower(), &client(&[proxy.url()], patient()));
    assert_eq!((following.set().await.anchor, following.set().await.anchor), (first, second));
}

#[tokio::test]
async fn a_dead_l1_holds_nobody_up() {
    let (chain, proxy) = chain().await;
    proxy.lead_to(None);
    let client = client(&[proxy.url()], patient());
    let mut following = Following::start(FollowerConfig { ..chain.follower() }, &client);
    following.fails("cannot be reached").await;
    let handle = &following.handle;
    assert_eq!((handle.status.borrow().confirmed, handle.status.borrow().lag()), (None, None));
    drop(following._stop);
    tokio::time::timeout(Duration::from_secs(5), following.result).await.unwrap().unwrap().unwrap();
}
