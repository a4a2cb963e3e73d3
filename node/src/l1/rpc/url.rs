//! The address of an endpoint, whose secrets are for the endpoint alone.

use reqwest::Url;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::{fmt, str::FromStr};
use thiserror::Error;

/// Parts of a path or a query that are shorter than this are words, not keys.
const SHORTEST_SECRET: usize = 8;

/// An HTTP(S) URL of a JSON-RPC server. Providers put API keys into its path, its query or its user name, so that it shows
/// itself as host and port only.
#[derive(Clone, PartialEq, Eq)]
pub struct EndpointUrl(Url);

/// Text that is no address of a JSON-RPC server. It is not repeated: it may hold a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum InvalidUrl {
    /// No URL at all.
    #[error("the address of an L1 endpoint is not a URL such as https://host/path")]
    NotAUrl,
    /// A scheme other than HTTP or HTTPS.
    #[error("the address of an L1 endpoint must begin with http:// or https://")]
    Scheme,
}

impl EndpointUrl {
    /// Where requests go.
    pub(super) fn as_url(&self) -> Url {
        self.0.clone()
    }

    pub(super) fn is_https(&self) -> bool {
        self.0.scheme() == "https"
    }

    /// Takes what may be a key of this URL out of a text that an endpoint wrote.
    pub(super) fn redact(&self, text: &str) -> String {
        let url = &self.0;
        let path = url.path_segments().into_iter().flatten().map(str::to_owned);
        let query = url.query_pairs().map(|(_, value)| value.into_owned());
        let raw = url.query().map(str::to_owned);
        let user = [Some(url.username().to_owned()), url.password().map(str::to_owned)].into_iter().flatten();
        let mut text = text.replace(url.as_str(), &self.to_string());
        let short = |secret: &String, least: usize| secret.len() >= least;
        let guessed = path.chain(query).chain(raw).filter(|secret| short(secret, SHORTEST_SECRET));
        for secret in guessed.chain(user.filter(|secret| short(secret, 1))) {
            text = text.replace(&secret, "***");
        }
        text
    }
}

impl FromStr for EndpointUrl {
    type Err = InvalidUrl;

    fn from_str(text: &str) -> Result<Self, InvalidUrl> {
        let url: Url = text.trim().parse().map_err(|_| InvalidUrl::NotAUrl)?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(InvalidUrl::Scheme);
        }
        Ok(Self(url))
    }
}

/// In full: a configuration file is where keys are kept.
impl Serialize for EndpointUrl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.as_str())
    }
}

impl<'de> Deserialize<'de> for EndpointUrl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

impl fmt::Display for EndpointUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.host_str().unwrap_or("?"))?;
        match self.0.port() {
            Some(port) => write!(f, ":{port}"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for EndpointUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EndpointUrl({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_not_shown() {
        let url: EndpointUrl =
            "https://alice:pw@l1.example:8443/v3/0123456789abcdef?apikey=fedcba9876543210".parse().unwrap();
        assert_eq!(url.to_string(), "l1.example:8443");
        assert_eq!(format!("{url:?}"), "EndpointUrl(l1.example:8443)");
        let told = url.redact(&format!("{} and 0123456789abcdef, fedcba9876543210 of alice with pw", url.as_url()));
        assert_eq!(serde_json::from_str::<EndpointUrl>(&serde_json::to_string(&url).unwrap()).unwrap(), url);
        assert_eq!(told, "l1.example:8443 and ***, *** of *** with ***");
    }

    #[test]
    fn only_http_is_spoken() {
        assert_eq!("l1.example/secret".parse::<EndpointUrl>(), Err(InvalidUrl::NotAUrl));
        assert_eq!("ws://l1.example/secret".parse::<EndpointUrl>(), Err(InvalidUrl::Scheme));
        assert!(!InvalidUrl::Scheme.to_string().contains("secret"));
    }
}
