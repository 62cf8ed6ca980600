//! Client authentication (RFC 6749 section 2.3): each method is a [`ClientAuthentication`], in its own file.
//!
//! An application adds a custom method with [`Builder::client_authentication`](crate::Builder::client_authentication).

mod basic;
mod none;
mod post;
mod secret;

pub use basic::ClientSecretBasic;
pub use none::NoAuthentication;
pub use post::ClientSecretPost;

use std::ops::Deref;
use std::sync::Arc;

use async_trait::async_trait;

use crate::engine::Engine;
use crate::http::Request;
use crate::model::{AuthMethod, Client};
use crate::protocol::{OAuthError, Parameters};
use crate::token::Secret;

/// A client that has authenticated; a public client only identifies itself. Only the server can make one.
#[derive(Debug)]
pub struct AuthenticatedClient(Arc<Client>);

impl Deref for AuthenticatedClient {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.0
    }
}

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

/// The server's client authentication methods.
pub(crate) struct ClientAuthenticator(Vec<Box<dyn ClientAuthentication>>);

/// Credentials in a request, with their method.
type Presented<'a> = (&'a dyn ClientAuthentication, PresentedCredentials);

impl ClientAuthenticator {
    /// The built-in methods and `others`.
    pub(crate) fn new(others: Vec<Box<dyn ClientAuthentication>>) -> Self {
        let mut methods: Vec<Box<dyn ClientAuthentication>> =
            vec![Box::new(ClientSecretBasic), Box::new(ClientSecretPost), Box::new(NoAuthentication)];
        methods.extend(others);
        Self(methods)
    }

    /// The names of the methods.
    pub(crate) fn methods(&self) -> impl Iterator<Item = AuthMethod> {
        self.0.iter().map(|method| method.method())
    }

    /// Authenticates the client of a request by the method that it is registered for, if that method is among the `accepted` ones.
    pub(crate) async fn authenticate(
        &self,
        request: &ClientRequest<'_>,
        accepted: &[AuthMethod],
    ) -> Result<AuthenticatedClient, OAuthError> {
        let presented = self.presented(request)?;
        let client_id = presented.first().ok_or_else(OAuthError::invalid_client)?.1.client_id();
        let client = request.engine.client(client_id).await?;
        // What a method reads is about the client that it names, and no other.
        let is_registered = |(method, credentials): &&Presented<'_>| {
            client.as_ref().is_some_and(|client| {
                credentials.client_id() == client.id() && *client.auth_method() == method.method()
            })
        };
        let registered = presented.iter().find(is_registered);
        let Some((method, credentials)) = registered.or(presented.first()) else {
            return Err(OAuthError::invalid_client());
        };
        let believed = client.filter(|_| registered.is_some());
        let proved = method.verify(request, credentials, believed.as_deref()).await?;
        match believed {
            Some(client) if proved && accepted.contains(&method.method()) => Ok(AuthenticatedClient(client)),
            _ => Err(OAuthError::invalid_client()),
        }
    }

    /// The credentials in a request: either one with a proof, or any number without, among which the client's registration decides.
    fn presented(&self, request: &ClientRequest<'_>) -> Result<Vec<Presented<'_>>, OAuthError> {
        let mut proof: Option<Presented<'_>> = None;
        let mut names = Vec::new();
        for method in &self.0 {
            match method.read(request)? {
                Some(credentials) if credentials.proof.is_some() => {
                    let other = proof.replace((&**method, credentials));
                    if other.is_some() {
                        return Err(secret::two_ways());
                    }
                }
                Some(credentials) => names.push((&**method, credentials)),
                None => {}
            }
        }
        Ok(proof.map_or(names, |proof| vec![proof]))
    }
}
