//! Verifies a client secret, for every method that has one.

use super::method::{ClientRequest, PresentedCredentials};
use crate::identity::{Attempt, Throttled};
use crate::model::{Client, ClientSecretHash};
use crate::protocol::OAuthError;

/// Whether the secret is the client's. An unknown client takes as long as a wrong secret.
pub(super) async fn verify(
    request: &ClientRequest<'_>,
    credentials: &PresentedCredentials,
    client: Option<&Client>,
) -> Result<bool, OAuthError> {
    let Some(secret) = credentials.proof() else { return Ok(false) };
    let engine = request.engine;
    let stored = client.and_then(Client::secret);
    let client_id = credentials.client_id();
    // Nobody guesses 256 random bits, so guesses at a generated secret are not counted. Otherwise anybody could keep the client, or
    // everybody behind one address, out.
    if stored.is_some_and(ClientSecretHash::is_generated) {
        return Ok(engine.secrets.verify(client_id, secret.expose(), stored).await?);
    }
    let attempt = Attempt::new(Throttled::Client(client_id), engine.source(request.http));
    engine.check_throttle(attempt)?;
    let proved = engine.secrets.verify(client_id, secret.expose(), stored).await?;
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
