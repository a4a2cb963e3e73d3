//! What Prometheus reads of a running network.

use crate::harness::{FINALITY, Net, Plan, Scrape, baton, run, until};
use eyre::{OptionExt, ensure};
use reqwest::{Client, StatusCode};
use std::time::Duration;

#[tokio::test(flavor = "multi_thread")]
async fn prometheus_reads_a_running_mesh() -> eyre::Result<()> {
    let mut net = Net::start(Plan::patient(&[1, 1, 1, 1], 2)).await?;
    let client = Client::builder().no_proxy().pool_max_idle_per_host(0).build()?;
    let receiver = net.wallets[1].address();
    let transfer = net.wallets[0].transfer(receiver, 1)?;
    net.send(0, &transfer).await?;
    net.everywhere(transfer.hash).await?;

    let mut rounds = 0.0;
    for node in &net.nodes {
        let address = node.metrics()?;
        // Finality follows the head, whatever the head was when it was looked at first.
        let first = Scrape::read(&client, address).await?.value("baton_head_height{tag=\"latest\"}")?;
        let scrape = until(FINALITY, "what was the head is final", async || {
            let scrape = Scrape::read(&client, address).await?;
            Ok((scrape.value("baton_head_height{tag=\"finalized\"}")? >= first).then_some(scrape))
        })
        .await?;
        let heads = ["finalized", "safe", "latest"].map(|tag| format!("baton_head_height{{tag=\"{tag}\"}}"));
        let [finalized, safe, latest] = [&heads[0], &heads[1], &heads[2]].map(|series| scrape.value(series));
        let (finalized, safe, latest) = (finalized?, safe?, latest?);
        ensure!(0.0 < finalized && finalized <= safe && safe <= latest, "{finalized}, {safe}, {latest}");
        ensure!(scrape.value("baton_unfinalized_blocks")? == latest - finalized, "{scrape:?}");

        // Every block that is final here waited for it here.
        let waited = scrape.value("baton_finality_seconds_count")?;
        ensure!(waited > 0.0 && waited <= scrape.value("baton_blocks_committed_total")?, "{scrape:?}");
        ensure!(scrape.value("baton_quorum_certificates_total")? >= 2.0, "{scrape:?}");
        ensure!(scrape.value("baton_transactions_committed_total")? == 1.0, "{scrape:?}");
        ensure!(scrape.value("baton_gas_committed_total")? == 21_000.0, "{scrape:?}");
        ensure!(scrape.value("baton_messages_judged_total{verdict=\"accept\"}")? > 0.0, "{scrape:?}");
        ensure!(scrape.value("baton_peers_connected")? == 3.0, "{scrape:?}");
        rounds += scrape.value("baton_finality_rounds_opened_total")?;
        for kind in ["announcement", "block", "seal", "checkpoint", "vote"] {
            ensure!(scrape.value(&format!("baton_evidence_held{{kind=\"{kind}\"}}"))? == 0.0, "{scrape:?}");
        }
        for series in ["baton_halted", "baton_convicted_members", "baton_sealing_waits_for_finality"] {
            ensure!(scrape.value(series)? == 0.0, "{scrape:?}");
        }
        let roles =
            ["scheduler", "leader", "follower", "observer"].map(|role| format!("baton_role{{role=\"{role}\"}}"));
        let roles: Vec<_> = roles.iter().map(|series| scrape.value(series)).collect::<Result<_, _>>()?;
        ensure!(roles.iter().sum::<f64>() == 1.0 && roles[3] == 0.0, "{roles:?}");
    }
    ensure!(rounds >= 2.0, "nobody opened a round");

    let address = net.nodes[0].metrics()?;
    let other = client.get(format!("http://{address}/")).send().await?;
    ensure!(other.status() == StatusCode::NOT_FOUND, "{other:?}");
    let post = client.post(format!("http://{address}/metrics")).body("{}").send().await?;
    ensure!(post.status() == StatusCode::METHOD_NOT_ALLOWED, "{post:?}");

    // Where somebody listens already, a node says so and does not start.
    net.nodes[1].kill().await?;
    let mut arguments = net.nodes[1].arguments(&[]);
    let place = arguments.iter().position(|argument| argument == "--metrics").ok_or_eyre("no --metrics")?;
    arguments[place + 1] = address.to_string();
    let outcome = run(baton(arguments), Duration::from_secs(60)).await?;
    let refusal = outcome.refusal(1)?;
    ensure!(refusal.contains(&format!("cannot serve metrics on {address}")), "{refusal}");
    net.finish()
}
