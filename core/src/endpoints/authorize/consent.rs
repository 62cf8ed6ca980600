//! Stored consents.

use super::checks::ValidRequest;
use crate::engine::Engine;
use crate::grant::AuthorizationRequest;
use crate::model::{Consent, User};
use crate::protocol::{OAuthError, Scope, origin_of};
use crate::store::{Change, Key, Kind, Record};

/// Whether the user has already consented to the whole requested scope, or need not be asked.
pub(super) async fn is_given(
    engine: &Engine,
    valid: &ValidRequest<'_>,
    user: &User,
) -> Result<bool, OAuthError> {
    let request = &valid.request;
    if request.client.is_first_party() {
        return Ok(true);
    }
    if !is_remembered(request) {
        return Ok(false);
    }
    let id = Consent::row_id(user.subject(), request.client.id(), &origin_of(request.redirect.as_str()));
    let given = engine.store.read::<Consent>(&id).await?;
    Ok(given.is_some_and(|consent| consent.scope.covers(&asked_for(valid))))
}

/// The scope that the user is asked about: the granted one, and those that give the claims that are asked for by name.
pub(super) fn asked_for(valid: &ValidRequest<'_>) -> Scope {
    let shown: Scope = valid.plan.shown_scopes.join(" ").parse().unwrap_or_default();
    valid.request.scope.as_scope().union(&shown)
}

/// Whether consent is remembered. Only its redirect URI identifies a public client, and any program on the device can use a loopback
/// or private-use-scheme URI (RFC 8252 section 8.6).
fn is_remembered(request: &AuthorizationRequest) -> bool {
    !request.client.is_public() || request.redirect.as_str().starts_with("https://")
}

/// Stores the consent, merged with earlier consent of the same user to the same client at the same origin.
pub(super) async fn remember(
    engine: &Engine,
    valid: &ValidRequest<'_>,
    user: &User,
) -> Result<(), OAuthError> {
    let request = &valid.request;
    if !is_remembered(request) {
        return Ok(());
    }
    let consent = Consent {
        subject: user.subject().to_owned(),
        client_id: request.client.id().to_owned(),
        origin: origin_of(request.redirect.as_str()),
        scope: asked_for(valid),
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
