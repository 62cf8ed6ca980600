//! Whether the user has to sign in or to consent before a request can be answered.

use std::time::Duration;

use super::checks::ValidRequest;
use super::consent;
use super::failure::Failure;
use super::redirect::Target;
use crate::engine::Engine;
use crate::env::Timestamp;
use crate::grant::AuthorizationPlan;
use crate::model::Authentication;
use crate::openid::subject_for;
use crate::protocol::{ErrorCode, OAuthError};

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
    engine: &Engine,
    valid: &ValidRequest<'_>,
    signed_in: &Authentication,
    progress: Progress,
    now: Timestamp,
) -> bool {
    let plan = &valid.plan;
    if is_another(engine, valid, signed_in) || !has_acr(plan, signed_in) {
        return false;
    }
    let is_within = |age| signed_in.auth_time().is_some_and(|auth_time| now.since(auth_time) <= age);
    if progress >= Progress::SignedIn && is_within(SIGN_IN_COUNTS_FOR) {
        return true;
    }
    !plan.asks_sign_in && plan.max_age.is_none_or(is_within)
}

/// Whether another user has signed in than the request is about.
fn is_another(engine: &Engine, valid: &ValidRequest<'_>, signed_in: &Authentication) -> bool {
    let subject = || subject_for(engine, &valid.request.client, signed_in.user().subject());
    valid.plan.subject.as_ref().is_some_and(|wanted| *wanted != subject())
}

/// Whether the sign-in is of one of the classes that the request needs.
fn has_acr(plan: &AuthorizationPlan, signed_in: &Authentication) -> bool {
    let wanted = &plan.acr_values;
    wanted.is_empty() || signed_in.acr().is_some_and(|acr| wanted.iter().any(|wanted| wanted == acr))
}

/// Why no page is shown where one would be needed: the client forbids it, or a new sign-in was not what the client needs. Asking again
/// would be a loop.
pub(super) fn refuse_sign_in(
    engine: &Engine,
    valid: &ValidRequest<'_>,
    signed_in: Option<&Authentication>,
    progress: Progress,
) -> Result<(), Failure> {
    let plan = &valid.plan;
    let refuse = |code, description| {
        let error = OAuthError::new(ErrorCode::Custom(code), description);
        Err(Failure::Unsolicited(Box::new(Target::of(&valid.request)), error))
    };
    match signed_in {
        // OpenID Connect Core section 5.5.1.1: a class that cannot be had is a failed sign-in.
        Some(signed_in) if progress >= Progress::SignedIn && !has_acr(plan, signed_in) => {
            refuse("unmet_authentication_requirements", "the user cannot sign in as the client requires")
        }
        Some(signed_in) if progress >= Progress::SignedIn && is_another(engine, valid, signed_in) => {
            refuse("login_required", "another user has signed in than the request is about")
        }
        _ if plan.forbids_pages => refuse("login_required", "the user has to sign in"),
        _ => Ok(()),
    }
}

/// Refuses a request that forbids pages and needs consent.
pub(super) fn refuse_consent(valid: &ValidRequest<'_>) -> Result<(), Failure> {
    if !valid.plan.forbids_pages {
        return Ok(());
    }
    let error = OAuthError::new(ErrorCode::Custom("consent_required"), "the user has to consent");
    Err(Failure::Redirect(Box::new(Target::of(&valid.request)), error))
}

/// Whether the request may need a more recent sign-in.
pub(super) fn wants_recent_sign_in(valid: &ValidRequest<'_>) -> bool {
    let plan = &valid.plan;
    plan.asks_sign_in || plan.max_age.is_some() || plan.subject.is_some() || !plan.acr_values.is_empty()
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
    Ok(valid.plan.asks_consent || !consent::is_given(engine, valid, signed_in.user()).await?)
}
