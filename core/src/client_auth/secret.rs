//! Verifies a client secret, for every method that has one.

use super::method::{ClientRequest, PresentedCredentials};
use crate::identity::{Attempt, Throttled, on_behalf_of};
use crate::model::{Client, ClientSecretHash};
use crate::protocol::OAuthError;

/// Whether the secret is the client's. An unknown client takes as long as a wrong secret that a person chose.
pub(super) async fn verify(
    request: &ClientRequest<'_>,
    credentials: &PresentedCredentials,
    client: Option<&Client>,
) -> Result<bool, OAuthError> {
    let Some(secret) = credentials.proof() else { return Ok(false) };
    let engine = request.engine;
    let stored = client.and_then(Client::secret);
    let client_id = credentials.client_id();
    let source = engine.source(request.http);
    let verified = on_behalf_of(source, engine.secrets.verify(client_id, secret.expose(), stored));
    // Nobody guesses 256 random bits, so guesses at a generated secret are not counted. Otherwise anybody could keep the client, or
    // everybody behind one address, out.
    if stored.is_some_and(ClientSecretHash::is_generated) {
        return Ok(verified.await?);
    }
    let attempt = Attempt::new(Throttled::Client(client_id), source);
    engine.check_throttle(attempt)?;
    let proved = verified.await?;
    if proved {
        engine.count_success(attempt)?;
    } else {
        engine.count_failure(attempt)?;
    }
    Ok(proved)
}

/// RFC 6749 section 2.3: no more than one method in a request.
pub(super) fn two_ways() -> OAuthError {
    OAuthError::invalid_request("the client authenticates in two ways")
}
