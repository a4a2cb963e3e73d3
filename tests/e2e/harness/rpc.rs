//! JSON-RPC over HTTP, by hand: the tests also send what no client library would.

use alloy_primitives::{Address, B256, Bytes, U64};
use alloy_rpc_types_eth::{Block, TransactionReceipt};
use eyre::{OptionExt, WrapErr};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};
use std::{sync::LazyLock, time::Duration};
use thiserror::Error;

/// How long an answer may take.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Connections belong to the runtime of the test that made them: they are not kept between requests.
static HTTP: LazyLock<Result<reqwest::Client, reqwest::Error>> =
    LazyLock::new(|| reqwest::Client::builder().no_proxy().pool_max_idle_per_host(0).timeout(TIMEOUT).build());

/// An error that the server answered with.
#[derive(Clone, Debug, PartialEq, Eq, Error, Deserialize)]
#[error("{message} ({code})")]
pub(crate) struct Refusal {
    pub(crate) code: i64,
    pub(crate) message: String,
}

/// A server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rpc {
    pub(crate) url: String,
}

impl Rpc {
    pub(crate) fn new(address: impl std::fmt::Display) -> Self {
        Self { url: format!("http://{address}") }
    }

    /// Sends a body as it is and returns the answer as it is.
    pub(crate) async fn post(&self, body: impl Into<String>) -> eyre::Result<Value> {
        let http = HTTP.as_ref().map_err(|error| eyre::eyre!("no HTTP client: {error}"))?;
        let request = http.post(&self.url).header("content-type", "application/json").body(body.into());
        let text = request.send().await.wrap_err_with(|| format!("cannot reach {}", self.url))?.text().await?;
        serde_json::from_str(&text).wrap_err_with(|| format!("not JSON: {text}"))
    }

    /// Calls a method. A [`Refusal`] is at the root of the error if the server refused.
    pub(crate) async fn ask<T: DeserializeOwned>(&self, method: &str, params: Value) -> eyre::Result<T> {
        let request = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        let mut answer = self.post(request.to_string()).await?;
        if let Some(error) = answer.get("error") {
            let refusal: Refusal = serde_json::from_value(error.clone())?;
            return Err(eyre::Report::new(refusal).wrap_err(format!("{method}{params}")));
        }
        let result = answer.get_mut("result").map(Value::take).ok_or_eyre("neither result nor error")?;
        serde_json::from_value(result.clone()).wrap_err_with(|| format!("the answer to {method} is odd: {result}"))
    }

    /// The number of the head.
    pub(crate) async fn height(&self) -> eyre::Result<u64> {
        Ok(self.ask::<U64>("eth_blockNumber", json!([])).await?.to())
    }

    /// A block, its transactions by hash.
    pub(crate) async fn block(&self, number: u64) -> eyre::Result<Option<Block>> {
        self.ask("eth_getBlockByNumber", json!([U64::from(number), false])).await
    }

    /// Sends a signed transaction.
    pub(crate) async fn send(&self, raw: &Bytes) -> eyre::Result<B256> {
        self.ask("eth_sendRawTransaction", json!([raw])).await
    }

    pub(crate) async fn receipt(&self, transaction: B256) -> eyre::Result<Option<TransactionReceipt>> {
        self.ask("eth_getTransactionReceipt", json!([transaction])).await
    }

    pub(crate) async fn nonce(&self, account: Address) -> eyre::Result<u64> {
        Ok(self.ask::<U64>("eth_getTransactionCount", json!([account, "latest"])).await?.to())
    }

    /// `baton_status`, as it is.
    pub(crate) async fn status(&self) -> eyre::Result<Value> {
        self.ask("baton_status", json!([])).await
    }
}
