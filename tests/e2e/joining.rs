//! The way of an operator on L1, in and out, by the program itself against anvil.

use crate::harness::{Anvil, Outcome, baton, run};
use alloy_primitives::{Address, U256};
use eyre::{OptionExt, WrapErr, ensure};
use serde_json::{Value, json};
use std::{fs, os::unix::fs::PermissionsExt, path::Path, time::Duration};

/// How long a command may take, with keys that are slow to open and blocks that are to come.
const PATIENCE: Duration = Duration::from_secs(120);

/// anvil's first account, which everybody knows.
const RICH_KEY: &str = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";

/// The address of that account.
const RICH: &str = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266";

/// Where the stake goes in the end.
const PAYOUT: &str = "0x00000000000000000000000000000000000000aB";

/// A directory with keys and passwords, and L1.
struct Bench {
    directory: tempfile::TempDir,
    anvil: Anvil,
    registry: String,
}

impl Bench {
    async fn start() -> eyre::Result<Self> {
        let bench =
            Self { directory: tempfile::tempdir()?, anvil: Anvil::start_mining().await?, registry: String::new() };
        bench.secret("rich.key", RICH_KEY)?;
        bench.secret("password", "correct horse\n")?;
        bench.secret("wrong", "battery staple\n")?;
        let deploy = "sequencer deploy --chain-id 7357 --l1-key rich.key --minimum-stake 2 --unbonding-delay 1h \
                      --rotation-delay 1h --confirmations 1 --yes";
        let told = bench.run(deploy).await?.success()?;
        let registry =
            told.lines().find_map(|line| line.strip_prefix("registry ")).ok_or_eyre("no address was told")?;
        Ok(Self { registry: registry.to_owned(), ..bench })
    }

    fn path(&self) -> &Path {
        self.directory.path()
    }

    fn secret(&self, name: &str, text: &str) -> eyre::Result<()> {
        let path = self.path().join(name);
        fs::write(&path, text)?;
        Ok(fs::set_permissions(&path, fs::Permissions::from_mode(0o600))?)
    }

    /// Runs a command line in the directory.
    async fn run(&self, line: &str) -> eyre::Result<Outcome> {
        let mut command = baton(line.split_whitespace());
        command.current_dir(self.path()).env("BATON_L1_RPC", &self.anvil.rpc.url);
        if !self.registry.is_empty() {
            command.env("BATON_REGISTRY", &self.registry);
        }
        run(command, PATIENCE).await.wrap_err_with(|| line.to_owned())
    }

    async fn json(&self, line: &str) -> eyre::Result<Value> {
        Ok(serde_json::from_str(&self.run(line).await?.success().wrap_err_with(|| line.to_owned())?)?)
    }

    /// The command must fail, and say all of this in its one line.
    async fn refused(&self, line: &str, said: &[&str]) -> eyre::Result<()> {
        let outcome = self.run(line).await?;
        let told = outcome.stderr.lines().last().unwrap_or_default();
        ensure!(outcome.code == Some(1), "{line}: ended with {:?}: {}", outcome.code, outcome.stderr);
        ensure!(told.starts_with("baton: ") && said.iter().all(|said| told.contains(said)), "{line}: {told}");
        Ok(())
    }

    async fn nonce(&self) -> eyre::Result<U256> {
        self.anvil.rpc.ask("eth_getTransactionCount", json!([RICH, "latest"])).await
    }

    async fn balance(&self, address: &str) -> eyre::Result<U256> {
        self.anvil.rpc.ask("eth_getBalance", json!([address, "latest"])).await
    }

    async fn pass_an_hour(&self) -> eyre::Result<()> {
        self.anvil.rpc.ask::<Value>("evm_increaseTime", json!([3601])).await?;
        self.anvil.rpc.ask::<Value>("evm_mine", json!([])).await?;
        Ok(())
    }
}

fn ether(count: u64) -> U256 {
    U256::from(count) * U256::from(10).pow(U256::from(18))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_joins_and_leaves() -> eyre::Result<()> {
    let bench = Bench::start().await?;
    let one = bench.json("key new --dir one --encrypt --password-file password --json").await?;
    let two = bench.json("key new --dir two --json").await?;
    let operator = one["address"].as_str().ok_or_eyre("no address")?.to_owned();

    // A dry run signs and tells, and sends nothing.
    let register =
        format!("sequencer register --keys-dir one --l1-key rich.key --stake 40 --payout {PAYOUT} --yes --json");
    let before = bench.nonce().await?;
    let dry = bench.json(&format!("{register} --password-file password --dry-run")).await?;
    ensure!(
        dry["dryRun"] == true && dry["facts"]["effect"].as_str().is_some_and(|told| told.contains("rank 1 of 1")),
        "{dry}"
    );
    ensure!(bench.nonce().await? == before && dry["transactions"] == json!([]), "a dry run sent something");
    let nobody = "sequencer register --keys-dir one --l1-key rich.key --stake 40 --password-file password";
    bench.refused(nobody, &["nothing was sent", "--yes"]).await?;

    let done = bench.json(&format!("{register} --password-file password --confirmations 2")).await?;
    ensure!(done["transactions"][0]["gasUsed"].as_u64().is_some_and(|gas| gas > 100_000), "{done}");
    bench.json("sequencer register --keys-dir two --l1-key rich.key --stake 10 --confirmations 1 --yes --json").await?;

    // The operator's own encrypted key pays where no other is named.
    bench.anvil.rpc.ask::<Value>("anvil_setBalance", json!([operator, ether(5)])).await?;
    let add = "sequencer add-stake --keys-dir one --amount 1.5 --confirmations 1 --yes --json";
    bench.refused(add, &["operator.key is encrypted", "--password-file", "BATON_PASSWORD"]).await?;
    bench.json(&format!("{add} --password-file password")).await?;
    let list = bench.json("sequencer list --json").await?;
    ensure!(
        list["members"][0]["operator"] == one["address"] && list["members"][1]["operator"] == two["address"],
        "{list}"
    );
    ensure!(list["members"][0]["stake"] == (ether(83) / U256::from(2)).to_string(), "{list}");
    ensure!(list["members"][0]["blsPublicKey"] == one["blsPublicKey"], "{list}");

    // Another BLS key, after the delay.
    bench.run("key new --dir next").await?.success()?;
    let rotate = "sequencer rotate --keys-dir two --l1-key rich.key --confirmations 1 --yes";
    bench.run(&format!("{rotate} --new-bls-key next/bls.key")).await?.success()?;
    bench.refused(&format!("{rotate} --complete"), &["too early"]).await?;
    bench.pass_an_hour().await?;
    bench.run(&format!("{rotate} --complete")).await?.success()?;
    let next = bench.json("key show --dir next --json").await?;
    let status = bench.json("sequencer status --keys-dir two --json").await?;
    ensure!(status["blsPublicKey"] == next["blsPublicKey"] && status["rotation"].is_null(), "{status}");

    // Out again, and the stake with it. A keystore tells its address without its password.
    let withdraw = "sequencer withdraw --keys-dir one --l1-key rich.key --confirmations 1 --yes";
    bench.refused(withdraw, &["has not asked to leave", "baton sequencer exit"]).await?;
    bench.run("sequencer exit --keys-dir one --l1-key rich.key --confirmations 1 --yes").await?.success()?;
    let status = bench.json("sequencer status --keys-dir one --json").await?;
    ensure!(status["state"] == "leaving" && status["inSet"] == false, "{status}");
    bench.refused(withdraw, &["is locked for another"]).await?;
    bench.pass_an_hour().await?;
    bench.run(withdraw).await?.success()?;
    ensure!(bench.balance(PAYOUT).await? == ether(83) / U256::from(2), "the stake is not back");
    let status = bench.json("sequencer status --keys-dir one --json").await?;
    ensure!(status["state"] == "not registered", "{status}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_would_fail_is_said_before_anything_is_sent() -> eyre::Result<()> {
    let bench = Bench::start().await?;
    for name in ["one", "two"] {
        bench.run(&format!("key new --dir {name}")).await?.success()?;
    }
    bench.run("key encrypt --dir two --password-file password").await?.success()?;
    let register = "sequencer register --l1-key rich.key --confirmations 1 --yes";
    bench.run(&format!("{register} --keys-dir one --stake 10")).await?.success()?;
    let before = bench.nonce().await?;
    // Another operator with the BLS key of the first.
    fs::create_dir(bench.path().join("squatter"))?;
    for (from, name) in [("two", "operator.key"), ("one", "bls.key"), ("two", "node.key")] {
        fs::copy(bench.path().join(from).join(name), bench.path().join("squatter").join(name))?;
    }
    let elsewhere = format!("{:#x}", Address::repeat_byte(9));
    for (line, said) in [
        (format!("{register} --keys-dir one --stake 10"), &["registered already", "add-stake"][..]),
        (format!("{register} --keys-dir squatter --stake 10 --password-file password"), &["belongs to the operator"]),
        (
            format!("{register} --keys-dir two --stake 10 --password-file wrong"),
            &["the password does not open", "operator.key"],
        ),
        (
            format!("{register} --keys-dir two --stake 10 --password-file nowhere"),
            &["the password file", "does not exist"],
        ),
        (
            format!("{register} --keys-dir two --stake 1.9 --password-file password"),
            &["1.9 ETH is below the minimum of 2 ETH"],
        ),
        (format!("{register} --keys-dir two --stake all --password-file password"), &["`all` is not an amount of ETH"]),
        (
            format!("{register} --keys-dir two --stake 99999 --password-file password"),
            &["and needs 99999 ETH", "--l1-key"],
        ),
        (
            "sequencer register --keys-dir two --stake 10 --password-file password --yes".to_owned(),
            &["has 0 ETH on L1 and needs 10 ETH"],
        ),
        (
            format!("sequencer add-stake --operator {elsewhere} --l1-key rich.key --amount 1 --yes"),
            &["is not registered"],
        ),
        (
            "sequencer exit --keys-dir two --password-file password --l1-key rich.key --yes".to_owned(),
            &["is not registered"],
        ),
        (
            "sequencer exit --keys-dir one --l1-key two/operator.key --password-file password --yes".to_owned(),
            &["may not ask for this"],
        ),
        (format!("sequencer list --registry {elsewhere}"), &["no contract at", "chain 31337"]),
        ("sequencer list --l1-rpc http://127.0.0.1:1".to_owned(), &["no L1 endpoint answered"]),
    ] {
        bench.refused(&line, said).await?;
    }
    ensure!(bench.nonce().await? == before, "something was sent");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chain_begins_with_the_members_of_a_registry() -> eyre::Result<()> {
    let bench = Bench::start().await?;
    let new = format!("genesis new --chain-id 7357 --l1-registry {} --l1-confirmations 1", bench.registry);
    bench.refused(&format!("{new} --out early.json"), &["has no members", "baton sequencer register"]).await?;
    bench.run("key new --dir one").await?.success()?;
    bench
        .run("sequencer register --keys-dir one --l1-key rich.key --stake 7 --confirmations 2 --yes")
        .await?
        .success()?;
    bench.refused(&format!("{} --out other.json", new.replace("7357", "7358")), &["is that of chain 7357"]).await?;
    let hash = bench.run(&format!("{new} --out genesis.json")).await?.success()?;
    let inspected = bench.json("genesis inspect genesis.json --json").await?;
    ensure!(inspected["hash"] == hash.trim() && inspected["totalWeight"] == ether(7).to_string(), "{inspected}");
    ensure!(inspected["l1"]["chainId"] == 31_337 && inspected["l1"]["confirmations"] == 1, "{inspected}");
    ensure!(!bench.path().join("early.json").exists() && !bench.path().join("other.json").exists());

    let activate = "sequencer activate --genesis genesis.json --confirmations 1 --yes --l1-key";
    bench.refused(&format!("{activate} one/operator.key"), &["the registry's owner is"]).await?;
    bench.run(&format!("{activate} rich.key")).await?.success()?;
    let list = bench.json("sequencer list --genesis genesis.json --json").await?;
    ensure!(list["genesisHash"] == hash.trim(), "{list}");
    bench.refused(&format!("{new} --out again.json"), &["for ever"]).await?;
    Ok(())
}
