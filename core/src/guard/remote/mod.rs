//! Guards for the tokens of an issuer in another process, without its store.

mod answers;
mod builder;
mod claims;
mod issuer;

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use serde_json::{Map, Value};

pub use builder::{RemoteBuilder, RemoteError};

use self::answers::Answers;
use self::issuer::Issuer;
use super::{AccessClaims, TokenVerifier, VerifierError};
use crate::env::{Clock, Timestamp};
use crate::fetch::{Fetch, FetchRequest, PlainHttp, Reach};
use crate::jose::{Algorithm, Jws};
use crate::jwks::RemoteKeys;
use crate::token::Secret;

/// Adds to the claims of a token, or refuses it.
type MapClaims = Arc<dyn Fn(&Map<String, Value>, AccessClaims) -> Option<AccessClaims> + Send + Sync>;

/// Checks the access tokens of an issuer anywhere: JSON Web Tokens by its published keys (RFC 9068), others by asking it (RFC 7662).
///
/// The issuer may be another gridauth server, or any that keeps to these RFCs. Its metadata says where its keys are.
///
/// ```no_run
/// use gridauth::guard::{Guard, Remote};
/// use gridauth::token::Secret;
///
/// let remote = Remote::builder("https://id.example.com")
///     .audience("https://orders.example.com")
///     .introspection("orders", Secret::from("the client secret of this service"))
///     .build()?;
/// let guard = Guard::builder("https://id.example.com")
///     .resource("https://orders.example.com")
///     .verifier(remote)
///     .build()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// How long a revoked token is still accepted:
///
/// | token | by default | with `introspect_jwts` |
/// | --- | --- | --- |
/// | JSON Web Token | until it expires | [`cache`](RemoteBuilder::cache): five seconds |
/// | other, with `introspection` | `cache`: five seconds | the same |
///
/// If the issuer cannot be reached, its keys are used for a day after they were last read. A token that cannot be checked is answered
/// with status 503, never with 401, and never accepted.
pub struct Remote {
    issuer: Issuer,
    keys: RemoteKeys,
    fetch: Arc<dyn Fetch>,
    clock: Arc<dyn Clock>,
    /// The resources for which tokens are taken.
    audience: Vec<String>,
    algorithms: Vec<Algorithm>,
    types: Vec<String>,
    introspection: Option<Introspection>,
    introspects_jwts: bool,
    map: Option<MapClaims>,
}

/// How the issuer is asked about a token.
struct Introspection {
    client_id: String,
    client_secret: Secret,
    answers: Answers,
}

impl Remote {
    /// Reads the issuer's metadata now, rather than at the first token.
    ///
    /// # Errors
    /// [`VerifierError`] if it cannot be read, or is not that of the issuer.
    pub async fn discover(&self) -> Result<(), VerifierError> {
        self.issuer.document(&*self.fetch, self.clock.now()).await.map(drop)
    }

    /// The claims of a JSON Web Token of the issuer, if its signature and its claims are right.
    async fn by_keys(&self, jws: &Jws<'_>, now: Timestamp) -> Result<Option<AccessClaims>, VerifierError> {
        let is_allowed = self.algorithms.iter().any(|algorithm| algorithm.name() == jws.algorithm_name());
        // RFC 9068 section 4: an ID token is no access token.
        if !is_allowed || !self.types.iter().any(|typ| jws.is_of_type(typ)) {
            return Ok(None);
        }
        let document = self.issuer.document(&*self.fetch, now).await?;
        let Some(uri) = &document.jwks_uri else {
            return Err(VerifierError::new("the issuer publishes no keys"));
        };
        let verified = self.keys.verify(self.issuer.name(), uri, Reach::Anywhere, jws).await;
        if !verified.map_err(VerifierError::new)? {
            return Ok(None);
        }
        let Some(all) = jws.claims::<Map<String, Value>>() else { return Ok(None) };
        if all.get("iss").and_then(Value::as_str) != Some(self.issuer.name()) || !all.contains_key("aud") {
            return Ok(None);
        }
        Ok(self.accept(&all, now))
    }

    /// What the issuer says of a token.
    async fn by_introspection(
        &self,
        introspection: &Introspection,
        token: &str,
        now: Timestamp,
    ) -> Result<Option<AccessClaims>, VerifierError> {
        let ask = async {
            let all = self.ask(introspection, token).await?;
            // A string "true" is no true: RFC 7662 section 2.2.
            if all.get("active") != Some(&Value::Bool(true)) {
                return Ok(None);
            }
            // RFC 7662 makes `iss` and `exp` optional. Where they are there, they have to be right.
            let is_of_issuer =
                all.get("iss").is_none_or(|issuer| issuer.as_str() == Some(self.issuer.name()));
            Ok(if is_of_issuer { self.accept(&all, self.clock.now()) } else { None })
        };
        introspection.answers.get_or_ask(token, now, ask).await
    }

    async fn ask(
        &self,
        introspection: &Introspection,
        token: &str,
    ) -> Result<Map<String, Value>, VerifierError> {
        let document = self.issuer.document(&*self.fetch, self.clock.now()).await?;
        let Some(uri) = &document.introspection_endpoint else {
            return Err(VerifierError::new("the issuer has no introspection endpoint"));
        };
        let form = [("token", token), ("token_type_hint", "access_token")];
        let request = FetchRequest::post_form(uri, PlainHttp::Loopback, Reach::Anywhere, form);
        let (id, secret) = (&introspection.client_id, introspection.client_secret.expose());
        let request = request.map_err(VerifierError::new)?.accepting("application/json").basic(id, secret);
        let response = self.fetch.fetch(request).await.map_err(VerifierError::new)?;
        if !response.status().is_success() {
            let status = response.status().as_u16();
            return Err(VerifierError::new(format!("the introspection endpoint answers {status}")));
        }
        serde_json::from_slice(response.body())
            .map_err(|_| VerifierError::new("the introspection endpoint answers no JSON object"))
    }

    /// The access that these claims give here, if they do.
    fn accept(&self, all: &Map<String, Value>, now: Timestamp) -> Option<AccessClaims> {
        let claims = claims::read(all, now)?;
        let is_for_us = claims.audience.is_empty()
            || claims.audience.iter().any(|resource| self.audience.contains(resource));
        if !is_for_us {
            return None;
        }
        match &self.map {
            Some(map) => map(all, claims),
            None => Some(claims),
        }
    }
}

#[async_trait]
impl TokenVerifier for Remote {
    async fn verify(&self, token: &str) -> Result<Option<AccessClaims>, VerifierError> {
        let now = self.clock.now();
        let by_keys = match Jws::parse(token) {
            Ok(jws) => self.by_keys(&jws, now).await?,
            Err(_) => None,
        };
        match (&self.introspection, by_keys) {
            (Some(introspection), None) => self.by_introspection(introspection, token, now).await,
            // The signature is right, so the issuer is not asked for nothing.
            (Some(introspection), Some(_)) if self.introspects_jwts => {
                self.by_introspection(introspection, token, now).await
            }
            (_, by_keys) => Ok(by_keys),
        }
    }
}

impl fmt::Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Remote").field("issuer", &self.issuer.name()).finish_non_exhaustive()
    }
}
