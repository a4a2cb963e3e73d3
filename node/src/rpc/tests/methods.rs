//! What the methods answer.

use super::{
    chain::{CHAIN_ID, GWEI, LOGGER, REVERTER, TestChain},
    node::TestNode,
};
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use alloy_rpc_types_eth::{EIP1186AccountProofResponse, FeeHistory};
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn the_node_and_the_network_introduce_themselves() {
    let node = TestNode::start(TestChain::with_blocks()).await;
    let version = node.call("web3_clientVersion", json!([])).await;
    assert!(version.as_str().unwrap().starts_with("baton/v"));
    assert_eq!(node.call("web3_sha3", json!(["0x68656c6c6f"])).await, json!(keccak256("hello")));
    assert_eq!(node.call("net_version", json!([])).await, CHAIN_ID.to_string());
    assert_eq!(node.call("net_listening", json!([])).await, true);
    assert_eq!(node.call("net_peerCount", json!([])).await, "0x1");
    assert_eq!(node.call("eth_chainId", json!([])).await, format!("{CHAIN_ID:#x}"));
    assert_eq!(node.call("eth_blockNumber", json!([])).await, "0x4");
    assert_eq!(node.call("eth_accounts", json!([])).await, json!([]));
    assert_eq!(node.call("eth_mining", json!([])).await, false);
    assert_eq!(node.call("eth_blobBaseFee", json!([])).await, "0x1");
    let syncing = node.call("eth_syncing", json!([])).await;
    assert_eq!(
        (&syncing["startingBlock"], &syncing["currentBlock"], &syncing["highestBlock"]),
        (&json!("0x0"), &json!("0x4"), &json!("0x14"))
    );
    assert_eq!(node.call("txpool_status", json!([])).await, json!({"pending": "0x0", "queued": "0x0"}));
}

#[tokio::test(flavor = "multi_thread")]
async fn tags_numbers_and_hashes_find_blocks() {
    let node = TestNode::start(TestChain::with_blocks()).await;
    for (tag, number) in [
        ("earliest", "0x0"),
        ("finalized", "0x2"),
        ("safe", "0x3"),
        ("latest", "0x4"),
        ("pending", "0x4"),
        ("0x1", "0x1"),
    ] {
        let block = node.call("eth_getBlockByNumber", json!([tag, false])).await;
        assert_eq!(block["number"], number, "{tag}");
        assert_eq!(node.call("eth_getBlockByHash", json!([block["hash"], false])).await, block);
    }
    assert_eq!(node.call("eth_getBlockByNumber", json!(["0x5", false])).await, Value::Null);
    assert_eq!(node.call("eth_getBlockByHash", json!([B256::ZERO, false])).await, Value::Null);
    assert_eq!(node.call("eth_getBlockTransactionCountByNumber", json!(["0x1"])).await, "0x4");
    assert_eq!(node.call("eth_getBlockTransactionCountByHash", json!([B256::ZERO])).await, Value::Null);
    assert_eq!(node.call("eth_getUncleCountByBlockNumber", json!(["0x1"])).await, "0x0");
    let third = node.call("eth_getTransactionByBlockNumberAndIndex", json!(["0x1", "0x2"])).await;
    let hash = node.call("eth_getBlockByNumber", json!(["0x1", false])).await["hash"].take();
    assert_eq!(node.call("eth_getTransactionByBlockHashAndIndex", json!([hash, "0x2"])).await, third);
    assert_eq!(third["type"], "0x2");
    assert_eq!(node.call("eth_getTransactionByBlockNumberAndIndex", json!(["0x1", "0x4"])).await, Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_state_is_that_of_the_block() {
    let node = TestNode::start(TestChain::with_blocks()).await;
    let sender = node.chain.key.address();
    let receiver = Address::repeat_byte(0xaa);
    assert_eq!(node.call("eth_getBalance", json!([receiver, "latest"])).await, "0x5");
    assert_eq!(node.call("eth_getBalance", json!([receiver, "0x0"])).await, "0x0");
    assert_eq!(node.call("eth_getBalance", json!([receiver])).await, "0x5");
    assert_eq!(node.call("eth_getTransactionCount", json!([sender, "0x2"])).await, "0x5");
    assert_eq!(node.call("eth_getTransactionCount", json!([sender, "latest"])).await, "0x8");
    let block = node.call("eth_getBlockByNumber", json!(["0x1", false])).await;
    let by_hash = json!({"blockHash": block["hash"], "requireCanonical": true});
    assert_eq!(node.call("eth_getStorageAt", json!([LOGGER, "0x0", by_hash])).await, json!(B256::repeat_byte(0x22)));
    let slot = json!([LOGGER, B256::ZERO, "latest"]);
    assert_eq!(node.call("eth_getStorageAt", slot).await, json!(B256::from(U256::from(7))));
    assert!(node.call("eth_getCode", json!([LOGGER, "latest"])).await.as_str().unwrap().starts_with("0x600035"));
    assert_eq!(node.call("eth_getCode", json!([receiver, "latest"])).await, "0x");
    let delegation = format!("0xef0100{}", alloy_primitives::hex::encode(LOGGER));
    assert_eq!(node.call("eth_getCode", json!([sender, "latest"])).await, delegation);

    // The next nonce counts what waits in the pool.
    for nonce in 8..10 {
        let raw = Bytes::from(node.chain.transfer(nonce, 1).encoded_2718());
        node.call("eth_sendRawTransaction", json!([raw])).await;
    }
    assert_eq!(node.call("eth_getTransactionCount", json!([sender, "latest"])).await, "0x8");
    assert_eq!(node.call("eth_getTransactionCount", json!([sender, "pending"])).await, "0xa");
    assert_eq!(node.call("txpool_status", json!([])).await, json!({"pending": "0x2", "queued": "0x0"}));
}

#[tokio::test(flavor = "multi_thread")]
async fn proofs_lead_to_the_state_root() {
    let node = TestNode::start(TestChain::with_blocks()).await;
    for tag in ["latest", "0x1"] {
        let root: B256 =
            serde_json::from_value(node.call("eth_getBlockByNumber", json!([tag, false])).await["stateRoot"].take())
                .unwrap();
        let proof = node.call("eth_getProof", json!([LOGGER, ["0x0", B256::repeat_byte(9)], tag])).await;
        assert_eq!(proof["storageProof"][0]["key"], "0x0");
        let proof: EIP1186AccountProofResponse = serde_json::from_value(proof).unwrap();
        assert_eq!(keccak256(&proof.account_proof[0]), root);
        assert_eq!(keccak256(&proof.storage_proof[0].proof[0]), proof.storage_hash);
        let value = if tag == "latest" { U256::from(7) } else { U256::from_be_bytes([0x22; 32]) };
        assert_eq!((proof.storage_proof[0].value, proof.storage_proof[1].value), (value, U256::ZERO));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_return_revert_and_estimate() {
    let node = TestNode::start(TestChain::with_blocks()).await;
    let word = B256::repeat_byte(0x33);
    let call = json!({"from": node.chain.key.address(), "to": LOGGER, "data": word});
    assert_eq!(node.call("eth_call", json!([call, "latest"])).await, json!(word));
    assert_eq!(node.call("eth_call", json!([call])).await, json!(word));
    let gas = node.call("eth_estimateGas", json!([call])).await;
    let gas = u64::from_str_radix(gas.as_str().unwrap().trim_start_matches("0x"), 16).unwrap();
    assert!((21_000..60_000).contains(&gas), "{gas}");
    assert_eq!(
        node.call("eth_estimateGas", json!([{"to": Address::repeat_byte(0xaa), "value": "0x0"}])).await,
        "0x5208"
    );

    use alloy_sol_types::SolError;
    let reason = Bytes::from(alloy_sol_types::Revert::from("not yours").abi_encode());
    for method in ["eth_call", "eth_estimateGas"] {
        let answer = node.ask(method, json!([{"to": REVERTER, "input": reason}, "latest"])).await;
        let expected = json!({"code": 3, "message": "execution reverted: not yours", "data": reason});
        assert_eq!(answer["error"], expected);
    }
    let (code, message) = node.fail("eth_call", json!([{"to": LOGGER, "gas": "0x5300"}])).await;
    assert!(code == -32000 && message.starts_with("out of gas"), "{message}");
    let poor = json!([{"from": Address::repeat_byte(9), "to": LOGGER, "value": "0x1"}]);
    let (code, message) = node.fail("eth_call", poor).await;
    assert!(code == -32000 && message.contains("insufficient funds"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn logs_are_filtered() {
    let node = TestNode::start(TestChain::with_blocks()).await;
    let topic = |number: u64| B256::from(U256::from(number));
    let logs = async |filter: Value| node.call("eth_getLogs", json!([filter])).await.as_array().unwrap().clone();
    let all = logs(json!({"fromBlock": "0x0", "toBlock": "latest"})).await;
    let numbers: Vec<_> = all.iter().map(|log| log["blockNumber"].as_str().unwrap().to_owned()).collect();
    assert_eq!(numbers, ["0x1", "0x3", "0x3", "0x3"]);
    assert_eq!(logs(json!({})).await.len(), 0, "the latest block has none");
    assert_eq!(logs(json!({"fromBlock": "0x2"})).await.len(), 3);
    assert_eq!(logs(json!({"fromBlock": "0x0", "address": LOGGER})).await, all);
    assert_eq!(logs(json!({"fromBlock": "0x0", "address": [REVERTER]})).await.len(), 0);
    assert_eq!(logs(json!({"fromBlock": "0x0", "topics": [topic(0xaa)]})).await, all);
    assert_eq!(logs(json!({"fromBlock": "0x0", "topics": [null, [topic(0xbb), topic(1)]]})).await, all);
    assert_eq!(logs(json!({"fromBlock": "0x0", "topics": [topic(0xbb)]})).await.len(), 0);
    assert_eq!(logs(json!({"fromBlock": "0x0", "topics": [null, null, topic(1)]})).await.len(), 0);
    assert_eq!(logs(json!({"blockHash": all[1]["blockHash"]})).await, all[1..]);
    assert_eq!(logs(json!({"fromBlock": "0x10", "toBlock": "0x20"})).await.len(), 0, "above the head");
}

#[tokio::test(flavor = "multi_thread")]
async fn fees_follow_the_blocks() {
    let node = TestNode::start(TestChain::with_blocks()).await;
    let history = node.call("eth_feeHistory", json!(["0x4", "latest", [0, 50, 100]])).await;
    assert_eq!(history["oldestBlock"], "0x1");
    let history: FeeHistory = serde_json::from_value(history).unwrap();
    assert_eq!((history.base_fee_per_gas.len(), history.gas_used_ratio.len()), (5, 4));
    for number in 1..=4 {
        let header = node.chain.reader.header_at(baton_consensus::types::Height(number)).unwrap().unwrap();
        let index = number as usize - 1;
        assert_eq!(history.base_fee_per_gas[index], u128::from(header.base_fee_per_gas.unwrap()));
        assert!((history.gas_used_ratio[index] - header.gas_used as f64 / 30_000_000.0).abs() < 1e-9);
    }
    let reward = history.reward.unwrap();
    assert_eq!((reward[0][0], reward[2].as_slice()), (GWEI / 2, [GWEI; 3].as_slice()));
    assert_eq!((reward[1].as_slice(), reward[3].as_slice()), ([0; 3].as_slice(), [0; 3].as_slice()));
    assert_eq!((history.base_fee_per_blob_gas, history.blob_gas_used_ratio), (vec![1; 5], vec![0.0; 4]));

    let history = node.call("eth_feeHistory", json!([1024, "latest", null])).await;
    assert_eq!((&history["oldestBlock"], history.get("reward")), (&json!("0x0"), None));
    assert_eq!(node.call("eth_feeHistory", json!(["0x0", "latest"])).await["oldestBlock"], "0x0");

    assert_eq!(node.call("eth_maxPriorityFeePerGas", json!([])).await, format!("{GWEI:#x}"));
    let next = baton_execution::next_base_fee(
        &node.chain.spec,
        &node.chain.reader.header_at(baton_consensus::types::Height(4)).unwrap().unwrap(),
    );
    assert_eq!(node.call("eth_gasPrice", json!([])).await, format!("{:#x}", u128::from(next) + GWEI));
}

#[tokio::test(flavor = "multi_thread")]
async fn baton_methods_speak_in_plain_numbers() {
    let node = TestNode::start(TestChain::with_blocks()).await;
    let status = node.call("baton_status", json!([])).await;
    assert_eq!(status["peerId"], "12D3KooWself");
    assert_eq!(status["address"], json!(Address::repeat_byte(1)));
    assert_eq!((&status["role"], &status["finalityRule"]), (&json!("follower"), &json!("quorum")));
    assert_eq!((&status["era"], &status["term"], &status["epoch"]), (&json!(0), &json!(1), &json!(1)));
    assert_eq!((&status["scheduler"], &status["leader"]), (&json!(Address::repeat_byte(2)), &Value::Null));
    for (field, number) in [("head", 4), ("safe", 3), ("finalized", 2)] {
        assert_eq!(status[field]["number"], number);
        assert_eq!(status[field]["hash"].as_str().unwrap().len(), 66);
    }
    assert_eq!(status["pool"], json!({"pending": 0, "queued": 0, "bytes": 0}));
    assert_eq!((&status["syncing"], &status["peers"]), (&json!(true), &json!(1)));
    assert!(status["uptimeMs"].is_u64() && status["version"].is_string());

    let epoch = node.call("baton_epoch", json!([])).await;
    assert_eq!((&epoch["first"], &epoch["last"]), (&json!(1), &json!(8)));
    assert_eq!(epoch["skipped"], json!([{"sequencer": Address::repeat_byte(5), "reason": "silent"}]));

    let sequencers = node.call("baton_sequencers", json!([])).await;
    let sequencer = &sequencers[0];
    assert_eq!(sequencer["weight"], U256::MAX.to_string());
    assert_eq!(sequencer["head"], json!({"number": 4, "hash": B256::repeat_byte(6)}));
    assert_eq!((&sequencer["lastHeartbeatMs"], &sequencer["version"]), (&json!(12), &Value::Null));
    assert_eq!((&sequencer["jailedUntilEpoch"], &sequencer["jailReason"]), (&json!(9), &json!("late in epoch 6")));
    assert_eq!(sequencer["lastStrike"], json!({"epoch": 6, "reason": "late"}));
    assert_eq!(sequencer["redemptions"], 1);
    assert_eq!(
        (&sequencer["blocksLed"], &sequencer["strikes"], &sequencer["role"]),
        (&json!(3), &json!(2), &json!("leader"))
    );

    let peers = node.call("baton_peers", json!([])).await;
    assert_eq!((&peers[0]["direction"], &peers[0]["height"]), (&json!("outbound"), &json!(4)));
    assert_eq!(peers[0]["sequencer"], json!(Address::repeat_byte(1)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reverted_head_is_gone() {
    let node = TestNode::start(TestChain::with_blocks()).await;
    let gone = node.call("eth_getBlockByNumber", json!(["0x4", false])).await;
    node.chain.store.revert_head().unwrap();
    assert_eq!(node.call("eth_getBlockByNumber", json!(["0x4", false])).await, Value::Null);
    assert_eq!(node.call("eth_getBlockByHash", json!([gone["hash"], false])).await, Value::Null);
    let (code, message) = node.fail("eth_getBalance", json!([LOGGER, gone["hash"]])).await;
    assert!(code == -32000 && message.starts_with("header not found"), "{message}");
}
