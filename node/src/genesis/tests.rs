use super::*;
use crate::keys::NodeKeys;
use alloy_primitives::{U256, address, b256};
use baton_consensus::messages::L1Anchor;
use baton_execution::{GenesisAccount, system_contracts};
use serde_json::{Value, json};
use std::{fs, time::Duration};

fn sequencer(weight: u64) -> GenesisSequencer {
    GenesisSequencer::new(NodeKeys::generate().unwrap().public(), Stake(U256::from(weight)))
}

fn sample() -> GenesisFile {
    let mut alloc = system_contracts();
    let rich = GenesisAccount { balance: U256::MAX >> 8, ..GenesisAccount::default() };
    alloc.insert(address!("00000000000000000000000000000000000000aa"), rich);
    let contract = GenesisAccount {
        nonce: 1,
        balance: U256::from(7),
        code: "0x6001".parse().unwrap(),
        storage: [(U256::from(1), U256::from(2))].into(),
    };
    alloc.insert(address!("00000000000000000000000000000000000000bb"), contract);
    GenesisFile {
        chain_id: 412_346,
        timestamp: 1_700_000_000,
        gas_limit: 60_000_000,
        base_fee_per_gas: 1_000_000_000,
        base_fee_recipient: Some(address!("00000000000000000000000000000000000000cc")),
        parameters: Parameters::default(),
        sequencers: vec![sequencer(1), sequencer(2)],
        l1: None,
        bootnodes: vec![
            "/ip4/10.0.0.1/tcp/30400/p2p/12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXTN".parse().unwrap(),
        ],
        alloc,
    }
}

/// The sample, whose set follows a registry.
fn sample_on_l1() -> GenesisFile {
    let l1 = L1Genesis {
        chain_id: 31_337,
        registry: address!("00000000000000000000000000000000000000dd"),
        anchor: L1Anchor {
            number: 1_234,
            hash: b256!("00000000000000000000000000000000000000000000000000000000000000ee"),
        },
        confirmations: 12,
    };
    GenesisFile { l1: Some(l1), ..sample() }
}

/// The sample as JSON, changed at one place.
fn changed(pointer: &str, value: Value) -> Vec<u8> {
    changed_in(&sample(), pointer, value)
}

fn changed_in(file: &GenesisFile, pointer: &str, value: Value) -> Vec<u8> {
    let mut root: Value = serde_json::from_str(&file.to_json().unwrap()).unwrap();
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    match root.pointer_mut(parent).unwrap() {
        Value::Object(map) => drop(map.insert(key.to_owned(), value)),
        Value::Array(items) => items[key.parse::<usize>().unwrap()] = value,
        other => panic!("{other}"),
    }
    serde_json::to_vec(&root).unwrap()
}

#[test]
fn a_genesis_survives_its_json() {
    let file = sample();
    let json = file.to_json().unwrap();
    assert_eq!(GenesisFile::from_json(json.as_bytes()).unwrap(), file);
    let (one, two) = (Genesis::new(file).unwrap(), Genesis::from_json(json.as_bytes()).unwrap());
    assert_eq!(one.hash, two.hash);
    assert_eq!(one.header.extra_data.len(), 32);
    assert_eq!(one.block().header.hash_slow(), one.signing_context().genesis_hash);
    assert_eq!(one.set.total(), Stake(U256::from(3)));
}

#[test]
fn the_hash_commits_to_everything_but_the_bootnodes() {
    let base = sample();
    let hash = |file: &GenesisFile| Genesis::new(file.clone()).unwrap().hash;
    let changes: [fn(&mut GenesisFile); 10] = [
        |file| file.chain_id += 1,
        |file| file.timestamp += 1,
        |file| file.gas_limit += 1,
        |file| file.base_fee_per_gas += 1,
        |file| file.base_fee_recipient = None,
        |file| file.parameters.term_timeout += Duration::from_millis(1),
        |file| file.parameters.finality = FinalityRule::DepthStake,
        |file| file.sequencers[0].member.weight = Stake(U256::from(9)),
        |file| drop(file.sequencers.pop()),
        |file| drop(file.alloc.pop_last()),
    ];
    for (index, change) in changes.iter().enumerate() {
        let mut other = base.clone();
        change(&mut other);
        assert_ne!(hash(&other), hash(&base), "change {index}");
    }
    let mut other = base.clone();
    other.bootnodes.clear();
    other.sequencers.reverse();
    assert_eq!(hash(&other), hash(&base));
}

#[test]
fn the_hash_commits_to_the_registry() {
    let hash = |file: &GenesisFile| Genesis::new(file.clone()).unwrap().hash;
    let base = sample_on_l1();
    assert_ne!(hash(&base), hash(&GenesisFile { l1: None, ..base.clone() }));
    let changes: [fn(&mut L1Genesis); 5] = [
        |l1| l1.chain_id += 1,
        |l1| l1.registry = address!("00000000000000000000000000000000000000de"),
        |l1| l1.anchor.number += 1,
        |l1| l1.anchor.hash = B256::repeat_byte(1),
        |l1| l1.confirmations += 1,
    ];
    for (index, change) in changes.iter().enumerate() {
        let mut other = base.clone();
        change(other.l1.as_mut().unwrap());
        assert_ne!(hash(&other), hash(&base), "change {index}");
    }
    let json = base.to_json().unwrap();
    assert_eq!(GenesisFile::from_json(json.as_bytes()).unwrap(), base);
    assert_eq!(Genesis::from_json(json.as_bytes()).unwrap().l1, base.l1);
}

#[test]
fn without_a_registry_the_hash_is_what_it_was() {
    let genesis = Genesis::new(sample()).unwrap();
    let items: [&dyn alloy_rlp::Encodable; 10] = [
        &"baton genesis 1",
        &412_346u64,
        &genesis.parameters.digest(),
        &genesis.set.members_root(),
        &address!("00000000000000000000000000000000000000cc"),
        &2u64,
        &8u64,
        &60_000_000u64,
        &1_000_000_000u64,
        &1_700_000_000u64,
    ];
    let mut list = Vec::new();
    alloy_rlp::encode_list::<_, dyn alloy_rlp::Encodable>(&items, &mut list);
    assert_eq!(genesis.header.extra_data, keccak256(list).to_vec());
}

#[test]
fn only_a_registry_replaces_a_proof_of_possession() {
    let without_proof = |mut file: GenesisFile| {
        file.sequencers[0].proof_of_possession = None;
        Genesis::from_json(file.to_json().unwrap().as_bytes())
    };
    let error = without_proof(sample()).unwrap_err().to_string();
    assert!(error.contains("no valid proof of possession"), "{error}");
    without_proof(sample_on_l1()).unwrap();
    let mut wrong = sample_on_l1();
    wrong.sequencers[0].proof_of_possession = wrong.sequencers[1].proof_of_possession;
    assert!(Genesis::new(wrong).is_err(), "a proof that is given must hold");
}

#[test]
fn what_is_wrong_about_l1_is_named() {
    for (pointer, value, expected) in [
        ("/l1/chainId", json!(0), "l1.chainId: 0 is no chain"),
        ("/l1/registry", json!(Address::ZERO), "l1.registry: the zero address"),
        ("/l1/registry", json!("0x12"), "invalid string length"),
        ("/l1/anchor/hash", json!(B256::ZERO), "l1.anchor.hash: zero is no block's hash"),
        ("/l1/anchor/number", json!("0x1ffffffffffffffff"), "l1.anchor.number: 36893488147419103231 needs more"),
        ("/l1/anchor/block", json!(1), "unknown field `block`"),
        ("/l1/confirmations", json!(1025), "l1.confirmations: 1025 are too many"),
        ("/l1/rpc", json!("http://localhost"), "unknown field `rpc`"),
        ("/l1", json!({}), "missing field"),
    ] {
        let error = Genesis::from_json(&changed_in(&sample_on_l1(), pointer, value)).expect_err(pointer).to_string();
        assert!(error.contains(expected), "{pointer}: {error}");
    }
}

#[test]
fn numbers_and_addresses_are_read_in_every_spelling() {
    for spelling in [json!(1_700_000_000), json!("1700000000"), json!("0x6553f100")] {
        assert_eq!(GenesisFile::from_json(&changed("/timestamp", spelling)).unwrap().timestamp, 1_700_000_000);
    }
    let bare =
        changed("/alloc/00000000000000000000000000000000000000dd", json!({ "balance": "1000000000000000000000" }));
    let alloc = GenesisFile::from_json(&bare).unwrap().alloc;
    let balance = alloc[&address!("00000000000000000000000000000000000000dd")].balance;
    assert_eq!(balance, U256::from(10).pow(U256::from(21)));
    let short = changed("/alloc/0x00000000000000000000000000000000000000bb/storage", json!({ "1": "0x2", "0x02": 3 }));
    let alloc = GenesisFile::from_json(&short).unwrap().alloc;
    let storage = &alloc[&address!("00000000000000000000000000000000000000bb")].storage;
    assert_eq!(*storage, [(U256::from(1), U256::from(2)), (U256::from(2), U256::from(3))].into());
}

#[test]
fn geth_fields_that_say_nothing_are_taken() {
    let mut root: Value = serde_json::from_str(&sample().to_json().unwrap()).unwrap();
    for (key, value) in [
        ("nonce", json!("0x0")),
        ("difficulty", json!("0")),
        ("number", json!("0x0")),
        ("gasUsed", json!("0x0")),
        ("excessBlobGas", Value::Null),
        ("mixHash", json!(B256::ZERO)),
        ("coinbase", json!(Address::ZERO)),
        ("extraData", json!("0x")),
    ] {
        root[key] = value;
    }
    root["config"]["daoForkSupport"] = json!(true);
    root["config"]["blobSchedule"] = json!({});
    Genesis::from_json(&serde_json::to_vec(&root).unwrap()).unwrap();
}

#[test]
fn what_is_wrong_is_named() {
    let member = "/sequencing/sequencers/0";
    let address_aa = "/alloc/0x00000000000000000000000000000000000000aa";
    for (pointer, value, expected) in [
        ("/config/chainId".to_owned(), json!(0), "config: the chain id must not be 0"),
        ("/config/chainId".to_owned(), json!("moon"), "chainId \"moon\" is not a number"),
        ("/config/pragueTime".to_owned(), json!(1_800_000_000), "pragueTime is 1800000000, but every fork"),
        ("/config/amsterdamTime".to_owned(), json!(0), "unknown key `amsterdamTime` in config"),
        ("/config/clique".to_owned(), json!({}), "unknown key `clique` in config"),
        ("/gasLimit".to_owned(), json!(20), "block 0: gas limit 20 is below 5000"),
        (
            "/gasLimit".to_owned(),
            json!("0x1ffffffffffffffff"),
            "gasLimit: 36893488147419103231 needs more than 64 bits",
        ),
        ("/gasLimit".to_owned(), json!(1.5), "1.5 is not a whole number"),
        ("/gaslimit".to_owned(), json!(1), "unknown field `gaslimit`"),
        ("/nonce".to_owned(), json!(66), "nonce: 66 is not possible"),
        ("/extraData".to_owned(), json!("0x01"), "extraData: 0x01 is not possible"),
        ("/sequencing/blockTime".to_owned(), json!("1ms"), "block_time is 1ms; it must be 10ms to 60s"),
        ("/sequencing/blockTime".to_owned(), json!("10500us"), "sequencing.blockTime: 10.5ms is not a whole number"),
        ("/sequencing/blockTime".to_owned(), json!(250), "invalid type: integer `250`"),
        ("/sequencing/blocktime".to_owned(), json!("1s"), "unknown field `blocktime`"),
        ("/sequencing/finality".to_owned(), json!("instant"), "unknown variant `instant`"),
        ("/sequencing/finality".to_owned(), json!("depth-count"), "has weight 2, but under finality \"depth-count\""),
        ("/sequencing/sequencers".to_owned(), json!([]), "the sequencer set is empty"),
        ("/sequencing/bootnodes".to_owned(), json!(["nowhere"]), "invalid multiaddr"),
        ("/sequencing/bootnodes".to_owned(), json!(["/ip4/1.2.3.4/tcp/1"]), "does not end in /p2p/<peer id>"),
        (format!("{member}/weight"), json!(-1), "invalid type: integer `-1`"),
        (format!("{member}/weight"), json!("lots"), "`lots` is not a number"),
        (format!("{member}/weight"), json!(0), "has no weight"),
        (format!("{member}/peerId"), json!("me"), "the peer id `me` of"),
        (
            format!("{member}/proofOfPossession"),
            json!(format!("0x{}", "00".repeat(96))),
            "no valid proof of possession",
        ),
        (format!("{member}/stake"), json!(1), "unknown field `stake`"),
        (format!("{address_aa}/balance"), json!(1e30), "write larger ones as strings"),
        (format!("{address_aa}/balance"), json!(format!("0x1{}", "0".repeat(64))), "needs more than 256 bits"),
        (format!("{address_aa}/balance"), json!("0x"), "`0x` is not a number"),
        (format!("{address_aa}/balanc"), json!("1"), "unknown field `balanc`"),
        (address_aa.to_owned(), json!({ "storage": { "0x1": "0x1" } }), "has storage but neither code nor nonce"),
        (address_aa.to_owned(), json!({ "code": "0x1" }), "expected a valid hex string"),
        ("/alloc/0xabc".to_owned(), json!({}), "`0xabc` in alloc is not an address"),
        ("/alloc/00000000000000000000000000000000000000AA".to_owned(), json!({ "balance": 1 }), "is given twice"),
    ] {
        let error = Genesis::from_json(&changed(&pointer, value)).expect_err(&pointer).to_string();
        assert!(error.to_lowercase().contains(&expected.to_lowercase()), "{pointer}: {error}");
        assert!(!error.contains('\n'), "{error}");
    }
}

#[test]
fn the_file_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("genesis.json");
    let error = Genesis::load(&path).unwrap_err().to_string();
    assert!(error.starts_with("cannot read the genesis file ") && error.contains("genesis.json"), "{error}");
    fs::write(&path, "{\n  \"config\": 3\n}").unwrap();
    let error = Genesis::load(&path).unwrap_err().to_string();
    assert!(error.contains("genesis.json: invalid type: integer `3`") && error.contains("at line 2 column"), "{error}");
    fs::File::create(&path).unwrap().set_len(MAX_FILE_SIZE + 1).unwrap();
    let error = Genesis::load(&path).unwrap_err().to_string();
    assert!(error.contains("larger than 64 MiB"), "{error}");
}
