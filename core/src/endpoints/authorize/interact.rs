//! Sign-in and consent.

use super::answer::answer;
use super::checks::ValidRequest;
use super::consent;
use super::failure::Failure;
use super::own_session::{self, Arrival};
use super::page::{consent_page, consent_purpose, sign_in_page};
use super::prompt::{self, Progress};
use super::redirect::Target;
use super::source::OTHER_ACCOUNT;
use super::visit::Visit;
use crate::endpoints::form::{Browser, CSRF, Purpose};
use crate::endpoints::sign_in::{self, SignIn};
use crate::events::Event;
use crate::http::Response;
use crate::model::Authentication;
use crate::pages::SignInFailure;
use crate::protocol::{OAuthError, Parameters};

/// Proceeds as far as possible without user interaction, then shows the page that is needed.
pub(super) async fn proceed(
    visit: Visit<'_>,
    valid: ValidRequest<'_>,
    signed_in_since: Option<&str>,
) -> Result<Response, Failure> {
    let mut browser = Browser::of(visit.engine, visit.http).await?;
    if let Some(own) = &visit.interaction.own_session {
        return match own_session::arrive(visit, &**own, &browser, &valid, signed_in_since).await? {
            Arrival::SignedIn(signed_in, progress) => {
                go_on(visit, &browser, valid, &signed_in, progress).await
            }
            Arrival::SentAway(response) => Ok(response),
        };
    }
    match visit.current(&mut browser).await? {
        Some(signed_in) => go_on(visit, &browser, valid, &signed_in, Progress::Arrived).await,
        None => {
            prompt::refuse_sign_in(visit.engine, &valid, None, Progress::Arrived)?;
            sign_in_page(visit, &browser, &valid, None, None)
        }
    }
}

/// A form of ours came back, with the authorization request that it carried.
pub(super) async fn submitted(
    visit: Visit<'_>,
    parameters: &Parameters,
    carried: &str,
    valid: ValidRequest<'_>,
) -> Result<Response, Failure> {
    let mut browser = Browser::of(visit.engine, visit.http).await?;
    let token = parameters.get(CSRF).unwrap_or_default();
    // A new sign-in replaces an existing one, even of another user.
    if visit.interaction.own_session.is_none() && browser.sent(token, Purpose::SignIn, carried) {
        return sign_in(visit, browser, valid, parameters).await;
    }
    match visit.current(&mut browser).await? {
        Some(signed_in)
            if browser.sent(token, consent_purpose(&consent::asked_for(&valid), &signed_in), carried) =>
        {
            decided(visit, &browser, valid, &signed_in, parameters).await
        }
        // The form was shown in another browser or before the sign-in, or it is forged. Nothing has happened, so ask again.
        Some(signed_in) => go_on(visit, &browser, valid, &signed_in, Progress::Arrived).await,
        None if visit.interaction.own_session.is_some() => proceed(visit, valid, None).await,
        None => {
            let username = parameters.get("username");
            sign_in_page(visit, &browser, &valid, username, Some(SignInFailure::FormExpired))
        }
    }
}

async fn sign_in(
    visit: Visit<'_>,
    browser: Browser,
    valid: ValidRequest<'_>,
    parameters: &Parameters,
) -> Result<Response, Failure> {
    match sign_in::sign_in(visit.engine, visit.http, browser, parameters).await? {
        SignIn::Done(browser, signed_in) => {
            match go_on(visit, &browser, valid, &signed_in, Progress::SignedIn).await {
                // The user has signed in, whatever becomes of the request.
                Err(failure) => {
                    let response = failure.after_sign_in().report(visit).await;
                    Ok(browser.with_session(visit.engine, response)?)
                }
                answered => answered,
            }
        }
        SignIn::Refused(browser, failure) => {
            sign_in_page(visit, &browser, &valid, parameters.get("username"), Some(failure))
        }
    }
}

/// Asks for what is still needed, or responds to the client.
async fn go_on(
    visit: Visit<'_>,
    browser: &Browser,
    valid: ValidRequest<'_>,
    signed_in: &Authentication,
    progress: Progress,
) -> Result<Response, Failure> {
    let now = visit.engine.clock.now();
    if !prompt::accepts_sign_in(visit.engine, &valid, signed_in, progress, now) {
        prompt::refuse_sign_in(visit.engine, &valid, Some(signed_in), progress)?;
        return ask_sign_in(visit, browser, &valid, false);
    }
    if prompt::asks_consent(visit.engine, &valid, signed_in, progress).await? {
        prompt::refuse_consent(&valid)?;
        return consent_page(visit, browser, &valid, signed_in);
    }
    let response = answer(visit, &valid, signed_in).await?;
    Ok(browser.with_session(visit.engine, response)?)
}

/// Shows the sign-in page, or sends the browser to the application's. `again`: even if somebody is signed in.
fn ask_sign_in(
    visit: Visit<'_>,
    browser: &Browser,
    valid: &ValidRequest<'_>,
    again: bool,
) -> Result<Response, Failure> {
    match &visit.interaction.own_session {
        Some(own) => own_session::send_away(visit, &**own, browser, valid, again),
        None => sign_in_page(visit, browser, valid, None, None),
    }
}

async fn decided(
    visit: Visit<'_>,
    browser: &Browser,
    valid: ValidRequest<'_>,
    signed_in: &Authentication,
    form: &Parameters,
) -> Result<Response, Failure> {
    // Another person is at the browser. Their sign-in will end this session.
    if form.get(OTHER_ACCOUNT).is_some() {
        return ask_sign_in(visit, browser, &valid, true);
    }
    match form.get("decision") {
        Some("allow") => {
            visit.engine.keep_registration(&valid.request.client).await?;
            consent::remember(visit.engine, &valid, signed_in.user()).await?;
            tell(visit, &valid, signed_in, |scope| Event::Consented { scope });
            go_on(visit, browser, valid, signed_in, Progress::Allowed).await
        }
        Some("deny") => {
            tell(visit, &valid, signed_in, |scope| Event::ConsentRefused { scope });
            let target = Target::of(&valid.request);
            let denied = || OAuthError::access_denied("the resource owner said no");
            let used = match &valid.pushed {
                Some(pushed) => pushed.use_up(visit.engine).await,
                None => Ok(()),
            };
            Err(Failure::Redirect(Box::new(target), used.err().unwrap_or_else(denied)))
        }
        _ => consent_page(visit, browser, &valid, signed_in),
    }
}

/// Tells what a user has decided about the scope that they were asked about.
fn tell(
    visit: Visit<'_>,
    valid: &ValidRequest<'_>,
    signed_in: &Authentication,
    event: impl FnOnce(&str) -> Event<'_>,
) {
    let scope = consent::asked_for(valid);
    let about = event(scope.as_str()).of_client(valid.request.client.id());
    visit.engine.events.emit(about.of_subject(signed_in.user().subject()));
}
