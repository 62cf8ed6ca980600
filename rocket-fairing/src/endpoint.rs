use std::sync::Arc;

use bytes::Bytes;
use gridauth::GridAuth;
use rocket::http::{Method, Status};
use rocket::outcome::Outcome;
use rocket::route::{self, Handler};
use rocket::{Data, Request, Response, Route};

use crate::convert::{self, Head};
use crate::request::{read, whole};

/// Every method that Rocket knows. The server rejects those that an endpoint does not support.
const METHODS: [Method; 9] = [
    Method::Get,
    Method::Put,
    Method::Post,
    Method::Delete,
    Method::Options,
    Method::Head,
    Method::Trace,
    Method::Connect,
    Method::Patch,
];

/// The routes of every endpoint.
pub(crate) fn routes(auth: &GridAuth) -> Vec<Route> {
    let mut routes = Vec::new();
    for path in auth.paths() {
        let endpoint = Endpoint { auth: auth.clone(), path: path.as_str().into() };
        for method in METHODS {
            let mut route = Route::new(method, &pattern(&path), endpoint.clone());
            route.name = Some("gridauth".into());
            routes.push(route);
        }
    }
    routes
}

/// The path as a Rocket pattern. A segment with percent-encoding, or one that looks like a pattern, matches anything; the
/// handler then compares the exact path.
fn pattern(path: &str) -> String {
    let is_plain = |segment: &str| segment.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~".contains(&b));
    path.split('/')
        .enumerate()
        .map(|(at, segment)| if is_plain(segment) { segment.to_owned() } else { format!("<_{at}>") })
        .collect::<Vec<_>>()
        .join("/")
}

#[derive(Clone)]
struct Endpoint {
    auth: GridAuth,
    path: Arc<str>,
}

#[rocket::async_trait]
impl Handler for Endpoint {
    async fn handle<'r>(&self, request: &'r Request<'_>, data: Data<'r>) -> route::Outcome<'r> {
        // Rocket matches routes by the decoded path, but an endpoint accepts exactly one spelling.
        if *request.uri().path() != *self.path {
            return Outcome::Forward((data, Status::NotFound));
        }
        Outcome::Success(match read(request, data).await {
            Ok(request) => convert::response(self.auth.handle(request).await),
            Err(why) => convert::response(self.auth.refuse_unread(&Head(request), why)),
        })
    }
}

/// The response to a request to an endpoint with a method that Rocket does not know. Rocket passes such a request to the
/// catcher for 400, without the method.
pub(crate) async fn answer_unknown_method(
    auth: &GridAuth,
    request: &Request<'_>,
) -> Option<Response<'static>> {
    let path = request.uri().path();
    auth.paths().iter().find(|own| *path == **own)?;
    let mut converted = whole(request, Bytes::new()).ok()?;
    *converted.method_mut() = http::Method::from_bytes(b"UNKNOWN").ok()?;
    Some(convert::response(auth.handle(converted).await))
}
