//! `baton testnet --l1 anvil`: operators join, leave and cheat while the network runs, and L1 goes away and comes back.

use crate::harness::{Slot, baton, foundry, run};
use eyre::{OptionExt, WrapErr, ensure};
use serde_json::Value;
use std::{fs, time::Duration};

/// How long a run may take with its start and its end, on a machine that does other things as well.
const PATIENCE: Duration = Duration::from_secs(400);

/// What everyone stakes, in wei.
const STAKE: &str = "1000000000000000000";

#[tokio::test(flavor = "multi_thread")]
async fn one_joins_one_leaves_and_one_cheats() -> eyre::Result<()> {
    let json = testnet(&["--join", "@4s", "--exit", "@14s", "--equivocate", "@24s", "--duration", "45s"]).await?;
    one_joined(&json)?;
    one_left(&json)?;
    one_cheated(&json)?;
    let eras = json["l1"]["eras"].as_array().ok_or_eyre("no eras")?;
    let last = eras.last().ok_or_eyre("no era")?;
    ensure!(last["members"].as_array().is_some_and(|members| members.len() == 3), "the last set is {last}");
    ensure!(eras.iter().all(|era| number(era, "/finality_gap_ms").is_ok_and(|gap| gap > 0)), "no gaps were measured");
    Ok(())
}

/// Blocks and finality go on; who wants to join meanwhile is in the set afterwards.
#[tokio::test(flavor = "multi_thread")]
async fn l1_goes_away_and_comes_back() -> eyre::Result<()> {
    let arguments = ["--pause", "l1@5s", "--resume-after", "15s", "--join", "@8s", "--duration", "40s"];
    let json = testnet(&arguments).await?;
    one_joined(&json)?;
    let back = 20_000;
    ensure!(number(&json, "/l1/joins/0/registered_ms")? >= back, "it registered while L1 was away");
    ensure!(number(&json, "/l1/eras/1/opened_ms")? >= back, "the set changed while L1 was away");
    ensure!(json["faults"][0]["kind"] == "l1" && json["faults"][0]["action"] == "pause", "no fault");
    ensure!(number(&json, "/faults/0/recovery_ms")? < 6000, "blocks waited for L1");
    Ok(())
}

/// Runs a network of four on L1 with these arguments; its summary. It judges itself, and must find nothing.
async fn testnet(arguments: &[&str]) -> eyre::Result<Value> {
    let _slot = Slot::take_all().await?;
    let directory = tempfile::tempdir()?;
    let file = directory.path().join("out.json");
    let mut command = baton(["testnet", "--nodes", "4", "--load", "20", "--l1", "anvil", "--anvil"]);
    command.arg(foundry("anvil")?).args(arguments);
    command.arg("--dir").arg(directory.path().join("net")).arg("--json").arg(&file);
    let outcome = run(command, PATIENCE).await?;
    eprintln!("{}{}", outcome.stdout, outcome.stderr);
    outcome.success()?;
    let json: Value = serde_json::from_slice(&fs::read(&file).wrap_err("the JSON was not written")?)?;
    ensure!(number(&json, "/txs/accepted")? >= 100, "hardly any load");
    ensure!(number(&json, "/txs/included")? == number(&json, "/txs/accepted")?, "something accepted is lost");
    ensure!(number(&json, "/l1/finality_gap_ms")? <= number(&json, "/l1/finality_gap_limit_ms")?, "finality stopped");
    Ok(json)
}

fn number(json: &Value, path: &str) -> eyre::Result<u64> {
    json.pointer(path).and_then(Value::as_u64).ok_or_else(|| eyre::eyre!("{path} is no number in {json:#}"))
}

fn one_joined(json: &Value) -> eyre::Result<()> {
    let of = |name: &str| number(json, &format!("/l1/joins/0/{name}"));
    ensure!(of("asked_ms")? <= of("registered_ms")? && of("registered_ms")? < of("led_ms")?, "the order of times");
    ensure!(of("era")? >= 1 && (1..=2).contains(&of("led_in_term")?), "{}", json["l1"]["joins"]);
    ensure!(json["l1"]["joins"][0]["stake"] == STAKE, "{}", json["l1"]["joins"]);
    Ok(())
}

fn one_left(json: &Value) -> eyre::Result<()> {
    let exit = &json["l1"]["exits"][0];
    let of = |name: &str| number(json, &format!("/l1/exits/0/{name}"));
    ensure!(of("asked_ms")? <= of("requested_ms")? && of("requested_ms")? < of("withdrawn_ms")?, "the order of times");
    ensure!(of("era")? >= 1 && exit["stake"] == STAKE && exit["withdrawn"] == STAKE, "{exit}");
    Ok(())
}

fn one_cheated(json: &Value) -> eyre::Result<()> {
    let cheat = &json["l1"]["equivocations"][0];
    let of = |name: &str| number(json, &format!("/l1/equivocations/0/{name}"));
    ensure!(of("asked_ms")? <= of("evidence_ms")? && of("evidence_ms")? < of("slashed_ms")?, "the order of times");
    ensure!(of("height")? >= 1 && of("era")? >= 1 && cheat["slashed"] == STAKE, "{cheat}");
    // Any node may be the first on L1, that of the cheater included: its software is honest.
    ensure!(cheat["reporter"].is_string() && cheat["reward"].as_str().is_some_and(|reward| reward != "0"), "{cheat}");
    Ok(())
}
