//! Batches whose requests run at the same time.
//!
//! JSON-RPC 2.0 (section 6) lets a server process the requests of a batch concurrently and in any order. jsonrpsee runs them
//! one after another, so that a batch of raw transactions would wait for as many acknowledgements in a row. Answers keep the
//! order of the requests; a transaction reaches the pool before those that come after it in the batch.

use super::errors::RpcError;
use futures::{StreamExt, future::BoxFuture, stream};
use jsonrpsee::{
    core::{
        middleware::{Batch, BatchEntry, BatchEntryErr, Notification, RpcServiceT},
        server::BatchResponseBuilder,
    },
    server::MethodResponse,
    types::{
        ErrorObjectOwned, Id, Request,
        error::{INTERNAL_ERROR_CODE, METHOD_NOT_FOUND_CODE},
    },
};

/// How many requests of one batch run at once.
const CONCURRENCY: usize = 1024;

/// The bounds of a batch.
#[derive(Clone, Copy, Debug)]
pub(super) struct BatchLimits {
    /// Requests in a batch.
    pub(super) requests: usize,
    /// Bytes of the whole answer.
    pub(super) response_bytes: usize,
}

/// Wraps the service that answers single requests.
#[derive(Clone, Debug)]
pub(super) struct ConcurrentBatches<S> {
    inner: S,
    limits: BatchLimits,
    unknown: Unknown,
}

/// What is said of a method that is not there.
pub(super) type Unknown = fn(&str) -> RpcError;

impl<S> ConcurrentBatches<S> {
    pub(super) const fn new(inner: S, limits: BatchLimits, unknown: Unknown) -> Self {
        Self { inner, limits, unknown }
    }
}

impl<S> ConcurrentBatches<S>
where
    Self: RpcServiceT<MethodResponse = MethodResponse>,
{
    /// The answer to one entry of a batch, to be awaited.
    fn answer<'a>(&self, entry: Result<BatchEntry<'a>, BatchEntryErr<'a>>) -> Option<BoxFuture<'a, MethodResponse>> {
        match entry {
            Ok(BatchEntry::Call(request)) => Some(Box::pin(self.call(request))),
            // A notification has no answer, and no method here has an effect but its answer.
            Ok(BatchEntry::Notification(_)) => None,
            Err(error) => {
                let (error, id) = error.into_parts();
                Some(Box::pin(std::future::ready(MethodResponse::error(id, error))))
            }
        }
    }
}

impl<S> RpcServiceT for ConcurrentBatches<S>
where
    S: RpcServiceT<
            MethodResponse = MethodResponse,
            BatchResponse = MethodResponse,
            NotificationResponse = MethodResponse,
        > + Clone
        + Send
        + Sync
        + 'static,
{
    type MethodResponse = MethodResponse;
    type NotificationResponse = MethodResponse;
    type BatchResponse = MethodResponse;

    fn call<'a>(&self, request: Request<'a>) -> impl Future<Output = MethodResponse> + Send + 'a {
        let (inner, unknown) = (self.inner.clone(), self.unknown);
        async move {
            let (id, method) = (request.id.clone(), request.method.clone());
            let response = inner.call(request).await;
            match response.as_error_code() {
                Some(METHOD_NOT_FOUND_CODE) => failure(id, unknown(&method)),
                // Over HTTP; jsonrpsee says no more than that it failed.
                Some(INTERNAL_ERROR_CODE) if matches!(&*method, "eth_subscribe" | "eth_unsubscribe") => {
                    failure(id, RpcError::refused("subscriptions need a WebSocket connection"))
                }
                _ => response,
            }
        }
    }

    fn batch<'a>(&self, batch: Batch<'a>) -> impl Future<Output = MethodResponse> + Send + 'a {
        let service = self.clone();
        async move {
            let BatchLimits { requests, response_bytes } = service.limits;
            if batch.len() > requests {
                let message = format!("the batch holds {} requests; at most {requests} are accepted", batch.len());
                return failure(Id::Null, RpcError::limit(message));
            }
            let mut answer = BatchResponseBuilder::new_with_limit(response_bytes);
            let notifications_only =
                !batch.is_empty() && batch.iter().all(|entry| matches!(entry, Ok(BatchEntry::Notification(_))));
            let calls: Vec<_> = batch.into_iter().filter_map(|entry| service.answer(entry)).collect();
            let mut responses = stream::iter(calls).buffered(CONCURRENCY);
            while let Some(response) = responses.next().await {
                if let Err(too_big) = answer.append(response) {
                    return too_big;
                }
            }
            if notifications_only {
                MethodResponse::notification()
            } else {
                MethodResponse::from_batch(answer.finish())
            }
        }
    }

    fn notification<'a>(&self, notification: Notification<'a>) -> impl Future<Output = MethodResponse> + Send + 'a {
        self.inner.notification(notification)
    }
}

fn failure(id: Id<'_>, error: RpcError) -> MethodResponse {
    MethodResponse::error(id, ErrorObjectOwned::from(error))
}
