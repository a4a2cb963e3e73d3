//! Subscriptions, by jsonrpsee's own WebSocket client.

use super::{
    chain::{LOGGER, TestChain},
    node::TestNode,
};
use crate::rpc::RpcConfig;
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::Bytes;
use jsonrpsee::{
    core::client::{ClientT, Subscription, SubscriptionClientT},
    http_client::HttpClient,
    rpc_params,
    ws_client::{HeaderMap, WsClient, WsClientBuilder},
};
use serde_json::{Value, json};
use std::time::Duration;

async fn connect(node: &TestNode) -> WsClient {
    WsClientBuilder::default().build(format!("ws://{}", node.address)).await.unwrap()
}

async fn subscribe(client: &WsClient, kind: &str, parameter: Option<Value>) -> Subscription<Value> {
    let params = parameter.map_or_else(|| rpc_params![kind], |parameter| rpc_params![kind, parameter]);
    client.subscribe("eth_subscribe", params, "eth_unsubscribe").await.unwrap()
}

async fn next(subscription: &mut Subscription<Value>) -> Value {
    tokio::time::timeout(Duration::from_secs(10), subscription.next()).await.unwrap().unwrap().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn both_transports_answer_on_one_port() {
    let node = TestNode::start(TestChain::with_blocks()).await;
    let number: String = connect(&node).await.request("eth_blockNumber", rpc_params![]).await.unwrap();
    let http = HttpClient::builder().build(node.url()).unwrap();
    assert_eq!(
        (number.as_str(), http.request::<String, _>("eth_blockNumber", rpc_params![]).await.unwrap()),
        ("0x4", number.clone())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn heads_and_logs_are_announced_and_taken_back() {
    let node = TestNode::start(TestChain::with_blocks()).await;
    let client = connect(&node).await;
    let mut heads = subscribe(&client, "newHeads", None).await;
    let mut logs = subscribe(&client, "logs", Some(json!({"address": LOGGER}))).await;
    let mut others = subscribe(&client, "logs", Some(json!({"topics": [["0x".to_owned() + &"11".repeat(32)]]}))).await;
    let commit =
        node.chain.commit(vec![node.chain.logging(8, 42), node.chain.transfer(9, 1), node.chain.logging(10, 43)]);
    node.heads.committed(&commit);

    let head = next(&mut heads).await;
    assert_eq!((&head["number"], &head["hash"]), (&json!("0x5"), &json!(commit.hash)));
    assert!(head.get("transactions").is_none() && head.get("logsBloom").is_some());
    for (index, transaction) in ["0x0", "0x2"].into_iter().enumerate() {
        let log = next(&mut logs).await;
        assert_eq!((&log["logIndex"], &log["transactionIndex"]), (&json!(format!("{index:#x}")), &json!(transaction)));
        assert_eq!((&log["blockHash"], &log["removed"]), (&json!(commit.hash), &json!(false)));
    }

    let taken_back = node.chain.reader.head_block().unwrap();
    node.chain.store.revert_head().unwrap();
    node.heads.reverted(&taken_back);
    for index in ["0x0", "0x1"] {
        let log = next(&mut logs).await;
        assert_eq!((&log["logIndex"], &log["removed"]), (&json!(index), &json!(true)));
    }
    let nothing = tokio::time::timeout(Duration::from_millis(200), others.next()).await;
    assert!(nothing.is_err(), "{nothing:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn pending_transactions_are_announced_as_hashes_or_whole() {
    let node = TestNode::start(TestChain::with_blocks()).await;
    let client = connect(&node).await;
    let mut hashes = subscribe(&client, "newPendingTransactions", None).await;
    let mut whole = subscribe(&client, "newPendingTransactions", Some(json!(true))).await;
    let transaction = node.chain.transfer(8, 1);
    let raw = Bytes::from(transaction.encoded_2718());
    let hash: Value = client.request("eth_sendRawTransaction", rpc_params![raw]).await.unwrap();
    assert_eq!((&next(&mut hashes).await, &next(&mut whole).await["hash"]), (&hash, &hash));
}

#[tokio::test(flavor = "multi_thread")]
async fn subscriptions_have_hexadecimal_names_and_end_on_request() {
    let node = TestNode::start(TestChain::with_blocks()).await;
    let client = connect(&node).await;
    let name: String = client.request("eth_subscribe", rpc_params!["newHeads"]).await.unwrap();
    assert!(name.starts_with("0x"), "{name}");
    // The answer may be here before the server has the subscription in its books.
    let unsubscribed =
        async { while !client.request::<bool, _>("eth_unsubscribe", rpc_params![&name]).await.unwrap() {} };
    tokio::time::timeout(Duration::from_secs(10), unsubscribed).await.unwrap();
    assert!(!client.request::<bool, _>("eth_unsubscribe", rpc_params![&name]).await.unwrap());
    for (params, message) in [
        (rpc_params!["newBlocks"], "no \"newBlocks\" subscription in eth namespace"),
        (rpc_params!["logs", json!({"address": 5})], "invalid parameter 1 (filter)"),
    ] {
        let error = client.request::<Value, _>("eth_subscribe", params).await.unwrap_err().to_string();
        assert!(error.contains(&message.replace('"', "\\\"")) || error.contains(message), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_does_not_keep_up_is_told_and_dropped() {
    let config = RpcConfig { websocket_buffer: 2, ..RpcConfig::default() };
    let node = TestNode::start_with(TestChain::with_blocks(), config).await;
    let client = connect(&node).await;
    let mut logs = subscribe(&client, "logs", None).await;
    let many = (8..72).map(|nonce| node.chain.logging(nonce, nonce)).collect();
    node.heads.committed(&node.chain.commit(many));
    let mut received = 0;
    let end = loop {
        match tokio::time::timeout(Duration::from_secs(10), logs.next()).await.unwrap() {
            Some(Ok(_)) => received += 1,
            end => break end,
        }
    };
    assert!(received < 64, "{received} arrived");
    assert!(!matches!(end, Some(Ok(_))));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_web_page_connects_only_from_an_allowed_origin() {
    let config = RpcConfig { cors_origins: vec!["https://wallet.example".to_owned()], ..RpcConfig::default() };
    let node = TestNode::start_with(TestChain::genesis(), config).await;
    for (origin, allowed) in [("https://wallet.example", true), ("https://evil.example", false)] {
        let headers = HeaderMap::from_iter([("origin".parse().unwrap(), origin.parse().unwrap())]);
        let client = WsClientBuilder::default().set_headers(headers).build(format!("ws://{}", node.address)).await;
        assert_eq!(client.is_ok(), allowed, "{origin}");
        let request =
            reqwest::Client::new().post(node.url()).header("origin", origin).header("content-type", "application/json");
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": "eth_chainId"});
        let answer = request.body(body.to_string()).send().await.unwrap();
        let echoed =
            answer.headers().get("access-control-allow-origin").map(|value| value.to_str().unwrap().to_owned());
        assert_eq!(echoed, allowed.then(|| origin.to_owned()));
    }
}
