use std::sync::{Arc, Mutex};

use super::possession::Possession;
use super::{
    Guard, GuardId, Inner, Rejection, RejectionBody, ScopeDescription, ShapeRejection, TokenVerifier, Tokens,
};
use crate::env::{Clock, SystemClock, SystemEntropy};
use crate::events::{EventRecord, Events, Listener};
use crate::http::TrustedProxies;
use crate::protocol::Issuer;
use crate::sender::PublicUrls;
#[cfg(feature = "jose")]
use crate::sender::{Dpop, DpopNonces, Seen};
use crate::store::Store;

/// Configures a [`Guard`]; [`build`](Self::build) makes it.
pub struct GuardBuilder {
    issuer: String,
    realm: Option<String>,
    audience: Vec<String>,
    clock: Arc<dyn Clock>,
    tokens: Option<Tokens>,
    shape_rejection: Option<ShapeRejection>,
    scopes: Vec<ScopeDescription>,
    base_urls: Vec<String>,
    strips_issuer_path: bool,
    trusted_proxies: TrustedProxies,
    #[cfg(feature = "jose")]
    nonces: Option<DpopNonces>,
    listeners: Vec<Listener>,
    events: Option<Events>,
}

/// Why a guard cannot be built.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GuardError {
    /// The issuer is not a valid issuer identifier.
    #[error("the issuer: {0}")]
    Issuer(&'static str),
    /// The realm has a character that is not allowed in a challenge.
    #[error("the realm must be printable ASCII without quotes and backslashes")]
    Realm,
    /// A base URL is not an absolute URL in its normal form.
    #[error("a base URL: {0}")]
    BaseUrl(&'static str),
    /// There is no randomness for the ids and digests in events.
    #[error("no randomness available: {0}")]
    Entropy(String),
    /// The guard has neither a store nor a verifier.
    #[error("the guard cannot check tokens: call .store(..) or .verifier(..)")]
    NoTokens,
}

impl Guard {
    /// Starts a guard for the tokens of this issuer (RFC 8414 section 2).
    pub fn builder(issuer: impl Into<String>) -> GuardBuilder {
        GuardBuilder {
            issuer: issuer.into(),
            realm: None,
            audience: Vec::new(),
            clock: Arc::new(SystemClock),
            tokens: None,
            shape_rejection: None,
            scopes: Vec::new(),
            base_urls: Vec::new(),
            strips_issuer_path: false,
            trusted_proxies: TrustedProxies::default(),
            #[cfg(feature = "jose")]
            nonces: None,
            listeners: Vec::new(),
            events: None,
        }
    }
}

impl GuardBuilder {
    /// Sets the store in which the issuer has its grants.
    #[must_use]
    pub fn store(mut self, store: Store) -> Self {
        self.tokens = Some(Tokens::Rows(store));
        self
    }

    /// Sets a verifier, which checks tokens without a store.
    #[must_use]
    pub fn verifier(mut self, verifier: impl TokenVerifier) -> Self {
        self.tokens = Some(Tokens::Verifier(Arc::new(verifier)));
        self
    }

    /// Sets the realm in challenges (RFC 9110 section 11.5): the issuer by default.
    #[must_use]
    pub fn realm(mut self, realm: impl Into<String>) -> Self {
        self.realm = Some(realm.into());
        self
    }

    /// Adds a protected resource that this guard stands for (RFC 8707). Without any it stands for the issuer. A token for other
    /// resources is rejected; a token that names no resource is for the issuer and all its resources.
    #[must_use]
    pub fn resource(mut self, resource: impl Into<String>) -> Self {
        self.audience.push(resource.into());
        self
    }

    /// Sets the body of rejections. If the closure returns `None`, the default body is used. Status and challenge do not depend on
    /// it.
    #[must_use]
    pub fn rejection_body(
        self,
        shape: impl Fn(&Rejection) -> Option<RejectionBody> + Send + Sync + 'static,
    ) -> Self {
        self.shared_rejection_body(Some(Arc::new(shape)))
    }

    pub(crate) fn shared_rejection_body(mut self, shape: Option<ShapeRejection>) -> Self {
        self.shape_rejection = shape;
        self
    }

    /// The scopes of the application, as [`scopes!`](crate::scopes!) lists them: routes are guarded with no other.
    #[must_use]
    pub fn scopes(mut self, scopes: &[ScopeDescription]) -> Self {
        self.scopes.extend_from_slice(scopes);
        self
    }

    /// Adds a URL below which clients reach the guarded routes: an origin, or an origin and a path that a proxy strips. A DPoP proof has
    /// to be for a URL below one of them (RFC 9449 section 4.3, `htu`). By default that is the origin of the issuer, which these
    /// replace.
    #[must_use]
    pub fn base_url(mut self, url: impl Into<String>) -> Self {
        self.base_urls.push(url.into());
        self
    }

    /// Whether a proxy strips the issuer's path from requests.
    pub(crate) fn behind_stripping_proxy(mut self, yes: bool) -> Self {
        self.strips_issuer_path = yes;
        self
    }

    /// Calls the closure with the event of each request that this guard rejects. It is called on the way of the request, so it must
    /// not block. The guard of a server tells what [`Builder::on_event`](crate::Builder::on_event) has.
    #[must_use]
    pub fn on_event(mut self, listener: impl Fn(&EventRecord<'_>) + Send + Sync + 'static) -> Self {
        self.listeners.push(Arc::new(listener));
        self
    }

    /// The events of the server that this guard is part of.
    pub(crate) fn events(mut self, events: Events) -> Self {
        self.events = Some(events);
        self
    }

    /// The reverse proxies that are believed when they tell for whom they ask, which events name, and the certificate of a client, in
    /// `Client-Cert` (RFC 9440). By default nobody is believed. Tokens that are bound to a certificate are then valid where this process
    /// terminates TLS, and puts a [`ClientCertificate`](crate::http::ClientCertificate) into the request's extensions.
    #[must_use]
    pub fn trusted_proxies(mut self, proxies: TrustedProxies) -> Self {
        self.trusted_proxies = proxies;
        self
    }

    /// Requires a nonce of this server in each DPoP proof (RFC 9449 section 9). By default none is required.
    #[cfg(feature = "jose")]
    #[must_use]
    pub fn dpop_nonces(mut self, nonces: DpopNonces) -> Self {
        self.nonces = Some(nonces);
        self
    }

    /// The clock by which tokens expire. By default it is the system's.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Builds the guard.
    ///
    /// # Errors
    /// [`GuardError`] says what to change.
    pub fn build(self) -> Result<Guard, GuardError> {
        let issuer = Issuer::parse(&self.issuer).map_err(GuardError::Issuer)?;
        let mut urls = PublicUrls::of_issuer(&issuer, self.strips_issuer_path);
        if !self.base_urls.is_empty() {
            urls = PublicUrls::of(&self.base_urls).map_err(GuardError::BaseUrl)?;
        }
        #[cfg(feature = "jose")]
        let dpop = Dpop { nonces: self.nonces, ..Dpop::new(urls) };
        #[cfg(not(feature = "jose"))]
        drop(urls);
        let audience = if self.audience.is_empty() { vec![issuer.url.clone()] } else { self.audience };
        let realm = self.realm.unwrap_or(issuer.url);
        if !is_realm(&realm) {
            return Err(GuardError::Realm);
        }
        let events = match self.events {
            Some(events) => events,
            None => Events::new(Arc::clone(&self.clock), &SystemEntropy, self.listeners, None)
                .map_err(|error| GuardError::Entropy(error.to_string()))?,
        };
        Ok(Guard(Arc::new(Inner {
            id: GuardId::next(),
            realm,
            audience: audience.into(),
            clock: self.clock,
            tokens: self.tokens.ok_or(GuardError::NoTokens)?,
            possession: Possession {
                #[cfg(feature = "jose")]
                dpop,
                #[cfg(feature = "jose")]
                seen: Seen::new(),
                trusted_proxies: self.trusted_proxies,
            },
            events,
            shape_rejection: self.shape_rejection,
            scopes: self.scopes,
            told_scopes: Mutex::default(),
        })))
    }
}

/// Whether a challenge can quote it (RFC 9110 section 11.5).
pub(crate) fn is_realm(realm: &str) -> bool {
    realm.bytes().all(|b| (0x20..=0x7e).contains(&b) && !matches!(b, b'"' | b'\\'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misconfigured_guard_is_not_built() {
        let guard = || Guard::builder("https://id.example.com");
        assert_eq!(guard().build().err(), Some(GuardError::NoTokens));
        assert_eq!(guard().store(Store::memory()).realm("a\"b").build().err(), Some(GuardError::Realm));
        let bad = Guard::builder("id.example.com").store(Store::memory()).build();
        assert!(matches!(bad, Err(GuardError::Issuer(_))));
        let bad = guard().store(Store::memory()).base_url("https://api.example.com/v1/").build();
        assert!(matches!(bad, Err(GuardError::BaseUrl(_))));
    }
}
