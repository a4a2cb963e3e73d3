//! One `baton bootnode` process.

use super::{
    Place,
    program::{baton_in, resident_memory},
};
use eyre::{WrapErr, bail, ensure, eyre};
use libp2p::{Multiaddr, multiaddr::Protocol};
use serde::Deserialize;
use std::{
    fs::{self, OpenOptions},
    path::PathBuf,
    process::Stdio,
    time::{Duration, Instant},
};
use tokio::process::Child;

/// How long it may take until it listens.
const START_TIMEOUT: Duration = Duration::from_secs(60);

#[derive(Debug, Deserialize)]
struct Ready {
    p2p: Vec<Multiaddr>,
}

/// A bootnode: its files, and its process while it runs. Dropping it kills the process.
#[derive(Debug)]
pub(crate) struct BootnodeProcess {
    directory: PathBuf,
    genesis: PathBuf,
    pub(crate) place: Place,
    /// Arguments of its own.
    pub(crate) more_arguments: Vec<String>,
    child: Option<Child>,
    address: Option<Multiaddr>,
}

impl BootnodeProcess {
    /// A bootnode that is not started.
    pub(crate) const fn new(directory: PathBuf, genesis: PathBuf) -> Self {
        Self { directory, genesis, place: Place::HERE, more_arguments: Vec::new(), child: None, address: None }
    }

    /// Starts it and waits until it listens: where it listened before, if it did. Returns its address.
    pub(crate) async fn start(&mut self, others: &[Multiaddr]) -> eyre::Result<Multiaddr> {
        ensure!(self.child.is_none(), "the bootnode runs already");
        fs::create_dir_all(&self.directory)?;
        let ready = self.directory.join("ready.json");
        if ready.exists() {
            fs::remove_file(&ready)?;
        }
        let listen = match &self.address {
            Some(address) => address.iter().filter(|part| !matches!(part, Protocol::P2p(_))).collect(),
            None => Multiaddr::from(self.place.mesh).with(Protocol::Tcp(0)),
        };
        let mut arguments = vec!["bootnode".to_owned()];
        let mut add = |flag: &str, value: String| arguments.extend([flag.to_owned(), value]);
        add("--genesis", self.genesis.display().to_string());
        add("--data-dir", self.directory.join("data").display().to_string());
        add("--listen", listen.to_string());
        add("--ready-file", ready.display().to_string());
        for other in others {
            add("--bootnode", other.to_string());
        }
        arguments.push("--exit-on-stdin-eof".to_owned());
        arguments.extend(self.more_arguments.iter().cloned());
        let log = OpenOptions::new().create(true).append(true).open(self.directory.join("log"))?;
        let mut command = baton_in(self.place.namespace.as_deref(), arguments);
        command.stdin(Stdio::piped()).stdout(log.try_clone()?).stderr(log).kill_on_drop(true);
        let mut child = command.spawn().wrap_err("cannot start baton")?;
        let started = Instant::now();
        while !ready.exists() {
            if let Some(status) = child.try_wait()? {
                bail!("the bootnode ended before it listened ({status}): {}", self.log());
            }
            if started.elapsed() > START_TIMEOUT {
                bail!("the bootnode does not listen after {START_TIMEOUT:?}: {}", self.log());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        self.child = Some(child);
        let ready: Ready = serde_json::from_slice(&fs::read(&ready)?).wrap_err("the ready file is odd")?;
        let address = ready.p2p.first().ok_or_else(|| eyre!("the bootnode listens nowhere"))?.clone();
        self.address = Some(address.clone());
        Ok(address)
    }

    /// Kills without warning (SIGKILL).
    pub(crate) async fn kill(&mut self) -> eyre::Result<()> {
        match self.child.take() {
            Some(mut child) => Ok(child.kill().await?),
            None => Ok(()),
        }
    }

    /// The memory that it takes, in KiB.
    pub(crate) fn memory(&self) -> eyre::Result<u64> {
        resident_memory(self.child.as_ref())
    }

    /// All that it printed and logged in all its lives.
    pub(crate) fn log(&self) -> String {
        let bytes = fs::read(self.directory.join("log"));
        bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
    }
}
