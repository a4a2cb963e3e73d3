//! JSON-RPC over HTTP with connections that stay open.

use alloy_primitives::U64;
use eyre::{WrapErr, bail};
use serde_json::{Value, json};
use std::{net::SocketAddr, time::Duration};

/// One node's JSON-RPC.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    http: reqwest::Client,
    url: String,
}

impl Client {
    /// An answer may take as long as `timeout`.
    pub(crate) fn new(address: SocketAddr, timeout: Duration) -> eyre::Result<Self> {
        let http = reqwest::Client::builder().timeout(timeout).tcp_nodelay(true).no_proxy().build()?;
        Ok(Self { http, url: format!("http://{address}") })
    }

    /// Asks one question.
    pub(crate) async fn ask(&self, method: &str, params: Value) -> eyre::Result<Value> {
        let question = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        let answer = self.post(serde_json::to_vec(&question)?.into()).await?;
        let mut answer: Value = serde_json::from_slice(&answer).wrap_err_with(|| format!("{method}: no JSON"))?;
        match answer.get("error") {
            Some(error) => bail!("{method}: {error}"),
            None => Ok(answer["result"].take()),
        }
    }

    /// Asks for a number.
    pub(crate) async fn number(&self, method: &str, params: Value) -> eyre::Result<u64> {
        let answer = self.ask(method, params).await?;
        let number: U64 = serde_json::from_value(answer).wrap_err_with(|| format!("{method}: no number"))?;
        Ok(number.to())
    }

    /// Sends the body of a request as it is, and returns that of the answer.
    pub(crate) async fn post(&self, body: reqwest::Body) -> eyre::Result<Vec<u8>> {
        let request = self.http.post(&self.url).header("content-type", "application/json").body(body);
        let answer = request.send().await.wrap_err_with(|| format!("cannot reach {}", self.url))?;
        Ok(answer.error_for_status()?.bytes().await?.into())
    }
}
