//! How many networks run at once: each is several processes, and a test machine has few processors.

use eyre::WrapErr;
use std::{
    fs::{File, TryLockError},
    path::Path,
    time::Duration,
};

/// The most networks at once, over all test processes of this build.
const SLOTS: usize = 2;

/// The right to run a network, until it is dropped. A file lock: test runners may give every test a process of its own.
#[derive(Debug)]
pub(crate) struct Slot {
    _locks: Vec<File>,
}

impl Slot {
    /// No slot: for what runs beside a network that has one, and needs next to nothing.
    pub(crate) const fn none() -> Self {
        Self { _locks: Vec::new() }
    }

    /// Waits for one of the slots.
    pub(crate) async fn take() -> eyre::Result<Self> {
        loop {
            for index in 0..SLOTS {
                if let Some(lock) = try_lock(index)? {
                    return Ok(Self { _locks: vec![lock] });
                }
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Waits for all slots, for a test that measures time. In order, so that two of them do not wait for each other.
    pub(crate) async fn take_all() -> eyre::Result<Self> {
        let mut locks = Vec::new();
        while locks.len() < SLOTS {
            match try_lock(locks.len())? {
                Some(lock) => locks.push(lock),
                None => tokio::time::sleep(Duration::from_millis(100)).await,
            }
        }
        Ok(Self { _locks: locks })
    }
}

fn try_lock(index: usize) -> eyre::Result<Option<File>> {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("e2e-slot-{index}"));
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .wrap_err_with(|| format!("cannot open {}", path.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error).wrap_err_with(|| format!("cannot lock {}", path.display())),
    }
}
