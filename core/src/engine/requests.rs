//! How authorization requests may come to the server, and how the answers may go.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value;

use crate::model::Client;

/// Pushed authorization requests (RFC 9126): a client sends the parameters of a request to the server itself, and the browser only a
/// reference. [`Builder::pushed_requests`](crate::Builder::pushed_requests) takes it.
///
/// ```
/// use std::time::Duration;
///
/// use gridauth::engine::PushedRequests;
///
/// let only_pushed = PushedRequests::new().required().lifetime(Duration::from_secs(30));
/// ```
#[derive(Clone, Debug)]
pub struct PushedRequests {
    is_required: bool,
    lifetime: Duration,
}

impl PushedRequests {
    /// Clients may push their requests. One whose metadata has `require_pushed_authorization_requests` must.
    pub fn new() -> Self {
        Self { is_required: false, lifetime: Duration::from_secs(60) }
    }

    /// Every client must push its requests.
    #[must_use]
    pub fn required(mut self) -> Self {
        self.is_required = true;
        self
    }

    /// Sets how long a browser may take to bring the reference: a minute by default. From then on the user has half an hour to sign in
    /// and to decide.
    #[must_use]
    pub fn lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = lifetime;
        self
    }

    /// Whether every client must push its requests.
    pub fn is_required(&self) -> bool {
        self.is_required
    }

    pub(crate) fn expires_in(&self) -> Duration {
        self.lifetime
    }
}

impl Default for PushedRequests {
    fn default() -> Self {
        Self::new()
    }
}

/// Request objects (RFC 9101, OpenID Connect Core section 6): a client signs the parameters of a request with a key of its metadata
/// (`jwks`, `jwks_uri`). [`Builder::signed_requests`](crate::Builder::signed_requests) takes it.
///
/// An object comes by value (`request`), or from a URL that the client has registered in its `request_uris`. Encrypted and unsigned ones
/// are refused.
///
/// ```
/// use gridauth::engine::SignedRequests;
///
/// let by_value_only = SignedRequests::new().by_reference(false);
/// ```
#[derive(Clone, Debug)]
pub struct SignedRequests {
    is_required: bool,
    by_reference: bool,
}

impl SignedRequests {
    /// Clients may sign their requests. One whose metadata has `require_signed_request_object` must.
    pub fn new() -> Self {
        Self { is_required: false, by_reference: true }
    }

    /// Every client must sign its requests.
    #[must_use]
    pub fn required(mut self) -> Self {
        self.is_required = true;
        self
    }

    /// Sets whether the server fetches a request object from a URL that the client has registered: it does by default.
    #[must_use]
    pub fn by_reference(mut self, yes: bool) -> Self {
        self.by_reference = yes;
        self
    }

    /// Whether every client must sign its requests.
    pub fn is_required(&self) -> bool {
        self.is_required
    }

    /// Whether a request object may be at a URL.
    pub fn is_by_reference(&self) -> bool {
        self.by_reference
    }
}

impl Default for SignedRequests {
    fn default() -> Self {
        Self::new()
    }
}

/// What the server takes, and what it and its clients demand.
#[derive(Default)]
pub(crate) struct RequestRules {
    pushed: Option<PushedRequests>,
    signed: Option<SignedRequests>,
    /// Whether answers may be signed (JARM).
    pub(crate) signs_answers: bool,
    under_way: Arc<Mutex<HashMap<Box<str>, usize>>>,
}

/// Members of a client's metadata by which it demands a protection.
const MUST_PUSH: &str = "require_pushed_authorization_requests";
const MUST_SIGN: &str = "require_signed_request_object";

/// How many requests by reference of one client are fetched at a time. Whoever names a client makes the server ask for them.
const AT_A_TIME: usize = 8;

impl RequestRules {
    pub(crate) fn new(
        pushed: Option<PushedRequests>,
        signed: Option<SignedRequests>,
        signs_answers: bool,
    ) -> Self {
        Self { pushed, signed, signs_answers, under_way: Arc::default() }
    }

    /// The rules of pushed requests, if the server takes them.
    pub(crate) fn pushed(&self) -> Option<&PushedRequests> {
        self.pushed.as_ref()
    }

    /// The rules of request objects, if the server takes them.
    pub(crate) fn signed(&self) -> Option<&SignedRequests> {
        self.signed.as_ref()
    }

    /// The demands of clients that the server can meet.
    pub(crate) fn met(&self) -> Vec<&'static str> {
        let pushed = self.pushed.as_ref().map(|_| MUST_PUSH);
        let signed = self.signed.as_ref().map(|_| MUST_SIGN);
        pushed.into_iter().chain(signed).collect()
    }

    /// Whether this client's requests have to be pushed.
    pub(crate) fn must_be_pushed(&self, client: &Client) -> bool {
        self.pushed.as_ref().is_some_and(PushedRequests::is_required) || demands(client, MUST_PUSH)
    }

    /// Whether this client's requests have to be signed.
    pub(crate) fn must_be_signed(&self, client: &Client) -> bool {
        self.signed.as_ref().is_some_and(SignedRequests::is_required) || demands(client, MUST_SIGN)
    }

    /// Lets a request by reference of this client be fetched, until the permit is dropped; `None` if too many are under way.
    pub(crate) fn fetching(&self, client_id: &str) -> Option<FetchPermit> {
        let mut under_way = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        let count = under_way.entry(client_id.into()).or_default();
        if *count >= AT_A_TIME {
            return None;
        }
        *count += 1;
        Some(FetchPermit { client_id: client_id.into(), under_way: Arc::clone(&self.under_way) })
    }
}

fn demands(client: &Client, member: &str) -> bool {
    client.metadata_value(member) == Some(&Value::Bool(true))
}

/// One of a client's requests by reference is being fetched.
pub(crate) struct FetchPermit {
    client_id: Box<str>,
    under_way: Arc<Mutex<HashMap<Box<str>, usize>>>,
}

impl Drop for FetchPermit {
    fn drop(&mut self) {
        let mut under_way = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = under_way.get_mut(&self.client_id) {
            *count -= 1;
            if *count == 0 {
                under_way.remove(&self.client_id);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_requests_of_one_client_are_fetched_at_a_time() {
        let rules = RequestRules::default();
        let permits: Vec<_> = (0..AT_A_TIME).map(|_| rules.fetching("web").unwrap()).collect();
        assert!(rules.fetching("web").is_none());
        assert!(rules.fetching("spa").is_some());
        drop(permits);
        assert!(rules.fetching("web").is_some() && rules.under_way.lock().unwrap().is_empty());
    }
}
