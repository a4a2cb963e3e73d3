//! One endpoint and its health.

use super::{
    EndpointUrl,
    error::{EndpointError, ErrorKind, Failure},
    http::{self, Bounds},
};
use crate::metrics;
use alloy_primitives::U64;
use serde::Serialize;
use serde_json::{Value, json};
use std::{
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};
use tracing::{debug, error, info, warn};

/// The rest after a first failure; it doubles with each that follows.
const FIRST_REST: Duration = Duration::from_millis(200);

/// The longest rest after failures: how late the end of an outage is noticed at most.
const LONGEST_REST: Duration = Duration::from_secs(8);

/// The rest of an endpoint that asks for one without saying how long.
const RATE_LIMIT_REST: Duration = Duration::from_secs(2);

/// The rest of one that is not to be trusted for now: another chain, or contradicting answers.
const SET_ASIDE: Duration = Duration::from_secs(60);

/// How an endpoint does, for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EndpointStatus {
    /// Its host.
    pub name: String,
    /// Whether it is used at the moment.
    pub usable: bool,
    /// What it did wrong last, since it last did right.
    pub last_error: Option<String>,
}

/// A server of L1.
#[derive(Debug)]
pub(super) struct Endpoint {
    name: String,
    url: EndpointUrl,
    http: reqwest::Client,
    chain_id: u64,
    bounds: Bounds,
    questions: AtomicU64,
    health: Mutex<Health>,
}

#[derive(Debug, Default)]
struct Health {
    /// In a row.
    failures: u32,
    down_since: Option<Instant>,
    resting_until: Option<Instant>,
    /// Whether it was seen to serve the right chain; asked again after failures.
    right_chain: bool,
    /// Whether it is set aside for what it says.
    distrusted: bool,
    last_error: Option<String>,
}

impl Endpoint {
    pub(super) fn new(name: String, url: EndpointUrl, http: reqwest::Client, chain_id: u64, bounds: Bounds) -> Self {
        let (questions, health) = (AtomicU64::new(1), Mutex::default());
        Self { name, url, http, chain_id, bounds, questions, health }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn is_usable(&self) -> bool {
        self.health().resting_until.is_none_or(|until| until <= Instant::now())
    }

    /// Whether it was set aside for what it says, and has not answered since.
    pub(super) fn is_distrusted(&self) -> bool {
        self.health().distrusted
    }

    /// How many failures it had in a row.
    pub(super) fn failures(&self) -> u32 {
        self.health().failures
    }

    /// For how long it has been failing.
    pub(super) fn down_for(&self) -> Option<Duration> {
        self.health().down_since.map(|since| since.elapsed())
    }

    /// How long it rests still.
    pub(super) fn rest(&self) -> Duration {
        let until = self.health().resting_until;
        until.map_or(Duration::ZERO, |until| until.saturating_duration_since(Instant::now()))
    }

    pub(super) fn status(&self) -> EndpointStatus {
        let (name, usable) = (self.name.clone(), self.is_usable());
        EndpointStatus { name, usable, last_error: self.health().last_error.clone() }
    }

    /// Asks this endpoint, after making sure that it serves the right chain.
    pub(super) async fn ask(
        &self,
        method: &'static str,
        params: &Value,
        metrics: &metrics::L1,
    ) -> Result<Value, EndpointError> {
        if !self.is_usable() {
            let last = self.health().last_error.clone().unwrap_or_default();
            return Err(self.error(method, Failure::Resting(last)));
        }
        let result = match self.check_chain().await {
            Ok(()) => self.send(method, params).await,
            Err(failure) => Err(failure),
        };
        match result {
            Ok(value) => {
                self.did_right();
                Ok(value)
            }
            Err(failure) => Err(self.did_wrong(method, failure, metrics)),
        }
    }

    /// The answer to a question was not what it has to be.
    pub(super) fn answered_nonsense(
        &self,
        method: &'static str,
        problem: impl std::fmt::Display,
        metrics: &metrics::L1,
    ) -> EndpointError {
        self.did_wrong(method, Failure::Malformed(problem.to_string()), metrics)
    }

    /// Its answers contradict each other, or those of others: it is not asked for a while.
    pub(super) fn set_aside(&self, reason: &str, metrics: &metrics::L1) {
        metrics.l1_endpoint_errors.get(ErrorKind::Contradiction).inc();
        error!(endpoint = self.name, reason, "an L1 endpoint contradicts itself or others; it is set aside");
        let mut health = self.health();
        health.distrusted = true;
        health.last_error = Some(reason.to_owned());
        health.resting_until = Some(Instant::now() + SET_ASIDE);
    }

    async fn send(&self, method: &'static str, params: &Value) -> Result<Value, Failure> {
        let id = self.questions.fetch_add(1, Relaxed);
        http::ask(&self.http, &self.url, self.bounds, (id, method, params)).await
    }

    async fn check_chain(&self) -> Result<(), Failure> {
        if self.health().right_chain {
            return Ok(());
        }
        let answer = self.send("eth_chainId", &json!([])).await?;
        let actual: U64 = serde_json::from_value(answer).map_err(|error| Failure::Malformed(error.to_string()))?;
        let (actual, expected) = (actual.to(), self.chain_id);
        if actual != expected {
            return Err(Failure::WrongChain { expected, actual });
        }
        self.health().right_chain = true;
        Ok(())
    }

    fn did_right(&self) {
        let mut health = self.health();
        if health.failures > 0 {
            info!(endpoint = self.name, "the L1 endpoint answers again");
        }
        *health = Health { right_chain: health.right_chain, ..Health::default() };
    }

    fn did_wrong(&self, method: &'static str, failure: Failure, metrics: &metrics::L1) -> EndpointError {
        if let Some(kind) = failure.kind() {
            metrics.l1_endpoint_errors.get(kind).inc();
        }
        let failure = match failure {
            // An answer all the same.
            Failure::Refused { .. } => {
                debug!(endpoint = self.name, method, error = %failure, "an L1 endpoint refused a call");
                return self.error(method, failure);
            }
            other => other,
        };
        let mut health = self.health();
        let rest = match &failure {
            Failure::WrongChain { .. } => SET_ASIDE,
            Failure::RateLimited { retry_after } => {
                retry_after.unwrap_or_else(|| RATE_LIMIT_REST.saturating_mul(1 << health.failures.min(5)))
            }
            _ => FIRST_REST.saturating_mul(1 << health.failures.min(10)).min(LONGEST_REST),
        };
        match (&failure, health.failures) {
            (Failure::WrongChain { .. }, _) => {
                error!(endpoint = self.name, error = %failure, "an L1 endpoint is unusable");
            }
            (_, 0) => warn!(endpoint = self.name, method, error = %failure, "an L1 endpoint failed"),
            (_, failures) => {
                debug!(endpoint = self.name, method, failures, error = %failure, "an L1 endpoint fails still");
            }
        }
        health.failures = health.failures.saturating_add(1);
        health.down_since.get_or_insert_with(Instant::now);
        health.last_error = Some(failure.to_string());
        health.right_chain = false;
        health.distrusted |= matches!(failure, Failure::WrongChain { .. });
        health.resting_until = Some(Instant::now() + jittered(rest));
        drop(health);
        self.error(method, failure)
    }

    fn error(&self, method: &'static str, failure: Failure) -> EndpointError {
        EndpointError { endpoint: self.name.clone(), method, failure }
    }

    fn health(&self) -> MutexGuard<'_, Health> {
        self.health.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Up to a quarter longer, so that many nodes do not come back at once.
pub(super) fn jittered(span: Duration) -> Duration {
    span.mul_f64(rand::random_range(1.0..1.25))
}
