//! The description of the admin API (OpenAPI 3.1).

use http::StatusCode;
use serde_json::{Map, Value, json};

use crate::http::{Response, json_response};
use crate::server::{GridAuth, ListOptions};

pub(super) fn document(auth: &GridAuth, scope: &str) -> Response {
    let engine = &auth.0.engine;
    let document = json!({
        "openapi": "3.1.0",
        "info": {
            "title": "gridauth admin API",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Clients, grants, access and users of an authorization server. Times are seconds since 1970.",
        },
        "servers": [{ "url": engine.url("/admin") }],
        "security": [{ "bearer": [] }],
        "components": { "securitySchemes": { "bearer": {
            "type": "http", "scheme": "bearer",
            "description": format!("An access token of this server with the scope {scope}."),
        } }, "schemas": schemas() },
        "paths": paths(),
    });
    json_response(StatusCode::OK, &document)
}

fn parameter(name: &str, what: &str, is_required: bool) -> Value {
    json!({ "name": name, "in": "query", "required": is_required, "description": what, "schema": { "type": "string" } })
}

fn page() -> [Value; 2] {
    let most = ListOptions::MAX_LIMIT;
    [
        json!({
            "name": "limit", "in": "query", "description": "The most items of the page.",
            "schema": { "type": "integer", "minimum": 1, "maximum": most, "default": 100 },
        }),
        parameter("after", "The `next` of the page before.", false),
    ]
}

fn body_of(name: &str) -> Value {
    json!({ "application/json": { "schema": { "$ref": format!("#/components/schemas/{name}") } } })
}

/// An operation with its good answer.
fn operation(id: &str, what: &str, parameters: &[Value], status: &str, schema: Option<&str>) -> Value {
    let mut good = json!({ "description": what });
    if let Some(schema) = schema {
        good["content"] = body_of(schema);
    }
    let refused = |description: &str| json!({ "description": description, "content": body_of("Error") });
    let mut responses = Map::new();
    responses.insert(status.to_owned(), good);
    for (status, description) in [
        ("400", "The request makes no sense, or the client would not be valid."),
        ("401", "No valid token."),
        ("403", "The token lacks the scope."),
        ("404", "There is no such thing."),
        ("503", "The store cannot be reached: try again after Retry-After."),
    ] {
        responses.insert(status.to_owned(), refused(description));
    }
    json!({ "operationId": id, "summary": what, "parameters": parameters, "responses": responses })
}

fn with_body(mut operation: Value, media_type: &str, schema: &str) -> Value {
    let reference = format!("#/components/schemas/{schema}");
    operation["requestBody"] =
        json!({ "required": true, "content": { media_type: { "schema": { "$ref": reference } } } });
    operation
}

fn paths() -> Value {
    let client_id = parameter("client_id", "The client.", true);
    let of_client = parameter("client_id", "The client.", false);
    let of_user = parameter("sub", "The subject of the user.", false);
    let id = parameter("id", "The id of the grant.", true);
    let overlap = json!({
        "name": "overlap", "in": "query", "required": true,
        "description": "How many seconds the former secret stays valid. 0 ends all former ones at once.",
        "schema": { "type": "integer", "minimum": 0 },
    });
    let mut created = operation("createClient", "Registers a client.", &[], "201", Some("Client"));
    created = with_body(created, "application/json", "Client");
    created["responses"]["409"] =
        json!({ "description": "The client_id is taken.", "content": body_of("Error") });
    let edited =
        operation("editClient", "Changes a client.", std::slice::from_ref(&client_id), "200", Some("Client"));
    let mut of_grants = vec![of_user.clone(), of_client.clone()];
    of_grants.extend(page());
    json!({
        "/openapi.json": { "get": operation("describe", "This document.", &[], "200", None) },
        "/clients": {
            "get": operation("listClients", "A page of the clients.", &page(), "200", Some("Clients")),
            "post": created,
        },
        "/client": {
            "get": operation("showClient", "A client.", std::slice::from_ref(&client_id), "200", Some("Client")),
            "patch": with_body(edited, "application/merge-patch+json", "Client"),
            "delete": operation("removeClient", "Removes a client with its grants and consents.", std::slice::from_ref(&client_id), "204", None),
        },
        "/client/secret": {
            "post": operation("rotateSecret", "Gives a client a new secret.", &[client_id, overlap], "200", Some("Secret")),
        },
        "/grants": {
            "get": operation("listGrants", "A page of the grants of a user or of a client.", &of_grants, "200", Some("Grants")),
        },
        "/grant": {
            "get": operation("showGrant", "A grant.", std::slice::from_ref(&id), "200", Some("Grant")),
            "delete": operation("revokeGrant", "Revokes a grant with its tokens.", std::slice::from_ref(&id), "204", None),
        },
        "/access": {
            "get": operation("accessOf", "The clients that have access to a user.", &[parameter("sub", "The subject of the user.", true)], "200", Some("Access")),
            "delete": operation("revokeAccess", "Ends what a client has of a user, everything of a user, or all grants of a client.", &[of_user, of_client], "204", None),
        },
        "/users": {
            "get": operation("listUsers", "A page of the users in the server's store.", &page(), "200", Some("Users")),
        },
    })
}

fn schemas() -> Value {
    let list = |name: &str, items: Value| {
        json!({ "type": "object", "required": [name, "next"], "properties": {
            name: { "type": "array", "items": items },
            "unreadable": { "type": "array", "items": { "type": "string" }, "description": "Ids of rows that cannot be decoded." },
            "next": { "type": ["string", "null"], "description": "The `after` of the next page; null on the last one." },
        } })
    };
    let reference = |name: &str| json!({ "$ref": format!("#/components/schemas/{name}") });
    let (text, time) = (json!({ "type": "string" }), json!({ "type": "integer" }));
    let may_be_time = json!({ "type": ["integer", "null"] });
    json!({
        "Error": { "type": "object", "required": ["error"], "properties": { "error": text, "error_description": text } },
        "Client": {
            "type": "object",
            "description": "Client metadata (RFC 7591 section 2). Members that only this server has begin with gridauth_. The client_secret is there in the answer that made it, and never again.",
            "properties": {
                "client_id": text, "client_name": text, "client_id_issued_at": time,
                "client_secret": text, "client_secret_expires_at": time,
                "token_endpoint_auth_method": text, "scope": text,
                "redirect_uris": { "type": "array", "items": text },
                "grant_types": { "type": "array", "items": text },
                "response_types": { "type": "array", "items": text },
                "gridauth_first_party": { "type": "boolean" },
                "gridauth_resource_server": { "type": "boolean" },
                "gridauth_default_scope": text,
                "gridauth_access_token_format": { "enum": ["opaque", "jwt"] },
                "gridauth_lifetimes": { "type": "object", "additionalProperties": time },
                "gridauth_former_secrets_expire_at": { "type": "array", "items": time },
            },
            "additionalProperties": true,
        },
        "Clients": list("clients", reference("Client")),
        "Secret": {
            "type": "object", "required": ["client_id", "client_secret"],
            "properties": { "client_id": text, "client_secret": text, "client_secret_expires_at": time },
        },
        "Grant": { "type": "object", "properties": {
            "id": text, "grant_type": text, "client_id": text, "sub": { "type": ["string", "null"] }, "scope": text,
            "resources": { "type": "array", "items": text }, "issued_at": time, "expires_at": time,
            "access_tokens": { "type": "integer" }, "newest_token_at": may_be_time, "renewable": { "type": "boolean" },
            "auth_time": may_be_time, "sid": { "type": ["string", "null"] },
        } },
        "Grants": list("grants", reference("Grant")),
        "Access": { "type": "object", "properties": { "clients": { "type": "array", "items": {
            "type": "object", "properties": {
                "client_id": text, "client_name": { "type": ["string", "null"] }, "scope": text, "since": time,
                "newest_token_at": may_be_time, "grants": { "type": "integer" },
            },
        } } } },
        "User": { "type": "object", "properties": {
            "username": text, "sub": text, "signed_up_at": time, "claims": { "type": "object" },
        } },
        "Users": list("users", reference("User")),
    })
}
