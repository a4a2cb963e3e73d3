//! What convinces others.

use super::{
    chain::TestChain,
    node::{TestNode, convict},
};
use crate::testing::{Committee, checkpoint};
use alloy_primitives::{B256, Signature, keccak256};
use baton_consensus::{
    evidence::{Evidence, Fault, SignedPreimage},
    finality::light_client::{BlockProof, MAX_HEADERS, Trusted},
    keys::OperatorKey,
    messages::Seal,
    signing::{Signed, SigningContext},
    types::{BlockRef, Era, Height, Term},
};
use serde_json::json;
use std::sync::Arc;

/// Proves blocks of a chain final, as if this committee were its sequencers.
fn finalize(chain: &TestChain, committee: &Committee, height: u64) {
    let electorate = committee.electorate_of(context(chain));
    let header = chain.reader.header_at(Height(height)).unwrap().unwrap();
    let proof = committee.finality(&electorate, checkpoint(&electorate, height, (header.hash(), header.state_root)));
    let block = BlockRef { height: Height(height), hash: header.hash() };
    chain.store.put_finality(block, &proof, Height(height)).unwrap();
}

fn context(chain: &TestChain) -> SigningContext {
    chain.reader.signing_context().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_proof_of_a_block_convinces_a_light_client() {
    let (chain, committee) = (TestChain::with_blocks(), Committee::new(4));
    finalize(&chain, &committee, 2);
    finalize(&chain, &committee, 3);
    let node = TestNode::start(chain).await;
    let trusted = Trusted::genesis(context(&node.chain), Arc::clone(&committee.genesis.set));
    let hash = |number: u64| node.chain.reader.header_at(Height(number)).unwrap().unwrap().hash();
    for (id, number, headers) in [
        (json!("0x0"), 0, 3),
        (json!("earliest"), 0, 3),
        (json!("0x1"), 1, 2),
        (json!("0x2"), 2, 1),
        (json!("0x3"), 3, 1),
        (json!("finalized"), 3, 1),
        (json!(hash(1)), 1, 2),
        (json!({"blockHash": hash(3)}), 3, 1),
    ] {
        let proof: BlockProof = serde_json::from_value(node.call("baton_finality", json!([id])).await).unwrap();
        assert_eq!(proof.headers.len(), headers, "{id}");
        let proven = trusted.verify_block(&proof).unwrap();
        assert_eq!(proven.block, BlockRef { height: Height(number), hash: hash(number) }, "{id}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_proven_is_told() {
    let node = TestNode::start(TestChain::with_blocks()).await;
    let (code, message) = node.fail("baton_finality", json!(["latest"])).await;
    assert_eq!((code, message.as_str()), (-32000, "block 4 is not proven final yet: no block is"));
    finalize(&node.chain, &Committee::new(1), 2);
    let (code, message) = node.fail("baton_finality", json!(["0x3"])).await;
    assert_eq!((code, message.as_str()), (-32000, "block 3 is not proven final yet: the highest that is is block 2"));
    for unknown in [json!("0x5"), json!(B256::ZERO)] {
        let (code, message) = node.fail("baton_finality", json!([unknown])).await;
        assert!(code == -32000 && message.starts_with("header not found"), "{message}");
    }
    let (code, message) = node.fail("baton_finality", json!([])).await;
    assert!(code == -32602 && message.contains("(block)"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proof_reaches_as_many_headers_as_a_light_client_takes() {
    let (chain, committee) = (TestChain::genesis(), Committee::new(1));
    (0..=MAX_HEADERS).for_each(|_| drop(chain.commit(Vec::new())));
    let top = MAX_HEADERS as u64 + 1;
    finalize(&chain, &committee, top);
    let node = TestNode::start(chain).await;
    let proof: BlockProof = serde_json::from_value(node.call("baton_finality", json!(["0x2"])).await).unwrap();
    assert_eq!(proof.headers.len(), MAX_HEADERS);
    let trusted = Trusted::genesis(context(&node.chain), Arc::clone(&committee.genesis.set));
    assert_eq!(trusted.verify_block(&proof).unwrap().block.height, Height(2));
    let (code, message) = node.fail("baton_finality", json!(["0x1"])).await;
    assert!(code == -32000 && message.contains("is of block 1025; a proof has at most 1024 headers"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn evidence_is_in_the_form_that_a_contract_checks() {
    let node = TestNode::start(TestChain::with_blocks()).await;
    assert_eq!(node.call("baton_evidence", json!([])).await, json!([]));
    let context = context(&node.chain);
    let seal = |byte| Seal { era: Era(0), term: Term(3), height: Height(4), hash: B256::repeat_byte(byte) };
    let former = OperatorKey::from_bytes(&B256::repeat_byte(0x66)).unwrap();
    for key in [convict(), former.clone()] {
        let evidence = Evidence::Seal(Box::new([1, 2].map(|byte| Signed::new(seal(byte), &context, &key))));
        node.chain.store.put_evidence(evidence.claim(&context).unwrap().id(), &evidence).unwrap();
    }
    let answer = node.call("baton_evidence", json!([])).await;
    // This node passes a convicted member of the running set over; of others it only keeps the evidence.
    let acted_on = json!(["passed-over-as-leader", "not-followed-as-scheduler"]);
    for (signer, acted_on) in [(convict().address(), acted_on), (former.address(), json!([]))] {
        let entries = answer.as_array().unwrap();
        let entry = entries.iter().find(|entry| entry["fault"]["signer"] == json!(signer)).unwrap();
        let fault = json!({"signer": signer, "kind": "seal", "era": 0, "term": 3, "place": 4, "height": 0});
        assert_eq!((&entry["fault"], &entry["actedOn"]), (&fault, &acted_on));
        assert_eq!(entry["id"], json!(serde_json::from_value::<Fault>(fault).unwrap().id()));
        let messages: [SignedPreimage; 2] = serde_json::from_value(entry["messages"].clone()).unwrap();
        assert_ne!(messages[0].preimage, messages[1].preimage);
        for SignedPreimage { preimage, signature } in messages {
            assert!(preimage.starts_with(b"baton/seal/1"));
            let signature = Signature::from_raw(&signature).unwrap();
            assert_eq!(signature.recover_address_from_prehash(&keccak256(&preimage)).unwrap(), signer);
        }
    }
}
