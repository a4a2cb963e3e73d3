//! A measurement from its start to its end, whatever ends it.

use eyre::{WrapErr, bail};
use std::path::Path;
use tokio::signal::unix::{SignalKind, signal};

/// Does `work` with a directory for chains and logs: `dir`, or a temporary one that is removed again unless the work fails.
pub(crate) fn run<T>(
    name: &str,
    dir: Option<&Path>,
    work: impl AsyncFnOnce(&Path) -> eyre::Result<T>,
) -> eyre::Result<T> {
    let temporary = tempfile::Builder::new().prefix(&format!("baton-{name}-")).tempdir();
    let temporary = temporary.wrap_err("cannot make a temporary directory")?;
    let place = dir.unwrap_or(temporary.path()).to_owned();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let outcome = runtime.block_on(async {
        // The children end with this function, which a signal would not let return.
        let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        tokio::select! {
            outcome = Box::pin(work(&place)) => outcome,
            _ = interrupt.recv() => bail!("interrupted"),
            _ = terminate.recv() => bail!("asked to end"),
        }
    });
    if outcome.is_err() && dir.is_none() {
        eprintln!("{name}: the logs are in {}", temporary.keep().display());
    }
    outcome
}
