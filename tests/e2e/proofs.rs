//! What one node proves, another program checks without it.

use crate::harness::{FINALITY, Net, Outcome, Plan, Refusal, Rpc, baton, run, until};
use alloy_primitives::B256;
use eyre::{OptionExt, ensure};
use serde_json::{Value, json};
use std::{fs, path::Path, time::Duration};

/// How long the command line may take.
const COMMAND: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread")]
async fn a_proof_of_a_running_node_convinces_without_it() -> eyre::Result<()> {
    let net = Net::start(Plan::patient(&[3, 1, 2, 1], 1)).await?;
    let rpc = net.rpc(1)?;
    let first = finalized_from(&rpc, 5).await?;
    let height = first - 1;
    let proof: Value = rpc.ask("baton_finality", json!([format!("{height:#x}")])).await?;
    let (good, bad) = (net.path().join("proof.json"), net.path().join("bad.json"));
    let checkpoint = net.path().join("checkpoint.json");
    write(&good, &proof)?;

    // The block is the one that every node has.
    let save = ["--save-checkpoint", text(&checkpoint)?];
    let verified: Value = serde_json::from_str(&verify(&net, &good, &save).await?.success()?)?;
    ensure!(verified["block"]["height"] == height, "{verified}");
    for rpc in net.rpcs()? {
        let block = until(FINALITY, "every node has the block", async || rpc.block(height).await).await?;
        ensure!(verified["block"]["hash"] == json!(block.header.hash), "{verified}");
        ensure!(verified["stateRoot"] == json!(block.header.state_root), "{verified}");
    }
    ensure!(verified["signers"].as_array().is_some_and(|signers| signers.len() >= 2), "{verified}");
    ensure!(verified["trusted"]["height"] == 0, "{verified}");

    // A bit of any of these, and nobody is convinced.
    for pointer in [
        "/finality/child/signature",
        "/finality/child/checkpoint/head/hash",
        "/finality/checkpoint/stateRoot",
        "/headers/0/transactionsRoot",
    ] {
        let mut forged = proof.clone();
        let field = forged.pointer_mut(pointer).ok_or_eyre("the proof has no such field")?;
        let flipped = flip_last_digit(field.as_str().ok_or_eyre("the field is no text")?);
        *field = json!(flipped);
        write(&bad, &forged)?;
        let outcome = verify(&net, &bad, &[]).await?;
        let refusal = outcome.refusal(1)?;
        ensure!(refusal.contains("bad.json does not prove that a block is final"), "{pointer}: {refusal}");
    }

    // What was verified is where the next verification may start; it takes nothing older.
    let later = finalized_from(&rpc, first + 5).await?;
    let proof: Value = rpc.ask("baton_finality", json!([format!("{later:#x}")])).await?;
    write(&good, &proof)?;
    let from = ["--checkpoint", text(&checkpoint)?];
    let verified: Value = serde_json::from_str(&verify(&net, &good, &from).await?.success()?)?;
    ensure!(verified["block"]["height"] == later && verified["trusted"]["height"] != 0, "{verified}");
    let older: Value = rpc.ask("baton_finality", json!(["0x1"])).await?;
    write(&bad, &older)?;
    let outcome = verify(&net, &bad, &from).await?;
    ensure!(outcome.refusal(1)?.contains("which became final later"), "{}", outcome.stderr);

    what_is_not_final_is_told(&rpc).await?;
    let evidence: Value = rpc.ask("baton_evidence", json!([])).await?;
    ensure!(evidence == json!([]), "nobody signed twice: {evidence}");
    net.finish()
}

/// A node refuses to start while its operator has not decided.
#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_stopped_for_good_starts_after_a_decision() -> eyre::Result<()> {
    let mut net = Net::start(Plan::patient(&[1], 1)).await?;
    let data_dir = net.nodes[0].data_dir();
    let halt = async |arguments: &[&str]| {
        let mut all = vec!["halt"];
        all.extend(arguments);
        all.extend(["--data-dir", text(&data_dir)?]);
        run(baton(all), COMMAND).await
    };
    let shown = halt(&["show"]).await?.success()?;
    ensure!(shown.contains("did not stop for conflicting finality"), "{shown}");
    net.nodes[0].kill().await?;
    // The account of a conflict that a failing disk spoilt is no less a reason not to start.
    fs::write(data_dir.join("halted.json"), "{")?;
    let outcome = run(baton(net.nodes[0].arguments(&[])), COMMAND).await?;
    let refusal = outcome.refusal(3)?;
    ensure!(refusal.contains("halted.json") && refusal.contains("conflicting-finality.md"), "{refusal}");
    let outcome = halt(&["clear"]).await?;
    ensure!(outcome.refusal(1)?.contains("--yes and --reason"), "{}", outcome.stderr);
    halt(&["clear", "--yes", "--reason", "the disk failed"]).await?.success()?;
    net.start_all().await?;
    net.finish()
}

/// Waits until a block of at least this height is final, and returns the height of the newest that is.
async fn finalized_from(rpc: &Rpc, height: u64) -> eyre::Result<u64> {
    until(FINALITY, &format!("block {height} is final"), async || {
        let finalized = rpc.status().await?["finalized"]["number"].as_u64().ok_or_eyre("no finalized block")?;
        Ok(Some(finalized).filter(|finalized| *finalized >= height))
    })
    .await
}

async fn what_is_not_final_is_told(rpc: &Rpc) -> eyre::Result<()> {
    let error =
        rpc.ask::<Value>("baton_finality", json!([B256::ZERO])).await.err().ok_or_eyre("there is no such block")?;
    let refusal = error.root_cause().downcast_ref::<Refusal>().ok_or_eyre("not a refusal")?;
    ensure!(refusal.message.starts_with("header not found"), "{refusal}");
    Ok(())
}

async fn verify(net: &Net, proof: &Path, more: &[&str]) -> eyre::Result<Outcome> {
    let mut arguments = vec!["verify", "--json", "--genesis", text(&net.genesis)?, "--proof", text(proof)?];
    arguments.extend(more);
    run(baton(arguments), COMMAND).await
}

fn text(path: &Path) -> eyre::Result<&str> {
    path.to_str().ok_or_eyre("a path is not text")
}

fn write(path: &Path, json: &Value) -> eyre::Result<()> {
    Ok(fs::write(path, serde_json::to_vec(json)?)?)
}

fn flip_last_digit(hex: &str) -> String {
    let (rest, last) = hex.split_at(hex.len() - 1);
    let digit = u8::from_str_radix(last, 16).unwrap_or_default();
    format!("{rest}{:x}", digit ^ 1)
}
