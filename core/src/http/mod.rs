//! Requests and responses as the endpoints and guards see them: bounded bytes in, bytes out, no web framework.

mod authorization;
mod cors;
mod form;
mod head;
mod request;
mod response;

pub(crate) use authorization::{AuthorizationHeader, authorization_in, authorization_of};
pub(crate) use cors::{AllowedOrigins, preflight};
pub(crate) use form::{form, form_body, refuse_repeated};
pub use head::{BearerToken, Connection, Peer, RequestHead};
pub use request::{Request, Unread, whole_request};
pub(crate) use response::{
    error_response, json_response, method_not_allowed, no_store, not_found, response, see_other,
};

use bytes::Bytes;

/// A response with its whole body.
pub type Response = http::Response<Bytes>;
