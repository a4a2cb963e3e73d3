//! The JSON of blocks, transactions, receipts and logs, field by field, against ethereum/execution-apis.

use super::{
    chain::{CHAIN_ID, GWEI, LEADER, LOGGER, TestChain},
    node::TestNode,
};
use alloy_consensus::{TxEnvelope, transaction::SignerRecoverable};
use alloy_primitives::Address;
use serde_json::{Value, json};

fn keys(value: &Value) -> Vec<&str> {
    let mut keys: Vec<_> = value.as_object().unwrap().keys().map(String::as_str).collect();
    keys.sort_unstable();
    keys
}

fn quantity(value: impl Into<u128>) -> Value {
    format!("{:#x}", value.into()).into()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_block_has_the_fields_of_the_specification_and_no_others() {
    let node = TestNode::start(TestChain::with_blocks()).await;
    let block = node.call("eth_getBlockByNumber", json!(["0x1", false])).await;
    let header = node.chain.reader.header_at(baton_consensus::types::Height(1)).unwrap().unwrap();
    assert_eq!(
        keys(&block),
        [
            "baseFeePerGas",
            "blobGasUsed",
            "difficulty",
            "excessBlobGas",
            "extraData",
            "gasLimit",
            "gasUsed",
            "hash",
            "logsBloom",
            "miner",
            "mixHash",
            "nonce",
            "number",
            "parentBeaconBlockRoot",
            "parentHash",
            "receiptsRoot",
            "requestsHash",
            "sha3Uncles",
            "size",
            "stateRoot",
            "timestamp",
            "transactions",
            "transactionsRoot",
            "uncles",
            "withdrawals",
            "withdrawalsRoot",
        ]
    );
    assert_eq!(block["hash"], json!(header.hash()));
    assert_eq!(block["number"], "0x1");
    assert_eq!(block["nonce"], "0x0000000000000000");
    assert_eq!(block["difficulty"], "0x0");
    assert_eq!(block["miner"], json!(LEADER));
    assert_eq!(block["extraData"], format!("0x{:016x}{:016x}{:016x}", 0, 1, 1));
    assert_eq!(block["timestamp"], quantity(header.timestamp));
    assert_eq!(block["baseFeePerGas"], quantity(header.base_fee_per_gas.unwrap()));
    assert_eq!((&block["uncles"], &block["withdrawals"]), (&json!([]), &json!([])));
    assert_eq!((&block["blobGasUsed"], &block["excessBlobGas"]), (&json!("0x0"), &json!("0x0")));
    assert_eq!(block["transactions"].as_array().unwrap().len(), 4);
    let stored = node.chain.reader.block(1.into()).unwrap().unwrap();
    assert_eq!(block["size"], quantity(alloy_rlp::encode(&stored.block.block).len() as u64));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_transaction_type_has_its_fields() {
    let node = TestNode::start(TestChain::with_blocks()).await;
    let block = node.call("eth_getBlockByNumber", json!(["0x1", true])).await;
    let transactions = block["transactions"].as_array().unwrap();
    let place = ["blockHash", "blockNumber", "blockTimestamp", "from", "transactionIndex"];
    let common = ["chainId", "gas", "gasPrice", "hash", "input", "nonce", "r", "s", "to", "type", "v", "value"];
    let dynamic = ["accessList", "maxFeePerGas", "maxPriorityFeePerGas", "yParity"];
    let expected: [&[&str]; 4] = [
        &[],
        &["accessList", "yParity"],
        &dynamic,
        &["accessList", "authorizationList", "maxFeePerGas", "maxPriorityFeePerGas", "yParity"],
    ];
    for (index, (transaction, more)) in transactions.iter().zip(expected).enumerate() {
        let mut fields = [&place, &common[..], more].concat();
        fields.sort_unstable();
        assert_eq!(keys(transaction), fields, "type {index}");
        assert_eq!(transaction["transactionIndex"], quantity(index as u64));
        assert_eq!(transaction["blockHash"], block["hash"]);
        assert_eq!(transaction["blockNumber"], "0x1");
        assert_eq!(transaction["from"], json!(node.chain.key.address()));
        assert_eq!(transaction["nonce"], quantity(index as u64));
        assert_eq!(transaction["chainId"], quantity(CHAIN_ID));
        // What it says can be signed again: the hash and the sender come out the same.
        let parsed: TxEnvelope = serde_json::from_value(transaction.clone()).unwrap();
        assert_eq!(json!(parsed.tx_hash()), transaction["hash"]);
        assert_eq!(parsed.recover_signer().unwrap(), node.chain.key.address());
        let same = node.call("eth_getTransactionByHash", json!([transaction["hash"]])).await;
        assert_eq!(&same, transaction);
    }
    let types: Vec<_> = transactions.iter().map(|transaction| transaction["type"].clone()).collect();
    assert_eq!(types, ["0x0", "0x1", "0x2", "0x4"]);
    let base_fee =
        node.chain.reader.header_at(baton_consensus::types::Height(1)).unwrap().unwrap().base_fee_per_gas.unwrap();
    assert_eq!(transactions[2]["gasPrice"], quantity(u128::from(base_fee) + GWEI), "the effective price");
    assert_eq!(transactions[2]["to"], Value::Null, "a creation");
    let v = u64::from_str_radix(transactions[0]["v"].as_str().unwrap().trim_start_matches("0x"), 16).unwrap();
    assert!((CHAIN_ID * 2 + 35..=CHAIN_ID * 2 + 36).contains(&v), "EIP-155");
    assert_eq!(transactions[1]["v"], transactions[1]["yParity"]);
    assert_eq!(keys(&transactions[3]["authorizationList"][0]), ["address", "chainId", "nonce", "r", "s", "yParity"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn receipts_count_gas_and_logs_over_the_block() {
    let node = TestNode::start(TestChain::with_blocks()).await;
    let receipts = node.call("eth_getBlockReceipts", json!(["0x1"])).await;
    let receipts = receipts.as_array().unwrap();
    let mut cumulative = 0;
    for receipt in receipts {
        assert_eq!(
            keys(receipt),
            [
                "blockHash",
                "blockNumber",
                "contractAddress",
                "cumulativeGasUsed",
                "effectiveGasPrice",
                "from",
                "gasUsed",
                "logs",
                "logsBloom",
                "status",
                "to",
                "transactionHash",
                "transactionIndex",
                "type",
            ]
        );
        assert_eq!(receipt["status"], "0x1");
        let gas = u64::from_str_radix(receipt["gasUsed"].as_str().unwrap().trim_start_matches("0x"), 16).unwrap();
        cumulative += gas;
        assert_eq!(receipt["cumulativeGasUsed"], quantity(cumulative));
        let same = node.call("eth_getTransactionReceipt", json!([receipt["transactionHash"]])).await;
        assert_eq!(&same, receipt);
    }
    assert_eq!(receipts[0]["gasUsed"], quantity(21_000_u64));
    assert_eq!(receipts[0]["contractAddress"], Value::Null);
    assert_eq!(receipts[0]["effectiveGasPrice"], quantity(3 * GWEI));
    assert_eq!(receipts[0]["to"], json!(Address::repeat_byte(0xaa)));
    assert_eq!(receipts[2]["to"], Value::Null);
    assert_eq!(receipts[2]["contractAddress"], json!(node.chain.key.address().create(2)));
    assert_eq!(receipts[1]["logs"].as_array().unwrap().len(), 1);
    assert_ne!(receipts[1]["logsBloom"], receipts[0]["logsBloom"]);

    let receipts = node.call("eth_getBlockReceipts", json!(["0x3"])).await;
    for (index, receipt) in receipts.as_array().unwrap().iter().enumerate() {
        let log = &receipt["logs"][0];
        assert_eq!(
            keys(log),
            [
                "address",
                "blockHash",
                "blockNumber",
                "blockTimestamp",
                "data",
                "logIndex",
                "removed",
                "topics",
                "transactionHash",
                "transactionIndex",
            ]
        );
        assert_eq!(log["logIndex"], quantity(index as u64));
        assert_eq!(log["transactionIndex"], quantity(index as u64));
        assert_eq!(log["transactionHash"], receipt["transactionHash"]);
        assert_eq!((&log["address"], &log["removed"]), (&json!(LOGGER), &json!(false)));
        assert_eq!(log["data"], format!("0x{:064x}", 5 + index));
        assert_eq!(log["topics"], json!([format!("0x{:064x}", 0xaa), format!("0x{:064x}", 0xbb)]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn genesis_and_a_waiting_transaction_have_their_shapes() {
    let node = TestNode::start(TestChain::genesis()).await;
    let genesis = node.call("eth_getBlockByNumber", json!(["earliest", true])).await;
    assert_eq!((&genesis["number"], &genesis["transactions"]), (&json!("0x0"), &json!([])));
    let transaction = node.chain.transfer(0, 1);
    let raw = alloy_eips::eip2718::Encodable2718::encoded_2718(&transaction);
    let hash = node.call("eth_sendRawTransaction", json!([alloy_primitives::Bytes::from(raw)])).await;
    assert_eq!(hash, json!(transaction.tx_hash()));
    let waiting = node.call("eth_getTransactionByHash", json!([hash])).await;
    for field in ["blockHash", "blockNumber", "transactionIndex"] {
        assert_eq!(waiting.get(field), Some(&Value::Null), "{field}");
    }
    assert_eq!(waiting["from"], json!(node.chain.key.address()));
    assert_eq!(waiting["gasPrice"], quantity(10 * GWEI));
    assert_eq!(node.call("eth_getTransactionReceipt", json!([hash])).await, Value::Null);
}
