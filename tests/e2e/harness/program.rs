//! Running a program to its end.

use eyre::{OptionExt, WrapErr, bail, ensure};
use std::{ffi::OsStr, fs, process::Stdio, time::Duration};
use tokio::process::{Child, Command};

/// The program under test.
const BATON: &str = env!("CARGO_BIN_EXE_baton");

/// How a program ended and what it said.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// A `baton` command without the environment's settings.
pub(crate) fn baton<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>) -> Command {
    baton_in(None, arguments)
}

/// The same, run in a network namespace if one is named.
pub(crate) fn baton_in<A: AsRef<OsStr>>(namespace: Option<&str>, arguments: impl IntoIterator<Item = A>) -> Command {
    let mut command = match namespace {
        None => Command::new(BATON),
        Some(namespace) => {
            // It becomes the program: its process id is the program's.
            let mut command = Command::new("ip");
            command.args(["netns", "exec", namespace, BATON]);
            command
        }
    };
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("BATON_") {
            command.env_remove(name);
        }
    }
    command.args(arguments);
    command
}

/// The memory that a running process takes, in KiB: what is resident, as Linux tells it.
pub(super) fn resident_memory(child: Option<&Child>) -> eyre::Result<u64> {
    let pid = child.and_then(Child::id).ok_or_eyre("the process does not run")?;
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    line.trim().trim_end_matches(" kB").parse().wrap_err("/proc tells no memory")
}

/// Runs a command to its end, which must come in time.
pub(crate) async fn run(mut command: Command, patience: Duration) -> eyre::Result<Outcome> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let child = command.spawn().wrap_err_with(|| format!("cannot start {command:?}"))?;
    let Ok(output) = tokio::time::timeout(patience, child.wait_with_output()).await else {
        bail!("not over after {patience:?}: {command:?}");
    };
    let output = output?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ok(Outcome { code: output.status.code(), stdout: text(&output.stdout), stderr: text(&output.stderr) })
}

impl Outcome {
    /// What it printed, if it succeeded.
    pub(crate) fn success(self) -> eyre::Result<String> {
        let Self { code, stdout, stderr } = self;
        ensure!(code == Some(0), "ended with {code:?}\nstandard error:\n{stderr}\nstandard output:\n{stdout}");
        Ok(stdout)
    }

    /// The one error line of a failure with this exit code. Log lines may stand before it, but no second error line and
    /// no panic.
    pub(crate) fn refusal(&self, expected: i32) -> eyre::Result<&str> {
        let Self { code, stdout: _, stderr } = self;
        ensure!(*code == Some(expected), "ended with {code:?} instead of {expected}:\n{stderr}");
        ensure!(!stderr.contains("panicked"), "panicked:\n{stderr}");
        let mut lines = stderr.lines().skip_while(|line| !line.starts_with("baton: "));
        let line = lines.next();
        match (line, lines.next()) {
            (Some(line), None) => Ok(line),
            _ => bail!("not exactly one error line at the end:\n{stderr}"),
        }
    }
}
