use http::StatusCode;
use http::header::RETRY_AFTER;

use super::redirect::Target;
use super::visit::Visit;
use crate::http::Response;
use crate::pages::ErrorPage;
use crate::protocol::OAuthError;

/// A failure, and how it is reported.
pub(super) enum Failure {
    /// To the user, on a page: the client or its redirect URI is not valid, or no redirect is possible.
    Page(OAuthError),
    /// To the client, by a redirect.
    Redirect(Box<Target>, OAuthError),
}

impl From<OAuthError> for Failure {
    fn from(error: OAuthError) -> Self {
        Self::Page(error)
    }
}

impl Failure {
    /// The response that reports the failure.
    pub(super) fn report(self, visit: Visit<'_>) -> Response {
        match self {
            Self::Page(error) => page(visit, &error),
            Self::Redirect(target, error) => {
                error.log();
                target.refuse(visit, &error).unwrap_or_else(|error| page(visit, &error))
            }
        }
    }
}

fn page(visit: Visit<'_>, error: &OAuthError) -> Response {
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
    let page = visit.interaction.pages.error(&page);
    let mut response = page.into_response(error.status());
    if let Some(seconds) = error.retry_after() {
        response.headers_mut().insert(RETRY_AFTER, seconds.into());
    }
    response
}
