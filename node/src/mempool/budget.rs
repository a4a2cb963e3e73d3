//! Room for transactions on their way to the pool.

use super::error::PoolError;
use alloy_primitives::B256;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

/// Bytes that one unit of room stands for.
const UNIT: usize = 1_024;

/// Room for transactions between a caller and the pool, in KiB; a transaction takes one at least.
#[derive(Clone, Debug)]
pub(super) struct Budget {
    units: Arc<Semaphore>,
    size: usize,
}

/// Room taken; given back when the last transaction of the batch is answered.
pub(super) type Room = Arc<OwnedSemaphorePermit>;

impl Budget {
    pub(super) fn new(units: u32) -> Self {
        Self { units: Arc::new(Semaphore::new(units as usize)), size: units as usize }
    }

    /// The room that a transaction of so many bytes takes.
    pub(super) const fn units_for(bytes: usize) -> usize {
        1 + bytes / UNIT
    }

    /// All of it.
    pub(super) const fn size(&self) -> usize {
        self.size
    }

    /// Takes room, waiting for it.
    pub(super) async fn take(&self, units: usize) -> Result<Room, PoolError> {
        let units = u32::try_from(units).map_err(|_| PoolError::Overloaded)?;
        Ok(Arc::new(self.units.clone().acquire_many_owned(units).await.map_err(|_| PoolError::Closed)?))
    }

    /// Takes room if there is some.
    pub(super) fn try_take(&self, units: usize) -> Option<Room> {
        self.units.clone().try_acquire_many_owned(u32::try_from(units).ok()?).ok().map(Arc::new)
    }
}

/// The way back to whoever handed in a transaction. Dropped unanswered, it says that the node shuts down.
#[derive(Debug)]
pub(super) struct Reply {
    sender: oneshot::Sender<Result<B256, PoolError>>,
    _room: Room,
}

impl Reply {
    pub(super) fn new(room: Room) -> (Self, oneshot::Receiver<Result<B256, PoolError>>) {
        let (sender, receiver) = oneshot::channel();
        (Self { sender, _room: room }, receiver)
    }

    /// Answers; a caller that has gone away is no matter.
    pub(super) fn send(self, result: Result<B256, PoolError>) {
        _ = self.sender.send(result);
    }
}
