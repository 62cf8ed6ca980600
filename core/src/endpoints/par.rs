//! The pushed authorization request endpoint (RFC 9126).
//!
//! A pushed request passes the checks of the authorization endpoint. Nothing else is prepared: who the user is, is not known yet.

use std::sync::Arc;

use async_trait::async_trait;
use http::{Method, StatusCode};
use serde_json::json;

use super::authorize::checks;
use super::authorize::source::{self, LONGEST};
use crate::endpoint::{Endpoint, EndpointPath, EndpointRequest, Metadata};
use crate::engine::{Engine, PushedRequests};
use crate::grant::Registry;
use crate::http::{Response, json_response};
use crate::model::AuthMethod;
use crate::protocol::OAuthError;

pub(crate) struct Par {
    pub(crate) grants: Arc<Registry>,
    pub(crate) rules: PushedRequests,
}

impl Par {
    /// The methods of the token endpoint (RFC 9126 section 2).
    fn methods(&self) -> Vec<AuthMethod> {
        let mut methods: Vec<AuthMethod> = Vec::new();
        for method in self.grants.token_sides().flat_map(|side| side.client_authentication()) {
            if !methods.contains(method) {
                methods.push(method.clone());
            }
        }
        methods
    }
}

#[async_trait]
impl Endpoint for Par {
    fn path(&self) -> EndpointPath<'_> {
        EndpointPath::Mounted("/par")
    }

    fn methods(&self) -> &[Method] {
        &[Method::POST]
    }

    fn serves_scripts(&self) -> bool {
        true
    }

    fn describe(&self, engine: &Engine, metadata: &mut Metadata) {
        metadata.insert("pushed_authorization_request_endpoint", engine.url("/par"));
        metadata.insert("require_pushed_authorization_requests", self.rules.is_required());
    }

    async fn answer(&self, request: &EndpointRequest<'_>) -> Result<Response, OAuthError> {
        let engine = request.engine;
        // An assertion that is a grant authenticates its client where the grant is used, and nowhere else.
        let form = request.form()?.without(&["grant_type", "assertion"]);
        let client = request.authenticate_client(&form, &self.methods()).await?.shared();
        let pushed = source::of_push(engine, Arc::clone(&client), form).await?;
        let is_signed = pushed.origin.is_signed;
        let valid =
            checks::run(engine, &self.grants, pushed).await.map_err(|failure| failure.into_error())?;
        let parameters = valid.parameters();
        if parameters.encode_without(&[]).len() > LONGEST {
            return Err(OAuthError::invalid_request("the request is too long"));
        }
        engine.count_push(engine.source(request.http))?;
        let lifetime = self.rules.expires_in();
        let reference = source::keep(engine, &client, parameters, is_signed, lifetime).await?;
        let answer = json!({ "request_uri": reference.uri(), "expires_in": lifetime.as_secs() });
        Ok(json_response(StatusCode::CREATED, &answer))
    }
}
