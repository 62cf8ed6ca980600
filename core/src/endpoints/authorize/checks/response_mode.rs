//! The response mode (OAuth 2.0 Multiple Response Type Encoding Practices section 2.1, OAuth 2.0 Form Post Response Mode, JARM section
//! 2.3).

use super::draft::Draft;
use crate::endpoints::authorize::signed_response;
use crate::pages::WebUri;
use crate::protocol::{OAuthError, ResponseMode, returns_token};

/// Chooses the mode for errors too: the requested mode if it is possible, otherwise the response type's default.
pub(super) fn settle(draft: &mut Draft<'_>) -> Result<(), OAuthError> {
    draft.side = draft.parameters.get("response_type").and_then(|name| draft.grants.authorization_side(name));
    if let Ok(mode) = mode(draft) {
        draft.target.mode = mode;
    } else {
        draft.target.mode = default(draft);
    }
    Ok(())
}

pub(super) fn is_possible(draft: &mut Draft<'_>) -> Result<(), OAuthError> {
    mode(draft).map(drop)
}

/// A client that expects a token looks for the error of an unknown response type where the token would be.
fn default(draft: &Draft<'_>) -> ResponseMode {
    match draft.side {
        Some((_, side)) => side.default_response_mode(),
        None if draft.parameters.get("response_type").is_some_and(returns_token) => ResponseMode::Fragment,
        None => ResponseMode::Query,
    }
}

/// The mode that the client requests, if the response type allows it: a token never goes into a query, signed or not. The signed one is
/// not encrypted (JARM section 2.3.1).
fn mode(draft: &Draft<'_>) -> Result<ResponseMode, OAuthError> {
    let default = default(draft);
    let Some(name) = draft.parameters.get("response_mode") else { return Ok(default) };
    let named = match name {
        ResponseMode::JWT => Some(default.signed()),
        _ => ResponseMode::from_name(name),
    };
    let signs = draft.engine.requests.signs_answers;
    let mode = named
        .filter(|mode| signs || !mode.is_jwt())
        .ok_or_else(|| OAuthError::invalid_request("the server does not have this response_mode"))?;
    if mode.is_jwt() {
        signed_response::algorithm(draft.engine, &draft.client)?;
    }
    match mode.plain() {
        ResponseMode::Query if default == ResponseMode::Fragment => {
            Err(OAuthError::invalid_request("this response type cannot use the query"))
        }
        ResponseMode::FormPost if WebUri::parse(draft.target.redirect.as_str()).is_err() => {
            Err(OAuthError::invalid_request("form_post needs a redirect URI that is http or https"))
        }
        _ => Ok(mode),
    }
}
