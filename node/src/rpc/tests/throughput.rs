//! How many transactions the server takes. Not a check but a measurement:
//! `cargo test --release -p baton-node --lib rpc::tests::throughput -- --ignored --nocapture`.

use super::{chain::TestChain, node::TestNode};
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::Bytes;
use futures::future::join_all;
use rayon::prelude::*;
use serde_json::{Value, json};
use std::time::Instant;

const CLIENTS: u64 = 4;
const BATCHES: u64 = 8;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement"]
async fn batches_of_raw_transactions() {
    for size in [1, 500, 1_000] {
        let node = TestNode::start(TestChain::genesis()).await;
        let total = if size == 1 { 1_024 } else { CLIENTS * BATCHES * size };
        let raw: Vec<Value> = (0..total)
            .into_par_iter()
            .map(|nonce| json!(Bytes::from(node.chain.transfer_of(nonce / 1_000, nonce % 1_000).encoded_2718())))
            .collect();
        let bodies: Vec<String> = raw
            .chunks(size as usize)
            .map(|batch| {
                let requests = batch.iter().enumerate().map(|(id, raw)| {
                    json!({"jsonrpc": "2.0", "id": id, "method": "eth_sendRawTransaction", "params": [raw]})
                });
                Value::from(requests.collect::<Vec<_>>()).to_string()
            })
            .collect();
        let start = Instant::now();
        let clients = if size == 1 { 64 } else { CLIENTS as usize };
        let each = bodies.len().div_ceil(clients);
        let refused: usize = join_all(bodies.chunks(each).map(|bodies| send(&node, bodies))).await.into_iter().sum();
        let rate = total as f64 / start.elapsed().as_secs_f64();
        println!("batches of {size}, {clients} clients: {total} transactions, {refused} refused, {rate:.0} tx/s");
        assert_eq!(refused, 0);
        assert_eq!(node.pool.status().pending, total as usize);
    }
}

/// Posts one body after the other; how many answers are errors.
async fn send(node: &TestNode, bodies: &[String]) -> usize {
    let client = reqwest::Client::new();
    let mut refused = 0;
    for body in bodies {
        let request = client.post(node.url()).header("content-type", "application/json").body(body.clone());
        let answer = request.send().await.unwrap().text().await.unwrap();
        refused += answer.matches("\"error\"").count();
    }
    refused
}
