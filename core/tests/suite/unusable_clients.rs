//! Clients that are registered for what they cannot use are refused with what to change.

use gridauth::grant::{AuthorizationCode, ClientCredentials, Implicit, RefreshToken};
use gridauth::model::AuthMethod;
use gridauth::{Client, GridAuth, PutClientError, Store};

use crate::support::*;

gridauth::scopes! {
    static SCOPES;
    NotesRead = "notes.read": "Read your notes";
}

async fn auth() -> GridAuth {
    let refresh = RefreshToken::rotating().client_authentication([AuthMethod::Basic]);
    let builder = GridAuth::builder(ISSUER).store(Store::memory()).scopes(SCOPES);
    let builder = builder.grant(AuthorizationCode::new()).grant(refresh).grant(Implicit::new());
    builder.grant(ClientCredentials::new()).build().await.unwrap()
}

fn spa() -> gridauth::model::ClientBuilder {
    Client::public("spa").redirect_uri(REDIRECT).scope("openid notes.read")
}

#[tokio::test]
async fn what_a_client_cannot_use_is_refused() {
    let auth = auth().await;
    for (client, words) in [
        (spa().grant_types(["authorisation_code"]), &["authorisation_code", ".grant(..)"][..]),
        (spa().scope("notes.raed"), &["notes.raed", "scopes!"]),
        (Client::public("spa").scope("notes.read"), &["redirect_uri"]),
        (spa().grant_types(["authorization_code", "refresh_token"]), &["refresh_token", "\"none\""]),
        (spa().grant_types(["client_credentials"]), &["client_credentials", "\"none\""]),
        (spa().response_types(["code", "id_token"]), &["id_token"]),
        (spa().grant_types(["a", "b"]), &["\"a\"", "\"b\""]),
        // RFC 7591 section 2.1: grant types and response types go together.
        (spa().response_types([""; 0]), &["authorization_code", "response type \"code\""]),
        (spa().response_types(["token"]), &["authorization_code", "\"code\"", "\"token\"", "implicit"]),
        (spa().grant_types(["implicit"]), &["implicit", "response type \"token\""]),
        (
            spa().grant_types(["authorization_code"]).response_types(["code", "token"]),
            &["response type \"token\"", "grant type \"implicit\""],
        ),
    ] {
        let client = client.build().unwrap();
        let error = auth.put_client(client.clone()).await.unwrap_err();
        let PutClientError::Unusable { client_id, .. } = &error else { panic!("{error}") };
        assert_eq!(client_id, "spa");
        for word in words {
            assert!(error.to_string().contains(word), "{error}");
        }
        assert!(auth.insert_client(client.clone()).await.is_err());
        assert!(auth.client("spa").await.unwrap().is_none());
        auth.put_client_unchecked(client).await.unwrap();
        assert!(auth.client("spa").await.unwrap().is_some());
        auth.remove_client("spa").await.unwrap();
    }
}

/// A refresh token comes with the token of another grant.
#[tokio::test]
async fn refresh_tokens_alone_are_refused() {
    let auth = auth().await;
    for types in
        [&["refresh_token"][..], &["refresh_token", "client_credentials"], &["refresh_token", "implicit"]]
    {
        let web = auth.confidential_client("web", "web-secret").await.unwrap().redirect_uri(REDIRECT);
        let responses = if types.contains(&"implicit") { &["token"][..] } else { &[] };
        let web = web.grant_types(types.iter().copied()).response_types(responses.iter().copied());
        let web = web.build().unwrap();
        let error = auth.put_client(web).await.unwrap_err().to_string();
        assert!(
            error.contains("refresh_token") && error.contains("authorization_code"),
            "{types:?}: {error}"
        );
    }
}

#[tokio::test]
async fn what_a_client_can_use_is_kept() {
    let auth = auth().await;
    auth.put_client(spa().build().unwrap()).await.unwrap();
    auth.put_client(spa().grant_types(["implicit"]).response_types(["token"]).build().unwrap())
        .await
        .unwrap();
    // The response type `code` is there by default, and nothing of this client redirects.
    let machine = auth.confidential_client("machine", "secret").await.unwrap();
    auth.put_client(machine.grant_types(["client_credentials"]).build().unwrap()).await.unwrap();
    let both = spa().grant_types(["authorization_code", "implicit"]).response_types(["code", "token"]);
    auth.put_client(both.build().unwrap()).await.unwrap();
    let web = auth.confidential_client("web", "secret").await.unwrap().redirect_uri(REDIRECT);
    auth.put_client(web.grant_types(["authorization_code", "refresh_token"]).build().unwrap()).await.unwrap();
    let idle = Client::public("idle").grant_types([""; 0]).response_types([""; 0]);
    auth.put_client(idle.build().unwrap()).await.unwrap();
}
