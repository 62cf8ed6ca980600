//! Reads the parameters of an authorization request.

use super::form::{NOT_OF_THE_REQUEST, SIGNED_IN_SINCE};
use crate::protocol::{OAuthError, Parameters};

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
