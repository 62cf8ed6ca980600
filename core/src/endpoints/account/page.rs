//! The pages of the endpoint.

use http::header::RETRY_AFTER;
use http::{HeaderValue, StatusCode};

use super::request::{Action, Query};
use super::visit::Visit;
use super::{applications, browsers};
use crate::endpoints::client_info;
use crate::endpoints::form::{Browser, CSRF, Purpose};
use crate::endpoints::sign_in::sign_in_page;
use crate::env::Timestamp;
use crate::http::Response;
use crate::model::Authentication;
use crate::pages::{
    AccountChange, AccountFailure, AccountPage, ApplicationAccess, ClientInfo, Form, LogoutDonePage, Moment,
    ScopeInfo, SignInFailure, SignInPage, SignedInBrowser, WebUri,
};
use crate::protocol::OAuthError;

/// What the CSRF token of the sign-in page is bound to. A form of the authorization endpoint carries something else.
pub(super) fn sign_in_request(query: &Query) -> String {
    format!("account?{}", query.encode())
}

pub(super) fn sign_in(
    visit: Visit<'_>,
    browser: &Browser,
    query: &Query,
    again: Option<(Option<&str>, SignInFailure)>,
) -> Result<Response, OAuthError> {
    let token = browser.csrf_token(Purpose::SignIn, &sign_in_request(query))?;
    let (action, hidden) = (visit.own_path(query), [(CSRF, token.as_str())]);
    let mut page = SignInPage::new(visit.language, Form { action: &action, hidden: &hidden });
    page.username = again.and_then(|(username, _)| username);
    page.failure = again.map(|(_, failure)| failure);
    sign_in_page(visit.engine, visit.interaction, browser, &page)
}

/// The page after a sign-out.
pub(super) fn signed_out(visit: Visit<'_>, frames: &[String]) -> Response {
    let frames: Vec<WebUri<'_>> = frames.iter().filter_map(|uri| WebUri::parse(uri).ok()).collect();
    let mut page = LogoutDonePage::new(visit.language, true);
    page.frames = &frames;
    visit.interaction.pages.logout_done(&page).into_response(StatusCode::OK)
}

/// Why the page of the account is shown.
#[derive(Clone, Copy)]
pub(super) enum Outcome<'a> {
    Arrived,
    Done(AccountChange),
    Failed(AccountFailure<'a>),
}

/// The hidden inputs of a form that does this.
fn hidden<'a>(
    browser: &Browser,
    signed_in: &Authentication,
    action: Action<'a>,
) -> Result<Hidden<'a>, OAuthError> {
    let purpose = Purpose::Account { subject: signed_in.user().subject() };
    Ok(Hidden { token: browser.csrf_token(purpose, &action.bound())?, fields: action.fields() })
}

struct Hidden<'a> {
    token: String,
    fields: Vec<(&'static str, &'a str)>,
}

impl Hidden<'_> {
    fn pairs(&self) -> Vec<(&str, &str)> {
        std::iter::once((CSRF, self.token.as_str())).chain(self.fields.iter().copied()).collect()
    }
}

fn moment(at: Timestamp) -> Moment {
    Moment::from_unix_secs(at.as_secs())
}

/// The page of the account, as it is now.
pub(super) async fn account(
    visit: Visit<'_>,
    browser: &Browser,
    query: &Query,
    signed_in: &Authentication,
    outcome: Outcome<'_>,
) -> Result<Response, OAuthError> {
    let (engine, interaction) = (visit.engine, visit.interaction);
    let path = visit.own_path(query);
    let inputs = |action| hidden(browser, signed_in, action);
    let form = |pairs| Form { action: &path, hidden: pairs };

    let listed = applications::read(engine, signed_in.user().subject()).await?;
    let mut parts = Vec::new();
    for application in &listed.shown {
        let scopes: Vec<ScopeInfo<'_>> =
            application.scope.iter().map(|token| interaction.scope_info(token, visit.language)).collect();
        parts.push((application, scopes, inputs(Action::Withdraw(&application.client_id))?));
    }
    let parts: Vec<_> =
        parts.iter().map(|(application, scopes, inputs)| (*application, scopes, inputs.pairs())).collect();
    let applications: Vec<ApplicationAccess<'_>> = parts
        .iter()
        .map(|(application, scopes, pairs)| {
            let client = application.client.as_deref();
            let client = client.map_or_else(
                || ClientInfo::new(&application.client_id),
                |client| client_info(client, visit.language),
            );
            let mut shown = ApplicationAccess::new(client, scopes, moment(application.since), form(pairs));
            shown.newest_token = application.newest_token.map(moment);
            shown
        })
        .collect();

    // The rows of an application's own sessions are not all there are.
    let browsers = match &interaction.own_session {
        None => Some(browsers::read(engine, signed_in).await?),
        Some(_) => None,
    };
    let signed_in_at = browsers.as_ref().map(|browsers| browsers.shown.as_slice()).unwrap_or_default();
    let mut others = Vec::new();
    for other in signed_in_at {
        others.push((other, inputs(Action::SignOutThere(&other.session))?));
    }
    let others: Vec<_> = others.iter().map(|(other, inputs)| (*other, inputs.pairs())).collect();
    let sessions: Vec<SignedInBrowser<'_>> = others
        .iter()
        .map(|(session, pairs)| match session.is_this {
            true => SignedInBrowser::this(moment(session.since)),
            false => SignedInBrowser::other(moment(session.since), form(pairs)),
        })
        .collect();

    let elsewhere = inputs(Action::SignOutElsewhere)?;
    let password = inputs(Action::ChangePassword)?;
    let sign_out = inputs(Action::SignOut)?;
    let (elsewhere, password, sign_out) = (elsewhere.pairs(), password.pairs(), sign_out.pairs());
    let mut page = AccountPage::new(visit.language, signed_in.user().username());
    page.applications = &applications;
    page.more_applications = listed.are_more;
    page.sessions = &sessions;
    page.more_sessions = browsers.as_ref().is_some_and(|browsers| browsers.are_more);
    page.sign_out_others = (sessions.len() > 1).then_some(form(&elsewhere));
    page.password = (!engine.has_own_users).then_some(form(&password));
    let can_sign_out = interaction.own_session.as_ref().is_none_or(|own| own.can_sign_out());
    page.sign_out = can_sign_out.then_some(form(&sign_out));
    (page.done, page.failure) = match outcome {
        Outcome::Arrived => (None, None),
        Outcome::Done(done) => (Some(done), None),
        Outcome::Failed(failure) => (None, Some(failure)),
    };
    let mut response = interaction.pages.account(&page).into_response(status(page.failure));
    if let Some(AccountFailure::TooManyTries { retry_after_secs }) = page.failure {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(retry_after_secs));
    }
    browser.with_form(engine, response)
}

fn status(failure: Option<AccountFailure<'_>>) -> StatusCode {
    match failure {
        None => StatusCode::OK,
        Some(AccountFailure::FormExpired) => StatusCode::FORBIDDEN,
        Some(AccountFailure::TooManyTries { .. }) => StatusCode::TOO_MANY_REQUESTS,
        Some(_) => StatusCode::BAD_REQUEST,
    }
}
