//! A child process that never outlives this one.

use eyre::{WrapErr, eyre};
use std::{
    fs::{self, OpenOptions},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

/// How long a process may take to end by itself.
const PATIENCE: Duration = Duration::from_secs(10);

/// A child process. Dropping it kills it, as `kill -9` would, and waits until it is gone.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts `command`; its output is added to `log`.
    pub(crate) fn start(command: &mut Command, log: &Path) -> eyre::Result<Self> {
        let file = OpenOptions::new().create(true).append(true).open(log);
        let file = file.wrap_err_with(|| format!("cannot open {}", log.display()))?;
        command.stdin(Stdio::piped()).stdout(file.try_clone()?).stderr(file);
        let child = command.spawn().wrap_err_with(|| format!("cannot start {:?}", command.get_program()))?;
        Ok(Self { child, log: log.to_owned() })
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn log(&self) -> &Path {
        &self.log
    }

    /// Fails if the process has ended.
    pub(crate) fn check(&mut self) -> eyre::Result<()> {
        match self.child.try_wait()? {
            None => Ok(()),
            Some(status) => {
                let log = fs::read_to_string(&self.log).unwrap_or_default();
                Err(eyre!("it ended with {status}: {}", log.lines().last().unwrap_or_default()))
            }
        }
    }

    /// Closes its standard input, which is how a Baton node is asked to stop, and waits a little.
    pub(crate) fn stop(mut self) {
        drop(self.child.stdin.take());
        let asked = Instant::now();
        while asked.elapsed() < PATIENCE && matches!(self.child.try_wait(), Ok(None)) {
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It fails if the process has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
