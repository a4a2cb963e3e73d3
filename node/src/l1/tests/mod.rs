//! The client against a real L1, with everything in between that can go wrong.

mod agreement;
mod anvil;
mod chain;
mod endpoints;
mod evidence;
mod faults;
mod following;
mod liars;
mod proxy;
mod sending;

use super::{
    ClientConfig, Follower, FollowerConfig, FollowerHandle, L1Client, RegistrySet, RegistryUpdate, StartError,
};
use crate::metrics;
use anvil::CHAIN_ID;
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};

/// How long anything may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(45);

fn counted() -> metrics::L1 {
    metrics::Metrics::new().0.l1.clone()
}

fn patient() -> Duration {
    Duration::from_secs(20)
}

fn client(urls: &[String], deadline: Duration) -> L1Client {
    client_with(urls, deadline, counted())
}

fn client_with(urls: &[String], deadline: Duration, metrics: metrics::L1) -> L1Client {
    let endpoints = urls.iter().map(|url| url.parse().unwrap()).collect();
    L1Client::new(ClientConfig { deadline, ..ClientConfig::new(endpoints, CHAIN_ID) }, metrics).unwrap()
}

/// A follower that runs until this is dropped.
struct Following {
    handle: FollowerHandle,
    result: JoinHandle<Result<(), StartError>>,
    metrics: metrics::L1,
    _stop: DropGuard,
}

impl Following {
    fn start(config: FollowerConfig, client: &L1Client) -> Self {
        let (metrics, stop) = (counted(), CancellationToken::new());
        let (follower, handle) = Follower::new(config, client.clone(), metrics.clone());
        let result = tokio::spawn(follower.run(stop.clone()));
        Self { handle, result, metrics, _stop: stop.drop_guard() }
    }

    async fn update(&mut self) -> RegistryUpdate {
        let status = self.handle.status.clone();
        match tokio::time::timeout(PATIENCE, self.handle.updates.recv()).await {
            Ok(update) => update.expect("the follower ended"),
            Err(_) => panic!("nothing is told: {:?}", *status.borrow()),
        }
    }

    async fn set(&mut self) -> RegistrySet {
        match self.update().await {
            RegistryUpdate::Set(set) => set,
            other @ RegistryUpdate::Reverted { .. } => panic!("{other:?}"),
        }
    }

    /// Waits until everything up to this block was read and checked.
    async fn reads(&mut self, number: u64) {
        let reached = self.handle.status.wait_for(|status| status.confirmed.is_some_and(|at| at.number >= number));
        tokio::time::timeout(PATIENCE, reached).await.expect("L1 is not read so far").unwrap();
    }

    /// Waits until the last look failed in this way.
    async fn fails(&mut self, why: &str) {
        let failing = self.handle.status.wait_for(|status| status.last_error.as_ref().is_some_and(|e| e.contains(why)));
        if tokio::time::timeout(PATIENCE, failing).await.is_err() {
            panic!("not {why:?} but {:?}", *self.handle.status.borrow());
        }
    }

    fn nothing_is_told(&mut self) {
        assert!(self.handle.updates.try_recv().is_err());
    }
}

/// Waits for what others do.
async fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let began = Instant::now();
    while !condition() {
        assert!(began.elapsed() < PATIENCE, "still not: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
