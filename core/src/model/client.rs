use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::former_secret::FormerSecret;
use super::logout_uris::{LogoutMetadataError, POST_LOGOUT_REDIRECT_URIS};
use super::{AccessTokenFormat, ClientSecretHash, SealedSecret, SharedSecret, json, logout_uris};
use crate::env::Timestamp;
use crate::protocol::{RedirectUri, RedirectUriError, Scope, ScopeError, is_same_response_type};
use crate::store::{CorruptRow, Kind, Record, Row};

/// How a client authenticates at the token endpoint (RFC 7591 section 2, `token_endpoint_auth_method`).
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
#[non_exhaustive]
pub enum AuthMethod {
    /// `client_secret_basic`: the secret in an `Authorization: Basic` header (RFC 6749 section 2.3.1).
    Basic,
    /// `client_secret_post`: the secret in the body (RFC 6749 section 2.3.1).
    Post,
    /// `client_secret_jwt`: an assertion with a MAC under the secret (OpenID Connect Core section 9).
    SecretJwt,
    /// `private_key_jwt`: an assertion signed with a key of the client (RFC 7523 section 2.2, OpenID Connect Core section 9).
    PrivateKeyJwt,
    /// `tls_client_auth`: a certificate of an authority that the TLS connection trusts, with a registered subject (RFC 8705 section
    /// 2.1).
    TlsClientAuth,
    /// `self_signed_tls_client_auth`: a certificate that the client registered with its keys (RFC 8705 section 2.2).
    SelfSignedTlsClientAuth,
    /// `none`: a public client, which has no secret.
    None,
    /// A method that the application added ([`ClientAuthentication`](crate::client_auth::ClientAuthentication)). A client with
    /// a method that the server does not have cannot authenticate.
    Other(String),
}

impl AuthMethod {
    /// The name on the wire.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Basic => "client_secret_basic",
            Self::Post => "client_secret_post",
            Self::SecretJwt => "client_secret_jwt",
            Self::PrivateKeyJwt => "private_key_jwt",
            Self::TlsClientAuth => "tls_client_auth",
            Self::SelfSignedTlsClientAuth => "self_signed_tls_client_auth",
            Self::None => "none",
            Self::Other(name) => name,
        }
    }
}

impl From<String> for AuthMethod {
    fn from(name: String) -> Self {
        match name.as_str() {
            "client_secret_basic" => Self::Basic,
            "client_secret_post" => Self::Post,
            "client_secret_jwt" => Self::SecretJwt,
            "private_key_jwt" => Self::PrivateKeyJwt,
            "tls_client_auth" => Self::TlsClientAuth,
            "self_signed_tls_client_auth" => Self::SelfSignedTlsClientAuth,
            "none" => Self::None,
            _ => Self::Other(name),
        }
    }
}

impl From<AuthMethod> for String {
    fn from(method: AuthMethod) -> Self {
        method.as_str().to_owned()
    }
}

/// A client's own lifetimes. What is not set is as long as the server's.
///
/// ```
/// use std::time::Duration;
///
/// use gridauth::model::Lifetimes;
///
/// let short = Lifetimes::default().access_token(Duration::from_secs(60)).refresh_token(Duration::from_secs(3600));
/// assert_eq!(short.code, None);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Lifetimes {
    /// The lifetime of an authorization code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<Duration>,
    /// The lifetime of an access token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access_token: Option<Duration>,
    /// How long a refresh token is valid without being used. Each rotation starts this time again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refresh_token_idle: Option<Duration>,
    /// How long a chain of refresh tokens is valid, from the first to the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refresh_token: Option<Duration>,
}

impl Lifetimes {
    /// Sets the lifetime of an authorization code.
    #[must_use]
    pub fn code(mut self, lifetime: Duration) -> Self {
        self.code = Some(lifetime);
        self
    }

    /// Sets the lifetime of an access token.
    #[must_use]
    pub fn access_token(mut self, lifetime: Duration) -> Self {
        self.access_token = Some(lifetime);
        self
    }

    /// Sets how long a refresh token is valid without being used.
    #[must_use]
    pub fn refresh_token_idle(mut self, lifetime: Duration) -> Self {
        self.refresh_token_idle = Some(lifetime);
        self
    }

    /// Sets how long a chain of refresh tokens is valid.
    #[must_use]
    pub fn refresh_token(mut self, lifetime: Duration) -> Self {
        self.refresh_token = Some(lifetime);
        self
    }
}

/// A registered client (RFC 6749 section 2, RFC 7591 section 2).
///
/// ```
/// use gridauth::Client;
///
/// let client = Client::public("spa")
///     .name("Single page")
///     .redirect_uri("https://spa.example.com/cb")
///     .scope("notes.read")
///     .build()?;
/// assert!(client.is_public());
/// # Ok::<(), gridauth::model::ClientError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Client {
    pub(crate) id: String,
    pub(crate) registered: Timestamp,
    /// When it ends; `None` for never. A client that registered itself has an end until a user allows it something.
    pub(crate) expires: Option<Timestamp>,
    pub(crate) scope: Scope,
    /// The secret that it shares with the server, until it is stored.
    pub(crate) unsealed: Option<SharedSecret>,
    pub(crate) body: Body,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Body {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) secret: Option<ClientSecretHash>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) sealed_secret: Option<SealedSecret>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) secret_expires: Option<Timestamp>,
    /// The secrets before the present one. The one that came last is last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) former_secrets: Vec<FormerSecret>,
    pub(crate) auth_method: AuthMethod,
    #[serde(default)]
    pub(crate) redirect_uris: Vec<RedirectUri>,
    #[serde(default)]
    pub(crate) grant_types: Vec<String>,
    #[serde(default)]
    pub(crate) response_types: Vec<String>,
    #[serde(default, skip_serializing_if = "is_false")]
    pub(crate) first_party: bool,
    #[serde(default, skip_serializing_if = "is_false")]
    pub(crate) resource_server: bool,
    #[serde(default, skip_serializing_if = "is_false")]
    pub(crate) self_registered: bool,
    /// It registered itself and has deleted itself. The row is there because its id still opens.
    #[serde(default, skip_serializing_if = "is_false")]
    pub(crate) deleted: bool,
    #[serde(default)]
    pub(crate) lifetimes: Lifetimes,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) default_scope: Option<Scope>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) access_token_format: Option<AccessTokenFormat>,
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub(crate) metadata: Map<String, Value>,
}

fn is_false(value: &bool) -> bool {
    !*value
}

/// Why a client cannot be registered.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The `client_id` is empty, too long, or has characters other than printable ASCII (RFC 6749 appendix A.1).
    #[error("a client_id has 1 to 255 characters of printable ASCII")]
    Id,
    /// A client whose method is `none` has a secret.
    #[error("a client with token_endpoint_auth_method none has no secret")]
    PublicWithSecret,
    /// A client that authenticates with a secret has none.
    #[error("a client that authenticates with a secret needs one")]
    SecretMissing,
    /// A redirect URI is not valid.
    #[error("redirect_uris: {uri}: {reason}")]
    RedirectUri {
        /// The URI.
        uri: String,
        /// What is wrong with it.
        reason: RedirectUriError,
    },
    /// What it registered for logout is not valid.
    #[error(transparent)]
    Logout(#[from] LogoutMetadataError),
    /// The scope is not valid.
    #[error("scope: {0}")]
    Scope(#[from] ScopeError),
    /// The public keys are not valid (`jwks`, `jwks_uri`).
    #[error("{0}")]
    Keys(&'static str),
    /// The default scope has a token that is not in the client's scope.
    #[error("the default scope exceeds the client's scope")]
    DefaultScope,
}

impl Client {
    /// Starts a public client: one that cannot keep a secret, such as an app in a browser or on a phone.
    pub fn public(client_id: impl Into<String>) -> ClientBuilder {
        ClientBuilder::new(client_id.into(), AuthMethod::None, None)
    }

    /// Starts a confidential client with the hash of its secret; it authenticates with `client_secret_basic`.
    pub fn confidential(client_id: impl Into<String>, secret: ClientSecretHash) -> ClientBuilder {
        ClientBuilder::new(client_id.into(), AuthMethod::Basic, Some(secret))
    }

    /// Starts a client that authenticates with `client_secret_jwt`.
    pub fn with_shared_secret(client_id: impl Into<String>, secret: SharedSecret) -> ClientBuilder {
        ClientBuilder::new(client_id.into(), AuthMethod::SecretJwt, None).shared_secret(secret)
    }

    /// Whether a string can be a `client_id` (RFC 6749 appendix A.1).
    pub(crate) fn is_id(text: &str) -> bool {
        (1..=255).contains(&text.len()) && text.bytes().all(|b| (0x20..=0x7e).contains(&b))
    }

    /// The `client_id`.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The name shown to users, if it has one.
    pub fn name(&self) -> Option<&str> {
        self.metadata("client_name")
    }

    /// A string in its metadata (RFC 7591 section 2) that this server only stores and shows, such as `client_uri`.
    pub fn metadata(&self, member: &str) -> Option<&str> {
        self.body.metadata.get(member).and_then(Value::as_str)
    }

    /// A string in its metadata in the language with this tag; in none in particular if it has none for that language (RFC 7591
    /// section 2.2).
    pub fn localized(&self, member: &str, tag: &str) -> Option<&str> {
        let (name, primary) = (format!("{member}#"), tag.split('-').next().unwrap_or(tag));
        let own = self
            .body
            .metadata
            .iter()
            .filter_map(|(own, value)| Some((own.strip_prefix(&name)?, value.as_str()?)));
        let exact = own.clone().find(|(own, _)| own.eq_ignore_ascii_case(tag));
        let same_language = || {
            own.clone()
                .find(|(own, _)| own.split('-').next().is_some_and(|own| own.eq_ignore_ascii_case(primary)))
        };
        exact.or_else(same_language).map(|(_, value)| value).or_else(|| self.metadata(member))
    }

    /// A member of its metadata (RFC 7591 section 2), of whatever type.
    pub fn metadata_value(&self, member: &str) -> Option<&Value> {
        self.body.metadata.get(member)
    }

    /// The URIs to which a browser may be sent after a logout (RP-Initiated Logout section 3.1).
    pub fn post_logout_redirect_uris(&self) -> impl Iterator<Item = &str> {
        let uris = self.metadata_value(logout_uris::POST_LOGOUT_REDIRECT_URIS).and_then(Value::as_array);
        uris.into_iter().flatten().filter_map(Value::as_str)
    }

    /// The scope that it may request.
    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    /// The scope it gets if it requests none, where that is not its whole scope.
    pub fn default_scope(&self) -> Option<&Scope> {
        self.body.default_scope.as_ref()
    }

    /// The redirect URIs that it registered.
    pub fn redirect_uris(&self) -> &[RedirectUri] {
        &self.body.redirect_uris
    }

    /// How it authenticates at the token endpoint.
    pub fn auth_method(&self) -> &AuthMethod {
        &self.body.auth_method
    }

    /// Whether it is a public client (RFC 6749 section 2.1).
    pub fn is_public(&self) -> bool {
        self.body.auth_method == AuthMethod::None
    }

    /// Whether it may use this grant type.
    pub fn allows_grant(&self, grant_type: &str) -> bool {
        self.body.grant_types.iter().any(|own| own == grant_type)
    }

    /// Whether it may use this response type. The order of its words does not matter.
    pub fn allows_response_type(&self, response_type: &str) -> bool {
        self.body.response_types.iter().any(|own| is_same_response_type(own, response_type))
    }

    /// Whether it is registered for tokens that are bound to a key, and for no others (RFC 9449 section 5.2).
    pub fn needs_dpop(&self) -> bool {
        self.metadata_value("dpop_bound_access_tokens") == Some(&Value::Bool(true))
    }

    /// Whether it is registered for tokens that are bound to its certificate, and for no others (RFC 8705 section 3.4).
    pub fn needs_certificate(&self) -> bool {
        self.metadata_value("tls_client_certificate_bound_access_tokens") == Some(&Value::Bool(true))
    }

    /// Whether it belongs to the owner of the server, so that users are not asked for consent.
    pub fn is_first_party(&self) -> bool {
        self.body.first_party
    }

    /// Whether it may introspect any token, not only its own.
    pub fn is_resource_server(&self) -> bool {
        self.body.resource_server
    }

    /// Whether it registered itself, so that nobody vouches for its name and its redirect URIs.
    pub fn is_self_registered(&self) -> bool {
        self.body.self_registered
    }

    /// The lifetimes that it has instead of the server's.
    pub fn lifetimes(&self) -> &Lifetimes {
        &self.body.lifetimes
    }

    /// What its access tokens are, if that is not what the server's usually are.
    pub fn access_token_format(&self) -> Option<AccessTokenFormat> {
        self.body.access_token_format
    }

    /// The grant types that it may use.
    pub fn grant_types(&self) -> impl Iterator<Item = &str> {
        self.body.grant_types.iter().map(String::as_str)
    }

    /// The response types that it may use.
    pub fn response_types(&self) -> impl Iterator<Item = &str> {
        self.body.response_types.iter().map(String::as_str)
    }

    /// What is left of a client that has deleted itself, until this time.
    pub(crate) fn tombstone(&self, until: Timestamp) -> Self {
        let body = ClientBuilder::new(String::new(), AuthMethod::None, None).self_registered(true).body;
        Self {
            id: self.id.clone(),
            registered: self.registered,
            expires: Some(until),
            scope: Scope::default(),
            unsealed: None,
            body: Body { deleted: true, grant_types: Vec::new(), response_types: Vec::new(), ..body },
        }
    }

    pub(crate) fn secret(&self) -> Option<&ClientSecretHash> {
        self.body.secret.as_ref()
    }

    /// When it was registered.
    pub fn registered(&self) -> Timestamp {
        self.registered
    }

    /// Starts a client that is like this one, to be changed. Its secrets stay. Use it in
    /// [`GridAuth::edit_client`](crate::GridAuth::edit_client), which loses no concurrent change.
    pub(crate) fn edit(&self) -> ClientBuilder {
        ClientBuilder {
            id: self.id.clone(),
            scope: self.scope.as_str().to_owned(),
            default_scope: self.body.default_scope.as_ref().map(|scope| scope.as_str().to_owned()),
            redirect_uris: Vec::new(),
            allows_unprotected_redirects: false,
            shared_secret: self.unsealed.clone(),
            registered: self.registered,
            stored_metadata: self.body.metadata.clone(),
            body: self.body.clone(),
        }
    }
}

impl Record for Client {
    const KIND: Kind = Kind::Client;

    fn to_row(&self) -> Row {
        Row::new(self.registered, json::write(&self.body))
            .with_client(Some(&self.id))
            .with_scope(Some(self.scope.as_str()))
            .with_expires(self.expires)
    }

    fn from_row(row: &Row) -> Result<Self, CorruptRow> {
        let scope = row.scope().unwrap_or_default().parse();
        Ok(Self {
            id: json::column(Self::KIND, "client", row.client())?,
            registered: row.issued(),
            expires: row.expires(),
            scope: scope
                .map_err(|error: ScopeError| CorruptRow { kind: "client", reason: error.to_string() })?,
            unsealed: None,
            body: json::read(Self::KIND, row)?,
        })
    }
}

/// Builds a [`Client`]. Whatever is not set has the default of RFC 7591 section 2.
#[derive(Clone, Debug)]
pub struct ClientBuilder {
    id: String,
    scope: String,
    default_scope: Option<String>,
    redirect_uris: Vec<String>,
    allows_unprotected_redirects: bool,
    shared_secret: Option<SharedSecret>,
    registered: Timestamp,
    /// The metadata of the client that is changed. What was registered is not refused later.
    stored_metadata: Map<String, Value>,
    /// What is known already. Of a client that is changed, it has the redirect URIs.
    body: Body,
}

impl ClientBuilder {
    fn new(id: String, auth_method: AuthMethod, secret: Option<ClientSecretHash>) -> Self {
        let body = Body {
            secret,
            sealed_secret: None,
            secret_expires: None,
            former_secrets: Vec::new(),
            auth_method,
            redirect_uris: Vec::new(),
            grant_types: vec!["authorization_code".to_owned()],
            response_types: vec!["code".to_owned()],
            first_party: false,
            resource_server: false,
            self_registered: false,
            deleted: false,
            lifetimes: Lifetimes::default(),
            default_scope: None,
            access_token_format: None,
            metadata: Map::new(),
        };
        Self {
            id,
            scope: String::new(),
            default_scope: None,
            redirect_uris: Vec::new(),
            allows_unprotected_redirects: false,
            shared_secret: None,
            registered: Timestamp::from_millis(0),
            stored_metadata: Map::new(),
            body,
        }
    }

    /// The `client_id`.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// The name shown to users.
    #[must_use]
    pub fn name(self, name: impl Into<String>) -> Self {
        self.metadata("client_name", Value::String(name.into()))
    }

    /// A metadata member of RFC 7591 section 2 that this server only stores and shows.
    #[must_use]
    pub fn metadata(mut self, member: impl Into<String>, value: Value) -> Self {
        self.body.metadata.insert(member.into(), value);
        self
    }

    /// Leaves a metadata member out.
    #[must_use]
    pub fn without_metadata(mut self, member: &str) -> Self {
        self.body.metadata.remove(member);
        self
    }

    /// Replaces all redirect URIs. Those that the client had stay as they were registered; the others are checked as by
    /// [`redirect_uri`](Self::redirect_uri).
    #[must_use]
    pub fn redirect_uris(mut self, uris: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let uris: Vec<String> = uris.into_iter().map(Into::into).collect();
        self.body.redirect_uris.retain(|own| uris.iter().any(|uri| uri == own.as_str()));
        self.redirect_uris = uris;
        self
    }

    /// Leaves a redirect URI out.
    #[must_use]
    pub fn without_redirect_uri(mut self, uri: &str) -> Self {
        self.body.redirect_uris.retain(|own| own.as_str() != uri);
        self.redirect_uris.retain(|own| own != uri);
        self
    }

    /// Adds a redirect URI: `https`, `http` on a loopback host, or a private-use scheme with a dot in it
    /// ([`RedirectUri::check_protected`]).
    #[must_use]
    pub fn redirect_uri(mut self, uri: impl Into<String>) -> Self {
        self.redirect_uris.push(uri.into());
        self
    }

    /// Accepts plain `http` redirect URIs to any host and private-use schemes without a dot. An eavesdropper, or a program with the same
    /// scheme, then gets the client's codes (RFC 9700 section 2.6, RFC 8252 section 8.4).
    #[must_use]
    pub fn dangerously_allow_unprotected_redirect_uris(mut self) -> Self {
        self.allows_unprotected_redirects = true;
        self
    }

    /// The scope that it may request, as a space-separated list. By default it is empty.
    #[must_use]
    pub fn scope(mut self, scope: impl Into<String>) -> Self {
        self.scope = scope.into();
        self
    }

    /// The scope it gets if it requests none (RFC 6749 section 3.3). By default it is the client's whole scope without
    /// `openid` and `offline_access`.
    #[must_use]
    pub fn default_scope(mut self, scope: impl Into<String>) -> Self {
        self.default_scope = Some(scope.into());
        self
    }

    /// Leaves the default scope out: the client gets its whole scope again if it requests none.
    #[must_use]
    pub fn without_default_scope(mut self) -> Self {
        self.default_scope = None;
        self.body.default_scope = None;
        self
    }

    /// The grant types that it may use. By default only `authorization_code`.
    #[must_use]
    pub fn grant_types(mut self, types: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.body.grant_types = types.into_iter().map(Into::into).collect();
        self
    }

    /// The response types that it may use. By default only `code`.
    #[must_use]
    pub fn response_types(mut self, types: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.body.response_types = types.into_iter().map(Into::into).collect();
        self
    }

    /// How it authenticates at the token endpoint.
    #[must_use]
    pub fn auth_method(mut self, method: AuthMethod) -> Self {
        self.body.auth_method = method;
        self
    }

    /// The secret for the method `client_secret_jwt`. For every other method it is dropped, as the hash of a secret is for this one: a
    /// client has one or the other.
    #[must_use]
    pub fn shared_secret(mut self, secret: SharedSecret) -> Self {
        self.shared_secret = Some(secret);
        self
    }

    /// When its secret expires (RFC 7591 section 3.2.1, `client_secret_expires_at`); `None` if it does not. From then on the client
    /// cannot authenticate with it.
    #[must_use]
    pub fn secret_expires(mut self, at: Option<Timestamp>) -> Self {
        self.body.secret_expires = at;
        self
    }

    /// Leaves all its secrets out, for a client that authenticates without one from now on.
    #[must_use]
    pub fn without_secret(mut self) -> Self {
        self.shared_secret = None;
        self.body.secret = None;
        self.body.sealed_secret = None;
        self.body.secret_expires = None;
        self.body.former_secrets.clear();
        self
    }

    /// Whether it belongs to the owner of the server, so that users are not asked for consent.
    #[must_use]
    pub fn first_party(mut self, yes: bool) -> Self {
        self.body.first_party = yes;
        self
    }

    /// Whether it is a resource server, which may introspect any token.
    #[must_use]
    pub fn resource_server(mut self, yes: bool) -> Self {
        self.body.resource_server = yes;
        self
    }

    /// It registered itself, by whatever way: no operator vouches for its redirect URIs. An error is sent there only for a user
    /// who has signed in (RFC 9700 section 4.11.2).
    #[must_use]
    pub fn self_registered(mut self, yes: bool) -> Self {
        self.body.self_registered = yes;
        self
    }

    /// What its access tokens are, if that is not what the server's usually are
    /// ([`Builder::access_token_format`](crate::Builder::access_token_format)).
    #[must_use]
    pub fn access_token_format(mut self, format: AccessTokenFormat) -> Self {
        self.body.access_token_format = Some(format);
        self
    }

    /// Its access tokens are what the server's usually are.
    #[must_use]
    pub fn usual_access_token_format(mut self) -> Self {
        self.body.access_token_format = None;
        self
    }

    /// Lifetimes of its own.
    #[must_use]
    pub fn lifetimes(mut self, lifetimes: Lifetimes) -> Self {
        self.body.lifetimes = lifetimes;
        self
    }

    /// Checks everything but the secret, for a registration that is checked before its secret is hashed.
    ///
    /// # Errors
    /// [`ClientError`] says what is not valid.
    pub fn check(&self) -> Result<(), ClientError> {
        self.clone().finish().map(drop)
    }

    /// Builds the client.
    ///
    /// # Errors
    /// [`ClientError`] says what is not valid.
    pub fn build(self) -> Result<Client, ClientError> {
        let shared = self.shared_secret.is_some() || self.body.sealed_secret.is_some();
        let hash = self.body.secret.is_some();
        match self.body.auth_method {
            AuthMethod::None if hash || shared => Err(ClientError::PublicWithSecret),
            AuthMethod::Basic | AuthMethod::Post if !hash => Err(ClientError::SecretMissing),
            AuthMethod::SecretJwt if !shared => Err(ClientError::SecretMissing),
            _ => self.finish(),
        }
    }

    fn finish(mut self) -> Result<Client, ClientError> {
        if !Client::is_id(&self.id) {
            return Err(ClientError::Id);
        }
        for uri in self.redirect_uris {
            if self.body.redirect_uris.iter().any(|own| own.as_str() == uri) {
                continue;
            }
            let checked = RedirectUri::parse(&uri).and_then(|parsed| {
                if !self.allows_unprotected_redirects {
                    parsed.check_protected()?;
                }
                Ok(parsed)
            });
            self.body.redirect_uris.push(checked.map_err(|reason| ClientError::RedirectUri { uri, reason })?);
        }
        #[cfg(feature = "server")]
        super::client_keys::check(&self.body.metadata).map_err(ClientError::Keys)?;
        let post_logout = |metadata: &Map<String, Value>| metadata.get(POST_LOGOUT_REDIRECT_URIS).cloned();
        let is_as_stored = post_logout(&self.stored_metadata) == post_logout(&self.body.metadata);
        let allows_unprotected = self.allows_unprotected_redirects || is_as_stored;
        logout_uris::check(&self.body.metadata, &self.body.redirect_uris, allows_unprotected)?;
        let scope: Scope = self.scope.parse()?;
        self.body.default_scope = self.default_scope.map(|default| default.parse()).transpose()?;
        if self.body.default_scope.as_ref().is_some_and(|default| !scope.covers(default)) {
            return Err(ClientError::DefaultScope);
        }
        let has_shared = self.body.auth_method == AuthMethod::SecretJwt;
        if has_shared {
            self.body.secret = None;
        } else {
            self.body.sealed_secret = None;
        }
        let unsealed = self.shared_secret.filter(|_| has_shared);
        let (id, registered, body) = (self.id, self.registered, self.body);
        Ok(Client { id, registered, expires: None, scope, unsealed, body })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_has_protected_redirect_uris_unless_told_otherwise() {
        for uri in ["http://client.example.com/cb", "app:/cb"] {
            let client = || Client::public("app").redirect_uri(uri);
            assert!(matches!(client().build(), Err(ClientError::RedirectUri { .. })), "{uri}");
            assert!(client().check().is_err(), "{uri}");
            let allowed = client().dangerously_allow_unprotected_redirect_uris().build().unwrap();
            assert_eq!(allowed.redirect_uris()[0].as_str(), uri);
        }
    }

    #[test]
    fn a_default_scope_is_within_the_scope_and_is_stored() {
        let client =
            |default: &str| Client::public("demo").scope("all notes.read").default_scope(default).build();
        assert!(matches!(client("all notes.write"), Err(ClientError::DefaultScope)));
        assert!(matches!(client("a\"b"), Err(ClientError::Scope(_))));
        let kept = Client::from_row(&client("all").unwrap().to_row()).unwrap();
        assert_eq!(kept.default_scope().map(Scope::as_str), Some("all"));
    }
}
