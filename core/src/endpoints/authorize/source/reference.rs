//! Request objects by reference: at a URL that the client has registered (OpenID Connect Core section 6.2, RFC 9101 section 5.2).

use http::StatusCode;
use sha2::{Digest, Sha256};

use super::sent::LONGEST;
use crate::engine::Engine;
use crate::fetch::{FetchRequest, PlainHttp};
use crate::jose::decode;
use crate::model::Client;
use crate::protocol::{ErrorCode, OAuthError};

/// The longest request object at a URL, in bytes: with the client's id, the forms of the pages can carry it.
const MAX_BYTES: usize = LONGEST - 1024;

/// The request object at a URL. A URL that the client has not registered is not asked.
pub(super) async fn fetch(engine: &Engine, client: &Client, uri: &str) -> Result<String, OAuthError> {
    let signed = engine.requests.signed().filter(|signed| signed.is_by_reference());
    let (Some(_), Some(fetch)) = (signed, &engine.fetch) else {
        return Err(OAuthError::new(
            ErrorCode::Custom("request_uri_not_supported"),
            "the server does not take requests by reference",
        ));
    };
    if !is_registered(client, uri) {
        return Err(invalid("request_uri is not one that the client has registered"));
    }
    let request = FetchRequest::get(uri, PlainHttp::Loopback, engine.reach_of(client));
    let request = request.map_err(|error| invalid("request_uri cannot be asked").with_cause(error))?;
    let request = request.accepting("application/oauth-authz-req+jwt, application/jwt").at_most(MAX_BYTES);
    let _permit = engine.requests.fetching(client.id()).ok_or_else(|| {
        OAuthError::unavailable(1).with_cause("too many requests by reference of the client are under way")
    })?;
    let response = fetch.fetch(request).await;
    let response = response.map_err(|error| invalid("request_uri cannot be read").with_cause(error))?;
    if response.status() != StatusCode::OK {
        return Err(invalid("request_uri cannot be read"));
    }
    let body = response.into_body();
    let (_, fragment) = uri.split_once('#').unwrap_or_default();
    if decode(fragment).is_some_and(|hash| hash.len() == 32 && hash != *Sha256::digest(&body)) {
        return Err(invalid("the fragment of request_uri is the hash of another request object"));
    }
    let object = std::str::from_utf8(&body).map_err(|_| invalid("request_uri has no request object"))?;
    Ok(object.trim_ascii().to_owned())
}

/// Whether the client has registered this URL, with this fragment or with none: it is the hash of what is there at the moment.
fn is_registered(client: &Client, uri: &str) -> bool {
    let registered = client.metadata_value("request_uris").and_then(|uris| uris.as_array());
    let mut registered = registered.into_iter().flatten().filter_map(|uri| uri.as_str());
    let without_fragment = uri.split('#').next().unwrap_or_default();
    registered.any(|own| own == uri || own == without_fragment)
}

fn invalid(description: &'static str) -> OAuthError {
    OAuthError::new(ErrorCode::Custom("invalid_request_uri"), description)
}
