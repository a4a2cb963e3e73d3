//! One `baton node` process.

use super::{
    Rpc,
    program::{baton_in, resident_memory},
};
use eyre::{WrapErr, bail, eyre};
use libp2p::{Multiaddr, multiaddr::Protocol};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde::Deserialize;
use std::{
    fs::{self, OpenOptions},
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    time::{Duration, Instant},
};
use tokio::process::Child;

/// How long a node may take until it listens.
const START_TIMEOUT: Duration = Duration::from_secs(60);

/// How long a node may take to shut down.
const STOP_TIMEOUT: Duration = Duration::from_secs(30);

/// What the node writes once it listens.
#[derive(Clone, Debug, Deserialize)]
struct Ready {
    rpc: SocketAddr,
    p2p: Vec<Multiaddr>,
}

/// Where a node runs, and on which addresses it listens.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    /// The network namespace; none for this process's own.
    pub(crate) namespace: Option<String>,
    /// For other nodes.
    pub(crate) mesh: IpAddr,
    /// For JSON-RPC.
    pub(crate) rpc: IpAddr,
}

impl Place {
    /// On the loopback interface.
    pub(super) const HERE: Self =
        Self { namespace: None, mesh: IpAddr::V4(Ipv4Addr::LOCALHOST), rpc: IpAddr::V4(Ipv4Addr::LOCALHOST) };
}

/// A node: its files, and its process while it runs. Dropping it kills the process.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) directory: PathBuf,
    pub(crate) genesis: PathBuf,
    pub(crate) place: Place,
    /// Arguments of its own.
    pub(crate) more_arguments: Vec<String>,
    /// Whether it runs with the keys in its directory.
    sequencer: bool,
    child: Option<Child>,
    ready: Option<Ready>,
}

impl Node {
    /// A node that is not started. `directory` holds its keys if it is a sequencer, and will hold the rest.
    pub(crate) const fn new(directory: PathBuf, genesis: PathBuf, sequencer: bool) -> Self {
        Self { directory, genesis, place: Place::HERE, more_arguments: Vec::new(), sequencer, child: None, ready: None }
    }

    pub(crate) fn data_dir(&self) -> PathBuf {
        self.directory.join("data")
    }

    pub(crate) fn keys_dir(&self) -> PathBuf {
        self.directory.join("keys")
    }

    /// The arguments of `baton` that run this node on ports of the system's choice.
    pub(crate) fn arguments(&self, bootnodes: &[Multiaddr]) -> Vec<String> {
        let path = |path: &Path| path.display().to_string();
        let mut arguments = vec!["node".to_owned()];
        let mut add = |flag: &str, value: String| arguments.extend([flag.to_owned(), value]);
        add("--genesis", path(&self.genesis));
        add("--data-dir", path(&self.data_dir()));
        add("--listen", Multiaddr::from(self.place.mesh).with(Protocol::Tcp(0)).to_string());
        add("--rpc-listen", SocketAddr::new(self.place.rpc, 0).to_string());
        add("--metrics", SocketAddr::new(self.place.rpc, 0).to_string());
        add("--ready-file", path(&self.ready_file()));
        add("--database-cache", "32MiB".to_owned());
        if self.sequencer {
            add("--keys-dir", path(&self.keys_dir()));
        }
        for bootnode in bootnodes {
            add("--bootnode", bootnode.to_string());
        }
        arguments.push("--exit-on-stdin-eof".to_owned());
        arguments.extend(self.more_arguments.iter().cloned());
        arguments
    }

    /// Starts the process and waits until it listens.
    pub(crate) async fn start(&mut self, bootnodes: &[Multiaddr]) -> eyre::Result<()> {
        eyre::ensure!(self.child.is_none(), "the node runs already");
        fs::create_dir_all(&self.directory)?;
        let ready_file = self.ready_file();
        if ready_file.exists() {
            fs::remove_file(&ready_file)?;
        }
        let log = OpenOptions::new().create(true).append(true).open(self.log_file())?;
        let mut command = baton_in(self.place.namespace.as_deref(), self.arguments(bootnodes));
        // The pipe on standard input ends with this process, however it ends, and the node with the pipe.
        command.stdin(Stdio::piped()).stdout(log.try_clone()?).stderr(log).kill_on_drop(true);
        self.child = Some(command.spawn().wrap_err("cannot start baton")?);
        let started = Instant::now();
        while !ready_file.exists() {
            if let Some(status) = self.exited()? {
                self.child = None;
                bail!("the node ended before it listened ({status}): {}", self.log());
            }
            if started.elapsed() > START_TIMEOUT {
                bail!("the node does not listen after {START_TIMEOUT:?}: {}", self.log());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        self.ready = Some(serde_json::from_slice(&fs::read(&ready_file)?).wrap_err("the ready file is odd")?);
        Ok(())
    }

    /// How the process ended, if it did by itself.
    pub(crate) fn exited(&mut self) -> eyre::Result<Option<ExitStatus>> {
        match &mut self.child {
            Some(child) => Ok(child.try_wait()?),
            None => Ok(None),
        }
    }

    pub(crate) const fn is_up(&self) -> bool {
        self.child.is_some()
    }

    pub(crate) fn rpc(&self) -> eyre::Result<Rpc> {
        self.ready.as_ref().map(|ready| Rpc::new(ready.rpc)).ok_or_else(|| eyre!("the node was not started"))
    }

    /// Where its latest life serves metrics, as its log says.
    pub(crate) fn metrics(&self) -> eyre::Result<SocketAddr> {
        let log = self.log();
        let line = log.lines().rfind(|line| line.contains("metrics for Prometheus at /metrics"));
        let address = line.and_then(|line| line.rsplit_once("address=")).map(|(_, address)| address.trim());
        address.ok_or_else(|| eyre!("the log does not say where metrics are"))?.parse().wrap_err("an odd address")
    }

    /// The peer-to-peer addresses of its latest life.
    pub(crate) fn addresses(&self) -> &[Multiaddr] {
        self.ready.as_ref().map_or(&[], |ready| &ready.p2p)
    }

    /// The TCP port of the peer-to-peer network.
    pub(crate) fn p2p_port(&self) -> eyre::Result<u16> {
        let mut parts = self.addresses().iter().flat_map(Multiaddr::iter);
        parts
            .find_map(|part| match part {
                Protocol::Tcp(port) => Some(port),
                _ => None,
            })
            .ok_or_else(|| eyre!("the node listens on no TCP port"))
    }

    /// Kills without warning (SIGKILL), and does not wait for the end.
    pub(crate) fn start_killing(&mut self) -> eyre::Result<()> {
        match &mut self.child {
            Some(child) => Ok(child.start_kill()?),
            None => Ok(()),
        }
    }

    /// Kills without warning (SIGKILL).
    pub(crate) async fn kill(&mut self) -> eyre::Result<()> {
        match self.child.take() {
            Some(mut child) => Ok(child.kill().await?),
            None => Ok(()),
        }
    }

    /// Stops the process in its tracks (SIGSTOP): it holds its memory and its connections, and does nothing.
    pub(crate) fn pause(&self) -> eyre::Result<()> {
        self.signal(Signal::SIGSTOP)
    }

    /// Lets a paused process go on (SIGCONT).
    pub(crate) fn resume(&self) -> eyre::Result<()> {
        self.signal(Signal::SIGCONT)
    }

    /// The memory that it takes, in KiB.
    pub(crate) fn memory(&self) -> eyre::Result<u64> {
        resident_memory(self.child.as_ref())
    }

    fn signal(&self, signal: Signal) -> eyre::Result<()> {
        let child = self.child.as_ref().ok_or_else(|| eyre!("the node does not run"))?;
        let pid = child.id().ok_or_else(|| eyre!("the node has ended already"))?;
        Ok(kill(Pid::from_raw(pid.try_into()?), signal)?)
    }

    /// Sends a signal and waits for the end.
    pub(crate) async fn stop_with(&mut self, signal: Signal) -> eyre::Result<ExitStatus> {
        self.signal(signal)?;
        self.wait_for_end().await
    }

    /// Closes the node's standard input and waits for the end.
    pub(crate) async fn stop_by_stdin(&mut self) -> eyre::Result<ExitStatus> {
        if let Some(child) = &mut self.child {
            drop(child.stdin.take());
        }
        self.wait_for_end().await
    }

    async fn wait_for_end(&mut self) -> eyre::Result<ExitStatus> {
        let mut child = self.child.take().ok_or_else(|| eyre!("the node does not run"))?;
        // `wait` would close standard input first, which is another way to stop the node.
        let stdin = child.stdin.take();
        let ended = tokio::time::timeout(STOP_TIMEOUT, child.wait()).await;
        drop(stdin);
        match ended {
            Ok(status) => Ok(status?),
            Err(_) => {
                child.kill().await?;
                bail!("the node did not stop within {STOP_TIMEOUT:?}: {}", self.log())
            }
        }
    }

    /// All that the node logged in all its lives.
    pub(crate) fn log(&self) -> String {
        fs::read(self.log_file()).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
    }

    fn log_file(&self) -> PathBuf {
        self.directory.join("log")
    }

    fn ready_file(&self) -> PathBuf {
        self.directory.join("ready.json")
    }
}
