//! A real L1 on this machine: Foundry's anvil.

use alloy_primitives::B256;
use alloy_signer_local::PrivateKeySigner;
use serde_json::{Value, json};
use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
};

/// How long anvil may take to listen, or to end.
const PATIENCE: Duration = Duration::from_secs(60);

/// The key of anvil's first account, which is rich.
const RICH: B256 = alloy_primitives::b256!("ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80");

pub(super) const CHAIN_ID: u64 = 31_337;

/// Mines a block for every transaction, and when it is told to. Dropping it kills it.
pub(super) struct Anvil {
    child: Child,
    pub(super) address: SocketAddr,
    directory: TempDir,
}

impl Anvil {
    pub(super) async fn start() -> Self {
        Self::start_in(tempfile::tempdir().unwrap()).await
    }

    async fn start_in(directory: TempDir) -> Self {
        let mut command = Command::new(program());
        command.args(["--host", "127.0.0.1", "--port", "0", "--hardfork", "osaka", "--accounts", "4"]);
        command.args(["--chain-id", &CHAIN_ID.to_string(), "--preserve-historical-states", "--state"]);
        command.arg(directory.path().join("state.json"));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::inherit()).kill_on_drop(true);
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let address = async {
            loop {
                let line = lines.next_line().await.unwrap().expect("anvil ended before it listened");
                if let Some(address) = line.strip_prefix("Listening on ") {
                    return address.trim().parse().unwrap();
                }
            }
        };
        let address = tokio::time::timeout(PATIENCE, address).await.unwrap();
        // Whoever prints must be read, or it stops one day.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Self { child, address, directory }
    }

    /// Ends the process; what it knew is kept.
    pub(super) async fn stop(mut self) -> Stopped {
        let pid = nix::unistd::Pid::from_raw(i32::try_from(self.child.id().unwrap()).unwrap());
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).unwrap();
        tokio::time::timeout(PATIENCE, self.child.wait()).await.unwrap().unwrap();
        Stopped(self.directory)
    }

    pub(super) async fn request(&self, method: &str, params: Value) -> Value {
        let question = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let response = http.post(format!("http://{}", self.address)).json(&question).send().await.unwrap();
        let mut answer: Value = response.json().await.unwrap();
        assert!(answer.get("error").is_none(), "{method}: {answer}");
        answer["result"].take()
    }

    pub(super) async fn mine(&self, blocks: u64) {
        self.request("anvil_mine", json!([format!("{blocks:#x}")])).await;
    }

    /// From now on a block every second, whatever is in it. A block for every transaction is none for one that comes while
    /// another is mined.
    pub(super) async fn mine_by_itself(&self) {
        self.request("evm_setIntervalMining", json!([1])).await;
    }

    /// Replaces so many of the newest blocks by empty ones.
    pub(super) async fn reorganise(&self, depth: u64) {
        self.request("anvil_reorg", json!([depth, []])).await;
    }
}

/// An anvil that was stopped.
pub(super) struct Stopped(TempDir);

impl Stopped {
    pub(super) async fn start(self) -> Anvil {
        Anvil::start_in(self.0).await
    }
}

pub(super) fn rich() -> PrivateKeySigner {
    PrivateKeySigner::from_bytes(&RICH).unwrap()
}

fn program() -> PathBuf {
    let clients = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/clients/node_modules");
    let path = clients.join("@foundry-rs/anvil-linux-amd64/bin/anvil");
    assert!(path.exists(), "{} is missing: run `npm ci` in tests/clients", path.display());
    path
}
