//! `eth_subscribe`: news over WebSocket.
//!
//! A subscription never waits for its client. When the client's buffer is full, or it lags so far behind that events are
//! lost, its subscription ends with an error: a gap that nobody mentions would be worse.

use super::{
    super::{
        context::Rpc,
        convert,
        errors::{RpcError, RpcResult},
        params::Arguments,
    },
    logs,
};
use crate::{
    chain::{HeadEvent, NewHead},
    mempool::PooledTransaction,
};
use alloy_rpc_types_eth::Filter;
use jsonrpsee::{
    PendingSubscriptionSink, RpcModule, SubscriptionSink,
    core::{RegisterMethodError, SubscriptionError},
    types::Params,
};
use serde::Serialize;
use std::sync::Arc;
use tokio::sync::broadcast::{Receiver, error::RecvError};

pub(super) fn register(module: &mut RpcModule<Rpc>) -> Result<(), RegisterMethodError> {
    module.register_subscription(
        "eth_subscribe",
        "eth_subscription",
        "eth_unsubscribe",
        |params, pending, rpc, _| async move { subscribe(&params, pending, rpc).await },
    )?;
    Ok(())
}

/// What a client follows.
enum Topic {
    NewHeads,
    Logs(Box<Filter>),
    PendingTransactions { full: bool },
}

fn topic(params: &Params<'_>) -> RpcResult<Topic> {
    let mut arguments = Arguments::new(params, 2)?;
    let kind: String = arguments.required("kind")?;
    match kind.as_str() {
        "newHeads" => Ok(Topic::NewHeads),
        "logs" => {
            let filter: Filter = arguments.optional("filter")?.unwrap_or_default();
            logs::check(&filter)?;
            Ok(Topic::Logs(Box::new(filter)))
        }
        "newPendingTransactions" => {
            Ok(Topic::PendingTransactions { full: arguments.optional("full transactions")?.unwrap_or(false) })
        }
        other => Err(RpcError::invalid_params(format!(
            "no \"{other}\" subscription in eth namespace: newHeads, logs and newPendingTransactions are supported"
        ))),
    }
}

async fn subscribe(
    params: &Params<'_>,
    pending: PendingSubscriptionSink,
    rpc: Arc<Rpc>,
) -> Result<(), SubscriptionError> {
    let topic = match topic(params) {
        Ok(topic) => topic,
        Err(error) => {
            pending.reject(error).await;
            return Ok(());
        }
    };
    // Listening begins before the client learns of it, so that nothing is missed in between.
    match topic {
        Topic::NewHeads => {
            let events = rpc.node.heads.subscribe();
            follow(pending, events, |event, sink| match event {
                HeadEvent::Committed(head) => send(sink, &convert::header(head.header.clone())),
                HeadEvent::Reverted(_) => Ok(()),
            })
            .await
        }
        Topic::Logs(filter) => {
            let events = rpc.node.heads.subscribe();
            follow(pending, events, move |event, sink| match event {
                HeadEvent::Committed(head) => send_logs(sink, &head, &filter, false),
                HeadEvent::Reverted(head) => send_logs(sink, &head, &filter, true),
            })
            .await
        }
        Topic::PendingTransactions { full } => {
            let events = rpc.node.pool.subscribe();
            follow(pending, events, move |pooled: Arc<PooledTransaction>, sink| {
                if full {
                    let transaction = convert::pending_transaction(&pooled);
                    send(sink, &transaction)
                } else {
                    send(sink, &pooled.hash())
                }
            })
            .await
        }
    }
}

/// Passes every event on until the client leaves, cannot keep up, or the source ends.
async fn follow<E: Clone>(
    pending: PendingSubscriptionSink,
    mut events: Receiver<E>,
    mut pass_on: impl FnMut(E, &mut SubscriptionSink) -> Result<(), SubscriptionError>,
) -> Result<(), SubscriptionError> {
    let Ok(mut sink) = pending.accept().await else { return Ok(()) };
    loop {
        let event = tokio::select! {
            () = sink.closed() => return Ok(()),
            event = events.recv() => event,
        };
        match event {
            Ok(event) => pass_on(event, &mut sink)?,
            Err(RecvError::Lagged(missed)) => return Err(too_slow(&format!("{missed} events were lost"))),
            Err(RecvError::Closed) => return Ok(()),
        }
    }
}

fn send_logs(
    sink: &mut SubscriptionSink,
    head: &NewHead,
    filter: &Filter,
    removed: bool,
) -> Result<(), SubscriptionError> {
    if head.logs.is_empty() || !logs::may_match(head.header.logs_bloom, filter) {
        return Ok(());
    }
    for mut log in logs::matching(&head.header, head.header.hash(), &head.logs, filter) {
        log.removed = removed;
        send(sink, &log)?;
    }
    Ok(())
}

fn send(sink: &mut SubscriptionSink, value: &impl Serialize) -> Result<(), SubscriptionError> {
    let message = serde_json::value::to_raw_value(value)?;
    sink.try_send(message).map_err(|_| too_slow("its buffer is full"))
}

fn too_slow(what: &str) -> SubscriptionError {
    SubscriptionError::from(format!("the client is too slow, {what}: the subscription ended"))
}
