//! Foundry's anvil, as a second opinion.

use super::Rpc;
use eyre::{OptionExt, WrapErr, ensure};
use std::{
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
};

/// How long anvil may take to listen.
const START_TIMEOUT: Duration = Duration::from_secs(60);

/// A file of the packages that `npm ci` puts beside the client scripts.
pub(crate) fn client_package(file: &str) -> eyre::Result<PathBuf> {
    let clients = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/clients");
    let path = clients.join("node_modules").join(file);
    ensure!(
        path.exists(),
        "{} is missing: run `npm ci` in tests/clients, or scripts/test.sh, which does",
        path.display()
    );
    Ok(path)
}

/// A program of Foundry. `tests/clients/package.json` names the packages of one platform, Linux on x86-64, instead of those
/// that choose one: with these, `npm ci` needs all platforms in its registry.
pub(crate) fn foundry(program: &str) -> eyre::Result<PathBuf> {
    client_package(&format!("@foundry-rs/{program}-linux-amd64/bin/{program}"))
}

/// A running anvil. Dropping it kills it.
#[derive(Debug)]
pub(crate) struct Anvil {
    pub(crate) rpc: Rpc,
    _child: Child,
}

impl Anvil {
    /// Starts an anvil that mines only when told to, with a genesis file and a block gas limit.
    pub(crate) async fn start(genesis: &Path, gas_limit: u64) -> eyre::Result<Self> {
        let mut command = Command::new(foundry("anvil")?);
        command.args(["--accounts", "0", "--no-mining", "--order", "fifo", "--disable-default-create2-deployer"]);
        command.arg("--gas-limit").arg(gas_limit.to_string()).arg("--init").arg(genesis);
        Self::spawn(command).await
    }

    /// Starts an anvil with a block a second, and accounts that have a thousand ether each: an L1.
    pub(crate) async fn start_mining() -> eyre::Result<Self> {
        let mut command = Command::new(foundry("anvil")?);
        command.args(["--accounts", "2", "--balance", "1000", "--block-time", "1"]);
        Self::spawn(command).await
    }

    async fn spawn(mut command: Command) -> eyre::Result<Self> {
        command.args(["--host", "127.0.0.1", "--port", "0", "--hardfork", "osaka"]);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::inherit()).kill_on_drop(true);
        let mut child = command.spawn().wrap_err("cannot start anvil")?;
        let mut lines = BufReader::new(child.stdout.take().ok_or_eyre("anvil has no standard output")?).lines();
        let address = async {
            while let Some(line) = lines.next_line().await? {
                if let Some(address) = line.strip_prefix("Listening on ") {
                    return Ok(address.trim().to_owned());
                }
            }
            eyre::bail!("anvil ended before it listened")
        };
        let address = tokio::time::timeout(START_TIMEOUT, address).await.wrap_err("anvil does not listen")??;
        // Whoever prints must be read, or it stops one day.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Ok(Self { rpc: Rpc::new(address), _child: child })
    }
}
