//! What operators type: `baton sequencer …`, by this very program, each as a child process. There is no second way into the
//! set, or out of it.

use alloy_primitives::{Address, U256};
use eyre::{OptionExt, WrapErr, bail};
use serde_json::Value;
use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};
use tokio::process::Command;

/// How long a command may take; it waits for blocks of L1.
const PATIENCE: Duration = Duration::from_secs(90);

/// From asking for other keys to having them, and from scheduling parameters to their change.
const DELAY: &str = "5s";

/// The commands on one L1.
#[derive(Clone, Debug)]
pub(super) struct Commands {
    pub(super) url: String,
    /// The key of the account that deploys and governs.
    pub(super) owner_key: PathBuf,
    /// None before the deployment.
    pub(super) registry: Option<Address>,
}

impl Commands {
    /// `deploy`: the registry of a new chain.
    pub(super) async fn deploy(&self, chain_id: u64, unbonding: Duration) -> eyre::Result<Address> {
        let (chain_id, unbonding) = (chain_id.to_string(), humantime::format_duration(unbonding).to_string());
        let arguments = ["--chain-id", &chain_id, "--unbonding-delay", &unbonding, "--rotation-delay", DELAY];
        let mut command = self.command("deploy", &self.owner_key, 1);
        command.args(arguments).args(["--timelock-delay", DELAY]);
        let told = run(command, "deploy").await?;
        let contract = told.pointer("/transactions/0/contract").and_then(Value::as_str);
        contract.and_then(|text| text.parse().ok()).ok_or_eyre("`baton sequencer deploy` names no contract")
    }

    /// `register`, paid by the operator itself; the L1 block that it is in.
    pub(super) async fn register(
        &self,
        keys: &Path,
        stake: U256,
        payout: Address,
        confirmations: u64,
    ) -> eyre::Result<u64> {
        let mut command = self.command("register", operator_key(keys), confirmations);
        command.arg("--keys-dir").arg(keys);
        command.args(["--stake", &stake.to_string(), "--payout", &payout.to_string()]);
        block_of(&run(command, "register").await?)
    }

    /// `exit`; the L1 block that it is in.
    pub(super) async fn exit(&self, keys: &Path) -> eyre::Result<u64> {
        self.of_operator("exit", keys).await
    }

    /// `withdraw`; the L1 block that it is in.
    pub(super) async fn withdraw(&self, keys: &Path) -> eyre::Result<u64> {
        self.of_operator("withdraw", keys).await
    }

    /// `activate`: the registry is bound to the genesis.
    pub(super) async fn activate(&self, genesis: &Path) -> eyre::Result<()> {
        let mut command = self.command("activate", &self.owner_key, 1);
        command.arg("--genesis").arg(genesis);
        run(command, "activate").await.map(|_| ())
    }

    async fn of_operator(&self, name: &str, keys: &Path) -> eyre::Result<u64> {
        let mut command = self.command(name, operator_key(keys), 1);
        command.arg("--keys-dir").arg(keys);
        block_of(&run(command, name).await?)
    }

    fn command(&self, name: &str, pays: impl AsRef<OsStr>, confirmations: u64) -> Command {
        // It is there: the nodes were started from it, or will be.
        let mut command = Command::new(std::env::current_exe().unwrap_or_else(|_| PathBuf::from("baton")));
        for (variable, _) in std::env::vars_os() {
            if variable.as_encoded_bytes().starts_with(b"BATON_") {
                command.env_remove(variable);
            }
        }
        command.args(["sequencer", name, "--yes", "--json", "--l1-rpc", &self.url]);
        command.arg("--l1-key").arg(pays).args(["--confirmations", &confirmations.to_string()]);
        if let Some(registry) = self.registry {
            command.args(["--registry", &registry.to_string()]);
        }
        command
    }
}

/// The key that pays on L1 for an operator: its own.
pub(super) fn operator_key(keys: &Path) -> PathBuf {
    keys.join(crate::keys::OPERATOR_KEY)
}

async fn run(mut command: Command, name: &str) -> eyre::Result<Value> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let output = tokio::time::timeout(PATIENCE, command.output()).await;
    let output = output.wrap_err_with(|| format!("`baton sequencer {name}` is not over after {PATIENCE:?}"))??;
    if !output.status.success() {
        let told = String::from_utf8_lossy(&output.stderr);
        bail!("`baton sequencer {name}`: {}", told.lines().last().unwrap_or("it failed without a word"));
    }
    serde_json::from_slice(&output.stdout).wrap_err_with(|| format!("`baton sequencer {name}` printed no JSON"))
}

/// The block of the last transaction.
fn block_of(told: &Value) -> eyre::Result<u64> {
    let last = told["transactions"].as_array().and_then(|transactions| transactions.last());
    last.and_then(|last| last["block"].as_u64()).ok_or_eyre("no transaction is told of")
}
