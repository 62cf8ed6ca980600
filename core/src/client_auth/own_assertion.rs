//! A client whose authorization grant is an assertion of its own (RFC 7523 section 2.1) needs no other credentials: whoever can sign
//! with its key is the client (RFC 7521 section 4.1).

use std::sync::Arc;

use super::assertion::{AUTHORIZATION_GRANT, Unacceptable, authorization_assertion, no_grant};
use super::method::ClientRequest;
use crate::model::{AuthMethod, Client};
use crate::protocol::OAuthError;

/// The client of a token request without credentials, if the assertion that is its grant is one of a client, by a key of that client.
/// The grant itself checks everything else about it.
///
/// `accepted` are the methods of the grant. It takes requests of clients that have not authenticated if `none` is among them.
///
/// # Errors
/// `invalid_grant` if the request names no client, and its assertion none either.
pub(super) async fn client_of(
    request: &ClientRequest<'_>,
    accepted: &[AuthMethod],
) -> Result<Option<Arc<Client>>, OAuthError> {
    let is_grant = request.parameter("grant_type") == Some(AUTHORIZATION_GRANT);
    let text = request.parameter("assertion").filter(|_| is_grant && accepted.contains(&AuthMethod::None));
    let Some(text) = text else { return Ok(None) };
    let named = request.parameter("client_id");
    let presented = match authorization_assertion(text) {
        Err(_) if named.is_some() => return Ok(None),
        presented => presented.map_err(Unacceptable::into_grant_error)?,
    };
    if named.is_some_and(|named| named != presented.claims.iss) {
        return Ok(None);
    }
    let engine = request.engine;
    if let Some(client) = engine.client(&presented.claims.iss).await?
        && engine.client_keys.verify(&client, &presented.jws).await?
    {
        return Ok(Some(client));
    }
    if named.is_some() { Ok(None) } else { Err(no_grant("it is not signed by a key of its issuer")) }
}
