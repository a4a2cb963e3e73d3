//! One node of the network: a child process of this one.

use super::setup::{Setup, node_directory};
use crate::{config::Ready, keys::OPERATOR_KEY};
use eyre::{WrapErr, bail, eyre};
use libp2p::{Multiaddr, multiaddr::Protocol};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use std::{
    fs::{self, File, OpenOptions},
    io::{Read, Seek, SeekFrom},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    time::{Duration, Instant},
};
use tokio::process::{Child, Command};

/// How long a node may take until it listens.
const START_TIMEOUT: Duration = Duration::from_secs(60);

/// How long a node may take to shut down before it is killed.
const STOP_TIMEOUT: Duration = Duration::from_secs(20);

/// How often the ready file is looked for.
const READY_POLL: Duration = Duration::from_millis(20);

/// A `baton node` process and what belongs to it.
#[derive(Debug)]
pub(super) struct Node {
    index: usize,
    directory: PathBuf,
    genesis: PathBuf,
    /// Where L1's JSON-RPC is, if the set comes from there.
    l1: Option<String>,
    child: Option<Child>,
    paused: bool,
    ready: Option<Ready>,
}

impl Node {
    /// A node that has not been started.
    pub(super) fn new(setup: &Setup, index: usize) -> Self {
        let directory = node_directory(&setup.directory, index);
        let (genesis, l1) = (setup.genesis.clone(), setup.l1.clone());
        Self { index, directory, genesis, l1, child: None, paused: false, ready: None }
    }

    /// Where it listens; nothing before its first start.
    pub(super) fn ready(&self) -> Option<&Ready> {
        self.ready.as_ref()
    }

    /// Its log.
    pub(super) fn log(&self) -> PathBuf {
        self.directory.join("log")
    }

    /// Starts the process and waits until it listens. On the ports of its former life, if it had one and they are free.
    pub(super) async fn start(&mut self, bootnodes: &[Multiaddr]) -> eyre::Result<Ready> {
        let former = self.ready.take();
        let result = match &former {
            None => self.start_on(None, bootnodes).await,
            Some(former) => match self.start_on(Some(former), bootnodes).await {
                Ok(ready) => Ok(ready),
                Err(_) => self.start_on(None, bootnodes).await,
            },
        };
        self.ready = result.as_ref().ok().cloned().or(former);
        result
    }

    async fn start_on(&mut self, former: Option<&Ready>, bootnodes: &[Multiaddr]) -> eyre::Result<Ready> {
        let ready_file = self.directory.join("ready.json");
        match fs::remove_file(&ready_file) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(error).wrap_err_with(|| format!("cannot remove {}", ready_file.display()));
            }
            _ => {}
        }
        let log = OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.log())
            .wrap_err_with(|| format!("cannot open {}", self.log().display()))?;
        let mut command = Command::new(std::env::current_exe().wrap_err("cannot find this program's own file")?);
        command
            .arg("node")
            .arg("--genesis")
            .arg(&self.genesis)
            .arg("--data-dir")
            .arg(self.directory.join("data"))
            .arg("--keys-dir")
            .arg(self.directory.join("keys"))
            .arg("--listen")
            .arg(former.map_or_else(any_port, p2p_port_of).to_string())
            .arg("--rpc-listen")
            .arg(former.map_or(SocketAddr::from(([127, 0, 0, 1], 0)), |ready| ready.rpc).to_string())
            .arg("--ready-file")
            .arg(&ready_file)
            .arg("--exit-on-stdin-eof")
            // The judgement at the end reads every receipt.
            .args(["--prune", "archive"]);
        if let Some(l1) = &self.l1 {
            command.args(["--l1-rpc", l1, "--l1-poll", "250ms"]);
            command.arg("--l1-key").arg(self.directory.join("keys").join(OPERATOR_KEY));
        }
        for bootnode in bootnodes {
            command.arg("--bootnode").arg(bootnode.to_string());
        }
        // The settings of whoever runs the test are not those of its nodes; only the log may be turned up.
        for (name, _) in std::env::vars_os() {
            if name.as_encoded_bytes().starts_with(b"BATON_") && name != "BATON_LOG_FILTER" {
                command.env_remove(name);
            }
        }
        // A group of its own: Ctrl-C is for this process, which then ends its children in order.
        command.process_group(0).kill_on_drop(true);
        command.stdin(Stdio::piped()).stdout(log.try_clone().wrap_err("cannot share the log")?).stderr(log);
        let child = command.spawn().wrap_err_with(|| format!("cannot start node {}", self.index))?;
        self.child = Some(child);
        let started = Instant::now();
        loop {
            if let Some(ready) = Ready::read(&ready_file).wrap_err("cannot read a ready file")? {
                return Ok(ready);
            }
            if let Some(status) = self.exited()? {
                self.child = None;
                bail!("node {} ended before it listened ({status}): {}", self.index, self.last_words());
            }
            if started.elapsed() > START_TIMEOUT {
                self.kill().await?;
                bail!("node {} does not listen after {START_TIMEOUT:?}; see {}", self.index, self.log().display());
            }
            tokio::time::sleep(READY_POLL).await;
        }
    }

    /// Whether there is a process, even if it is paused.
    pub(super) const fn is_running(&self) -> bool {
        self.child.is_some()
    }

    /// Stops the process in its tracks (SIGSTOP): it holds its memory and its connections, and does nothing.
    pub(super) fn pause(&mut self) -> eyre::Result<()> {
        self.signal(Signal::SIGSTOP)?;
        self.paused = true;
        Ok(())
    }

    /// Lets a paused process go on (SIGCONT). Says whether it was paused.
    pub(super) fn resume(&mut self) -> eyre::Result<bool> {
        if !self.paused {
            return Ok(false);
        }
        self.signal(Signal::SIGCONT)?;
        self.paused = false;
        Ok(true)
    }

    fn signal(&self, signal: Signal) -> eyre::Result<()> {
        let Self { index, child, .. } = self;
        let pid = child.as_ref().and_then(Child::id).ok_or_else(|| eyre!("node {index} does not run"))?;
        let pid = Pid::from_raw(i32::try_from(pid).wrap_err("a process id is out of range")?);
        kill(pid, signal).wrap_err_with(|| format!("cannot send {signal} to node {index}"))
    }

    /// How the process ended, if it did by itself.
    pub(super) fn exited(&mut self) -> eyre::Result<Option<ExitStatus>> {
        match &mut self.child {
            Some(child) => child.try_wait().wrap_err_with(|| format!("cannot watch node {}", self.index)),
            None => Ok(None),
        }
    }

    /// Begins to end the process as [`Self::kill`] does, and does not wait.
    pub(super) fn start_killing(&mut self) -> eyre::Result<()> {
        match &mut self.child {
            Some(child) => child.start_kill().wrap_err_with(|| format!("cannot kill node {}", self.index)),
            None => Ok(()),
        }
    }

    /// Ends the process at once, as a crash would (SIGKILL).
    pub(super) async fn kill(&mut self) -> eyre::Result<()> {
        self.paused = false;
        match self.child.take() {
            Some(mut child) => child.kill().await.wrap_err_with(|| format!("cannot kill node {}", self.index)),
            None => Ok(()),
        }
    }

    /// Asks the process to shut down by closing its standard input, and waits. Says whether it did so in time and
    /// without an error. A paused process goes on first: it could not read.
    pub(super) async fn stop(&mut self) -> eyre::Result<()> {
        self.resume()?;
        let Some(mut child) = self.child.take() else { return Ok(()) };
        drop(child.stdin.take());
        match tokio::time::timeout(STOP_TIMEOUT, child.wait()).await {
            Ok(status) => {
                let status = status.wrap_err_with(|| format!("cannot watch node {}", self.index))?;
                match status.success() {
                    true => Ok(()),
                    false => Err(eyre!("node {} ended with {status}: {}", self.index, self.last_words())),
                }
            }
            Err(_) => {
                child.kill().await.wrap_err_with(|| format!("cannot kill node {}", self.index))?;
                bail!("node {} did not shut down within {STOP_TIMEOUT:?}", self.index)
            }
        }
    }

    /// The last line of the log.
    pub(super) fn last_words(&self) -> String {
        let words = tail(&self.log()).unwrap_or_default();
        let words = words.lines().rev().map(str::trim).find(|line| !line.is_empty());
        words.map_or_else(|| format!("its log {} is empty", self.log().display()), str::to_owned)
    }
}

fn any_port() -> Multiaddr {
    Multiaddr::from(std::net::Ipv4Addr::LOCALHOST).with(Protocol::Tcp(0))
}

/// The address without the peer id, to listen on again.
fn p2p_port_of(ready: &Ready) -> Multiaddr {
    let port = ready.p2p.iter().flat_map(Multiaddr::iter).find_map(|part| match part {
        Protocol::Tcp(port) => Some(port),
        _ => None,
    });
    Multiaddr::from(std::net::Ipv4Addr::LOCALHOST).with(Protocol::Tcp(port.unwrap_or(0)))
}

/// The last 4 KiB of a file.
fn tail(path: &Path) -> std::io::Result<String> {
    let mut file = File::open(path)?;
    let length = file.seek(SeekFrom::End(0))?;
    file.seek(SeekFrom::Start(length.saturating_sub(4096)))?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
