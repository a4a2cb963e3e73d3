//! What a caller learns of what went wrong.

use super::{
    chain::{LOGGER, TestChain},
    node::TestNode,
};
use crate::rpc::{RpcConfig, RpcLimits};
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::Bytes;
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn malformed_requests_are_told_from_wrong_ones() {
    let node = TestNode::start(TestChain::with_blocks()).await;
    for (body, code) in [
        ("{", -32700),
        ("[{", -32700),
        ("[]", -32600),
        ("{\"jsonrpc\": \"2.0\", \"id\": 1}", -32600),
        ("{\"jsonrpc\": \"1.0\", \"id\": 1, \"method\": \"eth_chainId\"}", -32600),
        ("{\"jsonrpc\": \"2.0\", \"id\": 1, \"method\": \"eth_nothing\"}", -32601),
    ] {
        assert_eq!(node.post(body).await["error"]["code"], code, "{body}");
    }
    let (_, message) = node.fail("eth_nothing", json!([])).await;
    assert_eq!(message, "the method eth_nothing does not exist or is not available");
    let (_, message) = node.fail("eth_subscribe", json!(["newHeads"])).await;
    assert_eq!(message, "subscriptions need a WebSocket connection");
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_parameters_are_named() {
    let node = TestNode::start(TestChain::with_blocks()).await;
    for (method, params, start) in [
        ("eth_getBalance", json!([]), "missing value for required parameter 0 (address)"),
        ("eth_getBalance", json!(["0x12", "latest"]), "invalid parameter 0 (address): "),
        ("eth_getBalance", json!([LOGGER, "newest"]), "invalid parameter 1 (block): "),
        ("eth_getBalance", json!([LOGGER, "latest", 1]), "too many parameters: 3 came"),
        ("eth_getBalance", json!({"address": LOGGER}), "the parameters must be a list"),
        ("eth_getBlockByNumber", json!([1, false]), "invalid parameter 0 (block number or tag): "),
        ("eth_getBlockByHash", json!(["0x1", false]), "invalid parameter 0 (block hash): "),
        ("eth_getStorageAt", json!([LOGGER, "0xzz", "latest"]), "invalid parameter 1 (storage slot): "),
        ("eth_call", json!([{"to": 5}]), "invalid parameter 0 (transaction): "),
        (
            "eth_call",
            json!([{}, "latest", {LOGGER.to_string(): {"balance": "0x1"}}]),
            "state overrides are not supported",
        ),
        ("eth_getLogs", json!([{"fromBlock": "0x3", "toBlock": "0x1"}]), "invalid block range"),
        ("eth_feeHistory", json!(["0x1", "latest", [2, 1]]), "invalid reward percentiles"),
        ("eth_sendRawTransaction", json!(["abc"]), "invalid parameter 0 (signed transaction): "),
        ("web3_sha3", json!([]), "missing value for required parameter 0 (data)"),
    ] {
        let (code, message) = node.fail(method, params).await;
        assert!(code == -32602 && message.starts_with(start), "{method}: {code} {message}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_transactions_change_nothing() {
    let node = TestNode::start(TestChain::with_blocks()).await;
    let raw = |transaction: alloy_consensus::TxEnvelope| Bytes::from(transaction.encoded_2718());
    let known = raw(node.chain.transfer(8, 1));
    node.call("eth_sendRawTransaction", json!([known])).await;
    for (bytes, start) in [
        (Bytes::new(), "rlp: "),
        (Bytes::from_static(&[2, 0xc0]), "rlp: "),
        (known.clone(), "already known"),
        (raw(node.chain.transfer(0, 1)), "nonce too low"),
    ] {
        let (code, message) = node.fail("eth_sendRawTransaction", json!([bytes])).await;
        assert!(code == -32000 && message.starts_with(start), "{message}");
    }
    assert_eq!(node.call("txpool_status", json!([])).await, json!({"pending": "0x1", "queued": "0x0"}));
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_have_a_code_of_their_own() {
    let limits =
        RpcLimits { logs_blocks: 3, logs_results: 2, proof_slots: 1, state_history_blocks: 2, ..RpcLimits::default() };
    let config = RpcConfig { max_batch: 2, max_request_bytes: 10_000, limits, ..RpcConfig::default() };
    let node = TestNode::start_with(TestChain::with_blocks(), config).await;
    for (method, params, start) in [
        ("eth_getLogs", json!([{"fromBlock": "0x0"}]), "the range holds 5 blocks; at most 3"),
        (
            "eth_getLogs",
            json!([{"fromBlock": "0x2"}]),
            "query returned more than 2 results. Try with this block range [0x2, 0x2]",
        ),
        ("eth_getLogs", json!([{"fromBlock": "0x3"}]), "query returned more than 2 results. Name"),
        ("eth_getProof", json!([LOGGER, ["0x0", "0x1"], "latest"]), "2 storage slots"),
        ("eth_feeHistory", json!(["0x1", "latest", vec![1; 101]]), "101 reward percentiles"),
    ] {
        let (code, message) = node.fail(method, params).await;
        assert!(code == -32005 && message.starts_with(start), "{method}: {code} {message}");
    }
    let (code, message) = node.fail("eth_getProof", json!([LOGGER, [], "0x1"])).await;
    assert!(code == -32000 && message.starts_with("proofs for block 1 are not available"), "{message}");
    let (code, message) = node.fail("eth_feeHistory", json!(["0x1", "0x9"])).await;
    assert!(code == -32000 && message.starts_with("request beyond head block"), "{message}");

    let one = json!({"jsonrpc": "2.0", "id": 1, "method": "eth_chainId"});
    let answer = node.post(json!([one, one, one]).to_string()).await;
    assert_eq!(answer["error"]["code"], -32005);
    let answer = node.post(format!("{{\"id\": 1{}}}", " ".repeat(10_000))).await;
    assert_eq!(answer["error"]["code"], -32007);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_answers_in_order_whatever_it_holds() {
    let node = TestNode::start(TestChain::with_blocks()).await;
    let batch = json!([
        {"jsonrpc": "2.0", "id": 1, "method": "eth_blockNumber"},
        {"jsonrpc": "2.0", "id": "two", "method": "eth_nothing"},
        {"jsonrpc": "2.0", "method": "eth_chainId"},
        5,
        {"jsonrpc": "2.0", "id": 3, "method": "eth_getBalance", "params": [LOGGER]},
    ]);
    let answers = node.post(batch.to_string()).await;
    let ids: Vec<_> = answers.as_array().unwrap().iter().map(|answer| answer["id"].clone()).collect();
    assert_eq!(ids, [json!(1), json!("two"), Value::Null, json!(3)]);
    assert_eq!((&answers[0]["result"], &answers[1]["error"]["code"]), (&json!("0x4"), &json!(-32601)));
    assert_eq!((&answers[2]["error"]["code"], &answers[3]["result"]), (&json!(-32600), &json!("0x3")));
}
