//! `POST /`: signing in with a password. It is a token request of the password grant, in a shorter form.

use gridauth::protocol::{ErrorCode, OAuthError};
use gridauth::{Request, Response};
use http::header::{
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE,
};
use http::{HeaderValue, Uri};

use crate::App;
use crate::app::DEMO_CLIENT;
use crate::forms::fields;

/// The parameters that are passed on to the token endpoint.
const FORWARDED: [&str; 5] = ["username", "password", "scope", "client_id", "client_secret"];

impl App {
    /// Answers `POST /`.
    pub async fn sign_in(&self, request: Request) -> Response {
        match token_request(request).await {
            Ok(request) => {
                let mut response = self.auth().handle(request).await;
                // Scripts of other origins may call the token endpoint, and not this route.
                response.headers_mut().remove(ACCESS_CONTROL_ALLOW_ORIGIN);
                response.headers_mut().remove(ACCESS_CONTROL_EXPOSE_HEADERS);
                response
            }
            Err(error) => self.auth().refuse(&error),
        }
    }
}

async fn token_request(request: Request) -> Result<Request, OAuthError> {
    let form = fields(&request, None).await?;
    if form.get("grant_type").is_some_and(|grant_type| grant_type != "password") {
        return Err(OAuthError::new(
            ErrorCode::UnsupportedGrantType,
            "only the grant type password is taken here",
        ));
    }
    let mut body = form_urlencoded::Serializer::new(String::from("grant_type=password"));
    let forwarded = form.iter().filter(|(name, value)| FORWARDED.contains(name) && !value.is_empty());
    body.extend_pairs(forwarded);
    // A client that authenticates in the header is identified there.
    if form.get("client_id").is_none() && !request.headers().contains_key(AUTHORIZATION) {
        body.append_pair("client_id", DEMO_CLIENT);
    }
    let body = body.finish();
    let (mut parts, _) = request.into_parts();
    parts.uri = Uri::from_static("/oauth/token");
    parts.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
    parts.headers.remove(CONTENT_LENGTH);
    Ok(Request::from_parts(parts, body.into()))
}
