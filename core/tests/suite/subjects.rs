//! People and clients cannot stand for each other in tokens (RFC 9700 section 4.15).

use gridauth::http::BearerToken;
use gridauth::identity::SignUpError;
use gridauth::token::Secret;
use gridauth::{Client, MintRequest, PutClientError};
use serde_json::{Value, json};

use crate::support::*;

async fn introspect(server: &Server, token: &str) -> Value {
    let headers = [("authorization", basic("guard", "guard-secret"))];
    let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
    answer(server.post("/oauth/introspect", &headers, &[("token", token)]).await).1
}

#[tokio::test]
async fn a_client_and_a_user_have_no_name_in_common() {
    let server = server().await;
    let users = server.auth.users();
    let password = Secret::from("a good password");
    for name in ["web", "Web", " web "] {
        let refused = users.sign_up(name, &password).await;
        assert!(matches!(refused, Err(SignUpError::ClientId)), "{name:?}: {refused:?}");
    }
    let refused = server.auth.put_user("somebody", &password, "web", Default::default()).await;
    assert!(matches!(refused, Err(SignUpError::ClientId)), "{refused:?}");
    let miriam = users.sign_up("miriam", &password).await.unwrap();
    for id in ["israel", miriam.subject()] {
        let client = || Client::public(id).redirect_uri("https://client.example.com/cb").build().unwrap();
        for refused in
            [server.auth.put_client(client()).await, server.auth.insert_client(client()).await.map(drop)]
        {
            assert!(matches!(refused, Err(PutClientError::SubjectOfUser)), "{id}: {refused:?}");
        }
        assert!(server.auth.client(id).await.unwrap().is_none());
    }
}

#[tokio::test]
async fn introspection_names_people_and_never_clients() {
    let server = server().await;
    let guard = server.auth.confidential_client("guard", "guard-secret").await.unwrap();
    server.auth.put_client_unchecked(guard.resource_server(true).build().unwrap()).await.unwrap();
    let password = Secret::from("a good password");
    let miriam = server.auth.users().sign_up("Miriam", &password).await.unwrap();
    let form = [("grant_type", "password"), ("username", "miriam"), ("password", password.expose())];
    let (_, tokens) = server.token(&form).await;
    for token in ["access_token", "refresh_token"] {
        let about = introspect(&server, &string(&tokens, token)).await;
        assert_eq!((&about["sub"], &about["username"]), (&json!(miriam.subject()), &json!("Miriam")));
    }
    let access = server.auth.authenticate(&BearerToken::new(&string(&tokens, "access_token"))).await.unwrap();
    assert_eq!((access.subject(), access.username()), (miriam.subject(), Some("Miriam")));
    // Nobody has signed in for this one.
    let minted = server.auth.mint(MintRequest::for_user(miriam.subject())).await.unwrap();
    assert_eq!(introspect(&server, minted.access_token.expose()).await["username"], "Miriam");
    let (_, own) = server.token(&[("grant_type", "client_credentials")]).await;
    let about = introspect(&server, &string(&own, "access_token")).await;
    assert_eq!((&about["sub"], about.get("username")), (&json!("web"), None));
}
