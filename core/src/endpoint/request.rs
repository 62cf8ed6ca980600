use crate::client_auth::{AuthenticatedClient, ClientAuthenticator, ClientRequest};
use crate::engine::Engine;
use crate::http::{Connection, Request, RequestHead, form};
use crate::model::AuthMethod;
use crate::protocol::{OAuthError, Parameters};

/// A request to an endpoint, with the engine of the server.
pub struct EndpointRequest<'a> {
    pub(crate) engine: &'a Engine,
    pub(crate) authenticator: &'a ClientAuthenticator,
    pub(crate) http: &'a Request,
}

impl<'a> EndpointRequest<'a> {
    /// The engine: issuer, store, clock, users, clients.
    pub fn engine(&self) -> &'a Engine {
        self.engine
    }

    /// The HTTP request with its whole body.
    pub fn http(&self) -> &'a Request {
        self.http
    }

    /// The connection that the request came from.
    pub fn connection(&self) -> Connection {
        self.http.connection()
    }

    /// The parameters of a form body (RFC 6749 section 3.2), each at most once.
    ///
    /// # Errors
    /// `invalid_request` if the body is not such a form.
    pub fn form(&self) -> Result<Parameters, OAuthError> {
        form(self.http)
    }

    /// Authenticates the client of the request by one of these methods.
    ///
    /// # Errors
    /// `invalid_client` if the client does not authenticate; status 429 after too many failures; status 503 if the store is
    /// unavailable.
    pub async fn authenticate_client(
        &self,
        parameters: &Parameters,
        accepted: &[AuthMethod],
    ) -> Result<AuthenticatedClient, OAuthError> {
        let request = ClientRequest { engine: self.engine, http: self.http, parameters };
        self.authenticator.authenticate(&request, accepted).await
    }
}
