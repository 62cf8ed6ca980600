//! Reads the parameters that a request has itself.

use crate::endpoints::form::CSRF;
use crate::protocol::{OAuthError, Parameters};

/// The field of the forms with the authorization request, encoded.
pub(in super::super) const REQUEST: &str = "authorization_request";

/// The parameter by which the server recognises a browser that it has sent to sign in again.
pub(in super::super) const SIGNED_IN_SINCE: &str = "gridauth_signed_in_since";

/// The button of the consent page for somebody who is not the signed-in user.
pub(in super::super) const OTHER_ACCOUNT: &str = "other_account";

/// Parameters that are not part of an authorization request and must not be carried along or passed on: the fields of the forms,
/// and credentials of a client.
const NOT_OF_THE_REQUEST: [&str; 10] = [
    CSRF,
    REQUEST,
    SIGNED_IN_SINCE,
    "username",
    "password",
    "decision",
    OTHER_ACCOUNT,
    "client_secret",
    "client_assertion",
    "client_assertion_type",
];

/// The longest authorization request, encoded, in bytes. The forms carry it, encoded once more.
pub(in crate::endpoints) const LONGEST: usize = 16 * 1024;

/// The parameters of a request.
pub(in super::super) struct Sent {
    pub(in super::super) parameters: Parameters,
    /// The parameter that the server added when it sent the browser to sign in again.
    pub(in super::super) signed_in_since: Option<String>,
}

/// Reads a request from a query, a body or a field of a form.
pub(in super::super) fn read(encoded: &[u8]) -> Result<Sent, OAuthError> {
    if encoded.len() > LONGEST {
        return Err(OAuthError::invalid_request("the request is too long"));
    }
    let all = Parameters::parse(encoded).map_err(OAuthError::from)?;
    let signed_in_since = all.get(SIGNED_IN_SINCE).map(str::to_owned);
    Ok(Sent { parameters: without_fields(all), signed_in_since })
}

/// The parameters that belong to the authorization request.
pub(in super::super) fn without_fields(parameters: Parameters) -> Parameters {
    parameters.without(&NOT_OF_THE_REQUEST)
}
