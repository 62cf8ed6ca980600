//! What a server lets clients register for that nobody typed in (RFC 7591).

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::env::Timestamp;
use crate::jose::{Jws, KeySet};
use crate::protocol::{ErrorCode, OAuthError};

type Policy = Arc<dyn Fn(&mut RegistrationRequest<'_>) -> Result<(), OAuthError> + Send + Sync>;

/// Lets clients register themselves (RFC 7591) and manage their registration (RFC 7592).
/// [`Builder::registration`](crate::Builder::registration) takes it.
///
/// ```
/// use gridauth::clients::Registration;
/// use serde_json::json;
///
/// let registration = Registration::open().policy(|request| {
///     // Some clients ask for grants that this server does not have.
///     request.metadata_mut().insert("grant_types".into(), json!(["authorization_code", "refresh_token"]));
///     match request.metadata().contains_key("client_name") {
///         true => Ok(()),
///         false => Err(request.refuse("client_name is missing")),
///     }
/// });
/// # let _ = registration;
/// ```
#[derive(Clone)]
pub struct Registration {
    /// The digests of the initial access tokens; empty for open registration.
    tokens: Vec<[u8; 32]>,
    policy: Option<Policy>,
    issuers: Vec<(String, Arc<KeySet>)>,
    pub(crate) requires_statement: bool,
}

impl Registration {
    /// Anybody may register a client. Such a client exists only in its own id until a user allows it something, and it is shown to users
    /// as one that nobody vouches for.
    pub fn open() -> Self {
        Self { tokens: Vec::new(), policy: None, issuers: Vec::new(), requires_statement: false }
    }

    /// Only who has this initial access token may register clients (RFC 7591 section 3). Called again, it adds another token.
    #[must_use]
    pub fn with_token(mut self, token: &str) -> Self {
        self.tokens.push(Sha256::digest(token).into());
        self
    }

    /// Decides on each registration and on each change of one: the closure may change the metadata, and allow or refuse it.
    #[must_use]
    pub fn policy(
        mut self,
        policy: impl Fn(&mut RegistrationRequest<'_>) -> Result<(), OAuthError> + Send + Sync + 'static,
    ) -> Self {
        self.policy = Some(Arc::new(policy));
        self
    }

    /// Believes software statements of this issuer that are signed with one of these keys (RFC 7591 section 2.3). What a statement says
    /// counts more than the rest of the registration.
    #[must_use]
    pub fn software_statements(mut self, issuer: impl Into<String>, keys: KeySet) -> Self {
        self.issuers.push((issuer.into(), Arc::new(keys)));
        self
    }

    /// Refuses registrations without a software statement.
    #[must_use]
    pub fn require_software_statement(mut self) -> Self {
        self.requires_statement = true;
        self
    }

    /// Whether a registration needs an initial access token.
    pub(crate) fn needs_token(&self) -> bool {
        !self.tokens.is_empty()
    }

    /// Whether this is an initial access token, in constant time.
    pub(crate) fn is_token(&self, presented: &str) -> bool {
        let digest: [u8; 32] = Sha256::digest(presented).into();
        self.tokens.iter().fold(false, |found, own| found | bool::from(own.ct_eq(&digest)))
    }

    pub(crate) fn decide(&self, request: &mut RegistrationRequest<'_>) -> Result<(), OAuthError> {
        self.policy.as_ref().map_or(Ok(()), |policy| policy(request))
    }

    /// The claims of a software statement.
    ///
    /// # Errors
    /// `invalid_software_statement` if no issuer that is believed has signed it.
    pub(crate) fn statement(&self, text: &str, now: Timestamp) -> Result<Map<String, Value>, OAuthError> {
        let jws = Jws::parse(text).map_err(|_| invalid_statement("it is not a signed JSON Web Token"))?;
        let claims: Option<Map<String, Value>> = jws.claims();
        let claims = claims.ok_or_else(|| invalid_statement("its claims are not a JSON object"))?;
        let issuer = claims.get("iss").and_then(Value::as_str).unwrap_or_default();
        let mut believed = self.issuers.iter().filter(|(own, _)| own == issuer);
        let is_over =
            claims.get("exp").is_some_and(|exp| exp.as_i64().is_none_or(|exp| exp <= now.as_secs()));
        match believed.any(|(_, keys)| keys.signer_of(&jws).is_some()) {
            true if is_over => Err(invalid_statement("it has expired")),
            true => Ok(claims),
            false => Err(invalid_statement("no issuer that this server believes has signed it")),
        }
    }
}

/// `invalid_software_statement` (RFC 7591 section 3.2.2).
pub(crate) fn invalid_statement(why: &str) -> OAuthError {
    OAuthError::new(ErrorCode::Custom("invalid_software_statement"), format!("software_statement: {why}"))
}

impl fmt::Debug for Registration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registration")
            .field("needs_token", &self.needs_token())
            .field("issuers", &self.issuers.iter().map(|(issuer, _)| issuer).collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

/// A registration, or a change of one, for the policy to decide on.
pub struct RegistrationRequest<'a> {
    pub(crate) metadata: Map<String, Value>,
    pub(crate) address: Option<IpAddr>,
    pub(crate) statement: Option<&'a Map<String, Value>>,
    /// The client that wants to change, if it is not a new one.
    pub(crate) client_id: Option<&'a str>,
    pub(crate) grant_types: Vec<String>,
    pub(crate) scopes: Vec<String>,
}

impl RegistrationRequest<'_> {
    /// The metadata that the client wants, after its software statement was applied.
    pub fn metadata(&self) -> &Map<String, Value> {
        &self.metadata
    }

    /// The metadata, to change it.
    pub fn metadata_mut(&mut self) -> &mut Map<String, Value> {
        &mut self.metadata
    }

    /// The address that the request comes from.
    pub fn address(&self) -> Option<IpAddr> {
        self.address
    }

    /// The claims of its software statement, whose signature was checked.
    pub fn software_statement(&self) -> Option<&Map<String, Value>> {
        self.statement
    }

    /// The client, if this is a change of its registration.
    pub fn client_id(&self) -> Option<&str> {
        self.client_id
    }

    /// Allows this client a grant type that clients which register themselves do not have otherwise.
    pub fn allow_grant_type(&mut self, grant_type: impl Into<String>) {
        self.grant_types.push(grant_type.into());
    }

    /// Allows this client a scope that clients which register themselves do not have otherwise.
    pub fn allow_scope(&mut self, scope: impl Into<String>) {
        self.scopes.push(scope.into());
    }

    /// The error of a policy that refuses: `invalid_client_metadata` with this description.
    pub fn refuse(&self, why: impl Into<String>) -> OAuthError {
        super::metadata::invalid(why.into())
    }

    /// The error of a policy that does not accept the software statement: `unapproved_software_statement`.
    pub fn refuse_statement(&self, why: impl Into<String>) -> OAuthError {
        OAuthError::new(ErrorCode::Custom("unapproved_software_statement"), why.into())
    }
}
