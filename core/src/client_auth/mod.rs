//! How clients authenticate (RFC 6749 section 2.3).

mod basic;
mod secret;

pub use crate::model::ClientSecretHash;
pub use secret::{GeneratedSecret, SecretVerifier, generate_client_secret};

use std::ops::Deref;
use std::sync::Arc;

use http::HeaderMap;

use crate::http::{AuthorizationHeader, RequestContext, authorization};
use crate::identity::Throttled;
use crate::model::{AuthMethod, Client};
use crate::protocol::{OAuthError, Parameters};
use crate::server::Inner;
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

/// What a request presents.
struct Presented {
    client_id: String,
    method: AuthMethod,
    secret: Option<Secret>,
}

impl Presented {
    /// Finds the one method that the request uses (RFC 6749 section 2.3: no more than one).
    fn find(headers: &HeaderMap, parameters: &Parameters) -> Result<Self, OAuthError> {
        let in_body = parameters.get("client_secret");
        match authorization(headers) {
            AuthorizationHeader::Malformed => Err(OAuthError::invalid_request(
                "there is more than one Authorization header, or it is not text",
            )),
            AuthorizationHeader::Scheme { name, credentials } => {
                if in_body.is_some() {
                    return Err(OAuthError::invalid_request("the client authenticates in two ways"));
                }
                if !name.eq_ignore_ascii_case("basic") {
                    return Err(OAuthError::invalid_client());
                }
                let (client_id, secret) =
                    basic::decode(credentials).ok_or_else(OAuthError::invalid_client)?;
                if parameters.get("client_id").is_some_and(|named| named != client_id) {
                    return Err(OAuthError::invalid_request(
                        "client_id is not that of the Authorization header",
                    ));
                }
                Ok(Self { client_id, method: AuthMethod::Basic, secret: Some(secret) })
            }
            AuthorizationHeader::Absent => {
                let client_id =
                    parameters.get("client_id").ok_or_else(OAuthError::invalid_client)?.to_owned();
                let method = if in_body.is_some() { AuthMethod::Post } else { AuthMethod::None };
                Ok(Self { client_id, method, secret: in_body.map(Secret::from) })
            }
        }
    }
}

/// Authenticates the client of a request by the method that it is registered with, if the endpoint or grant accepts
/// that method.
pub(crate) async fn authenticate(
    server: &Inner,
    headers: &HeaderMap,
    parameters: &Parameters,
    accepted: &[AuthMethod],
    context: &RequestContext,
) -> Result<AuthenticatedClient, OAuthError> {
    let presented = Presented::find(headers, parameters)?;
    let throttled = Throttled::Client(&presented.client_id);
    let client = server.client(&presented.client_id).await?;
    let registered = client.as_deref().filter(|client| *client.auth_method() == presented.method);
    let proved = match &presented.secret {
        Some(secret) => {
            let stored = registered.and_then(Client::secret);
            // A secret of 256 random bits cannot be guessed, so who has it is let in however many others have failed;
            // else anybody could keep a client out.
            if stored.is_some_and(|stored| stored.is_generated_from(secret.expose())) {
                true
            } else {
                server.check_throttle(throttled, context)?;
                // Also where there is no such client: an unknown one costs what a wrong secret costs.
                Box::pin(server.secrets.verify(&presented.client_id, secret.expose(), stored)).await?
            }
        }
        // Nobody can guess here, and nobody can be kept out by the failures of others.
        None => registered.is_some(),
    };
    match client {
        Some(client) if proved && accepted.contains(&presented.method) => {
            let generated = client.secret().is_some_and(|stored| stored.is_generated());
            if presented.secret.is_some() && !generated {
                server.count_success(throttled, context)?;
            }
            Ok(AuthenticatedClient(client))
        }
        _ => {
            // Who presents no secret has guessed nothing.
            if presented.secret.is_some() && !proved {
                server.count_failure(throttled, context)?;
            }
            Err(OAuthError::invalid_client())
        }
    }
}
