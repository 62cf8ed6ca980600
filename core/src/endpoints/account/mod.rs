//! The page of a signed-in user's own account. It is no part of OAuth, so the metadata does not name it.
//!
//! 1. [`request`] reads the query, and what a form asks for. GET never changes anything but by signing in nobody: it shows.
//! 2. [`interact`] lets the user sign in, does what the form asks for, and shows what came of it.
//! 3. [`applications`] and [`browsers`] read what is shown.

mod applications;
mod browsers;
mod interact;
mod page;
mod password;
mod request;
mod visit;

use std::sync::Arc;

use async_trait::async_trait;
use http::Method;

use super::Interaction;
use super::form::comes_from_another_site;
use crate::endpoint::{Endpoint, EndpointPath, EndpointRequest};
use crate::http::{Response, form};
use crate::protocol::OAuthError;
pub(crate) use interact::own_sign_in;
pub(crate) use visit::account_path;
use visit::{PATH, Visit};

pub(crate) struct Account {
    pub(crate) interaction: Arc<Interaction>,
}

#[async_trait]
impl Endpoint for Account {
    fn path(&self) -> EndpointPath<'_> {
        EndpointPath::Mounted(PATH)
    }

    fn methods(&self) -> &[Method] {
        &[Method::GET, Method::POST]
    }

    async fn answer(&self, request: &EndpointRequest<'_>) -> Result<Response, OAuthError> {
        let visit = Visit {
            engine: request.engine,
            interaction: &self.interaction,
            http: request.http,
            language: self.interaction.language(request.http, None),
        };
        Ok(visit.settle(answer(visit).await))
    }
}

async fn answer(visit: Visit<'_>) -> Result<Response, OAuthError> {
    let query = request::read(visit.http)?;
    let visit = visit.in_language_of(&query);
    let answered = match visit.http.method() {
        &Method::POST => post(visit, &query).await,
        _ => interact::show(visit, &query).await,
    };
    Ok(visit.settle(answered))
}

/// A form of ours is sent by our own page. Another site cannot have one.
async fn post(visit: Visit<'_>, query: &request::Query) -> Result<Response, OAuthError> {
    if comes_from_another_site(visit.http) {
        return Err(OAuthError::invalid_request("the form was sent from another site"));
    }
    let form = form(visit.http)?;
    interact::submitted(visit, query, &form).await
}
