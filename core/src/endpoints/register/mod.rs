//! The client registration endpoint (RFC 7591), and the client configuration endpoint, at which a client reads, changes and deletes its
//! registration (RFC 7592).

mod answer;
mod desk;
mod manage;
mod request;
mod sector;

pub(crate) use desk::RegistrationDesk;
pub(crate) use manage::ManageRegistration;

use std::sync::Arc;

use async_trait::async_trait;
use http::{Method, StatusCode};

use crate::endpoint::{Endpoint, EndpointPath, EndpointRequest, Metadata};
use crate::engine::Engine;
use crate::http::Response;
use crate::protocol::OAuthError;
use desk::PATH;

pub(crate) struct Register(pub(crate) Arc<RegistrationDesk>);

#[async_trait]
impl Endpoint for Register {
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
        metadata.insert("registration_endpoint", engine.url(PATH));
    }

    async fn answer(&self, request: &EndpointRequest<'_>) -> Result<Response, OAuthError> {
        let desk = &*self.0;
        if desk.registration.needs_token() {
            let is_token = |presented: &str| desk.registration.is_token(presented);
            match request::bearer(request.http) {
                Ok(presented) if is_token(presented) => {}
                Ok(_) => return Ok(answer::invalid_token(&desk.realm)),
                Err(rejection) => return Ok(rejection.into_response(&desk.realm, None, None, None)),
            }
        }
        let engine = request.engine;
        let source = engine.source(request.http);
        engine.throttle.register(source).map_err(|wait| OAuthError::too_many_failures(wait.seconds))?;
        let members = request::members(request.http)?;
        let begun = request::Registrant::New;
        let (client, secret) = request::client(desk, engine, members, begun, source.address()).await?;
        let (client, needs_row) = engine.clients.registered().name(client).await?;
        if needs_row {
            engine.insert_registration(&client).await?;
        }
        answer::information(engine, &client, secret.as_ref(), StatusCode::CREATED).await
    }
}
