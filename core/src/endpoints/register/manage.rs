//! The client configuration endpoint (RFC 7592).

use std::sync::Arc;

use async_trait::async_trait;
use http::{Method, StatusCode};
use serde_json::{Map, Value};
use subtle::ConstantTimeEq;

use super::desk::{MANAGE_PATH, RegistrationDesk};
use super::{answer, request};
use crate::clients::{RegisteredClients, invalid};
use crate::endpoint::{Endpoint, EndpointPath, EndpointRequest};
use crate::engine::Engine;
use crate::http::{Response, no_store};
use crate::model::Client;
use crate::protocol::{OAuthError, Parameters};

/// Members that the server sets, and that a change must not name (RFC 7592 section 2.2).
const SET_BY_SERVER: [&str; 4] = [
    "registration_access_token",
    "registration_client_uri",
    "client_secret_expires_at",
    "client_id_issued_at",
];

pub(crate) struct ManageRegistration(pub(crate) Arc<RegistrationDesk>);

#[async_trait]
impl Endpoint for ManageRegistration {
    fn path(&self) -> EndpointPath<'_> {
        EndpointPath::Mounted(MANAGE_PATH)
    }

    fn methods(&self) -> &[Method] {
        &[Method::GET, Method::PUT, Method::DELETE]
    }

    fn serves_scripts(&self) -> bool {
        true
    }

    async fn answer(&self, request: &EndpointRequest<'_>) -> Result<Response, OAuthError> {
        let (engine, desk) = (request.engine, &*self.0);
        let presented = match request::bearer(request.http) {
            Ok(presented) => presented,
            Err(rejection) => return Ok(rejection.into_response(&desk.realm, None, None, None)),
        };
        let query = request.http.uri().query().unwrap_or_default();
        let parameters = Parameters::parse(query.as_bytes())?;
        let client_id = parameters.get("client_id").unwrap_or_default();
        let Some(client) = managed(engine, client_id, presented).await? else {
            return Ok(answer::invalid_token(&desk.realm));
        };
        match *request.http.method() {
            Method::PUT => self.replace(request, &client).await,
            Method::DELETE => {
                let source = engine.source(request.http);
                engine
                    .throttle
                    .register(source)
                    .map_err(|wait| OAuthError::too_many_failures(wait.seconds))?;
                engine.delete_registration(&client).await?;
                let mut gone = no_store(Response::default());
                *gone.status_mut() = StatusCode::NO_CONTENT;
                Ok(gone)
            }
            _ => answer::information(engine, &client, None, StatusCode::OK).await,
        }
    }
}

/// The client, if the token is its own.
async fn managed(
    engine: &Engine,
    client_id: &str,
    presented: &str,
) -> Result<Option<Arc<Client>>, OAuthError> {
    let registered = engine.clients.registered();
    if !RegisteredClients::is_id(client_id) || !registered.is_management_token(client_id, presented).await? {
        return Ok(None);
    }
    Ok(engine.client(client_id).await?)
}

impl ManageRegistration {
    /// RFC 7592 section 2.2: the request has the whole metadata; what it leaves out is no longer there.
    async fn replace(&self, request: &EndpointRequest<'_>, before: &Client) -> Result<Response, OAuthError> {
        let (engine, desk) = (request.engine, &*self.0);
        let source = engine.source(request.http);
        engine.throttle.register(source).map_err(|wait| OAuthError::too_many_failures(wait.seconds))?;
        let mut members = request::members(request.http)?;
        check_identity(&mut members, before, engine).await?;
        let who = request::Registrant::Known(before);
        let (mut client, secret) = request::client(desk, engine, members, who, source.address()).await?;
        before.id().clone_into(&mut client.id);
        client.expires = before.expires;
        match engine.replace_registration(client).await? {
            Some(client) => answer::information(engine, &client, secret.as_ref(), StatusCode::OK).await,
            None => Ok(answer::invalid_token(&desk.realm)),
        }
    }
}

/// The change names its client, nothing that the server sets, and no secret but the one that the client has.
async fn check_identity(
    members: &mut Map<String, Value>,
    before: &Client,
    engine: &Engine,
) -> Result<(), OAuthError> {
    if members.remove("client_id").as_ref().and_then(Value::as_str) != Some(before.id()) {
        return Err(invalid("client_id must be there, and the one that the client has"));
    }
    if let Some(member) = SET_BY_SERVER.into_iter().find(|member| members.contains_key(*member)) {
        return Err(invalid(format!("{member} is set by the server: leave it out")));
    }
    let Some(presented) = members.remove("client_secret") else { return Ok(()) };
    let is_own = match (presented.as_str(), before.secret()) {
        (Some(presented), Some(hash)) => hash.is_of_generated(presented),
        (Some(presented), None) => {
            let own = engine.shared_secrets(before).await?;
            own.first().is_some_and(|own| bool::from(own.expose().as_bytes().ct_eq(presented.as_bytes())))
        }
        (None, _) => false,
    };
    if is_own { Ok(()) } else { Err(invalid("client_secret: a client cannot choose its secret")) }
}
