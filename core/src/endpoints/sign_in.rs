//! Signing in on the server's own page: for an authorization request, or to see the account.

use http::header::RETRY_AFTER;
use http::{HeaderValue, StatusCode};

use super::Interaction;
use super::form::Browser;
use crate::engine::Engine;
use crate::http::{Request, Response};
use crate::logout::end_session;
use crate::model::Authentication;
use crate::pages::{SignInFailure, SignInPage};
use crate::protocol::{OAuthError, Parameters};
use crate::token::Secret;

/// What came of a submitted sign-in form.
pub(crate) enum SignIn {
    /// The user has signed in, in this browser.
    Done(Browser, Authentication),
    /// The page has to be shown again.
    Refused(Browser, SignInFailure),
}

/// Signs a user in with the username and the password of a form whose CSRF token was valid. A new sign-in replaces an existing one,
/// even of another user.
pub(crate) async fn sign_in(
    engine: &Engine,
    http: &Request,
    browser: Browser,
    form: &Parameters,
) -> Result<SignIn, OAuthError> {
    let (Some(name), Some(password)) = (form.get("username"), form.get("password")) else {
        return Ok(SignIn::Refused(browser, SignInFailure::MissingFields));
    };
    let source = engine.source(http).with_browser(browser.known_key(engine, name));
    match engine.check_password(name, &Secret::from(password), source).await {
        Ok(Some(signed_in)) => {
            let (browser, signed_in) = enter(engine, browser, name, signed_in).await?;
            Ok(SignIn::Done(browser, signed_in))
        }
        Ok(None) => Ok(SignIn::Refused(browser, SignInFailure::WrongCredentials)),
        Err(error) => match (error.status(), error.retry_after()) {
            (StatusCode::TOO_MANY_REQUESTS, Some(retry_after_secs)) => {
                Ok(SignIn::Refused(browser, SignInFailure::TooManyTries { retry_after_secs }))
            }
            _ => Err(error),
        },
    }
}

/// Lets a user in. A live session of the same user goes on, so that it is one session to the clients; that of another user ends.
async fn enter(
    engine: &Engine,
    mut browser: Browser,
    name: &str,
    signed_in: Authentication,
) -> Result<(Browser, Authentication), OAuthError> {
    let before = browser.find_session(engine).await?;
    if let (Some(_), Some(secret)) = (&before, browser.session())
        && let Some(renewed) = engine.sessions.renew(secret, &signed_in).await?
    {
        engine.know_browser(name, secret.key());
        return Ok((browser, renewed));
    }
    let (session, signed_in) = engine.sessions.begin(signed_in).await?;
    engine.know_browser(name, session.key());
    if let Some((subject, left)) =
        before.as_ref().and_then(|left| Some((left.user().subject(), left.session()?)))
    {
        end_session(engine, subject, left).await?;
    }
    Ok((browser.signed_in(session), signed_in))
}

/// Shows the sign-in page, with the status that its failure has.
pub(crate) fn sign_in_page(
    engine: &Engine,
    interaction: &Interaction,
    browser: &Browser,
    page: &SignInPage<'_>,
) -> Result<Response, OAuthError> {
    let status = match page.failure {
        None => StatusCode::OK,
        Some(SignInFailure::TooManyTries { .. }) => StatusCode::TOO_MANY_REQUESTS,
        Some(SignInFailure::FormExpired) => StatusCode::FORBIDDEN,
        Some(_) => StatusCode::BAD_REQUEST,
    };
    let mut response = interaction.pages.sign_in(page).into_response(status);
    if let Some(SignInFailure::TooManyTries { retry_after_secs }) = page.failure {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(retry_after_secs));
    }
    browser.with_form(engine, response)
}
