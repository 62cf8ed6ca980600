use async_trait::async_trait;

use crate::engine::Engine;
use crate::http::Request;
use crate::model::{AuthMethod, Client};
use crate::protocol::{OAuthError, Parameters};
use crate::token::Secret;

/// A request that a client authenticates with.
#[derive(Clone, Copy)]
pub struct ClientRequest<'a> {
    pub(crate) engine: &'a Engine,
    pub(crate) http: &'a Request,
    pub(crate) parameters: &'a Parameters,
}

impl<'a> ClientRequest<'a> {
    /// The engine: store, clock, clients and the like.
    pub fn engine(&self) -> &'a Engine {
        self.engine
    }

    /// The HTTP request.
    pub fn http(&self) -> &'a Request {
        self.http
    }

    /// A parameter of the request's body; `None` if it is missing or empty.
    pub fn parameter(&self, name: &str) -> Option<&'a str> {
        self.parameters.get(name)
    }
}

/// The credentials in a request for one method, not verified yet.
#[derive(Debug)]
pub struct PresentedCredentials {
    client_id: String,
    proof: Option<Secret>,
}

impl PresentedCredentials {
    /// A `client_id` without a proof in the request.
    pub fn named(client_id: impl Into<String>) -> Self {
        Self { client_id: client_id.into(), proof: None }
    }

    /// Adds the proof: a secret or an assertion.
    #[must_use]
    pub fn with_proof(mut self, proof: impl Into<Secret>) -> Self {
        self.proof = Some(proof.into());
        self
    }

    /// The `client_id` that the request names.
    pub fn client_id(&self) -> &str {
        &self.client_id
    }

    /// The proof.
    pub fn proof(&self) -> Option<&Secret> {
        self.proof.as_ref()
    }
}

/// A client authentication method.
///
/// ```
/// use gridauth::client_auth::{ClientAuthentication, PresentedCredentials, ClientRequest};
/// use gridauth::model::{AuthMethod, Client};
/// use gridauth::protocol::OAuthError;
///
/// /// Trusts a gateway in front of the server, which puts the client's name into a header.
/// struct Gateway;
///
/// #[gridauth::async_trait]
/// impl ClientAuthentication for Gateway {
///     fn method(&self) -> AuthMethod {
///         AuthMethod::Other("example_gateway".to_owned())
///     }
///
///     fn read(&self, request: &ClientRequest<'_>) -> Result<Option<PresentedCredentials>, OAuthError> {
///         let named = request.http().headers().get("x-client").and_then(|value| value.to_str().ok());
///         Ok(named.map(|name| PresentedCredentials::named(name).with_proof(name)))
///     }
///
///     async fn verify(
///         &self,
///         _request: &ClientRequest<'_>,
///         _credentials: &PresentedCredentials,
///         client: Option<&Client>,
///     ) -> Result<bool, OAuthError> {
///         Ok(client.is_some())
///     }
/// }
/// ```
#[async_trait]
pub trait ClientAuthentication: Send + Sync + 'static {
    /// The name of the method, as clients register it (`token_endpoint_auth_method`, RFC 7591 section 2).
    fn method(&self) -> AuthMethod;

    /// Reads the credentials for this method from a request; `None` if it has none. Credentials with a
    /// [proof](PresentedCredentials::proof) exclude those of every other method (RFC 6749 section 2.3).
    ///
    /// # Errors
    /// An [`OAuthError`] if the credentials are malformed.
    fn read(&self, request: &ClientRequest<'_>) -> Result<Option<PresentedCredentials>, OAuthError>;

    /// Whether the credentials are those of `client`. `None` means that the client is unknown or registered for another method:
    /// then return `false`, after the same time.
    ///
    /// # Errors
    /// An [`OAuthError`] if this cannot be determined at the moment, or after too many failures.
    async fn verify(
        &self,
        request: &ClientRequest<'_>,
        credentials: &PresentedCredentials,
        client: Option<&Client>,
    ) -> Result<bool, OAuthError>;
}
