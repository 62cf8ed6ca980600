//! Checks a client secret, however it came.

use super::{ClientRequest, PresentedCredentials};
use crate::http::RequestHead;
use crate::identity::Throttled;
use crate::model::{Client, ClientSecretHash};
use crate::protocol::OAuthError;

/// Whether the secret is the client's. An unknown client costs what a wrong secret costs.
pub(super) async fn verify(
    request: &ClientRequest<'_>,
    credentials: &PresentedCredentials,
    client: Option<&Client>,
) -> Result<bool, OAuthError> {
    let Some(secret) = credentials.proof() else { return Ok(false) };
    let engine = request.engine;
    let stored = client.and_then(Client::secret);
    // Nobody guesses 256 random bits, so whoever has a generated secret is let in however many others have failed. Otherwise
    // anybody could keep the client out.
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
