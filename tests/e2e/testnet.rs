//! `baton testnet`, as a newcomer runs it.

use crate::harness::{Slot, baton, run};
use alloy_primitives::Address;
use eyre::{OptionExt, WrapErr, ensure};
use serde_json::Value;
use std::{fs, time::Duration};

#[tokio::test(flavor = "multi_thread")]
async fn a_testnet_survives_the_end_of_its_leader() -> eyre::Result<()> {
    survives(&["--duration", "12s", "--kill", "leader@5s", "--restart-after", "6s"], &[("leader", "kill", 5000.0)])
        .await?;
    Ok(())
}

/// The members elect another scheduler, nothing accepted is lost, and the dead one steps down when it returns.
#[tokio::test(flavor = "multi_thread")]
async fn a_testnet_survives_the_end_of_its_scheduler() -> eyre::Result<()> {
    let faults = &[("scheduler", "kill", 5000.0)];
    let json = survives(&["--duration", "20s", "--kill", "scheduler@5s", "--restart-after", "6s"], faults).await?;
    ensure!(json["terms"].as_u64().is_some_and(|terms| terms >= 2), "the term did not change");
    Ok(())
}

/// The scheduler is paused and goes on; then everyone is killed at one moment and comes back.
#[tokio::test(flavor = "multi_thread")]
async fn a_testnet_survives_a_paused_scheduler_and_the_end_of_everyone() -> eyre::Result<()> {
    let faults = &[("scheduler", "pause", 4000.0), ("everyone", "restart-all", 17_000.0)];
    let arguments = ["--duration", "22s", "--pause", "scheduler@4s", "--resume-after", "8s", "--restart-all", "17s"];
    let json = survives(&arguments, faults).await?;
    ensure!(json["terms"].as_u64().is_some_and(|terms| terms >= 2), "the term did not change");
    Ok(())
}

/// Runs a network under load with these arguments, in which these faults happen: whom, what, and when at the earliest.
async fn survives(arguments: &[&str], faults: &[(&str, &str, f64)]) -> eyre::Result<Value> {
    let _slot = Slot::take_all().await?;
    let directory = tempfile::tempdir()?;
    let file = directory.path().join("out.json");
    let mut command = baton(["testnet", "--nodes", "4", "--load", "30"]);
    command.args(arguments).arg("--dir").arg(directory.path().join("net")).arg("--json").arg(&file);
    let outcome = run(command, Duration::from_secs(240)).await?;
    eprintln!("{}{}", outcome.stdout, outcome.stderr);
    outcome.success()?;
    let json: Value = serde_json::from_slice(&fs::read(&file).wrap_err("the JSON was not written")?)?;
    check(&json, faults).wrap_err_with(|| format!("{json:#}"))?;
    Ok(json)
}

fn check(json: &Value, expected: &[(&str, &str, f64)]) -> eyre::Result<()> {
    let number =
        |path: &str| json.pointer(path).and_then(Value::as_f64).ok_or_else(|| eyre::eyre!("{path} is no number"));
    let Value::Object(fields) = json else { eyre::bail!("not an object") };
    let mut keys: Vec<_> = fields.keys().map(String::as_str).collect();
    keys.sort_unstable();
    let documented = [
        "agree",
        "block_interval_ms",
        "blocks",
        "duration_s",
        "epochs",
        "faults",
        "finality",
        "latency_ms",
        "leaders",
        "nodes",
        "terms",
        "tps",
        "txs",
    ];
    ensure!(documented.iter().all(|key| keys.contains(key)), "the keys are {keys:?}");
    ensure!(number("/nodes")? == 4.0, "nodes");
    ensure!((11.0..120.0).contains(&number("/duration_s")?), "duration_s");
    ensure!(number("/blocks")? >= 8.0 && number("/epochs")? >= 1.0 && number("/terms")? >= 1.0, "no progress");
    let (submitted, accepted) = (number("/txs/submitted")?, number("/txs/accepted")?);
    let (included, failed) = (number("/txs/included")?, number("/txs/failed")?);
    ensure!(accepted >= 100.0 && submitted >= accepted && included >= accepted && failed == 0.0, "txs");
    ensure!(number("/tps")? > 5.0, "tps");
    for of in ["included", "visible_on_all"] {
        let (p50, p99) = (number(&format!("/latency_ms/{of}/p50"))?, number(&format!("/latency_ms/{of}/p99"))?);
        ensure!(p50 > 0.0 && p99 >= p50, "latency_ms {of}");
    }
    let [p50, p99, max] = ["p50", "p99", "max"].map(|of| number(&format!("/block_interval_ms/{of}")));
    let (p50, p99, max) = (p50?, p99?, max?);
    ensure!(p50 > 0.0 && p99 >= p50 && max >= p99, "block_interval_ms");
    let faults = json["faults"].as_array().ok_or_eyre("faults is no list")?;
    ensure!(faults.len() == expected.len(), "faults");
    for (index, (kind, action, at)) in expected.iter().enumerate() {
        ensure!(faults[index]["kind"] == *kind && faults[index]["action"] == *action, "fault {index}");
        ensure!(number(&format!("/faults/{index}/at_ms"))? >= *at, "when fault {index} was");
        ensure!(number(&format!("/faults/{index}/recovery_ms"))? > 0.0, "what fault {index} cost");
    }
    ensure!(number("/finality/finalized")? <= number("/finality/safe")?, "finality");
    ensure!(json["agree"]["heads"] == true && json["agree"]["state_roots"] == true, "agree");
    let leaders = json["leaders"].as_object().ok_or_eyre("leaders is no object")?;
    ensure!(leaders.keys().all(|leader| leader.parse::<Address>().is_ok()), "leaders");
    let led: u64 = leaders.values().filter_map(Value::as_u64).sum();
    ensure!(led as f64 == number("/blocks")?, "the leaders led {led} blocks");
    Ok(())
}
