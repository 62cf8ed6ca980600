use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};

use super::answers::Answers;
use super::issuer::Issuer;
use super::{Introspection, MapClaims, Remote};
use crate::env::{Clock, SystemClock};
use crate::fetch::{Fetch, HttpFetch};
use crate::guard::AccessClaims;
use crate::jose::Algorithm;
use crate::jwks::RemoteKeys;
use crate::protocol;
use crate::token::Secret;

/// How long what the issuer says of a token is believed, by default and at most.
const CACHE: Duration = Duration::from_secs(5);
const LONGEST_CACHE: Duration = Duration::from_secs(300);

/// Configures a [`Remote`]; [`build`](Self::build) makes it.
#[must_use = "nothing is checked until it is built and given to a guard"]
pub struct RemoteBuilder {
    issuer: String,
    audience: Vec<String>,
    algorithms: Vec<Algorithm>,
    types: Vec<String>,
    introspection: Option<(String, Secret)>,
    introspects_jwts: bool,
    cache: Duration,
    map: Option<MapClaims>,
    fetch: Arc<dyn Fetch>,
    clock: Arc<dyn Clock>,
}

/// Why a [`Remote`] cannot be built.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RemoteError {
    /// The issuer is not a valid issuer identifier.
    #[error("the issuer: {0}")]
    Issuer(&'static str),
    /// Answers would be believed for too long.
    #[error("what the issuer says of a token can be believed for {} seconds at most", LONGEST_CACHE.as_secs())]
    Cache,
    /// No token could be checked.
    #[error("no algorithm is left: leave out .algorithms(..), or call .introspection(..)")]
    NoAlgorithm,
    /// There is nobody to ask.
    #[error("JSON Web Tokens cannot be introspected without credentials: call .introspection(..)")]
    NoIntrospection,
}

impl Remote {
    /// Starts a verifier for the tokens of this issuer (RFC 8414 section 2).
    pub fn builder(issuer: impl Into<String>) -> RemoteBuilder {
        RemoteBuilder::new(issuer.into())
    }
}

impl RemoteBuilder {
    fn new(issuer: String) -> Self {
        Self {
            issuer,
            audience: Vec::new(),
            algorithms: Algorithm::ALL.to_vec(),
            types: vec!["at+jwt".to_owned()],
            introspection: None,
            introspects_jwts: false,
            cache: CACHE,
            map: None,
            fetch: Arc::new(HttpFetch::new()),
            clock: Arc::new(SystemClock),
        }
    }

    /// Adds a resource for which tokens are taken (RFC 9068 section 4): the identifier of this service. Without any it is the issuer.
    /// The guard has to have the same ([`GuardBuilder::resource`](crate::guard::GuardBuilder::resource)).
    pub fn audience(mut self, resource: impl Into<String>) -> Self {
        self.audience.push(resource.into());
        self
    }

    /// The algorithms of JSON Web Tokens that are taken; by default all that this crate has.
    pub fn algorithms(mut self, algorithms: impl IntoIterator<Item = Algorithm>) -> Self {
        self.algorithms = algorithms.into_iter().collect();
        self
    }

    /// Takes JSON Web Tokens of another `typ` too, from an issuer that does not keep to RFC 9068. With `JWT`, an ID token for the same
    /// audience may pass for an access token.
    pub fn accept_type(mut self, typ: impl Into<String>) -> Self {
        self.types.push(typ.into());
        self
    }

    /// Asks the issuer about tokens that are no JSON Web Tokens (RFC 7662), as this client. Its method is `client_secret_basic`.
    pub fn introspection(mut self, client_id: impl Into<String>, client_secret: Secret) -> Self {
        self.introspection = Some((client_id.into(), client_secret));
        self
    }

    /// Asks the issuer about JSON Web Tokens too, once their signature is right, so that a revoked one is not accepted for longer than
    /// an answer is believed.
    pub fn introspect_jwts(mut self, yes: bool) -> Self {
        self.introspects_jwts = yes;
        self
    }

    /// How long what the issuer says of a token is believed: five seconds by default. Zero asks for every request.
    pub fn cache(mut self, how_long: Duration) -> Self {
        self.cache = how_long;
        self
    }

    /// Sees all claims of a token, and what was read from them: to read the scope or the client of an issuer that names them otherwise,
    /// or to refuse the token by `None`.
    pub fn map(
        mut self,
        map: impl Fn(&Map<String, Value>, AccessClaims) -> Option<AccessClaims> + Send + Sync + 'static,
    ) -> Self {
        self.map = Some(Arc::new(map));
        self
    }

    /// How requests to the issuer are made.
    pub fn fetch(mut self, fetch: impl Fetch) -> Self {
        self.fetch = Arc::new(fetch);
        self
    }

    /// The clock by which tokens expire. By default it is the system's.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Builds the verifier. Nothing is fetched yet.
    ///
    /// # Errors
    /// [`RemoteError`] says what to change.
    pub fn build(self) -> Result<Remote, RemoteError> {
        let issuer = protocol::Issuer::parse(&self.issuer).map_err(RemoteError::Issuer)?;
        if self.cache > LONGEST_CACHE {
            return Err(RemoteError::Cache);
        }
        if self.algorithms.is_empty() && self.introspection.is_none() {
            return Err(RemoteError::NoAlgorithm);
        }
        if self.introspects_jwts && self.introspection.is_none() {
            return Err(RemoteError::NoIntrospection);
        }
        let audience = if self.audience.is_empty() { vec![issuer.url.clone()] } else { self.audience };
        let introspection = self.introspection.map(|(client_id, client_secret)| Introspection {
            client_id,
            client_secret,
            answers: Answers::new(self.cache),
        });
        Ok(Remote {
            issuer: Issuer::new(issuer),
            keys: RemoteKeys::new(Arc::clone(&self.fetch), Arc::clone(&self.clock)),
            fetch: self.fetch,
            clock: self.clock,
            audience,
            algorithms: self.algorithms,
            types: self.types,
            introspection,
            introspects_jwts: self.introspects_jwts,
            map: self.map,
        })
    }
}
