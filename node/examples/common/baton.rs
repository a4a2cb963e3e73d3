//! Starting `baton` as a process of its own.

use crate::process::Process;
use baton_node::config::Ready;
use eyre::{WrapErr, ensure};
use std::{
    fs,
    io::ErrorKind,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

/// How long a node may take until it listens.
const PATIENCE: Duration = Duration::from_secs(60);

const POLL: Duration = Duration::from_millis(20);

/// A node that is to be started.
pub(crate) struct Launch<'a> {
    /// The baton program.
    pub(crate) program: &'a Path,
    pub(crate) genesis: &'a Path,
    /// Where it has its `keys`, if it is a sequencer's, its `data` and its `log`.
    pub(crate) directory: &'a Path,
    /// The peer-to-peer addresses of nodes that are up.
    pub(crate) bootnodes: &'a [String],
    /// Where to listen for peers, a multiaddr, and for JSON-RPC, host and port.
    pub(crate) listen: (&'a str, &'a str),
    /// Further arguments.
    pub(crate) arguments: &'a [&'a str],
}

/// Ports that the operating system chooses.
pub(crate) const ANY_PORTS: (&str, &str) = ("/ip4/127.0.0.1/tcp/0", "127.0.0.1:0");

impl Launch<'_> {
    /// Starts the node and waits until it listens.
    pub(crate) async fn start(&self) -> eyre::Result<(Process, Ready)> {
        let ready_file = self.directory.join("ready.json");
        match fs::remove_file(&ready_file) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(error).wrap_err_with(|| format!("cannot remove {}", ready_file.display()));
            }
            _ => {}
        }
        let mut command = command(self.program);
        command
            .arg("node")
            .arg("--genesis")
            .arg(self.genesis)
            .arg("--data-dir")
            .arg(self.directory.join("data"))
            .arg("--ready-file")
            .arg(&ready_file)
            .args(["--listen", self.listen.0, "--rpc-listen", self.listen.1, "--exit-on-stdin-eof"])
            .args(self.arguments);
        let keys = self.directory.join("keys");
        if keys.exists() {
            command.arg("--keys-dir").arg(keys);
        }
        for bootnode in self.bootnodes {
            command.args(["--bootnode", bootnode]);
        }
        let mut process = Process::start(&mut command, &self.directory.join("log"))?;
        let started = Instant::now();
        loop {
            if let Some(ready) = Ready::read(&ready_file)? {
                return Ok((process, ready));
            }
            process.check()?;
            ensure!(started.elapsed() < PATIENCE, "it does not listen after {PATIENCE:?}");
            tokio::time::sleep(POLL).await;
        }
    }
}

/// The program, without the settings of whoever runs this.
pub(crate) fn command(program: &Path) -> Command {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os() {
        if name.as_encoded_bytes().starts_with(b"BATON_") {
            command.env_remove(name);
        }
    }
    command
}
