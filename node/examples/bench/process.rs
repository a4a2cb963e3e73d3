//! A child process that never outlives this one, and the processor time that it took.

use eyre::{WrapErr, eyre};
use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

/// Ticks a second in `/proc`: the same on all of Linux.
const TICKS: f64 = 100.0;

/// How long a process may take to end by itself.
const PATIENCE: Duration = Duration::from_secs(10);

/// A child process. Dropping it kills it.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts `command`; its output goes to `log`.
    pub(crate) fn start(command: &mut Command, log: &Path) -> eyre::Result<Self> {
        let file = File::create(log).wrap_err_with(|| format!("cannot create {}", log.display()))?;
        command.stdin(Stdio::piped()).stdout(file.try_clone()?).stderr(file);
        let child = command.spawn().wrap_err_with(|| format!("cannot start {:?}", command.get_program()))?;
        Ok(Self { child, log: log.to_owned() })
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

    /// Its processor time until now, user and system, in seconds.
    pub(crate) fn cpu(&self) -> eyre::Result<f64> {
        cpu_of(self.child.id())
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

/// The processor time of a process, user and system, in seconds (proc(5): fields 14 and 15).
pub(crate) fn cpu_of(process: u32) -> eyre::Result<f64> {
    let path = format!("/proc/{process}/stat");
    let stat = fs::read_to_string(&path).wrap_err_with(|| format!("cannot read {path}"))?;
    // The second field, a name in parentheses, may hold anything.
    let (_, fields) = stat.rsplit_once(')').ok_or_else(|| eyre!("{path} is malformed"))?;
    let ticks: Option<Vec<f64>> = fields.split_whitespace().skip(11).take(2).map(|text| text.parse().ok()).collect();
    let ticks = ticks.ok_or_else(|| eyre!("{path} is malformed"))?;
    Ok(ticks.iter().sum::<f64>() / TICKS)
}

/// The time that all processors together were busy since the start of the machine, in seconds (proc(5): `/proc/stat`).
pub(crate) fn busy() -> eyre::Result<f64> {
    let stat = fs::read_to_string("/proc/stat").wrap_err("cannot read /proc/stat")?;
    let first = stat.lines().next().unwrap_or_default().split_whitespace().skip(1);
    let fields: Vec<f64> = first.filter_map(|text| text.parse().ok()).collect();
    // user, nice, system; idle and waiting left out; interrupts. What guests take is in user and nice.
    match fields.as_slice() {
        [user, nice, system, _, _, interrupts, soft, ..] => Ok((user + nice + system + interrupts + soft) / TICKS),
        _ => Err(eyre!("/proc/stat is malformed")),
    }
}
