//! Every task has a name and an overseer: the end of a critical one ends the node, loudly.

use eyre::{WrapErr, eyre};
use std::{future::Future, time::Duration};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

/// How long tasks may take to end once they are asked to.
const PATIENCE: Duration = Duration::from_secs(10);

/// Runs the node's critical tasks.
#[derive(Debug, Default)]
pub struct Supervisor {
    tasks: JoinSet<(&'static str, eyre::Result<()>)>,
    shutdown: CancellationToken,
}

impl Supervisor {
    /// What tells tasks to stop.
    #[must_use]
    pub fn shutdown(&self) -> CancellationToken {
        self.shutdown.clone()
    }

    /// Runs a critical task on the runtime.
    pub fn spawn(&mut self, name: &'static str, task: impl Future<Output = eyre::Result<()>> + Send + 'static) {
        let task = tokio::spawn(task);
        self.tasks.spawn(async move {
            let result = task.await.wrap_err("it panicked").and_then(|result| result);
            (name, result)
        });
    }

    /// Runs a critical task on a thread of its own, where it may block.
    ///
    /// # Errors
    /// If the thread cannot be started.
    pub fn spawn_thread(
        &mut self,
        name: &'static str,
        task: impl Future<Output = eyre::Result<()>> + Send + 'static,
    ) -> eyre::Result<()> {
        let (done, result) = tokio::sync::oneshot::channel();
        let runtime = tokio::runtime::Handle::current();
        std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || {
                // The overseer is gone only if the node is gone.
                let _ = done.send(runtime.block_on(task));
            })
            .wrap_err_with(|| format!("cannot start the thread of the {name}"))?;
        self.tasks.spawn(async move {
            let result = result.await.unwrap_or_else(|_| Err(eyre!("it panicked")));
            (name, result)
        });
        Ok(())
    }

    /// Does something that the rest of the node waits for, as long as the tasks that run go on.
    ///
    /// # Errors
    /// What made a task end before it was asked to.
    pub async fn during<T>(&mut self, work: impl Future<Output = T>) -> eyre::Result<T> {
        tokio::select! {
            done = work => Ok(done),
            Some(ended) = self.tasks.join_next() => {
                Err(describe(ended).unwrap_or_else(|| eyre!("a task ended, which it never should")))
            }
        }
    }

    /// Waits until `stop` resolves or a task ends, then ends all of them.
    ///
    /// # Errors
    /// What made a task end before it was asked to.
    pub async fn oversee(mut self, stop: impl Future<Output = ()>) -> eyre::Result<()> {
        let mut failure = None;
        tokio::select! {
            () = stop => {}
            Some(ended) = self.tasks.join_next() => failure = describe(ended),
        }
        self.shutdown.cancel();
        let drain = async {
            while let Some(ended) = self.tasks.join_next().await {
                if let Ok((name, Err(error))) = &ended {
                    error!(task = name, error = format!("{error:#}"), "a task failed while the node was stopping");
                }
            }
        };
        if tokio::time::timeout(PATIENCE, drain).await.is_err() {
            warn!("some tasks did not end in {PATIENCE:?}; they are abandoned");
        }
        match failure {
            Some(error) => Err(error),
            None => {
                info!("stopped");
                Ok(())
            }
        }
    }
}

fn describe(ended: Result<(&'static str, eyre::Result<()>), tokio::task::JoinError>) -> Option<eyre::Report> {
    Some(match ended {
        Ok((name, Err(error))) => error.wrap_err(format!("the {name} failed")),
        Ok((name, Ok(()))) => eyre!("the {name} ended, which it never should"),
        Err(error) => eyre!("a task was lost: {error}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_ends_the_node_with_the_task_named() {
        let mut supervisor = Supervisor::default();
        let shutdown = supervisor.shutdown();
        supervisor.spawn("patient", async move {
            shutdown.cancelled().await;
            Ok(())
        });
        supervisor.spawn("clumsy", async { panic!("oops") });
        let error = supervisor.oversee(std::future::pending()).await.unwrap_err();
        assert!(format!("{error:#}").contains("the clumsy failed: it panicked"), "{error:#}");
    }

    #[tokio::test]
    async fn a_stop_ends_every_task_without_an_error() {
        let mut supervisor = Supervisor::default();
        let shutdown = supervisor.shutdown();
        supervisor
            .spawn_thread("patient", async move {
                shutdown.cancelled().await;
                Ok(())
            })
            .unwrap();
        supervisor.oversee(async {}).await.unwrap();
    }
}
