//! The endpoints: each an ordered list of small checks.

pub(crate) mod authorize;
pub(crate) mod introspect;
pub(crate) mod metadata;
pub(crate) mod revoke;
pub(crate) mod token;

use http::Method;

use crate::grant::Registry;
use crate::http::{Request, Response, error_response, method_not_allowed};
use crate::protocol::OAuthError;
use crate::server::Inner;

/// What a path leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Endpoint {
    Authorize,
    Token,
    Revoke,
    Introspect,
    Metadata,
}

impl Endpoint {
    pub(crate) const ALL: [Self; 5] =
        [Self::Authorize, Self::Token, Self::Revoke, Self::Introspect, Self::Metadata];

    /// The path below the mount point; `None` for what has a place of its own.
    pub(crate) const fn path(self) -> Option<&'static str> {
        match self {
            Self::Authorize => Some("/authorize"),
            Self::Token => Some("/token"),
            Self::Revoke => Some("/revoke"),
            Self::Introspect => Some("/introspect"),
            Self::Metadata => None,
        }
    }

    /// Whether the server has it: what is not on does not exist.
    pub(crate) fn is_on(self, grants: &Registry) -> bool {
        let issues = || grants.iter().next().is_some();
        match self {
            Self::Authorize => grants.authorization_sides().next().is_some(),
            Self::Token => grants.token_sides().next().is_some(),
            Self::Revoke | Self::Introspect | Self::Metadata => issues(),
        }
    }

    const fn allow(self) -> &'static str {
        match self {
            Self::Authorize => "GET, HEAD, POST",
            Self::Token | Self::Revoke | Self::Introspect => "POST",
            Self::Metadata => "GET, HEAD",
        }
    }

    /// Answers a request.
    pub(crate) async fn answer(self, server: &Inner, request: &Request) -> Response {
        let (get, post) =
            (matches!(*request.method(), Method::GET | Method::HEAD), request.method() == Method::POST);
        // Boxes, so that the future of any request is not as long as that of the longest: frameworks move it about.
        let answered: Result<Response, OAuthError> = match self {
            Self::Authorize if get || post => return Box::pin(authorize::answer(server, request)).await,
            Self::Token if post => Box::pin(token::answer(server, request)).await,
            Self::Revoke if post => Box::pin(revoke::answer(server, request)).await,
            Self::Introspect if post => Box::pin(introspect::answer(server, request)).await,
            Self::Metadata if get => Ok(metadata::answer(server)),
            _ => return method_not_allowed(self.allow()),
        };
        answered.unwrap_or_else(|error| error_response(&error, &server.realm))
    }
}
