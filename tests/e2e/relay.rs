//! Finality on L1: the program deploys the verifier on anvil and brings it what a running network made final.

use crate::harness::{Anvil, FINALITY, Net, Plan, baton, run, until};
use alloy_primitives::{B256, U64, hex, keccak256};
use eyre::{OptionExt, ensure};
use serde_json::{Value, json};
use std::{fs, os::unix::fs::PermissionsExt, time::Duration};

/// How long a command may take.
const COMMAND: Duration = Duration::from_secs(120);

/// anvil's first account, which everybody knows.
const RICH_KEY: &str = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";

#[tokio::test(flavor = "multi_thread")]
async fn the_verifier_on_l1_accepts_what_a_network_made_final() -> eyre::Result<()> {
    let net = Net::start(Plan::patient(&[3, 1, 2, 1], 1)).await?;
    let anvil = Anvil::start_mining().await?;
    let directory = tempfile::tempdir()?;
    let key = directory.path().join("rich.key");
    fs::write(&key, RICH_KEY)?;
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600))?;
    let (genesis, key) = (net.genesis.to_str().ok_or_eyre("not text")?, key.to_str().ok_or_eyre("not text")?);
    let relay = async |arguments: &[&str]| {
        let mut all = vec!["relay"];
        all.extend(arguments);
        all.extend([
            "--genesis",
            genesis,
            "--l1-rpc",
            &anvil.rpc.url,
            "--l1-key",
            key,
            "--confirmations",
            "1",
            "--yes",
        ]);
        run(baton(all), COMMAND).await
    };

    let told = relay(&["deploy"]).await?.success()?;
    let verifier = told.lines().find_map(|line| line.strip_prefix("verifier ")).ok_or_eyre("no address was told")?;
    let node = net.rpc(1)?;
    let finalized = async || {
        let block: Option<Value> = node.ask("eth_getBlockByNumber", json!(["finalized", false])).await?;
        let number: Option<U64> =
            block.as_ref().map(|block| serde_json::from_value(block["number"].clone())).transpose()?;
        Ok(number.filter(|number| number.to::<u64>() >= 3))
    };
    until(FINALITY, "three blocks are final", finalized).await?;
    relay(&["post", "--verifier", verifier, "--node", &node.url]).await?.success()?;

    // latest(): position in three words, height, block hash, state root, checkpoint hash.
    let call = json!([{ "to": verifier, "data": hex::encode_prefixed(&keccak256("latest()")[..4]) }, "latest"]);
    let latest = async || {
        let answer: String = anvil.rpc.ask("eth_call", call.clone()).await?;
        let words: Vec<_> = hex::decode(&answer)?.chunks(32).map(B256::from_slice).collect();
        ensure!(words.len() == 7, "{words:?}");
        eyre::Ok((u64::from_be_bytes(words[3][24..].try_into()?), words[4], words[5]))
    };
    let (height, hash, state_root) = latest().await?;
    let block: Value = node.ask("eth_getBlockByNumber", json!([format!("{height:#x}"), false])).await?;
    ensure!(height >= 3 && block["hash"] == json!(hash) && block["stateRoot"] == json!(state_root), "{block}");

    // A second time it brings what has become final since.
    let later = async || {
        relay(&["post", "--verifier", verifier, "--node", &node.url]).await?.success()?;
        Ok((latest().await?.0 > height).then_some(()))
    };
    until(FINALITY, "a later block is brought", later).await?;
    let nobody =
        relay(&["post", "--verifier", "0x00000000000000000000000000000000000000aB", "--node", &node.url]).await?;
    ensure!(nobody.code == Some(1) && nobody.stderr.contains("there is no contract at"), "{}", nobody.stderr);
    net.finish()
}
