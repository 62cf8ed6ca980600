use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use http::{Method, StatusCode};
use serde_json::json;

use super::visit::{PATH as PAGE, USER_CODE};
use crate::endpoint::{Endpoint, EndpointPath, EndpointRequest, Metadata};
use crate::engine::Engine;
use crate::grant::{AuthorizationPlan, DEVICE_CODE, DeviceSettings, Registry, TokenRequest};
use crate::http::{Response, json_response};
use crate::model::{DeviceAuthorization, DeviceDecision};
use crate::protocol::OAuthError;
use crate::store::{Key, Kind, Record};
use crate::token::{DeviceCode, Secret, UserCode};

const PATH: &str = "/device_authorization";

/// How long a row stays after its codes have expired, so that a device that is late learns why it gets nothing.
const TELLS_EXPIRY_FOR: Duration = Duration::from_secs(10 * 60);

/// How often another code is tried where one is taken. With a million devices waiting, one in 25,000 codes is.
const MOST_TRIES: usize = 8;

/// The device authorization endpoint (RFC 8628 section 3.1).
pub(crate) struct DeviceAuthorizationEndpoint {
    pub(crate) grants: Arc<Registry>,
    pub(crate) settings: DeviceSettings,
}

#[async_trait]
impl Endpoint for DeviceAuthorizationEndpoint {
    fn path(&self) -> EndpointPath<'_> {
        EndpointPath::Mounted(PATH)
    }

    fn methods(&self) -> &[Method] {
        &[Method::POST]
    }

    fn serves_scripts(&self) -> bool {
        true
    }

    fn describe(&self, engine: &Engine, metadata: &mut Metadata) {
        metadata.insert("device_authorization_endpoint", engine.url(PATH));
    }

    async fn answer(&self, request: &EndpointRequest<'_>) -> Result<Response, OAuthError> {
        let engine = request.engine;
        let parameters = request.form()?;
        let (registered, side) = self
            .grants
            .token_side(DEVICE_CODE)
            .ok_or_else(|| OAuthError::server_error("no grant redeems device codes"))?;
        let client = request.authenticate_client(&parameters, side.client_authentication()).await?;
        if !client.allows_grant(DEVICE_CODE) {
            return Err(OAuthError::unauthorized_client("the client may not use this grant type"));
        }
        let asked = TokenRequest {
            engine,
            client: &client,
            grant_type: DEVICE_CODE,
            parameters: &parameters,
            binding: None,
            source: engine.source(request.http),
            now: engine.clock.now(),
        };
        let scope = asked.scope()?;
        let mut plan = AuthorizationPlan::default();
        for extension in &registered.extensions {
            extension.check_device_authorization(&asked, &mut plan)?;
        }
        engine.count_device_start(asked.source)?;
        let codes_expire = asked.now.after(self.settings.lifetime);
        let begin = |digest| DeviceAuthorization {
            client_id: client.id().to_owned(),
            scope: scope.as_scope().clone(),
            started: asked.now,
            codes_expire,
            expires: codes_expire.after(TELLS_EXPIRY_FOR),
            digest,
            source: asked.source.address().map(|address| address.to_string()),
            interval: self.settings.interval,
            polled: None,
            resources: plan.resources.as_slice().into(),
            data: plan.keep.clone(),
            decision: DeviceDecision::Pending,
        };
        let (user_code, device_code) = store(engine, begin).await?;
        let page = engine.url(PAGE);
        let answer = json!({
            "device_code": device_code.expose(),
            "user_code": user_code.to_string(),
            "verification_uri": page,
            "verification_uri_complete": format!("{page}?{USER_CODE}={user_code}"),
            "expires_in": self.settings.lifetime.as_secs(),
            "interval": self.settings.interval.as_secs(),
        });
        Ok(json_response(StatusCode::OK, &answer))
    }
}

/// Stores the authorization under a user code that no other device has.
async fn store(
    engine: &Engine,
    begin: impl Fn(crate::token::Digest) -> DeviceAuthorization,
) -> Result<(UserCode, Secret), OAuthError> {
    for _ in 0..MOST_TRIES {
        let user_code = UserCode::new(&*engine.entropy)?;
        let (text, device_code) = DeviceCode::new(&user_code, &*engine.entropy)?;
        let row = begin(*device_code.digest()).to_row();
        if engine.store.insert(Key::new(Kind::DeviceCode, &user_code.row_id()), row).await? {
            return Ok((user_code, text));
        }
    }
    Err(OAuthError::unavailable(1))
}
