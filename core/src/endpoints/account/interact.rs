//! Sign-in, and what the forms of the page do.

use super::page::{self, Outcome};
use super::password::{self, NotChanged};
use super::request::{ACTION, Action, Query};
use super::visit::Visit;
use crate::endpoints::form::{Browser, CSRF, Purpose};
use crate::endpoints::sign_in::{self, SignIn};
use crate::endpoints::sign_out::sign_out;
use crate::http::{Response, see_other};
use crate::identity::{OwnSession, WantedSignIn};
use crate::logout::{end_session, end_sessions, withdraw};
use crate::model::{Authentication, Session, SessionId};
use crate::pages::{AccountChange, AccountFailure, SignInFailure};
use crate::protocol::{OAuthError, Parameters};

/// Shows the page, or sends the browser on: whoever came only to sign in has done so.
pub(super) async fn show(visit: Visit<'_>, query: &Query) -> Result<Response, OAuthError> {
    let mut browser = Browser::of(visit.engine, visit.http).await?;
    match visit.interaction.signed_in(visit.engine, visit.http, &mut browser).await? {
        Some(signed_in) => match &query.return_to {
            Some(path) => see_other(path.as_str()),
            None => page::account(visit, &browser, query, &signed_in, Outcome::Arrived).await,
        },
        None => ask_sign_in(visit, &browser, query, None),
    }
}

/// Shows the sign-in page, or sends the browser to the application's.
fn ask_sign_in(
    visit: Visit<'_>,
    browser: &Browser,
    query: &Query,
    again: Option<(Option<&str>, SignInFailure)>,
) -> Result<Response, OAuthError> {
    match &visit.interaction.own_session {
        Some(own) => own_sign_in(&**own, &visit.own_path(query), query.ui_locales.as_deref()),
        None => page::sign_in(visit, browser, query, again),
    }
}

/// Sends a browser to the application's sign-in page, although no client asks for it.
pub(crate) fn own_sign_in(
    own: &dyn OwnSession,
    return_to: &str,
    ui_locales: Option<&str>,
) -> Result<Response, OAuthError> {
    see_other(&own.sign_in_uri(&WantedSignIn {
        return_to,
        again: false,
        max_age: None,
        login_hint: None,
        subject: None,
        acr_values: &[],
        ui_locales,
        client: None,
    }))
}

/// A form came back. One without an action is that of the sign-in page.
pub(super) async fn submitted(
    visit: Visit<'_>,
    query: &Query,
    form: &Parameters,
) -> Result<Response, OAuthError> {
    let mut browser = Browser::of(visit.engine, visit.http).await?;
    let token = form.get(CSRF).unwrap_or_default();
    let is_sign_in = form.get(ACTION).is_none() && visit.interaction.own_session.is_none();
    if is_sign_in && browser.sent(token, Purpose::SignIn, &page::sign_in_request(query)) {
        return enter(visit, browser, query, form).await;
    }
    let Some(signed_in) = visit.interaction.signed_in(visit.engine, visit.http, &mut browser).await? else {
        let failure = (form.get("username"), SignInFailure::FormExpired);
        return ask_sign_in(visit, &browser, query, Some(failure));
    };
    let purpose = Purpose::Account { subject: signed_in.user().subject() };
    let action = Action::of(form).filter(|action| browser.sent(token, purpose, &action.bound()));
    let Some(action) = action else {
        // The form was shown in another browser or to another user, or it is forged.
        let outcome = Outcome::Failed(AccountFailure::FormExpired);
        return page::account(visit, &browser, query, &signed_in, outcome).await;
    };
    act(visit, browser, query, form, &signed_in, action).await
}

async fn enter(
    visit: Visit<'_>,
    browser: Browser,
    query: &Query,
    form: &Parameters,
) -> Result<Response, OAuthError> {
    match sign_in::sign_in(visit.engine, visit.http, browser, form).await? {
        SignIn::Done(browser, _) => {
            let own = || visit.own_path(query);
            let to = query.return_to.as_ref().map_or_else(own, |path| path.as_str().to_owned());
            browser.with_session(visit.engine, see_other(&to)?)
        }
        SignIn::Refused(browser, failure) => {
            ask_sign_in(visit, &browser, query, Some((form.get("username"), failure)))
        }
    }
}

async fn act(
    visit: Visit<'_>,
    browser: Browser,
    query: &Query,
    form: &Parameters,
    signed_in: &Authentication,
    action: Action<'_>,
) -> Result<Response, OAuthError> {
    let (engine, subject) = (visit.engine, signed_in.user().subject());
    let done = match action {
        Action::Withdraw(client_id) => {
            withdraw(engine, subject, client_id).await?;
            AccountChange::AccessWithdrawn
        }
        Action::SignOutThere(session) => {
            // The form names a session that the page has shown; its row says whose it is.
            let row = engine.store.read::<Session>(session).await?;
            if row.is_some_and(|row| row.subject == subject) {
                end_session(engine, subject, &SessionId::new(session)).await?;
            }
            AccountChange::SignedOutThere
        }
        Action::SignOutElsewhere => {
            end_sessions(engine, subject, signed_in.session(), true).await?;
            AccountChange::SignedOutElsewhere
        }
        Action::ChangePassword => match password::change(visit, &browser, form, signed_in).await {
            Ok(()) => AccountChange::PasswordChanged,
            Err(NotChanged::Refused(failure)) => {
                return page::account(visit, &browser, query, signed_in, Outcome::Failed(failure)).await;
            }
            Err(NotChanged::NotAllowed(refused)) => {
                let Some(failure) = password::rule_failure(&refused) else {
                    return Err(OAuthError::server_error(refused));
                };
                return page::account(visit, &browser, query, signed_in, Outcome::Failed(failure)).await;
            }
            Err(NotChanged::Failed(error)) => return Err(error),
        },
        Action::SignOut => {
            let signed_out = sign_out(engine, visit.interaction, visit.http, signed_in).await?;
            let response = page::signed_out(visit, &signed_out.frames);
            return Ok(signed_out.settle(response));
        }
    };
    page::account(visit, &browser, query, signed_in, Outcome::Done(done)).await
}
