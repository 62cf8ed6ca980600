//! The admin API: the calls for operators as JSON over HTTP, behind a scope.
//!
//! A resource is named by a parameter of the query, not by its path: a `client_id` may be any text, a URL too, and routers and proxies
//! do not agree about encoded slashes in paths.

mod access;
mod answer;
mod clients;
mod openapi;
mod query;
mod users;

use std::sync::{Arc, OnceLock, Weak};

use async_trait::async_trait;
use http::Method;

use self::answer::Answer;
use self::query::Query;
use super::GridAuth;
use super::grid_auth::Server;
use crate::endpoint::{Endpoint, EndpointPath, EndpointRequest};
use crate::guard::Guard;
use crate::http::Response;
use crate::protocol::OAuthError;

/// What all routes of the API share.
pub(super) struct Admin {
    scope: String,
    guard: Guard,
    /// Set once the server is built.
    server: OnceLock<Weak<Server>>,
}

/// What a route does.
#[derive(Clone, Copy)]
enum Call {
    Document,
    Clients,
    Client,
    Secret,
    Grants,
    Grant,
    Access,
    Users,
}

/// The routes: the path, the methods, and what they do.
const ROUTES: [(&str, &[Method], Call); 8] = [
    ("/admin/openapi.json", &[Method::GET], Call::Document),
    ("/admin/clients", &[Method::GET, Method::POST], Call::Clients),
    ("/admin/client", &[Method::GET, Method::PATCH, Method::DELETE], Call::Client),
    ("/admin/client/secret", &[Method::POST], Call::Secret),
    ("/admin/grants", &[Method::GET], Call::Grants),
    ("/admin/grant", &[Method::GET, Method::DELETE], Call::Grant),
    ("/admin/access", &[Method::GET, Method::DELETE], Call::Access),
    ("/admin/users", &[Method::GET], Call::Users),
];

impl Admin {
    pub(super) fn new(scope: String, guard: Guard) -> Arc<Self> {
        Arc::new(Self { scope, guard, server: OnceLock::new() })
    }

    /// The endpoints of the API.
    pub(super) fn endpoints(self: &Arc<Self>) -> impl Iterator<Item = Arc<dyn Endpoint>> {
        ROUTES.into_iter().map(|(path, methods, call)| {
            Arc::new(Route { admin: Arc::clone(self), path, methods, call }) as Arc<dyn Endpoint>
        })
    }

    /// Connects the API with its server.
    pub(super) fn connect(&self, auth: &GridAuth) {
        let _ = self.server.set(Arc::downgrade(&auth.0));
    }
}

struct Route {
    admin: Arc<Admin>,
    path: &'static str,
    methods: &'static [Method],
    call: Call,
}

#[async_trait]
impl Endpoint for Route {
    fn path(&self) -> EndpointPath<'_> {
        EndpointPath::Mounted(self.path)
    }

    fn methods(&self) -> &[Method] {
        self.methods
    }

    async fn answer(&self, request: &EndpointRequest<'_>) -> Result<Response, OAuthError> {
        let guard = &self.admin.guard;
        let access = guard.authenticate(request.http()).await;
        if let Err(rejection) = access.and_then(|access| access.require(&self.admin.scope)) {
            return Ok(guard.reject(rejection));
        }
        let server = self.admin.server.get().and_then(Weak::upgrade);
        let auth = GridAuth(server.ok_or_else(|| OAuthError::unavailable(1))?);
        let query = Query::of(request.http())?;
        let (http, method) = (request.http(), request.http().method());
        let answered: Answer = match self.call {
            Call::Document => Ok(openapi::document(&auth, &self.admin.scope)),
            Call::Clients if *method == Method::POST => clients::create(&auth, http).await,
            Call::Clients => clients::list(&auth, &query).await,
            Call::Client if *method == Method::PATCH => clients::edit(&auth, &query, http).await,
            Call::Client if *method == Method::DELETE => clients::remove(&auth, &query).await,
            Call::Client => clients::show(&auth, &query).await,
            Call::Secret => clients::rotate_secret(&auth, &query).await,
            Call::Grants => access::grants(&auth, &query).await,
            Call::Grant if *method == Method::DELETE => access::revoke_grant(&auth, &query).await,
            Call::Grant => access::grant(&auth, &query).await,
            Call::Access if *method == Method::DELETE => access::revoke(&auth, &query).await,
            Call::Access => access::of_user(&auth, &query).await,
            Call::Users => users::list(&auth, &query).await,
        };
        answered.or_else(answer::Refusal::into_response)
    }
}
