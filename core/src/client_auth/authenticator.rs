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
use super::self_signed_tls_client_auth::SelfSignedTlsClientAuth;
use super::tls_client_auth::TlsClientAuth;
use crate::events::{ClientRefusal, Event, EventRecord};
use crate::model::{AuthMethod, Client};
use crate::protocol::{ErrorCode, OAuthError};

/// A client that has authenticated; a public client only identifies itself. Only the server can make one.
#[derive(Debug)]
pub struct AuthenticatedClient(Arc<Client>);

impl AuthenticatedClient {
    /// The client, to keep.
    pub(crate) fn shared(&self) -> Arc<Client> {
        Arc::clone(&self.0)
    }
}

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
    /// The built-in methods and `others`; those with certificates only where the server knows the certificates of clients.
    pub(crate) fn new(others: Vec<Box<dyn ClientAuthentication>>, has_mutual_tls: bool) -> Self {
        let mut methods: Vec<Box<dyn ClientAuthentication>> = vec![
            Box::new(ClientSecretBasic),
            Box::new(ClientSecretPost),
            Box::new(ClientSecretJwt),
            Box::new(PrivateKeyJwt),
            Box::new(NoAuthentication),
        ];
        if has_mutual_tls {
            methods.push(Box::new(TlsClientAuth));
            methods.push(Box::new(SelfSignedTlsClientAuth));
        }
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
            return accept(request, client, GRANT_ASSERTION);
        }
        let refuse = |why, method: Option<&AuthMethod>, client: Option<&str>| {
            let method = method.map(AuthMethod::as_str);
            let record = EventRecord::from(Event::ClientRefused { why, method, typed: None });
            request.engine.events.emit(record.of_client(client));
            OAuthError::invalid_client()
        };
        let Some((_, first)) = presented.first() else {
            return Err(refuse(ClientRefusal::NoCredentials, None, None));
        };
        let client = request.engine.client(first.client_id()).await?;
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
        let believed = client.as_ref().filter(|_| registered.is_some());
        let name = method.method();
        let id = client.as_ref().map(|client| client.id());
        let proved = match method.verify(request, credentials, believed.map(|client| &**client)).await {
            Err(error) if error.code() == &ErrorCode::InvalidClient && believed.is_some() => {
                refuse(ClientRefusal::WrongCredentials, Some(&name), id);
                return Err(error);
            }
            verified => verified?,
        };
        let why = match (&client, believed) {
            (None, _) => {
                let typed = request.engine.events.digest(credentials.client_id());
                let (why, method) = (ClientRefusal::UnknownClient, Some(name.as_str()));
                request.engine.events.emit(Event::ClientRefused { why, method, typed: Some(&typed) });
                return Err(OAuthError::invalid_client());
            }
            (Some(_), None) => ClientRefusal::WrongMethod,
            (_, Some(_)) if !proved => ClientRefusal::WrongCredentials,
            (_, Some(client)) if accepted.contains(&name) => {
                return accept(request, Arc::clone(client), name.as_str());
            }
            _ => ClientRefusal::MethodNotAccepted,
        };
        Err(refuse(why, Some(&name), id))
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

/// How a client authenticates whose authorization grant is an assertion of its own: the grant type's own name says more than a method.
const GRANT_ASSERTION: &str = "jwt-bearer";

/// Accepts a client that has proved who it is, unless its registration cannot be used.
fn accept(
    request: &ClientRequest<'_>,
    client: Arc<Client>,
    method: &str,
) -> Result<AuthenticatedClient, OAuthError> {
    let events = &request.engine.events;
    if let Err(error) = request.engine.refuse_unmet(&client) {
        let (why, method) = (ClientRefusal::Unusable, Some(method));
        events.emit(Event::ClientRefused { why, method, typed: None }.of_client(client.id()));
        return Err(error);
    }
    events.emit(Event::ClientAuthenticated { method }.of_client(client.id()));
    Ok(AuthenticatedClient(client))
}
