//! JSON-RPC over HTTP with connections that stay open.

use crate::workload::Body;
use alloy_primitives::{U64, hex};
use eyre::{WrapErr, bail, eyre};
use serde_json::{Value, json};
use std::{net::SocketAddr, time::Duration};

/// How long an answer may take.
const TIMEOUT: Duration = Duration::from_secs(60);

/// How often a batch that was refused in part is sent again.
const ATTEMPTS: u32 = 50;

/// The pause before it is.
const PAUSE: Duration = Duration::from_millis(100);

/// One node's JSON-RPC.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    http: reqwest::Client,
    url: String,
}

impl Client {
    pub(crate) fn new(address: SocketAddr) -> eyre::Result<Self> {
        let http = reqwest::Client::builder().timeout(TIMEOUT).tcp_nodelay(true).no_proxy().build()?;
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

    /// Sends a batch of transactions until all of them are taken; returns how often it had to be sent again.
    pub(crate) async fn send(&self, body: &Body) -> eyre::Result<u32> {
        let mut refusal = String::new();
        for attempt in 0..ATTEMPTS {
            if attempt > 0 {
                tokio::time::sleep(PAUSE).await;
            }
            let answer = self.post(body.json.0.clone().into()).await?;
            match refusal_in(&answer)? {
                None => return Ok(attempt),
                Some(reason) => refusal = reason,
            }
        }
        bail!("a transaction is refused again and again: {refusal}")
    }

    async fn post(&self, body: reqwest::Body) -> eyre::Result<Vec<u8>> {
        let request = self.http.post(&self.url).header("content-type", "application/json").body(body);
        let answer = request.send().await.wrap_err_with(|| format!("cannot reach {}", self.url))?;
        Ok(answer.error_for_status()?.bytes().await?.into())
    }
}

/// Why a transaction of a batch was refused, if one was. One that is known already, or included, was not.
fn refusal_in(answer: &[u8]) -> eyre::Result<Option<String>> {
    const MARK: &[u8] = br#""error""#;
    // Parsing every answer would cost more than sending it.
    if !answer.windows(MARK.len()).any(|window| window == MARK) {
        return Ok(None);
    }
    let answer: Value =
        serde_json::from_slice(answer).wrap_err_with(|| hex::encode(&answer[..answer.len().min(64)]))?;
    let answers = answer.as_array().ok_or_else(|| eyre!("the batch was refused: {answer}"))?;
    let reasons = answers.iter().filter_map(|answer| answer["error"]["message"].as_str());
    let harmless = |reason: &str| {
        let reason = reason.to_lowercase();
        ["already known", "already imported", "nonce too low"].iter().any(|words| reason.contains(words))
    };
    Ok(reasons.filter(|reason| !harmless(reason)).map(str::to_owned).next())
}
