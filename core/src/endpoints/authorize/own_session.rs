//! Sign-in on the application's own pages.

use super::checks::ValidRequest;
use super::failure::Failure;
use super::prompt::{self, Progress};
use super::redirect::Target;
use super::source::SIGNED_IN_SINCE;
use super::visit::Visit;
use crate::endpoints::form::{Browser, Purpose};
use crate::env::Timestamp;
use crate::http::{Response, see_other};
use crate::identity::{OwnSession, WantedSignIn};
use crate::model::Authentication;
use crate::protocol::{ErrorCode, OAuthError, Parameters};

/// The state of a user who arrives with a request.
pub(super) enum Arrival {
    /// The user is signed in.
    SignedIn(Authentication, Progress),
    /// The user has to sign in, on the application's page.
    SentAway(Response),
}

/// Sends the browser to the application's sign-in page if the user has to sign in.
pub(super) async fn arrive(
    visit: Visit<'_>,
    own: &dyn OwnSession,
    browser: &Browser,
    valid: &ValidRequest<'_>,
    signed_in_since: Option<&str>,
) -> Result<Arrival, Failure> {
    let now = visit.engine.clock.now();
    let Some(signed_in) = visit.interaction.own_authentication(own, visit.http).await? else {
        prompt::refuse_sign_in(visit.engine, valid, None, Progress::Arrived)?;
        return Ok(Arrival::SentAway(send_away(visit, own, browser, valid, false)?));
    };
    let carried = valid.carried().encode_without(&[]);
    let since = signed_in_since.and_then(|text| sent_away_at(browser, &carried, text));
    // An application may know the second of a sign-in and no more.
    let has_signed_in =
        since.zip(signed_in.auth_time()).is_some_and(|(since, at)| at.as_secs() >= since.as_secs());
    let progress = if has_signed_in { Progress::SignedIn } else { Progress::Arrived };
    if prompt::accepts_sign_in(visit.engine, valid, &signed_in, progress, now) {
        return Ok(Arrival::SignedIn(signed_in, progress));
    }
    prompt::refuse_sign_in(visit.engine, valid, Some(&signed_in), progress)?;
    if since.is_some() && !has_signed_in {
        // The user was sent to sign in again and came back without doing so. Sending them once more would be an endless loop.
        let error = OAuthError::new(ErrorCode::Custom("login_required"), "the user did not sign in again");
        return Err(Failure::Redirect(Box::new(Target::of(&valid.request)), error));
    }
    Ok(Arrival::SentAway(send_away(visit, own, browser, valid, false)?))
}

/// Sends a browser to the application's sign-in page. If the sign-in must be recent, the URI to return to says since when. That
/// distinguishes a user who was signed in before from one who has signed in for this request. `again`: although somebody is signed in.
pub(super) fn send_away(
    visit: Visit<'_>,
    own: &dyn OwnSession,
    browser: &Browser,
    valid: &ValidRequest<'_>,
    again: bool,
) -> Result<Response, Failure> {
    let carried = valid.carried().encode_without(&[]);
    let mut return_to = visit.authorize_path(valid.carried());
    // A signed request may expire while the user signs in, so the return says when it arrived.
    let is_signed = valid.carried().get("request").is_some();
    if !is_signed && !prompt::wants_recent_sign_in(valid) {
        return Ok(see_other(&own.sign_in_uri(&wanted(valid, &return_to, again)))?);
    }
    let now = visit.engine.clock.now();
    let mac = browser.csrf_token(Purpose::SignInSince(now), &carried)?;
    return_to.push_str(&format!("&{SIGNED_IN_SINCE}={}.{mac}", now.as_millis()));
    Ok(browser.with_form(visit.engine, see_other(&own.sign_in_uri(&wanted(valid, &return_to, again)))?)?)
}

fn wanted<'a>(valid: &'a ValidRequest<'_>, return_to: &'a str, again: bool) -> WantedSignIn<'a> {
    let (request, plan) = (&valid.request, &valid.plan);
    WantedSignIn {
        return_to,
        again: again || plan.asks_sign_in,
        max_age: plan.max_age,
        login_hint: request.parameter("login_hint"),
        subject: plan.subject.as_deref(),
        acr_values: &plan.acr_values,
        ui_locales: request.parameter("ui_locales"),
        client: Some(&request.client),
    }
}

/// When the browser of this visit was sent to sign in with this request; `None` if the parameter is not authentic.
pub(super) async fn sent_away(
    visit: Visit<'_>,
    request: &Parameters,
    since: &str,
) -> Result<Option<Timestamp>, OAuthError> {
    if visit.interaction.own_session.is_none() {
        return Ok(None);
    }
    let browser = Browser::of(visit.engine, visit.http).await?;
    Ok(sent_away_at(&browser, &request.encode_without(&[]), since))
}

fn sent_away_at(browser: &Browser, carried: &str, text: &str) -> Option<Timestamp> {
    let (moment, mac) = text.split_once('.')?;
    let moment = moment.parse().map(Timestamp::from_millis).ok()?;
    browser.sent(mac, Purpose::SignInSince(moment), carried).then_some(moment)
}
