//! The logo of a client, from the server's own origin.

use async_trait::async_trait;
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderValue, Method, StatusCode};

use crate::endpoint::{Endpoint, EndpointPath, EndpointRequest};
use crate::engine::Engine;
use crate::http::{Response, not_found, response};
use crate::model::Client;
use crate::protocol::{OAuthError, Parameters};

const PATH: &str = "/client_logo";

pub(crate) struct ClientLogo;

/// The path of a client's logo, if it has one.
pub(crate) fn logo_path(engine: &Engine, client: &Client) -> Option<String> {
    client.metadata("logo_uri").filter(|_| engine.logos.is_some())?;
    let id: String = form_urlencoded::byte_serialize(client.id().as_bytes()).collect();
    Some(format!("{}?client_id={id}", engine.path(PATH)))
}

#[async_trait]
impl Endpoint for ClientLogo {
    fn path(&self) -> EndpointPath<'_> {
        EndpointPath::Mounted(PATH)
    }

    fn methods(&self) -> &[Method] {
        &[Method::GET]
    }

    async fn answer(&self, request: &EndpointRequest<'_>) -> Result<Response, OAuthError> {
        let engine = request.engine;
        let query = request.http.uri().query().unwrap_or_default();
        let parameters = Parameters::parse(query.as_bytes())?;
        let client_id = parameters.get("client_id");
        let client_id = client_id.ok_or_else(|| OAuthError::invalid_request("client_id is missing"))?;
        let client = engine.client(client_id).await?;
        let logo = match (&client, &engine.logos) {
            (Some(client), Some(logos)) => logos.find(client).await,
            _ => None,
        };
        let Some(logo) = logo else { return Ok(not_found()) };
        let mut answer = response(StatusCode::OK, logo.media_type, logo.bytes);
        let headers = answer.headers_mut();
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=3600"));
        // Whatever a browser takes the bytes for, they run nothing.
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; sandbox"));
        Ok(answer)
    }
}
