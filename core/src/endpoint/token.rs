//! The token endpoint (RFC 6749 section 3.2).

use http::StatusCode;

use crate::client_auth;
use crate::grant::TokenRequest;
use crate::http::{Request, RequestContext, Response, form, json_response};
use crate::protocol::{ErrorCode, OAuthError};
use crate::server::Inner;

pub(crate) async fn answer(server: &Inner, request: &Request) -> Result<Response, OAuthError> {
    let context = RequestContext::of(request);
    let parameters = form(request)?;
    let grant_type =
        parameters.get("grant_type").ok_or_else(|| OAuthError::invalid_request("grant_type is missing"))?;
    let (registered, side) = server.grants.token_side(grant_type).ok_or_else(|| {
        OAuthError::new(ErrorCode::UnsupportedGrantType, "the server does not have this grant type")
    })?;
    let accepted = side.client_authentication();
    let client =
        client_auth::authenticate(server, request.headers(), &parameters, accepted, &context).await?;
    if !client.allows_grant(grant_type) {
        return Err(OAuthError::unauthorized_client("the client may not use this grant type"));
    }
    let token_request = TokenRequest {
        server,
        client: &client,
        grant_type,
        parameters: &parameters,
        extensions: &registered.extensions,
        context: &context,
        now: server.clock.now(),
    };
    let mut issued = side.respond(&token_request).await?;
    for extension in &registered.extensions {
        extension.extend_token_response(&token_request, &issued.record, &mut issued.response.extra)?;
    }
    Ok(json_response(StatusCode::OK, &issued.response))
}
