//! Foundry's anvil as L1: a child process of this one.

use eyre::{OptionExt, WrapErr, bail, eyre};
use nix::{
    sys::signal::{Signal, killpg},
    unistd::Pid,
};
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

/// Where `npm ci` puts anvil, seen from a clone of the repository.
const IN_A_CLONE: &str = "tests/clients/node_modules/@foundry-rs/anvil-linux-amd64/bin/anvil";

/// Starts a program, and ends it when standard input is closed: however this process ends, that happens. anvil does not look at
/// its own. Only the program holds standard output, so that its end shows there.
const TIED: &str = r#""$0" "$@" & exec >/dev/null; cat; kill -9 $!"#;

/// A running anvil. Dropping it kills it.
#[derive(Debug)]
pub(super) struct Anvil {
    /// A shell, whose process group anvil is in.
    child: Child,
    /// Where its JSON-RPC is.
    pub(super) url: String,
}

impl Anvil {
    /// Starts an anvil with a block a second, on a port that the operating system chooses.
    pub(super) async fn start(program: &Path) -> eyre::Result<Self> {
        let mut command = Command::new("sh");
        command
            .args(["-c", TIED])
            .arg(program)
            .args(["--host", "127.0.0.1", "--port", "0", "--hardfork", "osaka"])
            .args(["--accounts", "1", "--balance", "1000000", "--block-time", "1"]);
        // A group of its own, as for the nodes: Ctrl-C is for this process.
        command.process_group(0).kill_on_drop(true);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().wrap_err_with(|| format!("cannot start {}", program.display()))?;
        let mut lines = BufReader::new(child.stdout.take().ok_or_eyre("anvil has no standard output")?).lines();
        let listening = async {
            while let Some(line) = lines.next_line().await? {
                if let Some(address) = line.strip_prefix("Listening on ") {
                    return Ok(address.trim().to_owned());
                }
            }
            bail!("anvil ended before it listened")
        };
        let address = tokio::time::timeout(START_TIMEOUT, listening).await;
        let address = address.wrap_err_with(|| format!("anvil does not listen after {START_TIMEOUT:?}"))??;
        // Whoever prints must be read, or it stops one day.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Ok(Self { child, url: format!("http://{address}") })
    }

    /// Stops it in its tracks (SIGSTOP): its connections stay, and nobody gets an answer.
    pub(super) fn pause(&self) -> eyre::Result<()> {
        self.signal(Signal::SIGSTOP)
    }

    /// Lets it go on (SIGCONT).
    pub(super) fn resume(&self) -> eyre::Result<()> {
        self.signal(Signal::SIGCONT)
    }

    fn signal(&self, signal: Signal) -> eyre::Result<()> {
        let pid = self.child.id().ok_or_else(|| eyre!("anvil does not run"))?;
        let pid = Pid::from_raw(i32::try_from(pid).wrap_err("a process id is out of range")?);
        killpg(pid, signal).wrap_err_with(|| format!("cannot send {signal} to anvil"))
    }
}

impl Drop for Anvil {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.signal(Signal::SIGKILL);
    }
}

/// The program: the one that was named, else one on the path, else that of the clone in the working directory.
pub(super) fn find(named: Option<&Path>) -> eyre::Result<PathBuf> {
    if let Some(named) = named {
        return match named.is_file() {
            true => Ok(named.to_owned()),
            false => Err(eyre!("--anvil {}: there is no such file", named.display())),
        };
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_the_path = std::env::split_paths(&path).map(|directory| directory.join("anvil"));
    on_the_path.chain([PathBuf::from(IN_A_CLONE)]).find(|program| program.is_file()).ok_or_else(|| {
        eyre!(
            "anvil is not on the path, and not at {IN_A_CLONE}: run `npm ci` in tests/clients of a clone of Baton and start \
             the testnet in the clone, or name the program by --anvil"
        )
    })
}
