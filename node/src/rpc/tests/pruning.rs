//! What an archive and a full node answer about the past.

use super::{
    chain::{LOGGER, TestChain},
    node::TestNode,
};
use crate::rpc::{RpcConfig, RpcLimits};
use alloy_primitives::{Address, B256, U256};
use baton_consensus::types::Height;
use baton_storage::Prune;
use serde_json::{Value, json};

/// How deep states are proven.
const DEPTH: u64 = 4;

/// Twelve blocks, each with a transaction that logs its nonce and stores it; all but the head are final.
async fn node(prune: Prune) -> (TestNode, Vec<B256>) {
    let chain = TestChain::genesis_with(Some(prune));
    let mut hashes = Vec::new();
    for nonce in 0..12 {
        let transaction = chain.logging(nonce, nonce);
        hashes.push(*transaction.tx_hash());
        chain.commit(vec![transaction]);
        chain.store.set_finalized(Height(nonce), true).unwrap();
    }
    let limits = RpcLimits { state_history_blocks: DEPTH, ..RpcLimits::default() };
    (TestNode::start_with(chain, RpcConfig { limits, ..RpcConfig::default() }).await, hashes)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_node_says_what_it_does_not_keep_and_never_that_it_does_not_exist() {
    let (node, hashes) = node(Prune::Full(6)).await;
    let kept = node.call("baton_storage", json!([])).await;
    assert_eq!(kept, json!({"prune": "full:6", "oldestReceipts": 6, "oldestState": 6, "oldestProof": 8}));

    let old = node.call("eth_getBlockByNumber", json!(["0x3", true])).await;
    assert_eq!(old["transactions"][0]["hash"], json!(hashes[2]), "blocks stay");
    for (method, params) in [
        ("eth_getTransactionReceipt", json!([hashes[2]])),
        ("eth_getBlockReceipts", json!(["0x3"])),
        ("eth_getBlockReceipts", json!([{"blockHash": old["hash"]}])),
        ("eth_getLogs", json!([{"blockHash": old["hash"]}])),
        ("eth_getLogs", json!([{"fromBlock": "0x3", "toBlock": "0x3"}])),
        ("eth_getLogs", json!([{"fromBlock": "0x3"}])),
        ("eth_getLogs", json!([{"fromBlock": "0x3", "address": Address::ZERO}])),
        ("eth_feeHistory", json!(["0x1", "0x3", [50]])),
    ] {
        let (code, message) = node.fail(method, params).await;
        assert_eq!(code, 4444, "{method}: {message}");
        let expected =
            "pruned history unavailable: the receipts of block 3 are not kept; this node has those from block 6 on";
        assert_eq!(message, expected, "{method}");
    }
    let place = json!([old["hash"], "0x0"]);
    let transaction = node.call("eth_getTransactionByHash", json!([hashes[2]])).await;
    assert_eq!(node.call("eth_getTransactionByBlockHashAndIndex", place).await, transaction);
    assert!(node.call("eth_getRawTransactionByHash", json!([hashes[2]])).await.is_string());
    assert_eq!(node.call("eth_getBlockTransactionCountByNumber", json!(["0x3"])).await, "0x1");
    assert_eq!(node.call("eth_feeHistory", json!(["0x1", "0x3", null])).await["oldestBlock"], "0x3");
    assert!(node.call("eth_gasPrice", json!([])).await.is_string());
    // What exists nowhere is still none.
    assert_eq!(node.call("eth_getTransactionReceipt", json!([B256::ZERO])).await, Value::Null);
    assert_eq!(node.call("eth_getBlockReceipts", json!(["0xd"])).await, Value::Null);
    // What is kept is answered.
    let logs = node.call("eth_getLogs", json!([{"fromBlock": "0x6"}])).await;
    assert_eq!(logs.as_array().unwrap().len(), 7);
    assert_eq!(node.call("eth_getTransactionReceipt", json!([hashes[5]])).await["blockNumber"], "0x6");

    for (method, params) in [
        ("eth_getBalance", json!([LOGGER, "0x5"])),
        ("eth_getStorageAt", json!([LOGGER, "0x0", "0x5"])),
        ("eth_call", json!([{"to": LOGGER}, "0x5"])),
        ("eth_estimateGas", json!([{"to": LOGGER}, "0x5"])),
    ] {
        let (code, message) = node.fail(method, params).await;
        assert_eq!(code, -32000, "{message}");
        assert!(
            message.starts_with("the state of block 5 is not available: this node serves states from block 6 on"),
            "{message}"
        );
    }
    for height in 6..=12_u64 {
        let at = format!("{height:#x}");
        let stored = node.call("eth_getStorageAt", json!([LOGGER, "0x0", at])).await;
        assert_eq!(stored, json!(B256::from(U256::from(height - 1))), "{at}");
    }
    let (code, message) = node.fail("eth_getProof", json!([LOGGER, [], "0x7"])).await;
    assert!(code == -32000 && message.starts_with("proofs for block 7 are not available"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_just_answered_is_refused_once_it_is_pruned() {
    let (node, hashes) = node(Prune::Full(6)).await;
    let receipt = json!([hashes[5]]);
    assert_eq!(node.call("eth_getTransactionReceipt", receipt.clone()).await["blockNumber"], "0x6");
    node.chain.commit(Vec::new());
    node.chain.store.set_finalized(Height(12), true).unwrap();
    node.chain.commit(Vec::new());
    assert_eq!(node.fail("eth_getTransactionReceipt", receipt).await.0, 4444);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_archive_answers_for_every_height_and_proves_the_last_ones() {
    let (node, hashes) = node(Prune::Archive).await;
    let kept = node.call("baton_storage", json!([])).await;
    assert_eq!(kept, json!({"prune": "archive", "oldestReceipts": 0, "oldestState": 0, "oldestProof": 8}));
    let sender = node.chain.key.address();
    for height in 0..=12u64 {
        let at = format!("{height:#x}");
        // The transaction of block n stores n - 1.
        let stored = B256::from(U256::from(height.saturating_sub(1)));
        assert_eq!(node.call("eth_getStorageAt", json!([LOGGER, "0x0", at])).await, json!(stored), "{at}");
        assert_eq!(node.call("eth_getTransactionCount", json!([sender, at])).await, at);
        let proof = json!([sender, [], at]);
        if height >= 8 {
            assert_eq!(node.call("eth_getProof", proof).await["nonce"], at);
        } else {
            let (code, message) = node.fail("eth_getProof", proof).await;
            assert!(code == -32000 && message.contains("archives too"), "{message}");
        }
    }
    assert_eq!(node.call("eth_getTransactionReceipt", json!([hashes[0]])).await["blockNumber"], "0x1");
    assert_eq!(node.call("eth_getLogs", json!([{"fromBlock": "earliest"}])).await.as_array().unwrap().len(), 12);
    assert!(node.call("eth_call", json!([{"to": LOGGER}, "0x1"])).await.is_string());
}
