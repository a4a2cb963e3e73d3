//! Sending a batch of transactions until all of them are taken.

use crate::{client::Client, workload::Body};
use alloy_primitives::hex;
use eyre::{WrapErr, bail, eyre};
use serde_json::Value;
use std::time::Duration;

/// How often a batch that was refused in part is sent again.
const ATTEMPTS: u32 = 50;

/// The pause before it is.
const PAUSE: Duration = Duration::from_millis(100);

/// Sends a batch of transactions until all of them are taken; returns how often it had to be sent again.
pub(crate) async fn send(client: &Client, body: &Body) -> eyre::Result<u32> {
    let mut refusal = String::new();
    for attempt in 0..ATTEMPTS {
        if attempt > 0 {
            tokio::time::sleep(PAUSE).await;
        }
        let answer = client.post(body.json.0.clone().into()).await?;
        match refusal_in(&answer)? {
            None => return Ok(attempt),
            Some(reason) => refusal = reason,
        }
    }
    bail!("a transaction is refused again and again: {refusal}")
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
