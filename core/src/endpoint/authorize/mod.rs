//! The authorization endpoint (RFC 6749 section 3.1).
//!
//! The way of a request: client and redirect URI are checked first, and until both are good nothing is redirected. What else
//! is wrong with the request goes to the client. Then somebody signs in and allows it, over forms that carry the request
//! along; what fails there is shown to them, until a code or token is to be made.

mod check;
mod form;
mod interact;
mod redirect;

use http::{Method, StatusCode};

use crate::http::{Request, RequestContext, Response, form_body, see_other};
use crate::pages::ErrorPage;
use crate::protocol::{OAuthError, Parameters};
use crate::server::Inner;

/// A failure, and who is told.
enum Failure {
    /// The person, on a page: the client or its redirect URI is not good, or there is nobody else to tell.
    Page(OAuthError),
    /// The client, by a redirect.
    Redirect(Box<redirect::Target>, OAuthError),
}

impl From<OAuthError> for Failure {
    fn from(error: OAuthError) -> Self {
        Self::Page(error)
    }
}

pub(crate) async fn answer(server: &Inner, request: &Request) -> Response {
    let context = RequestContext::of(request);
    let answered = match request.method() {
        &Method::POST => post(server, request, &context).await,
        _ => begin(server, request, request.uri().query().unwrap_or_default().as_bytes()).await,
    };
    let failed = match answered {
        Ok(response) => return response,
        Err(Failure::Redirect(target, error)) => {
            error.log();
            match target.refuse(server, &error) {
                Ok(response) => return response,
                Err(error) => error,
            }
        }
        Err(Failure::Page(error)) => error,
    };
    error_page(server, &failed)
}

/// A POST is a form of ours if it has a CSRF token; else it is a new request (OpenID Connect Core section 3.1.2.1).
async fn post(server: &Inner, request: &Request, context: &RequestContext) -> Result<Response, Failure> {
    let body = form_body(request)?;
    let parameters = Parameters::parse(body).map_err(OAuthError::from)?;
    if parameters.repeated().is_some() {
        // What is repeated decides whom to tell: that is looked at again there.
        return begin(server, request, body).await;
    }
    if parameters.get(form::CSRF).is_some() {
        return interact::submitted(server, request, &parameters, context).await;
    }
    // A browser sends no cookie of ours with a POST from another site, but does with the GET that follows a redirect: who is
    // signed in stays so.
    if comes_from_another_site(request) && body.len() <= LONGEST_QUERY {
        return Ok(see_other(&server.authorize_path(&parameters.without(&form::NOT_OF_THE_REQUEST)))?);
    }
    begin(server, request, body).await
}

/// The longest request that is sent on as a query, in bytes.
const LONGEST_QUERY: usize = 4 * 1024;

/// Whether a browser says so (Fetch Metadata Request Headers).
fn comes_from_another_site(request: &Request) -> bool {
    request.headers().get("sec-fetch-site").is_some_and(|site| site == "cross-site")
}

/// A new authorization request.
async fn begin(server: &Inner, request: &Request, encoded: &[u8]) -> Result<Response, Failure> {
    let checked = check::request(server, encoded).await?;
    interact::proceed(server, request, checked).await
}

fn error_page(server: &Inner, error: &OAuthError) -> Response {
    error.log();
    let (title, advice) = match error.status() {
        StatusCode::TOO_MANY_REQUESTS => ("Too many tries", "Wait a little, then go back and try again."),
        status if status.is_server_error() => {
            ("Something went wrong here", "It is not your doing. Go back and try again in a few minutes.")
        }
        _ => (
            "This link does not work",
            "The application that sent you here asked for something that cannot be answered. Go back and try again. \
             If it happens again, tell the people behind that application what stands below.",
        ),
    };
    let mut page = ErrorPage::new(error.status(), title, advice);
    page.detail = Some(error.description());
    let page = server.pages.error(&page);
    let mut response = page.into_response(error.status());
    if let Some(seconds) = error.retry_after() {
        response.headers_mut().insert(http::header::RETRY_AFTER, seconds.into());
    }
    response
}
