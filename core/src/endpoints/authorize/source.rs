//! Reads the parameters of an authorization request.

use crate::endpoints::form::CSRF;
use crate::protocol::{OAuthError, Parameters};

/// The field of the forms with the authorization request, encoded.
pub(super) const REQUEST: &str = "authorization_request";

/// The parameter by which the server recognises a browser that it has sent to sign in again.
pub(super) const SIGNED_IN_SINCE: &str = "gridauth_signed_in_since";

/// The button of the consent page for somebody who is not the signed-in user.
pub(super) const OTHER_ACCOUNT: &str = "other_account";

/// Parameters that are not part of an authorization request and must not be carried along or passed on: the fields of the forms,
/// and a secret that a client sent by mistake.
pub(super) const NOT_OF_THE_REQUEST: [&str; 8] =
    [CSRF, REQUEST, SIGNED_IN_SINCE, "username", "password", "decision", OTHER_ACCOUNT, "client_secret"];

/// The longest authorization request, encoded, in bytes. The forms carry it, encoded once more.
const LONGEST: usize = 16 * 1024;

/// The parameters of a request.
pub(super) struct Sent {
    pub(super) parameters: Parameters,
    /// The parameter that the server added when it sent the browser to sign in again.
    pub(super) signed_in_since: Option<String>,
}

/// Reads a request from a query, a body or a field of a form.
pub(super) fn read(encoded: &[u8]) -> Result<Sent, OAuthError> {
    if encoded.len() > LONGEST {
        return Err(OAuthError::invalid_request("the request is too long"));
    }
    let all = Parameters::parse(encoded).map_err(OAuthError::from)?;
    let signed_in_since = all.get(SIGNED_IN_SINCE).map(str::to_owned);
    Ok(Sent { parameters: all.without(&NOT_OF_THE_REQUEST), signed_in_since })
}
