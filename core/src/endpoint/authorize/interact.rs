//! Signing in and allowing.

use http::header::RETRY_AFTER;
use http::{HeaderValue, StatusCode};

use super::Failure;
use super::check::{self, Checked};
use super::form::{Browser, CSRF, Purpose, REQUEST};
use super::redirect::Target;
use crate::grant::ApprovedAuthorization;
use crate::http::{Request, RequestContext, Response, see_other};
use crate::model::User;
use crate::pages::{
    ClientInfo, ConsentPage, Destination, Form, ScopeInfo, SignInFailure, SignInPage, WebUri,
};
use crate::protocol::{OAuthError, Parameters};
use crate::server::Inner;
use crate::token::Secret;

/// Goes as far with a good request as it can be gone without asking anybody.
pub(super) async fn proceed(
    server: &Inner,
    request: &Request,
    checked: Checked<'_>,
) -> Result<Response, Failure> {
    let browser = Browser::of(server, request)?;
    match current_user(server, request, &browser).await? {
        Some(user) => ask_or_answer(server, &browser, checked, &user).await,
        None => match &server.own_session {
            Some(own) => {
                Ok(see_other(&own.sign_in_uri(&server.authorize_path(&checked.request.parameters)))?)
            }
            None => sign_in_page(server, &browser, &checked, None, None),
        },
    }
}

async fn current_user(
    server: &Inner,
    request: &Request,
    browser: &Browser,
) -> Result<Option<User>, OAuthError> {
    match &server.own_session {
        Some(own) => {
            let (parts, _) = request.clone().into_parts();
            Ok(own.user(&parts).await?)
        }
        None => match &browser.session {
            Some(session) => server.sessions.user(session).await,
            None => Ok(None),
        },
    }
}

/// A form of ours came back.
pub(super) async fn submitted(
    server: &Inner,
    request: &Request,
    parameters: &Parameters,
    context: &RequestContext,
) -> Result<Response, Failure> {
    let carried =
        parameters.get(REQUEST).ok_or_else(|| OAuthError::invalid_request("the form is not complete"))?;
    // What it carries is checked again from the start: it has been in the browser's hands.
    let checked = check::request(server, carried.as_bytes()).await?;
    let browser = Browser::of(server, request)?;
    let token = parameters.get(CSRF).unwrap_or_default();
    // Whoever signs in counts, also where somebody else is signed in already.
    if server.own_session.is_none() && browser.sent(token, Purpose::SignIn, carried)? {
        return sign_in(server, browser, checked, parameters, context).await;
    }
    match current_user(server, request, &browser).await? {
        Some(user) if browser.sent(token, consent_purpose(&checked, &user), carried)? => {
            decided(server, &browser, checked, &user, parameters.get("decision")).await
        }
        // Shown in another browser, before somebody signed in, or forged: asked anew, and nothing has happened.
        Some(user) => ask_or_answer(server, &browser, checked, &user).await,
        None if server.own_session.is_some() => proceed(server, request, checked).await,
        None => {
            let username = parameters.get("username");
            sign_in_page(server, &browser, &checked, username, Some(SignInFailure::FormExpired))
        }
    }
}

async fn sign_in(
    server: &Inner,
    browser: Browser,
    checked: Checked<'_>,
    parameters: &Parameters,
    context: &RequestContext,
) -> Result<Response, Failure> {
    let username = parameters.get("username");
    let (Some(name), Some(password)) = (username, parameters.get("password")) else {
        return sign_in_page(server, &browser, &checked, username, Some(SignInFailure::MissingFields));
    };
    match server.check_password(name, &Secret::from(password), context).await {
        Ok(Some(user)) => {
            let signed_in = browser.signed_in(server.sessions.begin(&user).await?);
            ask_or_answer(server, &signed_in, checked, &user).await
        }
        Ok(None) => sign_in_page(server, &browser, &checked, username, Some(SignInFailure::WrongCredentials)),
        Err(error) => match (error.status(), error.retry_after()) {
            (StatusCode::TOO_MANY_REQUESTS, Some(retry_after_secs)) => {
                let failure = SignInFailure::TooManyTries { retry_after_secs };
                sign_in_page(server, &browser, &checked, username, Some(failure))
            }
            _ => Err(error.into()),
        },
    }
}

/// Asks for consent where it is needed; answers the client where it is not.
async fn ask_or_answer(
    server: &Inner,
    browser: &Browser,
    checked: Checked<'_>,
    user: &User,
) -> Result<Response, Failure> {
    if server.needs_consent(&checked.request, user).await? {
        consent_page(server, browser, &checked, user)
    } else {
        approve(server, browser, checked, user).await
    }
}

async fn decided(
    server: &Inner,
    browser: &Browser,
    checked: Checked<'_>,
    user: &User,
    decision: Option<&str>,
) -> Result<Response, Failure> {
    match decision {
        Some("allow") => {
            server.remember_consent(&checked.request, user).await?;
            approve(server, browser, checked, user).await
        }
        Some("deny") => {
            let target = Target::of(&checked.request);
            Err(Failure::Redirect(Box::new(target), OAuthError::access_denied("the resource owner said no")))
        }
        _ => consent_page(server, browser, &checked, user),
    }
}

async fn approve(
    server: &Inner,
    browser: &Browser,
    checked: Checked<'_>,
    user: &User,
) -> Result<Response, Failure> {
    let target = Target::of(&checked.request);
    let approved = ApprovedAuthorization {
        server,
        request: &checked.request,
        grant_type: checked.side.grant_type(),
        user,
        data: checked.data,
        now: server.clock.now(),
    };
    for extension in checked.extensions {
        if let Err(error) = extension.check_approval(&approved).await {
            return Err(Failure::Redirect(Box::new(target), error));
        }
    }
    match checked.side.respond(&approved).await {
        Ok(response) => Ok(browser.with_session(server, target.answer(server, &response)?)?),
        Err(error) => Err(Failure::Redirect(Box::new(target), error)),
    }
}

fn sign_in_page(
    server: &Inner,
    browser: &Browser,
    checked: &Checked<'_>,
    username: Option<&str>,
    failure: Option<SignInFailure>,
) -> Result<Response, Failure> {
    let carried = checked.request.parameters.encode_without(&[]);
    let token = browser.csrf_token(Purpose::SignIn, &carried)?;
    let hidden = [(CSRF, token.as_str()), (REQUEST, carried.as_str())];
    let action = server.authorize_url_path();
    let mut page = SignInPage::new(Form { action: &action, hidden: &hidden });
    page.client = Some(client_info(checked));
    page.username = username.or(checked.request.parameter("login_hint"));
    page.failure = failure;
    let status = match failure {
        None => StatusCode::OK,
        Some(SignInFailure::TooManyTries { .. }) => StatusCode::TOO_MANY_REQUESTS,
        Some(SignInFailure::FormExpired) => StatusCode::FORBIDDEN,
        Some(_) => StatusCode::BAD_REQUEST,
    };
    let mut response = server.pages.sign_in(&page).into_response(status);
    if let Some(SignInFailure::TooManyTries { retry_after_secs }) = failure {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(retry_after_secs));
    }
    Ok(browser.with_form(server, response)?)
}

fn consent_purpose<'a>(checked: &'a Checked<'_>, user: &'a User) -> Purpose<'a> {
    Purpose::Consent { subject: user.subject(), scope: checked.request.scope.as_scope().as_str() }
}

fn consent_page(
    server: &Inner,
    browser: &Browser,
    checked: &Checked<'_>,
    user: &User,
) -> Result<Response, Failure> {
    let carried = checked.request.parameters.encode_without(&[]);
    let token = browser.csrf_token(consent_purpose(checked, user), &carried)?;
    let hidden = [(CSRF, token.as_str()), (REQUEST, carried.as_str())];
    let scope = checked.request.scope.as_scope();
    let scopes: Vec<ScopeInfo<'_>> = scope.iter().map(|token| server.scope_info(token)).collect();
    let page = server.pages.consent(&ConsentPage::new(
        Form { action: &server.authorize_url_path(), hidden: &hidden },
        client_info(checked),
        Destination::new(checked.request.redirect.as_str()),
        user.username(),
        &scopes,
    ));
    Ok(browser.with_form(server, page.into_response(StatusCode::OK))?)
}

fn client_info<'a>(checked: &'a Checked<'_>) -> ClientInfo<'a> {
    let client = &*checked.request.client;
    let link = |member| client.metadata(member).and_then(|uri| WebUri::parse(uri).ok());
    let mut info = ClientInfo::new(client.id());
    info.name = client.name();
    info.uri = link("client_uri");
    info.policy_uri = link("policy_uri");
    info.tos_uri = link("tos_uri");
    info.logo_uri = link("logo_uri");
    info
}
