//! What people use: viem, ethers and cast against a network.

use crate::harness::{CHAIN_ID, Net, Outcome, Plan, Rpc, client_package, contract, foundry, run};
use alloy_primitives::{Address, hex};
use eyre::{OptionExt, WrapErr, ensure};
use serde_json::Value;
use std::{fs, path::Path, time::Duration};
use tokio::process::Command;

const PATIENCE: Duration = Duration::from_secs(120);

/// A network of two, so that reads may go to another node than the one that was written to.
const PLAN: Plan = Plan { stakes: &[1, 1], genesis: &["--finality", "depth-stake"], wallets: 3, dust: Vec::new() };

/// The environment must not send loopback through a proxy.
fn direct(command: &mut Command) {
    for name in ["http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"] {
        command.env_remove(name);
    }
}

/// Runs `tests/clients/<script>` with the URLs of node 0, the key of a wallet and the contract's creation code.
async fn script(script: &str, package: &str, wallet: usize) -> eyre::Result<()> {
    client_package(package)?;
    let net = Net::start(PLAN).await?;
    let code = net.path().join("Probe.hex");
    fs::write(&code, hex::encode_prefixed(contract::creation(1_000_000)?))?;
    let url = net.rpc(0)?.url;
    let mut command = Command::new("node");
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/clients").join(script));
    command.arg(&url).arg(url.replace("http://", "ws://"));
    command.arg(net.wallets[wallet].key().to_string()).arg(&code);
    direct(&mut command);
    let outcome = run(command, PATIENCE).await.wrap_err("Node.js is needed: install nodejs")?;
    let printed = outcome.success()?;
    let told: Value = serde_json::from_str(printed.trim()).wrap_err_with(|| format!("odd output: {printed}"))?;
    ensure!(told["chainId"] == CHAIN_ID && told["heads"].as_u64() >= Some(3), "{told}");
    // What the client saw at one node, another one has as well.
    let transfer = serde_json::from_value(told["transfer"].clone())?;
    ensure!(net.everywhere(transfer).await?.status(), "the transfer failed");
    let call = serde_json::from_value(told["call"].clone())?;
    ensure!(net.everywhere(call).await?.logs().len() == 1, "the call logged something else");
    net.agree().await?;
    net.finish()
}

#[tokio::test(flavor = "multi_thread")]
async fn viem_works() -> eyre::Result<()> {
    script("viem.mjs", "viem/package.json", 0).await
}

#[tokio::test(flavor = "multi_thread")]
async fn ethers_works() -> eyre::Result<()> {
    script("ethers.mjs", "ethers/package.json", 1).await
}

/// Runs cast against a node; what it printed.
async fn cast(rpc: &Rpc, arguments: &[&str]) -> eyre::Result<Outcome> {
    let mut command = Command::new(foundry("cast")?);
    let (subcommand, rest) = arguments.split_at(1);
    command.args(subcommand).args(["--rpc-url", &rpc.url]).args(rest);
    direct(&mut command);
    run(command, PATIENCE).await
}

/// Runs cast, which must succeed; its output without the newline.
async fn told(rpc: &Rpc, arguments: &[&str]) -> eyre::Result<String> {
    let outcome = cast(rpc, arguments).await?;
    Ok(outcome.success().wrap_err_with(|| format!("cast {}", arguments.join(" ")))?.trim().to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn cast_works() -> eyre::Result<()> {
    let net = Net::start(PLAN).await?;
    let (rpc, other) = (net.rpc(0)?, net.rpc(1)?);
    let key = net.wallets[0].key().to_string();
    let from = net.wallets[0].address().to_string();
    let recipient = Address::repeat_byte(0xbb).to_string();
    ensure!(told(&rpc, &["chain-id"]).await? == CHAIN_ID.to_string(), "chain-id");
    ensure!(told(&rpc, &["client"]).await?.starts_with("baton/"), "client");

    let sent = told(&rpc, &["send", "--json", "--private-key", &key, "--value", "1ether", &recipient]).await?;
    let receipt: Value = serde_json::from_str(&sent)?;
    ensure!(receipt["status"] == "0x1" && receipt["gasUsed"] == "0x5208", "{receipt}");
    let hash = receipt["transactionHash"].as_str().ok_or_eyre("no hash")?.to_owned();
    net.everywhere(hash.parse()?).await?;
    ensure!(told(&other, &["balance", "--ether", &recipient]).await?.starts_with('1'), "balance");
    ensure!(told(&other, &["nonce", &from]).await? == "1", "nonce");
    let receipt: Value = serde_json::from_str(&told(&other, &["receipt", "--json", &hash]).await?)?;
    ensure!(receipt["status"] == "0x1" && receipt["blockNumber"].is_string(), "{receipt}");
    ensure!(told(&other, &["tx", &hash, "nonce"]).await? == "0", "tx");

    let code = hex::encode_prefixed(contract::creation(1_000_000)?);
    let created = told(&rpc, &["send", "--json", "--private-key", &key, "--create", &code]).await?;
    let created: Value = serde_json::from_str(&created)?;
    let probe = created["contractAddress"].as_str().ok_or_eyre("no contract")?.to_owned();
    let arguments = ["send", "--json", "--private-key", &key, &probe, "transfer(address,uint256)", &recipient, "5"];
    let called: Value = serde_json::from_str(&told(&rpc, &arguments).await?)?;
    ensure!(called["status"] == "0x1", "{called}");
    net.everywhere(called["transactionHash"].as_str().ok_or_eyre("no hash")?.parse()?).await?;
    let balance = told(&other, &["call", &probe, "balanceOf(address)(uint256)", &recipient]).await?;
    ensure!(balance == "5", "balanceOf is {balance}");
    let logs = ["logs", "--json", "--from-block", "1", "--address", &probe, "Transfer(address,address,uint256)"];
    let logs: Value = serde_json::from_str(&told(&other, &logs).await?)?;
    ensure!(logs.as_array().map(Vec::len) == Some(2), "{logs}");
    ensure!(told(&other, &["storage", &probe, "1"]).await?.ends_with("0f4240"), "storage");
    ensure!(told(&other, &["code", &probe]).await?.len() > 1000, "code");
    let proof: Value = serde_json::from_str(&told(&other, &["proof", &probe, "0x1"]).await?)?;
    ensure!(proof["storageProof"][0]["value"] == "0xf4240", "{proof}");
    let gas: u64 = told(&other, &["estimate", "--from", &from, &probe, "increment()"]).await?.parse()?;
    ensure!((21_000..100_000).contains(&gas), "estimate is {gas}");

    // A revert is told with its reason, before anything is sent.
    let failed = cast(&rpc, &["send", "--private-key", &key, &probe, "fail(string)", "because"]).await?;
    ensure!(failed.code != Some(0) && failed.stderr.contains("because"), "{failed:?}");
    ensure!(told(&rpc, &["nonce", &from]).await? == "3", "a failing transaction was sent");
    net.agree().await?;
    net.finish()
}
