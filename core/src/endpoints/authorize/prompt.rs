//! Whether the user has to sign in or to consent before a request can be answered.

use std::time::Duration;

use super::checks::ValidRequest;
use super::consent;
use crate::engine::Engine;
use crate::env::Timestamp;
use crate::model::Authentication;
use crate::protocol::OAuthError;

/// What the user has already done for this request.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Progress {
    /// Nothing yet.
    Arrived,
    /// The user has signed in for this request.
    SignedIn,
    /// The user has consented.
    Allowed,
}

/// How long a sign-in for a request counts as one, which leaves time to read the consent page.
const SIGN_IN_COUNTS_FOR: Duration = Duration::from_secs(10 * 60);

/// Whether this sign-in is sufficient for the request. A sign-in at an unknown time is never recent enough.
pub(super) fn accepts_sign_in(
    valid: &ValidRequest<'_>,
    signed_in: &Authentication,
    progress: Progress,
    now: Timestamp,
) -> bool {
    let is_within = |age| signed_in.auth_time().is_some_and(|auth_time| now.since(auth_time) <= age);
    if progress >= Progress::SignedIn && is_within(SIGN_IN_COUNTS_FOR) {
        return true;
    }
    !valid.plan.asks_sign_in && valid.plan.max_age.is_none_or(is_within)
}

/// Whether the request may need a more recent sign-in.
pub(super) fn wants_recent_sign_in(valid: &ValidRequest<'_>) -> bool {
    valid.plan.asks_sign_in || valid.plan.max_age.is_some()
}

/// Whether the user still has to be asked for consent.
pub(super) async fn asks_consent(
    engine: &Engine,
    valid: &ValidRequest<'_>,
    signed_in: &Authentication,
    progress: Progress,
) -> Result<bool, OAuthError> {
    if progress == Progress::Allowed {
        return Ok(false);
    }
    Ok(valid.plan.asks_consent || !consent::is_given(engine, &valid.request, signed_in.user()).await?)
}
