//! The token endpoint (RFC 6749 section 3.2).

use std::sync::Arc;

use async_trait::async_trait;
use http::{HeaderValue, Method, StatusCode};

use crate::endpoint::{Endpoint, EndpointPath, EndpointRequest, Metadata};
use crate::engine::Engine;
use crate::grant::{Registry, TokenIssuer, TokenRequest};
use crate::http::{DPOP_NONCE, Response, json_response};
use crate::protocol::{ErrorCode, OAuthError};
use crate::sender::Dpop;

pub(crate) struct Token {
    pub(crate) grants: Arc<Registry>,
}

#[async_trait]
impl Endpoint for Token {
    fn path(&self) -> EndpointPath<'_> {
        EndpointPath::Mounted("/token")
    }

    fn methods(&self) -> &[Method] {
        &[Method::POST]
    }

    fn serves_scripts(&self) -> bool {
        true
    }

    fn describe(&self, engine: &Engine, metadata: &mut Metadata) {
        metadata.insert("token_endpoint", engine.url("/token"));
        let methods = self.grants.token_sides().flat_map(|side| side.client_authentication());
        metadata.add_authentication("token_endpoint", methods);
        metadata.add("dpop_signing_alg_values_supported", engine.dpop.algorithm_names());
        if engine.mutual_tls.is_some() {
            metadata.insert("tls_client_certificate_bound_access_tokens", true);
        }
    }

    async fn answer(&self, request: &EndpointRequest<'_>) -> Result<Response, OAuthError> {
        let parameters = request.form()?;
        let grant_type = parameters
            .get("grant_type")
            .ok_or_else(|| OAuthError::invalid_request("grant_type is missing"))?;
        let (registered, side) = self.grants.token_side(grant_type).ok_or_else(|| {
            OAuthError::new(ErrorCode::UnsupportedGrantType, "the server does not have this grant type")
        })?;
        let client = request.authenticate_client(&parameters, side.client_authentication()).await?;
        if !client.allows_grant(grant_type) {
            return Err(OAuthError::unauthorized_client("the client may not use this grant type"));
        }
        let binding = request.binding(&client).await?;
        let token_request = TokenRequest {
            engine: request.engine,
            client: &client,
            grant_type,
            parameters: &parameters,
            binding,
            source: request.engine.source(request.http),
            now: request.engine.clock.now(),
        };
        let issuer = TokenIssuer::for_request(&token_request, &registered.extensions);
        let mut issued = side.respond(&token_request, &issuer).await?;
        for extension in &registered.extensions {
            extension.extend_response(&token_request, &mut issued).await;
        }
        let mut response = json_response(StatusCode::OK, &issued.response);
        // RFC 9449 section 8.2: a client that makes proofs learns the next nonce.
        if let Some(nonces) = request.engine.dpop.nonces.as_ref().filter(|_| Dpop::is_in(request.http))
            && let Ok(nonce) = HeaderValue::try_from(nonces.at(token_request.now))
        {
            response.headers_mut().insert(DPOP_NONCE, nonce);
        }
        Ok(response)
    }
}
