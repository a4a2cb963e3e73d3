//! States of final blocks that stay readable however far the chain goes on.
//!
//! A snapshot of RocksDB borrows the database, so it lives on the stack of a thread of its own, and what is to be read is sent
//! there. The thread ends with the last handle, or when the store is closed.

use crate::{error::StorageError, store::Store, view::StateView};
use baton_consensus::types::{BlockRef, Height};
use std::{
    collections::BTreeMap,
    fmt,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc},
    thread,
};

/// How many states can be pinned at a time.
pub const MAX_PINS: usize = 8;

/// The state after one final block, for as long as a clone of this lives. Cheap to clone.
///
/// It costs a thread, and on disk whatever the chain overwrites meanwhile: compaction keeps every value that was current when
/// the state was pinned. That is at most the size of the state once more, and about what the chain writes to state and trie
/// while the pin lives.
#[derive(Clone)]
pub struct PinnedState {
    pin: Arc<Pin>,
}

struct Pin {
    block: BlockRef,
    jobs: mpsc::Sender<Job>,
}

/// What the thread of a pin is told.
enum Job {
    Read(Box<dyn FnOnce(&StateView<'_>) + Send>),
    End,
}

impl Store {
    /// Pins the state after the final block at `height`.
    ///
    /// # Errors
    /// [`StorageError::NotFinal`] if the block may still be reverted, [`StorageError::TooManyPins`] beyond [`MAX_PINS`],
    /// [`StorageError::PinEnded`] once the store is being closed, and what [`Store::view_at`] says.
    pub fn pin(&self, height: Height) -> Result<PinnedState, StorageError> {
        let finalized = self.finalized();
        if height > finalized.height {
            return Err(StorageError::NotFinal { height, finalized });
        }
        let (jobs, queue) = mpsc::channel();
        let registered = Registered { store: self.clone(), id: self.pins().register(&jobs)? };
        let (tell, told) = mpsc::sync_channel(1);
        let work = move || {
            let failed = match registered.store.view_at(height) {
                Ok(view) => {
                    if tell.send(Ok(view.head())).is_ok() {
                        serve(&view, &queue);
                    }
                    None
                }
                Err(error) => Some(error),
            };
            // Whoever is told that there is no pin may close the store at once.
            drop(registered);
            if let Some(error) = failed {
                let _ = tell.send(Err(error));
            }
        };
        thread::Builder::new().name(format!("pin {height}")).spawn(work).map_err(|source| StorageError::Io {
            action: "start a thread for the pinned state of",
            path: self.path().to_path_buf(),
            source,
        })?;
        let block = told.recv().map_err(|_| StorageError::PinEnded)??;
        Ok(PinnedState { pin: Arc::new(Pin { block, jobs }) })
    }
}

/// Does what it is told until the end.
fn serve(view: &StateView<'_>, queue: &mpsc::Receiver<Job>) {
    while let Ok(Job::Read(job)) = queue.recv() {
        job(view);
    }
}

impl PinnedState {
    /// The block whose state this is.
    #[must_use]
    pub fn block(&self) -> BlockRef {
        self.pin.block
    }

    /// Reads the state with `work`, one caller at a time, and waits for what it gives. If `work` panics, so does this; the pin
    /// stays.
    ///
    /// # Errors
    /// [`StorageError::PinEnded`] once the store is being closed.
    pub fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&StateView<'_>) -> T + Send + 'static,
    ) -> Result<T, StorageError> {
        let (tell, told) = mpsc::sync_channel(1);
        let job = move |view: &StateView<'_>| {
            // The caller waits for it, unless it is gone.
            let _ = tell.send(catch_unwind(AssertUnwindSafe(|| work(view))));
        };
        self.pin.jobs.send(Job::Read(Box::new(job))).map_err(|_| StorageError::PinEnded)?;
        match told.recv() {
            Ok(Ok(result)) => Ok(result),
            Ok(Err(panic)) => resume_unwind(panic),
            Err(_) => Err(StorageError::PinEnded),
        }
    }
}

impl fmt::Debug for PinnedState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PinnedState({})", self.block())
    }
}

impl Drop for Pin {
    fn drop(&mut self) {
        // The registry holds a sender as well, so the end must be said.
        let _ = self.jobs.send(Job::End);
    }
}

/// The pins of a store.
#[derive(Default)]
pub(crate) struct Pins {
    state: Mutex<Registry>,
}

#[derive(Default)]
struct Registry {
    next: u64,
    threads: BTreeMap<u64, mpsc::Sender<Job>>,
    is_closed: bool,
}

impl Pins {
    fn register(&self, jobs: &mpsc::Sender<Job>) -> Result<u64, StorageError> {
        let mut registry = self.lock();
        if registry.is_closed {
            return Err(StorageError::PinEnded);
        }
        if registry.threads.len() >= MAX_PINS {
            return Err(StorageError::TooManyPins { most: MAX_PINS });
        }
        let id = registry.next;
        registry.next += 1;
        registry.threads.insert(id, jobs.clone());
        Ok(id)
    }

    /// Ends all pins as soon as what they read now is read, and lets no other begin.
    pub(crate) fn close(&self) {
        let mut registry = self.lock();
        registry.is_closed = true;
        for jobs in registry.threads.values() {
            // Without a receiver the thread is gone already.
            let _ = jobs.send(Job::End);
        }
    }

    /// What is guarded is changed in single steps: a panic left nothing half done.
    fn lock(&self) -> MutexGuard<'_, Registry> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place among the pins of a store, which it keeps open.
struct Registered {
    store: Store,
    id: u64,
}

impl Drop for Registered {
    fn drop(&mut self) {
        self.store.pins().lock().threads.remove(&self.id);
    }
}
