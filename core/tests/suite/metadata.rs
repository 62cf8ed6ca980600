//! Authorization server metadata (RFC 8414) lists exactly what is enabled.

use std::collections::BTreeSet;

use gridauth::grant::{AuthorizationCode, ClientCredentials, Implicit, Password};
use gridauth::{Builder, GridAuth, Store};
use serde_json::{Value, json};

use crate::support::{ISSUER, Server, answer, server};

async fn metadata(configure: impl FnOnce(Builder) -> Builder) -> (Server, Value) {
    let clock = server().await.clock;
    let auth = configure(GridAuth::builder(ISSUER).store(Store::memory())).build().await.unwrap();
    let server = Server { auth, clock };
    let (status, metadata) = answer(server.get("/.well-known/oauth-authorization-server", None).await);
    assert_eq!(status, 200);
    (server, metadata)
}

fn has_exactly(metadata: &Value, members: &[&str]) {
    let own: BTreeSet<&str> = metadata.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(own, members.iter().copied().collect(), "{metadata}");
}

/// The members of every server that issues tokens.
const ALWAYS: [&str; 9] = [
    "issuer",
    "revocation_endpoint",
    "revocation_endpoint_auth_methods_supported",
    "revocation_endpoint_auth_signing_alg_values_supported",
    "introspection_endpoint",
    "introspection_endpoint_auth_methods_supported",
    "introspection_endpoint_auth_signing_alg_values_supported",
    "response_types_supported",
    "grant_types_supported",
];

#[tokio::test]
async fn client_credentials_alone() {
    let (server, metadata) = metadata(|builder| builder.grant(ClientCredentials::new())).await;
    let own = [
        "token_endpoint",
        "token_endpoint_auth_methods_supported",
        "token_endpoint_auth_signing_alg_values_supported",
        "dpop_signing_alg_values_supported",
    ];
    has_exactly(&metadata, &[&ALWAYS[..], &own].concat());
    assert_eq!(metadata["grant_types_supported"], json!(["client_credentials"]));
    // RFC 8414 section 2: the member is required, so it is there but empty.
    assert_eq!(metadata["response_types_supported"], json!([]));
    let methods = json!(["client_secret_basic", "client_secret_jwt", "private_key_jwt"]);
    assert_eq!(metadata["token_endpoint_auth_methods_supported"], methods);
    assert_eq!(server.get("/oauth/authorize", None).await.status(), 404);
}

#[tokio::test]
async fn implicit_alone() {
    let (server, metadata) = metadata(|builder| builder.grant(Implicit::new())).await;
    let own = [
        "authorization_endpoint",
        "response_modes_supported",
        "authorization_response_iss_parameter_supported",
    ];
    has_exactly(&metadata, &[&ALWAYS[..], &own].concat());
    assert_eq!(metadata["grant_types_supported"], json!(["implicit"]));
    assert_eq!(metadata["response_types_supported"], json!(["token"]));
    // A token is never sent in a query, so that mode is not supported.
    assert_eq!(metadata["response_modes_supported"], json!(["fragment", "form_post"]));
    assert_eq!(server.post("/oauth/token", &[], &[]).await.status(), 404);
}

#[tokio::test]
async fn the_code_grant() {
    let (_, metadata) = metadata(|builder| builder.grant(AuthorizationCode::new())).await;
    let own = [
        "authorization_endpoint",
        "response_modes_supported",
        "authorization_response_iss_parameter_supported",
        "token_endpoint",
        "token_endpoint_auth_methods_supported",
        "token_endpoint_auth_signing_alg_values_supported",
        "dpop_signing_alg_values_supported",
        "code_challenge_methods_supported",
    ];
    has_exactly(&metadata, &[&ALWAYS[..], &own].concat());
    assert_eq!(metadata["response_modes_supported"], json!(["query", "fragment", "form_post"]));
}

#[tokio::test]
async fn the_listed_endpoints_are_exactly_those_mounted() {
    let (server, metadata) = metadata(|builder| builder.grant(Password::new()).grant(Implicit::new())).await;
    let mut named: Vec<String> = metadata
        .as_object()
        .unwrap()
        .iter()
        .filter(|(member, _)| member.ends_with("_endpoint"))
        .map(|(_, url)| url.as_str().unwrap().strip_prefix(ISSUER).unwrap().to_owned())
        .collect();
    named.push("/.well-known/oauth-authorization-server".to_owned());
    // The guard's challenges lead there.
    named.push("/.well-known/oauth-protected-resource".to_owned());
    // These have no name in the metadata: they are for people, and no client calls them.
    named.extend(["/oauth/client_logo", "/oauth/account"].map(str::to_owned));
    let mut mounted = server.auth.paths();
    named.sort();
    mounted.sort();
    assert_eq!(named, mounted);
}

#[tokio::test]
async fn a_server_that_only_guards_has_no_endpoint_at_all() {
    let auth = GridAuth::builder(ISSUER).store(Store::memory()).build().await.unwrap();
    assert!(auth.paths().is_empty(), "{:?}", auth.paths());
}
