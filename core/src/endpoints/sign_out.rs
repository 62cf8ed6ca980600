//! Signing out in the browser that a request came from.

use http::HeaderMap;
use http::header::SET_COOKIE;

use super::Interaction;
use crate::engine::Engine;
use crate::http::{Request, Response};
use crate::logout::{end_session, frames};
use crate::model::Authentication;
use crate::protocol::OAuthError;

/// A sign-out that has happened.
pub(crate) struct SignedOut {
    /// The `frontchannel_logout_uri` of each client that has to be told.
    pub(crate) frames: Vec<String>,
    headers: HeaderMap,
}

/// Ends the session, and tells the clients.
pub(crate) async fn sign_out(
    engine: &Engine,
    interaction: &Interaction,
    http: &Request,
    signed_in: &Authentication,
) -> Result<SignedOut, OAuthError> {
    let mut told = Vec::new();
    if let Some(session) = signed_in.session()
        && let Some(ended) = end_session(engine, signed_in.user().subject(), session).await?
    {
        told = frames(engine, &ended).await?;
    }
    let headers = match &interaction.own_session {
        Some(own) => {
            let (parts, _) = http.clone().into_parts();
            own.sign_out(&parts).await?
        }
        None => without_cookie(engine),
    };
    Ok(SignedOut { frames: told, headers })
}

impl SignedOut {
    /// Adds what signs the browser out to a response.
    pub(crate) fn settle(self, response: Response) -> Response {
        with_headers(response, self.headers)
    }
}

/// The header that removes the cookie of a session.
pub(crate) fn without_cookie(engine: &Engine) -> HeaderMap {
    HeaderMap::from_iter([(SET_COOKIE, engine.sessions.clear_cookie())])
}

pub(crate) fn with_headers(mut response: Response, headers: HeaderMap) -> Response {
    let mut last = None;
    for (name, value) in headers {
        last = name.or(last);
        if let Some(name) = &last {
            response.headers_mut().append(name, value);
        }
    }
    response
}
