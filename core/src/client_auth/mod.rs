//! How clients authenticate (RFC 6749 section 2.3): one file a method, each a [`ClientAuthentication`].
//!
//! An application adds a method of its own with [`Builder::client_authentication`](crate::Builder::client_authentication).

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

/// A client that has proved who it is, or a public one that has said so. Only the server makes one.
#[derive(Debug)]
pub struct AuthenticatedClient(Arc<Client>);

impl Deref for AuthenticatedClient {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.0
    }
}

/// The request of a client that authenticates.
#[derive(Clone, Copy)]
pub struct ClientRequest<'a> {
    pub(crate) engine: &'a Engine,
    pub(crate) http: &'a Request,
    pub(crate) parameters: &'a Parameters,
}

impl<'a> ClientRequest<'a> {
    /// What the server has to check credentials with.
    pub fn engine(&self) -> &'a Engine {
        self.engine
    }

    /// The HTTP request.
    pub fn http(&self) -> &'a Request {
        self.http
    }

    /// A parameter of the request's body; `None` where it is missing or empty.
    pub fn parameter(&self, name: &str) -> Option<&'a str> {
        self.parameters.get(name)
    }
}

/// What a request presents for one method, read but not yet believed.
#[derive(Debug)]
pub struct ClientCredentials {
    client_id: String,
    proof: Option<Secret>,
}

impl ClientCredentials {
    /// The client says that it is this one, and has no proof in the request itself.
    pub fn named(client_id: impl Into<String>) -> Self {
        Self { client_id: client_id.into(), proof: None }
    }

    /// The client proves it with this: a secret, or an assertion.
    #[must_use]
    pub fn with_proof(mut self, proof: impl Into<Secret>) -> Self {
        self.proof = Some(proof.into());
        self
    }

    /// Which client it says it is.
    pub fn client_id(&self) -> &str {
        &self.client_id
    }

    /// The proof.
    pub fn proof(&self) -> Option<&Secret> {
        self.proof.as_ref()
    }
}

/// A method by which clients authenticate.
///
/// ```
/// use gridauth::client_auth::{ClientAuthentication, ClientCredentials, ClientRequest};
/// use gridauth::model::{AuthMethod, Client};
/// use gridauth::protocol::OAuthError;
///
/// /// Believes what a gateway in front of the server says in a header.
/// struct Gateway;
///
/// #[gridauth::async_trait]
/// impl ClientAuthentication for Gateway {
///     fn method(&self) -> AuthMethod {
///         AuthMethod::Other("example_gateway".to_owned())
///     }
///
///     fn read(&self, request: &ClientRequest<'_>) -> Result<Option<ClientCredentials>, OAuthError> {
///         let named = request.http().headers().get("x-client").and_then(|value| value.to_str().ok());
///         Ok(named.map(|name| ClientCredentials::named(name).with_proof(name)))
///     }
///
///     async fn verify(
///         &self,
///         _request: &ClientRequest<'_>,
///         _credentials: &ClientCredentials,
///         client: Option<&Client>,
///     ) -> Result<bool, OAuthError> {
///         Ok(client.is_some())
///     }
/// }
/// ```
#[async_trait]
pub trait ClientAuthentication: Send + Sync + 'static {
    /// The method's name, as clients register it (RFC 7591 section 2, `token_endpoint_auth_method`).
    fn method(&self) -> AuthMethod;

    /// What a request presents for this method; `None` where it presents nothing of the kind. Credentials with a
    /// [proof](ClientCredentials::proof) exclude those of every other method (RFC 6749 section 2.3).
    ///
    /// # Errors
    /// An [`OAuthError`] where what is presented is malformed.
    fn read(&self, request: &ClientRequest<'_>) -> Result<Option<ClientCredentials>, OAuthError>;

    /// Whether the credentials are those of `client`. `None` is an unknown client, or one that is registered for another method:
    /// the answer is then no, and must take the same time.
    ///
    /// # Errors
    /// An [`OAuthError`] where that cannot be found out now, or after too many failures.
    async fn verify(
        &self,
        request: &ClientRequest<'_>,
        credentials: &ClientCredentials,
        client: Option<&Client>,
    ) -> Result<bool, OAuthError>;
}

/// The methods that the server has.
pub(crate) struct ClientAuthenticator(Vec<Box<dyn ClientAuthentication>>);

/// What a request presents, and the method that reads it.
type Presented<'a> = (&'a dyn ClientAuthentication, ClientCredentials);

impl ClientAuthenticator {
    /// The built-in methods, and these.
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

    /// Authenticates the client of a request by the method that it is registered with, if the endpoint or the grant accepts that
    /// method.
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

    /// What a request presents. It is either one proof, or several names that the client's registration tells apart.
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
