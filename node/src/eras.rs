//! Which era the node is in, for all of its parts that check signatures: the engine says it, the others read it.

use baton_consensus::{reign::Reign, signing::SigningContext, types::Era};
use baton_storage::Store;
use eyre::{OptionExt, WrapErr};
use std::sync::Arc;
use tokio::sync::watch;

/// Where the engine says which era it is in.
#[derive(Debug)]
pub struct CurrentEra(watch::Sender<Arc<Reign>>);

/// What is read of it. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Eras(watch::Receiver<Arc<Reign>>);

impl CurrentEra {
    /// The node is in this era.
    #[must_use]
    pub fn new(reign: Reign) -> (Self, Eras) {
        let (sender, receiver) = watch::channel(Arc::new(reign));
        (Self(sender), Eras(receiver))
    }

    /// The era as it is now.
    #[must_use]
    pub fn get(&self) -> Arc<Reign> {
        Arc::clone(&self.0.borrow())
    }

    /// The next one was opened.
    pub fn open(&self, reign: Reign) {
        self.0.send_replace(Arc::new(reign));
    }
}

impl Eras {
    /// The era as it is now.
    #[must_use]
    pub fn get(&self) -> Arc<Reign> {
        Arc::clone(&self.0.borrow())
    }

    /// Waits for another era than the one that was last waited for, and returns it. Never returns once the engine is gone.
    pub async fn next(&mut self) -> Arc<Reign> {
        if self.0.changed().await.is_err() {
            return std::future::pending().await;
        }
        Arc::clone(&self.0.borrow_and_update())
    }
}

/// The era that the database is in: that of genesis, or the one that the newest set change opened.
///
/// # Errors
/// If the disk refuses or the database is damaged.
pub fn restore(store: &Store, genesis: Reign, context: SigningContext) -> eyre::Result<Reign> {
    let Some(change) = store.newest_set_change()? else { return Ok(genesis) };
    let reign = change.reign(context).wrap_err("the newest set change in the database is damaged")?;
    let ended = store.set_change(Era(reign.era().0.saturating_sub(1)))?;
    ended.ok_or_eyre("the set changes in the database are not in order")?;
    Ok(reign)
}
