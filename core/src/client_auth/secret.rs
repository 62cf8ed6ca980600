//! Verifies a client secret, for every method that has one.

use super::method::{ClientRequest, PresentedCredentials};
use crate::http::RequestHead;
use crate::identity::Throttled;
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
    // A generated secret cannot be guessed, so the correct one is accepted regardless of earlier failures. Otherwise anybody
    // could lock the client out.
    if stored.is_some_and(|stored: &ClientSecretHash| stored.is_generated_from(secret.expose())) {
        return Ok(true);
    }
    let connection = request.http.connection();
    let throttled = Throttled::Client(credentials.client_id());
    engine.check_throttle(throttled, connection)?;
    let proved = engine.secrets.verify(credentials.client_id(), secret.expose(), stored).await?;
    if proved {
        engine.count_success(throttled, connection)?;
    } else {
        engine.count_failure(throttled, connection)?;
    }
    Ok(proved)
}

/// RFC 6749 section 2.3: no more than one method in a request.
pub(super) fn two_ways() -> OAuthError {
    OAuthError::invalid_request("the client authenticates in two ways")
}
