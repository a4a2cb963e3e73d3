//! One member's client interface: the JSON gateway of etcd's API, version 3.
//!
//! Keys are numbers of eight digits, taken as base64, which is how the gateway wants bytes: every such text is the base64
//! of six bytes, and they sort as the numbers do.

use eyre::{WrapErr, eyre};
use serde_json::{Value, json};
use std::time::Duration;

/// How long a look may take; an unhealthy member needs longer than a healthy one to say so.
const LOOK_TIMEOUT: Duration = Duration::from_secs(2);

/// What a member says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Status {
    pub(crate) member: u64,
    /// 0 if it knows none.
    pub(crate) leader: u64,
    pub(crate) term: u64,
    /// How far it has applied the log.
    pub(crate) applied: u64,
}

/// How to talk to one member.
#[derive(Clone, Debug)]
pub(crate) struct Endpoint {
    http: reqwest::Client,
    url: String,
}

impl Endpoint {
    pub(crate) fn new(port: u16) -> eyre::Result<Self> {
        let http = reqwest::Client::builder().tcp_nodelay(true).no_proxy().build()?;
        Ok(Self { http, url: format!("http://127.0.0.1:{port}") })
    }

    /// Puts the key of this number; an error unless the member says within `deadline` that it is committed.
    pub(crate) async fn put(&self, key: u64, deadline: Duration) -> eyre::Result<()> {
        let key = json!({ "key": key_text(key), "value": key_text(key) });
        self.ask("/v3/kv/put", &key, deadline).await.map(drop)
    }

    pub(crate) async fn status(&self) -> eyre::Result<Status> {
        let answer = self.ask("/v3/maintenance/status", &json!({}), LOOK_TIMEOUT).await?;
        // Numbers of 64 bits are texts, and those that are 0 are left out.
        let number = |value: &Value| match value {
            Value::Null => Ok(0),
            value => value.as_str().and_then(|text| text.parse().ok()).ok_or_else(|| eyre!("{value} is no number")),
        };
        Ok(Status {
            member: number(&answer["header"]["member_id"])?,
            leader: number(&answer["leader"])?,
            term: number(&answer["raftTerm"])?,
            applied: number(&answer["raftAppliedIndex"])?,
        })
    }

    /// Whether the member can commit.
    pub(crate) async fn is_healthy(&self) -> bool {
        let answer = self.http.get(format!("{}/health", self.url)).timeout(LOOK_TIMEOUT).send().await;
        let Ok(answer) = answer else { return false };
        answer.json::<Value>().await.is_ok_and(|answer| answer["health"] == "true")
    }

    /// Which of the keys from `from` to below `to` are there, by a read that goes through the leader.
    pub(crate) async fn keys(&self, from: u64, to: u64) -> eyre::Result<Vec<u64>> {
        let range = json!({ "key": key_text(from), "range_end": key_text(to), "keys_only": true });
        let answer = self.ask("/v3/kv/range", &range, LOOK_TIMEOUT * 10).await?;
        let pairs = answer["kvs"].as_array().map(Vec::as_slice).unwrap_or_default();
        let key = |pair: &Value| pair["key"].as_str().and_then(|text| text.parse().ok());
        pairs.iter().map(|pair| key(pair).ok_or_else(|| eyre!("{pair} has no key of ours"))).collect()
    }

    async fn ask(&self, path: &str, question: &Value, deadline: Duration) -> eyre::Result<Value> {
        let request = self.http.post(format!("{}{path}", self.url)).json(question).timeout(deadline);
        let answer = request.send().await.wrap_err_with(|| format!("cannot reach {}", self.url))?;
        Ok(answer.error_for_status()?.json().await?)
    }
}

fn key_text(number: u64) -> String {
    format!("{number:08}")
}
