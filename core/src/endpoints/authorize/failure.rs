use super::redirect::Target;
use super::visit::Visit;
use crate::http::Response;
use crate::protocol::OAuthError;

/// A failure, and how it is reported.
pub(in crate::endpoints) enum Failure {
    /// To the user, on a page: the client or its redirect URI is not valid, or no redirect is possible.
    Page(OAuthError),
    /// The client, by a redirect. A user has signed in.
    Redirect(Box<Target>, OAuthError),
    /// The client, by a redirect, if an operator registered it or a user has signed in. A link to here would otherwise lead
    /// anybody's browser wherever a client that registered itself likes (RFC 9700 section 4.11.2).
    Unsolicited(Box<Target>, OAuthError),
}

impl From<OAuthError> for Failure {
    fn from(error: OAuthError) -> Self {
        Self::Page(error)
    }
}

impl Failure {
    /// The same failure, for a user who has just signed in.
    pub(super) fn after_sign_in(self) -> Self {
        match self {
            Self::Unsolicited(target, error) => Self::Redirect(target, error),
            other => other,
        }
    }

    /// The error, for a client that is told by the response to its own request.
    pub(in crate::endpoints) fn into_error(self) -> OAuthError {
        match self {
            Self::Page(error) | Self::Redirect(_, error) | Self::Unsolicited(_, error) => error,
        }
    }

    /// The response that tells whoever is to be told.
    pub(super) async fn report(self, visit: Visit<'_>) -> Response {
        match self {
            Self::Page(error) => page(visit, &error),
            Self::Redirect(target, error) => redirect(visit, &target, &error).await,
            Self::Unsolicited(target, error) if !target.is_of_stranger() => {
                redirect(visit, &target, &error).await
            }
            Self::Unsolicited(target, error) => match visit.signed_in().await {
                Ok(Some(_)) => redirect(visit, &target, &error).await,
                Ok(None) => page(visit, &error),
                Err(failed) => page(visit, &failed),
            },
        }
    }
}

async fn redirect(visit: Visit<'_>, target: &Target, error: &OAuthError) -> Response {
    error.log();
    target.refuse(visit, error).await.unwrap_or_else(|error| page(visit, &error))
}

fn page(visit: Visit<'_>, error: &OAuthError) -> Response {
    visit.interaction.error_page(visit.language, error)
}
