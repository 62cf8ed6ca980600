//! What is remembered of a consent, and for whom.

use gridauth::Client;
use gridauth::store::Kind;

use crate::support::*;

#[tokio::test]
async fn a_withdrawal_covers_every_origin() {
    let server = server().await;
    let other = "https://other.example.com/cb";
    let web = server.auth.confidential_client("web", "web-secret").await.unwrap();
    let web = web.redirect_uri(REDIRECT).redirect_uri(other).scope("notes.read").build().unwrap();
    server.auth.put_client(web).await.unwrap();
    for uri in [REDIRECT, other] {
        let back = server.sign_in(&authorize_uri(&[("redirect_uri", uri)])).await.allow(&server).await;
        assert_eq!(back.status(), 303);
    }
    let mut origins: Vec<_> =
        server.auth.consents("israel").await.unwrap().into_iter().map(|consent| consent.origin).collect();
    origins.sort();
    assert_eq!(origins, ["https://client.example.com", "https://other.example.com"]);
    server.auth.withdraw_consent("israel", "web").await.unwrap();
    for kind in [Kind::Consent, Kind::Grant] {
        assert_eq!(ids(server.auth.store(), kind).await, [""; 0]);
    }
}

/// RFC 8252 section 8.6.
#[tokio::test]
async fn of_native_clients_only_first_party_and_confidential_ones_are_remembered() {
    let server = server().await;
    let uri = |port: u16| format!("http://127.0.0.1:{port}/cb");
    let ask = async |cookie: &str, port: u16| {
        let uri = authorize_uri(&[("client_id", "app"), ("redirect_uri", &uri(port))]);
        server.get(&uri, Some(cookie)).await.status().as_u16()
    };
    let cookie = server.sign_in(&authorize_uri(&[])).await.cookie;
    let public = |first_party| {
        Client::public("app").redirect_uri("http://127.0.0.1/cb").scope("notes.read").first_party(first_party)
    };
    server.auth.put_client(public(true).build().unwrap()).await.unwrap();
    assert_eq!(ask(&cookie, 4711).await, 303);

    server.auth.put_client(public(false).build().unwrap()).await.unwrap();
    let allow = async || {
        let page = authorize_uri(&[("client_id", "app"), ("redirect_uri", &uri(4711))]);
        assert_eq!(server.sign_in(&page).await.allow(&server).await.status(), 303);
    };
    allow().await;
    assert_eq!(ask(&cookie, 4711).await, 200);
    assert_eq!(ids(server.auth.store(), Kind::Consent).await, [""; 0]);

    let confidential = server.auth.confidential_client("app", "app-secret").await.unwrap();
    let confidential = confidential.redirect_uri("http://127.0.0.1/cb").scope("notes.read").build().unwrap();
    server.auth.put_client(confidential).await.unwrap();
    allow().await;
    // Whatever its port (RFC 8252 section 7.3).
    assert_eq!(ask(&cookie, 4712).await, 303);
}
