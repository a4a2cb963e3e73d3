use super::*;
use crate::testing::Committee;
use baton_consensus::types::{BlockRef, Height};
use serde_json::{Value, json};
use std::fs;
use tempfile::TempDir;

/// The files of an operator.
struct Desk {
    directory: TempDir,
    committee: Committee,
}

impl Desk {
    fn new() -> Self {
        let desk = Self { directory: tempfile::tempdir().unwrap(), committee: Committee::new(4) };
        fs::write(desk.path("genesis"), desk.committee.file.to_json().unwrap()).unwrap();
        desk
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(format!("{name}.json"))
    }

    fn put(&self, name: &str, json: &Value) {
        fs::write(self.path(name), serde_json::to_vec(json).unwrap()).unwrap();
    }

    fn proof(&self, height: u64, above: u64) -> Value {
        serde_json::to_value(self.committee.block_proof(height, above)).unwrap()
    }

    fn verify(&self, checkpoint: Option<&str>) -> eyre::Result<(Trusted, ProvenBlock)> {
        let checkpoint = checkpoint.map(|name| self.path(name));
        super::verify(&self.path("genesis"), &self.path("proof"), checkpoint.as_deref())
    }

    fn refused(&self, checkpoint: Option<&str>) -> String {
        format!("{:#}", self.verify(checkpoint).unwrap_err())
    }
}

#[test]
fn a_proof_convinces_and_says_what_it_proves() {
    let desk = Desk::new();
    desk.put("proof", &desk.proof(3, 2));
    let (trusted, proven) = desk.verify(None).unwrap();
    let headers = desk.committee.headers(5);
    assert_eq!(proven.block, BlockRef { height: Height(3), hash: headers[2].hash_slow() });
    let report = serde_json::to_value(Report::new(&trusted, &proven)).unwrap();
    let signers: Vec<_> = desk.committee.keys.iter().map(|keys| keys.operator.address()).collect();
    assert_eq!(
        report,
        json!({
            "block": {"height": 3, "hash": headers[2].hash_slow()},
            "stateRoot": headers[2].state_root,
            "timestamp": 1_700_000_003,
            "position": {"era": 0, "term": 1, "round": 5},
            "finalBlock": {"height": 5, "hash": headers[4].hash_slow()},
            "signers": signers,
            "members": 4,
            "signedWeight": "4",
            "totalWeight": "4",
            "share": "100.00%",
            "trusted": {"height": 0, "hash": desk.committee.genesis.hash},
        })
    );
    let text = Report::new(&trusted, &proven).to_text();
    assert!(text.starts_with("block 3 is final\n"), "{text}");
    assert!(text.contains("checkpoint 0/1/5 of block 5 (") && text.contains("weight 4 of 4 (100.00%)"), "{text}");
    assert!(text.contains(&signers[3].to_string()) && text.contains("from        genesis 0 ("), "{text}");
}

#[test]
fn the_answer_of_a_server_is_taken_as_it_is() {
    let desk = Desk::new();
    desk.put("proof", &json!({"jsonrpc": "2.0", "id": 1, "result": desk.proof(1, 0)}));
    assert_eq!(desk.verify(None).unwrap().1.block.height, Height(1));
    let error = json!({"code": -32000, "message": "block 9 is not final yet"});
    desk.put("proof", &json!({"jsonrpc": "2.0", "id": 1, "error": error}));
    assert!(desk.refused(None).contains("a server's answer that it failed: \"block 9 is not final yet\""));
}

#[test]
fn what_does_not_convince_is_named() {
    let desk = Desk::new();
    let good = desk.proof(1, 1);
    let changed = |pointer: &str, value: Value| {
        let mut proof = good.clone();
        *proof.pointer_mut(pointer).unwrap() = value;
        desk.put("proof", &proof);
        desk.refused(None)
    };
    for (pointer, value, reason) in [
        ("/finality/child/checkpoint/round", json!(9), "the aggregated signature is wrong"),
        ("/finality/child/signers", json!("0x03"), "the signers are not more than two thirds of the weight"),
        ("/finality/checkpoint/stateRoot", json!(alloy_primitives::B256::ZERO), "does not build on the one"),
        ("/headers/0/gasUsed", json!("0x1"), "the header of block 1 is not the parent"),
        ("/headers", json!([]), "1 to 1024 headers"),
        ("/headers", json!(7), "proof.json is not what it should be"),
        ("/finality/child/signature", json!("0x00"), "is not what it should be"),
    ] {
        let message = changed(pointer, value);
        assert!(message.contains(reason) && message.contains("proof.json"), "{pointer}: {message}");
    }
    fs::write(desk.path("proof"), "{").unwrap();
    assert!(desk.refused(None).contains("proof.json is not JSON"));
    fs::remove_file(desk.path("proof")).unwrap();
    assert!(desk.refused(None).contains("cannot read"));
    // A proof of another chain, and a genesis file that is not this one's.
    desk.put("proof", &good);
    fs::write(desk.path("genesis"), Committee::new(4).file.to_json().unwrap()).unwrap();
    assert!(desk.refused(None).contains("the checkpoint names another set of sequencers"));
}

#[test]
fn a_file_that_is_too_large_is_not_read_to_its_end() {
    let desk = Desk::new();
    fs::File::create(desk.path("proof")).unwrap().set_len(MAX_PROOF_SIZE + 1).unwrap();
    assert!(desk.refused(None).contains("is larger than 67108864 bytes"));
    desk.put("proof", &desk.proof(1, 0));
    fs::File::create(desk.path("checkpoint")).unwrap().set_len(MAX_CHECKPOINT_SIZE + 1).unwrap();
    assert!(desk.refused(Some("checkpoint")).contains("checkpoint.json is larger than 8388608 bytes"));
}

#[test]
fn what_was_proven_is_where_the_next_proof_may_start() {
    let desk = Desk::new();
    desk.put("proof", &desk.proof(3, 2));
    let save = desk.path("checkpoint");
    let command = VerifyCommand {
        genesis: desk.path("genesis"),
        proof: desk.path("proof"),
        checkpoint: None,
        save_checkpoint: Some(save),
        json: true,
    };
    command.run().unwrap();
    desk.put("proof", &desk.proof(8, 0));
    let (trusted, proven) = desk.verify(Some("checkpoint")).unwrap();
    assert_eq!((trusted.block().height, proven.block.height), (Height(5), Height(8)));
    assert!(Report::new(&trusted, &proven).to_text().contains("from        the checkpoint of block 5 ("));
    // Headers lead further down than what is trusted.
    desk.put("proof", &desk.proof(2, 5));
    assert_eq!(desk.verify(Some("checkpoint")).unwrap().1.block.height, Height(2));
    desk.put("proof", &desk.proof(4, 0));
    assert!(desk.refused(Some("checkpoint")).contains("which became final later"));

    // A checkpoint with another set than it names.
    let mut checkpoint: Value = serde_json::from_slice(&fs::read(desk.path("checkpoint")).unwrap()).unwrap();
    checkpoint["members"].as_array_mut().unwrap().pop();
    desk.put("checkpoint", &checkpoint);
    assert!(desk.refused(Some("checkpoint")).contains("checkpoint.json is no checkpoint to start from: the set of"));
}
