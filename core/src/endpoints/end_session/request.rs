//! Reads and checks the parameters of a logout request (RP-Initiated Logout section 2).

use std::sync::Arc;

use crate::endpoints::form::CSRF;
use crate::engine::Engine;
use crate::http::refuse_repeated;
use crate::model::{Authentication, Client};
use crate::openid::{IdTokenHint, session_for, subject_for};
use crate::protocol::{OAuthError, Parameters, with_parameters};

/// The longest request, encoded, in bytes. The form of the question carries it, encoded once more.
const LONGEST: usize = 16 * 1024;

/// The field of the form with the request, encoded.
pub(super) const CARRIED: &str = "logout_request";

/// Parameters that are not part of a request: the fields of the form.
pub(super) const NOT_OF_THE_REQUEST: [&str; 3] = [CSRF, CARRIED, "decision"];

/// A request whose parameters are valid.
pub(super) struct LogoutRequest {
    pub(super) parameters: Parameters,
    /// The client that asks, if it is known.
    pub(super) client: Option<Arc<Client>>,
    hint: Option<IdTokenHint>,
    /// Where the browser goes afterwards, with the state.
    pub(super) return_to: Option<String>,
}

/// Reads a request from a query, a body or the field of the form.
pub(super) fn read(encoded: &[u8]) -> Result<Parameters, OAuthError> {
    if encoded.len() > LONGEST {
        return Err(OAuthError::invalid_request("the request is too long"));
    }
    Ok(Parameters::parse(encoded)?.without(&NOT_OF_THE_REQUEST))
}

/// Checks a request.
///
/// # Errors
/// `invalid_request` says what is wrong. It must not be told by a redirect.
pub(super) async fn check(engine: &Engine, parameters: Parameters) -> Result<LogoutRequest, OAuthError> {
    refuse_repeated(&parameters)?;
    let hint = match parameters.get("id_token_hint") {
        Some(hint) => Some(IdTokenHint::read(engine, hint).await?),
        None => None,
    };
    let named = parameters.get("client_id");
    if let (Some(hint), Some(named)) = (&hint, named)
        && hint.aud != named
    {
        return Err(OAuthError::invalid_request("id_token_hint was issued to another client than client_id"));
    }
    let client = match named.or(hint.as_ref().map(|hint| &*hint.aud)) {
        Some(client_id) => engine.client(client_id).await?,
        None => None,
    };
    if client.is_none() && named.is_some() {
        return Err(OAuthError::invalid_request("the client is unknown"));
    }
    let return_to = match parameters.get("post_logout_redirect_uri") {
        Some(uri) => Some(return_uri(client.as_deref(), uri, parameters.get("state"))?),
        None => None,
    };
    Ok(LogoutRequest { parameters, client, hint, return_to })
}

/// Section 3: the URI is exactly one that the client registered. Otherwise the browser goes nowhere.
fn return_uri(client: Option<&Client>, uri: &str, state: Option<&str>) -> Result<String, OAuthError> {
    let client = client.ok_or_else(|| {
        OAuthError::invalid_request("post_logout_redirect_uri needs client_id or id_token_hint")
    })?;
    if !client.post_logout_redirect_uris().any(|registered| registered == uri) {
        return Err(OAuthError::invalid_request("post_logout_redirect_uri is not registered for the client"));
    }
    Ok(match state {
        Some(state) => with_parameters(uri, &[("state", state)]),
        None => uri.to_owned(),
    })
}

impl LogoutRequest {
    /// Whether the hint is about this very sign-in. Then the client knows who signs out, and nobody has to be asked.
    pub(super) fn is_about(&self, engine: &Engine, signed_in: &Authentication) -> bool {
        let Some((hint, client)) = self.hint.as_ref().zip(self.client.as_deref()) else { return false };
        let is_user = hint.sub == subject_for(engine, client, signed_in.user().subject());
        let is_session = match (&hint.sid, signed_in.session()) {
            (Some(sid), Some(session)) => *sid == session_for(engine, client, session),
            (Some(_), None) => false,
            (None, _) => true,
        };
        is_user && is_session
    }

    /// Whether the browser may be sent on although nobody has decided anything. Otherwise a link to here would lead anybody's browser
    /// wherever a client that registered itself likes (RFC 9700 section 4.11.2).
    pub(super) fn is_vouched_for(&self) -> bool {
        // An ID token vouches for nothing here: whoever registered the client can have one.
        self.client.as_ref().is_some_and(|client| !client.is_self_registered())
    }
}
