//! The UserInfo endpoint (OpenID Connect Core section 5.3).

use async_trait::async_trait;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderValue, Method, StatusCode};
use serde_json::{Map, Value, json};

use crate::endpoint::{Endpoint, EndpointPath, EndpointRequest, Metadata};
use crate::engine::Engine;
use crate::events::TokenRefusal;
use crate::guard::{Access, Guard, Rejection};
use crate::http::{BearerToken, Request, Response, is_form, json_response, no_store};
use crate::jose::Algorithm;
use crate::model::Client;
use crate::openid::{KEPT, Kept, OPENID, Place, ScopeClaims, claims_of, subject_for};
use crate::protocol::OAuthError;

pub(crate) struct UserInfo {
    pub(crate) guard: Guard,
    pub(crate) scope_claims: ScopeClaims,
}

#[async_trait]
impl Endpoint for UserInfo {
    fn path(&self) -> EndpointPath<'_> {
        EndpointPath::Mounted("/userinfo")
    }

    fn methods(&self) -> &[Method] {
        &[Method::GET, Method::POST]
    }

    fn serves_scripts(&self) -> bool {
        true
    }

    fn describe(&self, engine: &Engine, metadata: &mut Metadata) {
        metadata.insert("userinfo_endpoint", engine.url("/userinfo"));
        if let Some(keys) = &engine.keys {
            let names = keys.0.algorithms().into_iter().map(Algorithm::name);
            metadata.add("userinfo_signing_alg_values_supported", names);
        }
    }

    async fn answer(&self, request: &EndpointRequest<'_>) -> Result<Response, OAuthError> {
        let access = match self.access(request).await? {
            Ok(access) => access,
            Err(rejection) => return Ok(self.guard.reject(rejection)),
        };
        // A token of a client that acts for itself is about nobody.
        let Some(subject) = access.user() else {
            return Ok(self.guard.reject(Rejection::insufficient_scope(OPENID)));
        };
        let engine = request.engine;
        let client = engine.client(access.client()).await?;
        let user = engine.users.find(subject).await?;
        let (Some(user), Some(client)) = (user, client) else {
            return Ok(self.guard.reject(Rejection::invalid_token(TokenRefusal::OwnerGone)));
        };
        let kept: Kept =
            access.data(KEPT).and_then(|kept| serde_json::from_value(kept.clone()).ok()).unwrap_or_default();
        let wanted = kept.claims.wanted(Place::UserInfo, client.scope());
        let mut claims = claims_of(&user, &self.scope_claims, Place::UserInfo, access.scope(), &wanted);
        claims.insert("sub".to_owned(), json!(subject_for(engine, &client, subject)));
        match client.metadata("userinfo_signed_response_alg") {
            None => Ok(json_response(StatusCode::OK, &Value::Object(claims))),
            Some(algorithm) => signed(engine, &client, algorithm, claims).await,
        }
    }
}

impl UserInfo {
    /// The access that the request's token gives. It is in the header or, in a POST, in the form (RFC 6750 section 2.2); in both it is
    /// malformed.
    async fn access(&self, request: &EndpointRequest<'_>) -> Result<Result<Access, Rejection>, OAuthError> {
        let http = request.http;
        let in_form = match http.method() == Method::POST && is_form(http) {
            true => request.form()?.get("access_token").map(BearerToken::new),
            false => None,
        };
        let access = match (in_form, has_authorization(http)) {
            (Some(_), true) => Err(Rejection::malformed_request()),
            (Some(token), false) => self.guard.authenticate(&token).await,
            (None, _) => self.guard.authenticate(http).await,
        };
        Ok(access.and_then(|access| access.require(OPENID).map(|()| access)))
    }
}

fn has_authorization(http: &Request) -> bool {
    http.headers().contains_key(AUTHORIZATION)
}

/// The claims as a signed token, for a client that asks for it (OpenID Connect Core section 5.3.2).
async fn signed(
    engine: &Engine,
    client: &Client,
    algorithm: &str,
    mut claims: Map<String, Value>,
) -> Result<Response, OAuthError> {
    let known = Algorithm::from_name(algorithm).zip(engine.keys.as_ref());
    let (algorithm, keys) = known.ok_or_else(|| {
        OAuthError::unauthorized_client(
            "the server does not sign with the client's userinfo_signed_response_alg",
        )
    })?;
    claims.insert("iss".to_owned(), json!(engine.issuer()));
    claims.insert("aud".to_owned(), json!(client.id()));
    let token = keys.sign(algorithm, "JWT", &claims, engine.clock.now()).await?;
    let mut answer = Response::new(token.expose().to_owned().into());
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/jwt"));
    Ok(no_store(answer))
}
