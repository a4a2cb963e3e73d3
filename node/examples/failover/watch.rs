//! Watching what each node says is sealed and final, and when.

use crate::{
    mesh::{Contact, Contacts},
    timeline::Timeline,
};
use alloy_primitives::U64;
use eyre::{WrapErr, bail, ensure};
use jsonrpsee::{
    core::client::{ClientT, SubscriptionClientT},
    rpc_params,
    ws_client::{WsClient, WsClientBuilder},
};
use serde::Deserialize;
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use tokio::task::JoinSet;

/// How often a node is asked for its finalized block, for which there is no subscription.
const POLL: Duration = Duration::from_millis(20);

/// The pause before a node that is down is tried again.
const RETRY: Duration = Duration::from_millis(20);

/// How long a node may take to answer.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Heads that may wait to be written down.
const BACKLOG: usize = 1024;

/// What one node said.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) sealed: Timeline,
    pub(crate) finalized: Timeline,
}

/// What one node said, written while it is read.
#[derive(Clone, Debug, Default)]
pub(crate) struct Record(Arc<Mutex<Seen>>);

impl Record {
    /// What is written, for a short moment.
    pub(crate) fn seen(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A header or a block, as far as it matters here.
#[derive(Debug, Deserialize)]
struct Head {
    number: U64,
}

/// Watches all nodes until the tasks are dropped.
pub(crate) fn start(tasks: &mut JoinSet<()>, contacts: &Contacts, nodes: usize) -> Vec<Record> {
    let watch_one = |node| {
        let (contacts, record) = (contacts.clone(), Record::default());
        let written = record.clone();
        tasks.spawn(async move {
            loop {
                if let Some(contact) = contacts.get(node) {
                    // Whatever the failure, the node is down or to be asked again.
                    let _ = watch(&contact, &written).await;
                }
                tokio::time::sleep(RETRY).await;
            }
        });
        record
    };
    (0..nodes).map(watch_one).collect()
}

async fn watch(contact: &Contact, record: &Record) -> eyre::Result<()> {
    let builder = WsClientBuilder::default().request_timeout(TIMEOUT).max_buffer_capacity_per_subscription(BACKLOG);
    let connection = builder.build(format!("ws://{}", contact.rpc)).await?;
    tokio::try_join!(sealed(&connection, record), finalized(&connection, record))?;
    Ok(())
}

/// Every new head is announced once the node has committed it under its seal.
async fn sealed(connection: &WsClient, record: &Record) -> eyre::Result<()> {
    let heads = connection.subscribe::<Head, _>("eth_subscribe", rpc_params!["newHeads"], "eth_unsubscribe");
    let mut heads = heads.await?;
    // Nothing is announced of the head that is there already.
    let height: U64 = connection.request("eth_blockNumber", rpc_params![]).await?;
    record.seen().sealed.note(Instant::now(), height.to());
    while let Some(head) = heads.next().await {
        let head = head.wrap_err("a node announced a block that is not one")?;
        record.seen().sealed.note(Instant::now(), head.number.to());
    }
    bail!("the subscription ended")
}

async fn finalized(connection: &WsClient, record: &Record) -> eyre::Result<()> {
    loop {
        let block: Option<Head> = connection.request("eth_getBlockByNumber", rpc_params!["finalized", false]).await?;
        if let Some(block) = block {
            record.seen().finalized.note(Instant::now(), block.number.to());
        }
        tokio::time::sleep(POLL).await;
    }
}

/// Waits until something above `height` was seen to be final.
pub(crate) async fn until_final(record: &Record, height: u64) -> eyre::Result<()> {
    let started = Instant::now();
    while record.seen().finalized.highest() <= height {
        ensure!(started.elapsed() < TIMEOUT * 2, "its watcher saw nothing final above {height}");
        tokio::time::sleep(POLL).await;
    }
    Ok(())
}
