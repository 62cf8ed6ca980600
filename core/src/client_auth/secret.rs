//! Verifies a client secret, for every method that has one.

use arrayvec::ArrayVec;

use super::method::{ClientRequest, PresentedCredentials};
use crate::identity::{Attempt, Throttled, on_behalf_of};
use crate::model::{Client, ClientSecretHash};
use crate::protocol::OAuthError;

/// The most secrets of a client that are valid at the same time.
const MOST_SECRETS: usize = 1 + Client::MAX_FORMER_SECRETS;

type Hashes<'c> = ArrayVec<&'c ClientSecretHash, MOST_SECRETS>;

/// Whether the secret is the client's. An unknown client takes as long as a wrong secret that a person chose.
pub(super) async fn verify(
    request: &ClientRequest<'_>,
    credentials: &PresentedCredentials,
    client: Option<&Client>,
) -> Result<bool, OAuthError> {
    let Some(secret) = credentials.proof() else { return Ok(false) };
    let engine = request.engine;
    let (client_id, source) = (credentials.client_id(), engine.source(request.http));
    let (mut generated, mut chosen) = (Hashes::new(), Hashes::new());
    if let Some(client) = client {
        for stored in client.secrets(engine.clock.now()).take(MOST_SECRETS) {
            if stored.is_generated() { generated.push(stored) } else { chosen.push(stored) }
        }
    }
    let is_of = async |stored: Option<&ClientSecretHash>| {
        let verified = engine.secrets.verify(client_id, secret.expose(), stored);
        on_behalf_of(source, verified).await.map_err(OAuthError::from)
    };
    // Nobody guesses 256 random bits, so guesses at a generated secret are not counted. Otherwise anybody could keep the client, or
    // everybody behind one address, out.
    for stored in &generated {
        if is_of(Some(stored)).await? {
            return Ok(true);
        }
    }
    if chosen.is_empty() && !generated.is_empty() {
        return Ok(false);
    }
    let attempt = Attempt::new(Throttled::Client(client_id), source);
    engine.check_throttle(attempt)?;
    let mut proved = is_of(chosen.first().copied()).await?;
    for further in chosen.iter().skip(1) {
        proved = proved || is_of(Some(further)).await?;
    }
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
