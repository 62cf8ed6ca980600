//! Stored consents.

use crate::engine::Engine;
use crate::grant::AuthorizationRequest;
use crate::model::{Consent, User};
use crate::protocol::{OAuthError, origin_of};
use crate::store::{Change, Key, Kind, Record};

/// Whether the user has already consented to the whole requested scope, or need not be asked.
pub(super) async fn is_given(
    engine: &Engine,
    request: &AuthorizationRequest,
    user: &User,
) -> Result<bool, OAuthError> {
    if request.client.is_first_party() {
        return Ok(true);
    }
    if !is_remembered(request) {
        return Ok(false);
    }
    let id = Consent::row_id(user.subject(), request.client.id(), &origin_of(request.redirect.as_str()));
    let given = engine.store.read::<Consent>(&id).await?;
    Ok(given.is_some_and(|consent| consent.scope.covers(request.scope.as_scope())))
}

/// Whether consent is remembered. Only its redirect URI identifies a public client, and any program on the device can use a loopback
/// or private-use-scheme URI (RFC 8252 section 8.6).
fn is_remembered(request: &AuthorizationRequest) -> bool {
    !request.client.is_public() || request.redirect.as_str().starts_with("https://")
}

/// Stores the consent, merged with earlier consent of the same user to the same client at the same origin.
pub(super) async fn remember(
    engine: &Engine,
    request: &AuthorizationRequest,
    user: &User,
) -> Result<(), OAuthError> {
    if !is_remembered(request) {
        return Ok(());
    }
    let consent = Consent {
        subject: user.subject().to_owned(),
        client_id: request.client.id().to_owned(),
        origin: origin_of(request.redirect.as_str()),
        scope: request.scope.as_scope().clone(),
        given: engine.clock.now(),
    };
    let id = Consent::row_id(&consent.subject, &consent.client_id, &consent.origin);
    // The row may appear or disappear between insert and change. Then each of them fails, and the other is tried.
    for _ in 0..8 {
        if engine.store.insert(Key::new(Kind::Consent, &id), consent.to_row()).await? {
            return Ok(());
        }
        let widen = |before: &Consent| {
            let widened = Consent { scope: before.scope.union(&consent.scope), ..consent.clone() };
            (Change::Replace(widened.to_row()), ())
        };
        if engine.store.change::<Consent, ()>(&id, widen).await?.is_some() {
            return Ok(());
        }
    }
    Err(OAuthError::unavailable(1))
}
