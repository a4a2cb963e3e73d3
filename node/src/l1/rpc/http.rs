//! One JSON-RPC call over HTTP: a deadline, a bound, and a verdict on whatever comes back.

use super::{EndpointUrl, error::Failure, error::contains};
use alloy_primitives::Bytes;
use reqwest::{StatusCode, header::RETRY_AFTER, redirect};
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};
use std::time::Duration;

/// The longest rest that an endpoint can ask for.
const LONGEST_REST: Duration = Duration::from_secs(120);

/// The longest message of an endpoint that is repeated, in characters.
const LONGEST_MESSAGE: usize = 300;

/// The bounds of a call.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// From connecting to the last byte.
    pub(super) deadline: Duration,
    /// The largest answer, in bytes.
    pub(super) max_bytes: usize,
}

/// A connection pool. Redirects are not followed: a key would go with them. Only HTTPS needs the system's certificates.
pub(super) fn client(https: bool) -> Result<reqwest::Client, reqwest::Error> {
    let builder = reqwest::Client::builder().tcp_nodelay(true).redirect(redirect::Policy::none());
    if https { builder.build() } else { builder.tls_certs_only([]).build() }
}

/// Asks, and waits at most until the deadline.
pub(super) async fn ask(
    http: &reqwest::Client,
    url: &EndpointUrl,
    bounds: Bounds,
    (id, method, params): (u64, &'static str, &Value),
) -> Result<Value, Failure> {
    let question = json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params });
    let answer = async {
        let response = http.post(url.as_url()).json(&question).send().await.map_err(|error| unreachable(url, error))?;
        let status = response.status();
        if status == StatusCode::TOO_MANY_REQUESTS {
            return Err(Failure::RateLimited { retry_after: retry_after(&response) });
        }
        let body = read(response, url, bounds.max_bytes).await?;
        // Some servers answer errors of JSON-RPC with a status of their own.
        match parse(&body, id, url) {
            Err(Failure::Malformed(_)) if !status.is_success() => Err(Failure::Status(status.as_u16())),
            other => other,
        }
    };
    tokio::time::timeout(bounds.deadline, answer).await.unwrap_or(Err(Failure::Timeout(bounds.deadline)))
}

fn unreachable(url: &EndpointUrl, error: reqwest::Error) -> Failure {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    Failure::Unreachable(readable(&text, url))
}

fn retry_after(response: &reqwest::Response) -> Option<Duration> {
    let seconds: u64 = response.headers().get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds).min(LONGEST_REST))
}

async fn read(mut response: reqwest::Response, url: &EndpointUrl, max_bytes: usize) -> Result<Vec<u8>, Failure> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| unreachable(url, error))? {
        if body.len() + chunk.len() > max_bytes {
            return Err(Failure::TooLarge(max_bytes));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    id: Value,
    /// A null is an answer, too.
    #[serde(default, deserialize_with = "present")]
    result: Option<Value>,
    #[serde(default)]
    error: Option<RpcError>,
}

#[derive(Deserialize)]
struct RpcError {
    code: i64,
    #[serde(default)]
    message: String,
    #[serde(default)]
    data: Value,
}

fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

fn parse(body: &[u8], id: u64, url: &EndpointUrl) -> Result<Value, Failure> {
    let malformed = |what: &str| Failure::Malformed(readable(what, url));
    let answer: Answer = serde_json::from_slice(body).map_err(|error| malformed(&error.to_string()))?;
    if let Some(RpcError { code, message, data }) = answer.error {
        if is_rate_limit(code, &message) {
            return Err(Failure::RateLimited { retry_after: None });
        }
        let data = data.as_str().and_then(|data| data.parse::<Bytes>().ok()).unwrap_or_default();
        return Err(Failure::Refused { code, message: readable(&message, url), data });
    }
    if answer.id.as_u64() != Some(id) {
        return Err(malformed("it answers another question"));
    }
    answer.result.ok_or_else(|| malformed("neither a result nor an error"))
}

/// Providers agree on no code: some use −32005 for this and for ranges that are too wide.
fn is_rate_limit(code: i64, message: &str) -> bool {
    let words = ["rate limit", "too many requests", "request limit", "requests per", "compute units", "throttl"];
    let range = ["range", "results", "logs", "block"];
    code == 429 || contains(message, &words) || (code == -32005 && !contains(message, &range))
}

/// What an endpoint wrote, for people: without keys, control characters and excess.
fn readable(text: &str, url: &EndpointUrl) -> String {
    let text = url.redact(text);
    text.chars().filter(|character| !character.is_control()).take(LONGEST_MESSAGE).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(body: &str) -> Result<Value, Failure> {
        parse(body.as_bytes(), 7, &"http://l1.example/0123456789abcdef".parse().unwrap())
    }

    #[test]
    fn null_is_an_answer_and_nothing_is_none() {
        assert_eq!(answer(r#"{"jsonrpc":"2.0","id":7,"result":null}"#), Ok(Value::Null));
        assert!(matches!(answer(r#"{"jsonrpc":"2.0","id":7}"#), Err(Failure::Malformed(_))));
        assert!(matches!(answer(r#"{"jsonrpc":"2.0","id":8,"result":1}"#), Err(Failure::Malformed(_))));
        assert!(matches!(answer("<html>"), Err(Failure::Malformed(_))));
        assert!(matches!(answer("[]"), Err(Failure::Malformed(_))));
    }

    #[test]
    fn limits_on_requests_and_on_ranges_are_told_apart() {
        let error = |code: i64, message: &str| {
            answer(&format!(r#"{{"jsonrpc":"2.0","id":null,"error":{{"code":{code},"message":"{message}"}}}}"#))
        };
        let limited = Err(Failure::RateLimited { retry_after: None });
        assert_eq!(error(-32005, "limit exceeded"), limited);
        assert_eq!(error(429, "slow down"), limited);
        assert_eq!(error(-32000, "Too Many Requests"), limited);
        assert!(matches!(error(-32005, "query returned more than 10000 results"), Err(Failure::Refused { .. })));
        assert!(matches!(error(-32602, "block range is too wide"), Err(Failure::Refused { .. })));
    }

    #[test]
    fn what_an_endpoint_says_is_cut_and_cleaned() {
        let body = format!(
            r#"{{"id":7,"error":{{"code":3,"message":"key 0123456789abcdef\n{}","data":"0x01"}}}}"#,
            "x".repeat(1000)
        );
        let Err(Failure::Refused { message, data, .. }) = answer(&body) else { panic!() };
        assert!(message.starts_with("key ***x") && message.len() == LONGEST_MESSAGE, "{message}");
        assert_eq!(data, Bytes::from_static(&[1]));
    }
}
