//! Waiting for conditions.

use eyre::{bail, eyre};
use std::time::{Duration, Instant};

/// How often a condition is looked at.
const POLL: Duration = Duration::from_millis(50);

/// Asks until the answer is there. An error counts as "not yet", and is told when the time is over: the node that is asked
/// may be on its way up or down.
pub(crate) async fn until<T>(
    patience: Duration,
    what: &str,
    mut condition: impl AsyncFnMut() -> eyre::Result<Option<T>>,
) -> eyre::Result<T> {
    let started = Instant::now();
    loop {
        let last = match condition().await {
            Ok(Some(value)) => return Ok(value),
            Ok(None) => None,
            Err(error) => Some(error),
        };
        if started.elapsed() > patience {
            match last {
                Some(error) => return Err(error.wrap_err(eyre!("after {patience:?} still not: {what}"))),
                None => bail!("after {patience:?} still not: {what}"),
            }
        }
        tokio::time::sleep(POLL).await;
    }
}
