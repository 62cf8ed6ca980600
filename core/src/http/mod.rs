//! Requests and responses for endpoints and guards, independent of any web framework. Bodies are bytes of bounded length.

mod authorization;
mod certificate;
mod cors;
mod form;
mod head;
mod proxies;
mod request;
mod response;

pub(crate) use authorization::{AuthorizationHeader, authorization_in, authorization_of};
pub use certificate::ClientCertificate;
pub(crate) use cors::{AllowedOrigins, preflight};
pub(crate) use form::{form, form_body, is_form, refuse_repeated};
pub use head::{BearerToken, Connection, Peer, RequestHead};
pub use proxies::{ForwardedFor, ProxyError, TrustedProxies};
pub use request::{Request, Unread, whole_request};
pub(crate) use response::{
    DPOP_NONCE, error_response, json_response, method_not_allowed, no_store, not_found, response, see_other,
};

use bytes::Bytes;

/// A response with its whole body.
pub type Response = http::Response<Bytes>;
