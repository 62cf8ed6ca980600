//! The redirect URI (RFC 6749 section 3.1.2).

use crate::grant::ValidatedRedirect;
use crate::model::Client;
use crate::protocol::{OAuthError, Parameters};

/// The redirect URI, if the client has registered it.
pub(super) fn validate(client: &Client, parameters: &Parameters) -> Result<ValidatedRedirect, OAuthError> {
    ValidatedRedirect::of(client, parameters.get("redirect_uri"))
        .ok_or_else(|| OAuthError::invalid_request("redirect_uri is not one that the client has registered"))
}
