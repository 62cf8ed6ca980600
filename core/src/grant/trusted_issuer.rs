//! Identity assertions of other issuers (draft-ietf-oauth-identity-assertion-authz-grant): ID-JAG.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::{Extension, TokenRequest};
use crate::client_auth::{Claims, Texts, no_grant};
use crate::endpoint::Metadata;
use crate::engine::Engine;
use crate::identity::UsersError;
use crate::jose::{Jws, KeySet, present};
use crate::protocol::{OAuthError, Scope};

/// The type of an identity assertion.
pub(super) const TYPE: &str = "oauth-id-jag+jwt";

/// The subject of the user whom claims are about.
type SubjectOf = dyn Fn(Map<String, Value>) -> Found + Send + Sync;
type Found = Pin<Box<dyn Future<Output = Result<Option<String>, UsersError>> + Send>>;

/// An issuer whose identity assertions the [`JwtBearer`](super::JwtBearer) grant believes: an enterprise's identity provider, which
/// decides which client may act for which of its users here (draft-ietf-oauth-identity-assertion-authz-grant).
///
/// ```
/// use gridauth::grant::{JwtBearer, TrustedIssuer};
///
/// let idp = TrustedIssuer::published("https://idp.example.com", "https://idp.example.com/jwks", |claims| async move {
///     // Only the application knows which of its users that is.
///     Ok(claims.get("email").and_then(|email| email.as_str()).map(|email| format!("staff:{email}")))
/// });
/// let grant = JwtBearer::new().trust_issuer(idp);
/// ```
#[derive(Clone)]
pub struct TrustedIssuer {
    name: String,
    keys: Keys,
    subject_of: Arc<SubjectOf>,
}

#[derive(Clone)]
enum Keys {
    Known(KeySet),
    Published(String),
}

/// What an identity assertion says beside its subject.
pub(super) struct Identity {
    /// The scope that the issuer allows, if it says.
    pub(super) scope: Option<Scope>,
    pub(super) resources: Vec<String>,
}

#[derive(Deserialize)]
struct IdentityClaims {
    client_id: String,
    #[serde(rename = "iat")]
    _iat: f64,
    #[serde(default, deserialize_with = "present")]
    scope: Option<String>,
    #[serde(default, deserialize_with = "present")]
    resource: Option<Texts>,
}

/// Whether an assertion is one of identity. Its type says so.
pub(super) fn is_id_jag(jws: &Jws<'_>) -> bool {
    jws.is_of_type(TYPE)
}

impl TrustedIssuer {
    /// An issuer with these keys. `subject_of` gets the claims of an assertion and returns the subject of the user here; `None` if
    /// there is none.
    pub fn with_keys<F, A>(issuer: impl Into<String>, keys: KeySet, subject_of: F) -> Self
    where
        F: Fn(Map<String, Value>) -> A + Send + Sync + 'static,
        A: Future<Output = Result<Option<String>, UsersError>> + Send + 'static,
    {
        let subject_of = move |claims| Box::pin(subject_of(claims)) as Found;
        Self { name: issuer.into(), keys: Keys::Known(keys), subject_of: Arc::new(subject_of) }
    }

    /// An issuer that publishes its keys at this URL.
    pub fn published<F, A>(issuer: impl Into<String>, jwks_uri: impl Into<String>, subject_of: F) -> Self
    where
        F: Fn(Map<String, Value>) -> A + Send + Sync + 'static,
        A: Future<Output = Result<Option<String>, UsersError>> + Send + 'static,
    {
        let with_keys = Self::with_keys(issuer, KeySet::default(), subject_of);
        Self { keys: Keys::Published(jwks_uri.into()), ..with_keys }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Whether a token is signed by a key of this issuer.
    pub(super) async fn has_signed(&self, engine: &Engine, jws: &Jws<'_>) -> Result<bool, OAuthError> {
        match &self.keys {
            Keys::Known(keys) => Ok(keys.signer_of(jws).is_some()),
            Keys::Published(url) => engine.client_keys.verify_issuer(&self.name, url, jws).await,
        }
    }

    /// Verifies the signature, and that the assertion is for this server and for the client that presents it.
    pub(super) async fn verify(
        &self,
        request: &TokenRequest<'_>,
        jws: &Jws<'_>,
        claims: &Claims,
    ) -> Result<Identity, OAuthError> {
        let (engine, client) = (request.engine, request.client());
        if !self.has_signed(engine, jws).await? {
            return Err(no_grant("it is not signed by a key of its issuer"));
        }
        // Whoever has seen an assertion could present it as a client that need not authenticate.
        if client.is_public() {
            return Err(OAuthError::unauthorized_client("the client has to authenticate"));
        }
        let identity: IdentityClaims = jws
            .claims()
            .ok_or_else(|| no_grant("a claim of an identity assertion is missing or malformed"))?;
        if identity.client_id != client.id() {
            return Err(no_grant("its client_id is another client"));
        }
        // The issuer is the only audience that an identity provider knows.
        let names_issuer = matches!(claims.aud.as_slice(), [audience] if audience == engine.issuer());
        if !names_issuer {
            return Err(no_grant("its aud is not this server"));
        }
        if claims.jti.is_none() {
            return Err(no_grant("it has no jti"));
        }
        let scope = identity.scope.map(|scope| scope.parse()).transpose();
        let resources = identity.resource.map_or_else(Vec::new, |named| named.as_slice().to_vec());
        Ok(Identity { scope: scope.map_err(|_| no_grant("its scope is malformed"))?, resources })
    }

    /// The subject of the user whom the assertion is about.
    pub(super) async fn subject_of(&self, jws: &Jws<'_>) -> Result<Option<String>, OAuthError> {
        let claims = jws.claims().unwrap_or_default();
        Ok((self.subject_of)(claims).await?)
    }
}

impl fmt::Debug for TrustedIssuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TrustedIssuer").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Says in the metadata that identity assertions are taken.
pub(super) struct IdJagProfile;

impl Extension for IdJagProfile {
    fn name(&self) -> &str {
        "id-jag"
    }

    fn describe(&self, metadata: &mut Metadata) {
        metadata
            .add("authorization_grant_profiles_supported", ["urn:ietf:params:oauth:grant-profile:id-jag"]);
    }
}
