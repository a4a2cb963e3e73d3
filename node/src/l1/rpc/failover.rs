//! Which endpoint is asked, and which one next.

use super::{
    EndpointStatus, EndpointUrl,
    endpoint::{Endpoint, jittered},
    error::{EndpointError, L1Error},
    http::{self, Bounds},
};
use crate::metrics;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::time::Duration;
use thiserror::Error;

/// How often all endpoints are tried before a call fails.
const ROUNDS: u32 = 3;

/// The pause before the second round; it doubles before the third.
const PAUSE: Duration = Duration::from_millis(250);

/// The longest rest of an endpoint that a call to that one alone waits for.
const SHORT_REST: Duration = Duration::from_secs(1);

/// The longest that a call waits for endpoints that rest.
const LONGEST_WAIT: Duration = Duration::from_secs(3);

/// What a client of L1 is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientConfig {
    /// JSON-RPC servers, the preferred ones first.
    pub endpoints: Vec<EndpointUrl>,
    /// The chain that all of them must serve.
    pub chain_id: u64,
    /// How long an endpoint may take to answer.
    pub deadline: Duration,
    /// The largest answer, in bytes.
    pub max_response_bytes: usize,
}

impl ClientConfig {
    /// Five seconds and 16 MiB an answer.
    #[must_use]
    pub const fn new(endpoints: Vec<EndpointUrl>, chain_id: u64) -> Self {
        Self { endpoints, chain_id, deadline: Duration::from_secs(5), max_response_bytes: 16 << 20 }
    }
}

/// A client that cannot be made.
#[derive(Debug, Error)]
pub enum ClientError {
    /// Nobody to ask.
    #[error("no L1 endpoint is named; name at least one")]
    NoEndpoints,
    /// The TLS library does not start.
    #[error("cannot set up HTTPS for L1: {0}; are the system's certificates installed (ca-certificates)?")]
    Http(#[from] reqwest::Error),
}

/// All endpoints.
#[derive(Debug)]
pub(super) struct Failover {
    endpoints: Vec<Endpoint>,
    metrics: metrics::L1,
}

impl Failover {
    pub(super) fn new(config: ClientConfig, metrics: metrics::L1) -> Result<Self, ClientError> {
        let ClientConfig { endpoints, chain_id, deadline, max_response_bytes } = config;
        if endpoints.is_empty() {
            return Err(ClientError::NoEndpoints);
        }
        let http = http::client(endpoints.iter().any(EndpointUrl::is_https))?;
        let bounds = Bounds { deadline, max_bytes: max_response_bytes };
        let names: Vec<_> = endpoints.iter().map(ToString::to_string).collect();
        let named = |(place, url): (usize, EndpointUrl)| {
            let name = &names[place];
            let twice = names.iter().filter(|other| *other == name).count() > 1;
            let name = if twice { format!("{name} (number {})", place + 1) } else { name.clone() };
            Endpoint::new(name, url, http.clone(), chain_id, bounds)
        };
        let endpoints = endpoints.into_iter().enumerate().map(named).collect();
        Ok(Self { endpoints, metrics })
    }

    pub(super) fn len(&self) -> usize {
        self.endpoints.len()
    }

    pub(super) fn get(&self, place: usize) -> Option<&Endpoint> {
        self.endpoints.get(place)
    }

    pub(super) const fn metrics(&self) -> &metrics::L1 {
        &self.metrics
    }

    pub(super) fn status(&self) -> Vec<EndpointStatus> {
        self.endpoints.iter().map(Endpoint::status).collect()
    }

    /// Asks one endpoint; again, if it fails in a way that may pass and needs no long rest.
    pub(super) async fn ask<T: DeserializeOwned>(
        &self,
        place: usize,
        method: &'static str,
        params: &Value,
    ) -> Result<T, L1Error> {
        let unavailable = |errors| L1Error::Unavailable { method, errors };
        let Some(endpoint) = self.endpoints.get(place) else { return Err(unavailable(Vec::new())) };
        let mut errors = Vec::new();
        for _ in 0..ROUNDS {
            let error = match self.ask_one(endpoint, method, params).await {
                Ok(value) => return Ok(value),
                Err(error) if error.is_final() => return Err(L1Error::Refused(error)),
                Err(error) => error,
            };
            let passes = error.may_pass() && endpoint.rest() <= SHORT_REST;
            errors.push(error);
            if !passes {
                break;
            }
            tokio::time::sleep(endpoint.rest()).await;
        }
        Err(unavailable(errors))
    }

    /// Asks one endpoint after the other, those that did right last first, until one answers.
    pub(super) async fn ask_any<T: DeserializeOwned>(
        &self,
        method: &'static str,
        params: &Value,
    ) -> Result<T, L1Error> {
        let mut errors = Vec::new();
        for round in 0..ROUNDS {
            if round > 0 {
                tokio::time::sleep(jittered(PAUSE * (1 << (round - 1))).max(self.soonest())).await;
            }
            let mut order: Vec<_> = self.endpoints.iter().collect();
            order.sort_by_key(|endpoint| (!endpoint.is_usable(), endpoint.failures()));
            for endpoint in order {
                match self.ask_one(endpoint, method, params).await {
                    Ok(value) => return Ok(value),
                    Err(error) if error.is_final() => return Err(L1Error::Refused(error)),
                    Err(error) => errors.push(error),
                }
            }
        }
        Err(L1Error::Unavailable { method, errors })
    }

    /// When the first endpoint can be asked again.
    fn soonest(&self) -> Duration {
        self.endpoints.iter().map(Endpoint::rest).min().unwrap_or_default().min(LONGEST_WAIT)
    }

    async fn ask_one<T: DeserializeOwned>(
        &self,
        endpoint: &Endpoint,
        method: &'static str,
        params: &Value,
    ) -> Result<T, EndpointError> {
        let value = endpoint.ask(method, params, &self.metrics).await?;
        serde_json::from_value(value).map_err(|problem| endpoint.answered_nonsense(method, problem, &self.metrics))
    }
}
