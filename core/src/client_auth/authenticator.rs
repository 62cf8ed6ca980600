use std::ops::Deref;
use std::sync::Arc;

use super::basic::ClientSecretBasic;
use super::method::{ClientAuthentication, ClientRequest, PresentedCredentials};
use super::none::NoAuthentication;
use super::own_assertion;
use super::post::ClientSecretPost;
use super::private_key_jwt::PrivateKeyJwt;
use super::secret;
use super::secret_jwt::ClientSecretJwt;
use crate::model::{AuthMethod, Client};
use crate::protocol::OAuthError;

/// A client that has authenticated; a public client only identifies itself. Only the server can make one.
#[derive(Debug)]
pub struct AuthenticatedClient(Arc<Client>);

impl Deref for AuthenticatedClient {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.0
    }
}

/// The server's client authentication methods.
pub(crate) struct ClientAuthenticator(Vec<Box<dyn ClientAuthentication>>);

/// Credentials in a request, with their method.
type Presented<'a> = (&'a dyn ClientAuthentication, PresentedCredentials);

impl ClientAuthenticator {
    /// The built-in methods and `others`.
    pub(crate) fn new(others: Vec<Box<dyn ClientAuthentication>>) -> Self {
        let mut methods: Vec<Box<dyn ClientAuthentication>> = vec![
            Box::new(ClientSecretBasic),
            Box::new(ClientSecretPost),
            Box::new(ClientSecretJwt),
            Box::new(PrivateKeyJwt),
            Box::new(NoAuthentication),
        ];
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
        let has_proof = presented.iter().any(|(_, credentials)| credentials.proof().is_some());
        if !has_proof && let Some(client) = own_assertion::client_of(request, accepted).await? {
            client.refuse_unmet()?;
            return Ok(AuthenticatedClient(client));
        }
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
            Some(client) if proved && accepted.contains(&method.method()) => {
                client.refuse_unmet()?;
                Ok(AuthenticatedClient(client))
            }
            _ => Err(OAuthError::invalid_client()),
        }
    }

    /// The credentials in a request: either one with a proof, or any number without, among which the client's registration decides.
    fn presented(&self, request: &ClientRequest<'_>) -> Result<Vec<Presented<'_>>, OAuthError> {
        let mut proof: Option<Presented<'_>> = None;
        let mut names = Vec::new();
        for method in &self.0 {
            match method.read(request)? {
                Some(credentials) if credentials.proof().is_some() => {
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
