//! Authorization server metadata (RFC 8414): what is on, and nothing that is not.

use http::StatusCode;
use serde_json::{Map, Value, json};

use super::{Endpoint, introspect, revoke};
use crate::http::{Response, response};
use crate::model::AuthMethod;
use crate::protocol::ResponseMode;
use crate::server::Inner;

pub(crate) fn answer(server: &Inner) -> Response {
    response(StatusCode::OK, "application/json", server.metadata.clone())
}

pub(crate) fn describe(server: &Inner) -> Value {
    let mut metadata = Map::new();
    metadata.insert("issuer".to_owned(), json!(server.issuer.url));
    for (member, endpoint) in [
        ("authorization_endpoint", Endpoint::Authorize),
        ("token_endpoint", Endpoint::Token),
        ("revocation_endpoint", Endpoint::Revoke),
        ("introspection_endpoint", Endpoint::Introspect),
    ] {
        if let Some(url) = server.endpoint_url(endpoint) {
            metadata.insert(member.to_owned(), json!(url));
        }
    }
    if !server.scopes.is_empty() {
        let scopes: Vec<&str> = server.scopes.iter().map(|scope| scope.token).collect();
        metadata.insert("scopes_supported".to_owned(), json!(scopes));
    }
    let response_types: Vec<&str> =
        server.grants.authorization_sides().map(|side| side.response_type()).collect();
    metadata.insert("response_types_supported".to_owned(), json!(response_types));
    if !response_types.is_empty() {
        metadata.insert("response_modes_supported".to_owned(), json!(response_modes(server)));
        metadata.insert("authorization_response_iss_parameter_supported".to_owned(), json!(true));
    }
    metadata.insert("grant_types_supported".to_owned(), json!(grant_types(server)));
    let token_methods = token_methods(server);
    if !token_methods.is_empty() {
        metadata.insert("token_endpoint_auth_methods_supported".to_owned(), json!(token_methods));
    }
    metadata.insert("revocation_endpoint_auth_methods_supported".to_owned(), json!(names(&revoke::METHODS)));
    metadata.insert(
        "introspection_endpoint_auth_methods_supported".to_owned(),
        json!(names(&introspect::METHODS)),
    );
    for registered in server.grants.iter() {
        for extension in &registered.extensions {
            extension.extend_metadata(&mut metadata);
        }
    }
    Value::Object(metadata)
}

/// The query is for response types that carry no token, and some server may have no such type.
fn response_modes(server: &Inner) -> Vec<&str> {
    let mut sides = server.grants.authorization_sides();
    let query = sides.any(|side| side.default_response_mode() != ResponseMode::Fragment);
    let modes = ResponseMode::ALL.into_iter().filter(|mode| query || *mode != ResponseMode::Query);
    modes.map(ResponseMode::as_str).collect()
}

fn grant_types(server: &Inner) -> Vec<&str> {
    let mut types: Vec<&str> = server.grants.token_sides().map(|side| side.grant_type()).collect();
    for side in server.grants.authorization_sides() {
        if !types.contains(&side.grant_type()) {
            types.push(side.grant_type());
        }
    }
    types
}

fn token_methods(server: &Inner) -> Vec<&str> {
    let mut methods: Vec<&str> = Vec::new();
    for method in server.grants.token_sides().flat_map(|side| side.client_authentication()) {
        if !methods.contains(&method.as_str()) {
            methods.push(method.as_str());
        }
    }
    methods
}

fn names(methods: &[AuthMethod]) -> Vec<&str> {
    methods.iter().map(AuthMethod::as_str).collect()
}
