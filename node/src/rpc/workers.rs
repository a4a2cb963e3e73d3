//! Blocking work on behalf of callers, bounded so that no amount of requests starves consensus.

use super::errors::{RpcError, RpcResult};
use std::{sync::Arc, time::Duration};
use tokio::sync::Semaphore;

/// How much may run at once, and for how long.
#[derive(Clone, Copy, Debug)]
pub struct WorkLimits {
    /// Database look-ups that run at once.
    pub reads: usize,
    /// Executions and scans that run at once.
    pub executions: usize,
    /// How long a request waits for its turn, and then again for its result.
    pub timeout: Duration,
}

impl Default for WorkLimits {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
        Self { reads: cores * 4, executions: cores.div_ceil(2), timeout: Duration::from_secs(10) }
    }
}

/// Which queue a piece of work waits in.
#[derive(Clone, Copy, Debug)]
pub(super) enum Work {
    /// A few look-ups.
    Read,
    /// An execution, or a scan of many blocks.
    Execution,
}

/// Runs blocking work on threads of its own, a bounded number at once.
#[derive(Clone, Debug)]
pub(super) struct Workers {
    reads: Arc<Semaphore>,
    executions: Arc<Semaphore>,
    timeout: Duration,
}

impl Workers {
    pub(super) fn new(limits: WorkLimits) -> Self {
        let WorkLimits { reads, executions, timeout } = limits;
        Self {
            reads: Arc::new(Semaphore::new(reads.max(1))),
            executions: Arc::new(Semaphore::new(executions.max(1))),
            timeout,
        }
    }

    /// Runs `work` when its turn comes. A result that takes too long is given up: the work, which has bounds of its own (gas,
    /// ranges), runs to its end and keeps its place in the queue until then.
    ///
    /// # Errors
    /// What the work says, or that the node is too busy, or that the time is over.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        kind: Work,
        work: impl FnOnce() -> RpcResult<T> + Send + 'static,
    ) -> RpcResult<T> {
        let queue = match kind {
            Work::Read => &self.reads,
            Work::Execution => &self.executions,
        };
        let permit = tokio::time::timeout(self.timeout, Arc::clone(queue).acquire_owned())
            .await
            .map_err(|_| RpcError::limit("the node is busy with other requests; try again later"))?
            .map_err(RpcError::internal)?;
        let task = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            work()
        });
        match tokio::time::timeout(self.timeout, task).await {
            Ok(Ok(result)) => result,
            Ok(Err(panic)) => Err(RpcError::internal(panic)),
            Err(_) => Err(RpcError::refused(format!("execution timed out after {:?}", self.timeout))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn workers(timeout: Duration) -> Workers {
        Workers::new(WorkLimits { reads: 1, executions: 1, timeout })
    }

    #[tokio::test]
    async fn work_beyond_the_time_limit_is_given_up_and_keeps_its_place() {
        let workers = workers(Duration::from_millis(20));
        let slow = workers.run(Work::Execution, || {
            std::thread::sleep(Duration::from_millis(150));
            Ok(())
        });
        assert_eq!(slow.await.unwrap_err().code(), -32000);
        assert_eq!(workers.run(Work::Execution, || Ok(())).await.unwrap_err().code(), -32005);
        assert_eq!(workers.run(Work::Read, || Ok(7)).await.unwrap(), 7);
    }

    #[tokio::test]
    async fn a_panic_is_an_internal_error() {
        let result: RpcResult<()> = workers(Duration::from_secs(5)).run(Work::Read, || panic!("bug")).await;
        assert_eq!(result.unwrap_err().code(), -32603);
    }
}
