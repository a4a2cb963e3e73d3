//! Which web pages may call the server from a browser.
//!
//! A browser asks for leave (CORS) before it posts JSON to another origin, but not before it opens a WebSocket: it only says
//! from which origin. So both are checked here. Other programs send no origin and are not concerned.

use super::server::RpcStartError;
use futures::future::{Either, Ready, ready};
use jsonrpsee::server::{HttpRequest, HttpResponse, http::response, ws::is_upgrade_request};
use std::{
    sync::Arc,
    task::{Context, Poll},
};
use tower::Service;
use tower_http::cors::{AllowOrigin, Any, CorsLayer};

/// The origins that are allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Origins {
    /// All of them.
    All,
    /// These, as browsers write them.
    These(Arc<[String]>),
}

impl Origins {
    /// Reads the operator's list; `*` stands for all.
    ///
    /// # Errors
    /// [`RpcStartError::Origin`] names what is no origin.
    pub(super) fn parse(list: &[String]) -> Result<Self, RpcStartError> {
        if list.iter().any(|origin| origin == "*") {
            return Ok(Self::All);
        }
        let checked = list.iter().map(|origin| {
            let trimmed = origin.trim_end_matches('/');
            let host = trimmed.strip_prefix("https://").or_else(|| trimmed.strip_prefix("http://"));
            match host {
                Some(host) if !host.is_empty() && host.chars().all(is_host_character) => {
                    Ok(trimmed.to_ascii_lowercase())
                }
                _ => Err(RpcStartError::Origin(origin.clone())),
            }
        });
        Ok(Self::These(checked.collect::<Result<_, _>>()?))
    }

    /// What answers the browser's question; nothing if no page may ask.
    pub(super) fn cors(&self) -> Option<CorsLayer> {
        let allowed = match self {
            Self::All => AllowOrigin::any(),
            Self::These(list) if list.is_empty() => return None,
            Self::These(list) => AllowOrigin::list(list.iter().filter_map(|origin| origin.parse().ok())),
        };
        Some(CorsLayer::new().allow_origin(allowed).allow_methods(Any).allow_headers(Any))
    }

    /// Whether a request that names this origin may open a WebSocket.
    fn allows(&self, origin: &[u8]) -> bool {
        match self {
            Self::All => true,
            Self::These(list) => list.iter().any(|allowed| allowed.as_bytes().eq_ignore_ascii_case(origin)),
        }
    }
}

fn is_host_character(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '.' | '-' | ':' | '[' | ']')
}

/// Refuses WebSockets of pages that are not allowed.
#[derive(Clone, Debug)]
pub(super) struct OriginGuard<S> {
    inner: S,
    origins: Origins,
}

impl<S> OriginGuard<S> {
    pub(super) const fn new(inner: S, origins: Origins) -> Self {
        Self { inner, origins }
    }
}

impl<S, B> Service<HttpRequest<B>> for OriginGuard<S>
where
    S: Service<HttpRequest<B>, Response = HttpResponse>,
{
    type Response = HttpResponse;
    type Error = S::Error;
    type Future = Either<Ready<Result<HttpResponse, S::Error>>, S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: HttpRequest<B>) -> Self::Future {
        let origin = request.headers().get("origin");
        if is_upgrade_request(&request) && origin.is_some_and(|origin| !self.origins.allows(origin.as_bytes())) {
            return Either::Left(ready(Ok(response::denied())));
        }
        Either::Right(self.inner.call(request))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(list: &[&str]) -> Result<Origins, RpcStartError> {
        Origins::parse(&list.iter().map(|&origin| origin.to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn origins_are_checked() {
        assert_eq!(parse(&["https://a.example", "*"]).unwrap(), Origins::All);
        let origins = parse(&["https://Example.org/", "http://localhost:3000"]).unwrap();
        assert!(origins.cors().is_some());
        assert!(origins.allows(b"https://example.org") && origins.allows(b"http://localhost:3000"));
        assert!(!origins.allows(b"https://example.org.evil.net") && !origins.allows(b"null"));
        for wrong in ["example.org", "https://", "https://\n", "ftp://example.org", "https://example.org/path"] {
            assert!(matches!(parse(&[wrong]), Err(RpcStartError::Origin(_))), "{wrong}");
        }
    }

    #[test]
    fn without_a_list_no_page_may_call() {
        let origins = parse(&[]).unwrap();
        assert!(origins.cors().is_none() && !origins.allows(b"http://localhost"));
    }
}
