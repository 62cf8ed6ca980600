//! `POST /`: signing in with a password. It is a token request of the password grant, with less to write.

use gridauth::protocol::{ErrorCode, OAuthError};
use gridauth::{Request, Response};
use http::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderValue, Uri};

use crate::App;
use crate::app::DEMO_CLIENT;
use crate::forms::fields;

impl App {
    /// Answers `POST /`.
    pub async fn sign_in(&self, request: Request) -> Response {
        match token_request(request).await {
            Ok(request) => self.auth().handle(request).await,
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
    let mut body = form.encode_without(&["grant_type", "client_id"]);
    let mut append = |name: &str, value: &str| {
        let mut pair = form_urlencoded::Serializer::new(String::new());
        pair.append_pair(name, value);
        body.push('&');
        body.push_str(&pair.finish());
    };
    append("grant_type", "password");
    match form.get("client_id") {
        Some(client_id) => append("client_id", client_id),
        // A client that authenticates in the header is named there.
        None if request.headers().contains_key(AUTHORIZATION) => {}
        None => append("client_id", DEMO_CLIENT),
    }
    let (mut parts, _) = request.into_parts();
    parts.uri = Uri::from_static("/oauth/token");
    parts.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
    parts.headers.remove(CONTENT_LENGTH);
    Ok(Request::from_parts(parts, body.into()))
}
