//! Changes of registered clients, while the server runs.

use gridauth::model::{AuthMethod, ClientError, Lifetimes, SharedSecret};
use gridauth::store::{Key, Kind, Row};
use gridauth::{Client, EditClientError, GridAuth, ListOptions, PutClientError};
use serde_json::json;

use crate::client_assertions::{ask, by_secret, claims_of};
use crate::support::*;

async fn client(auth: &GridAuth, id: &str) -> Client {
    auth.client(id).await.unwrap().unwrap()
}

#[tokio::test]
async fn an_edit_changes_what_it_names_and_keeps_the_rest() {
    let server = server().await;
    let before = client(&server.auth, "web").await;
    let more = "https://client.example.com/other";
    let edited = server
        .auth
        .edit_client("web", |client| {
            client
                .name("Shop")
                .redirect_uri(more)
                .default_scope("notes.read")
                .first_party(true)
                .lifetimes(Lifetimes::default().code(std::time::Duration::from_secs(5)))
        })
        .await
        .unwrap()
        .unwrap();
    assert_eq!(client(&server.auth, "web").await, edited);
    assert_eq!((edited.name(), edited.is_first_party()), (Some("Shop"), true));
    assert_eq!(edited.redirect_uris().len(), 2);
    assert_eq!(edited.registered(), before.registered());
    assert_eq!((edited.scope(), edited.auth_method()), (before.scope(), before.auth_method()));
    assert!(edited.grant_types().eq(before.grant_types()));
    // The secret is still the client's.
    assert_eq!(server.token(&[("grant_type", "client_credentials")]).await.0, 200);
    // A second edit undoes the first.
    let undone = server.auth.edit_client("web", |client| {
        client
            .without_metadata("client_name")
            .without_redirect_uri(more)
            .without_default_scope()
            .first_party(false)
            .lifetimes(Lifetimes::default())
    });
    assert_eq!(undone.await.unwrap().unwrap(), before);
    assert!(server.auth.edit_client("nobody", |client| client.name("x")).await.unwrap().is_none());
}

#[tokio::test]
async fn a_changed_client_is_checked_as_a_new_one_is_and_stays_if_it_is_refused() {
    let server = server().await;
    let before = client(&server.auth, "web").await;
    let invalid =
        server.auth.edit_client("web", |client| client.redirect_uri("http://shop.example/cb")).await;
    assert!(matches!(invalid, Err(EditClientError::Client(ClientError::RedirectUri { .. }))), "{invalid:?}");
    let scope = server.auth.edit_client("web", |client| client.default_scope("admin")).await;
    assert!(matches!(scope, Err(EditClientError::Client(ClientError::DefaultScope))), "{scope:?}");
    let public = server.auth.edit_client("web", |client| client.auth_method(AuthMethod::None)).await;
    assert!(matches!(public, Err(EditClientError::Client(ClientError::PublicWithSecret))), "{public:?}");
    let unsealed = server.auth.edit_client("web", |client| client.auth_method(AuthMethod::SecretJwt)).await;
    assert!(matches!(unsealed, Err(EditClientError::Client(ClientError::SecretMissing))), "{unsealed:?}");
    let unusable = server.auth.edit_client("web", |client| client.grant_types(["magic"])).await;
    assert!(matches!(unusable, Err(EditClientError::Put(PutClientError::Unusable { .. }))), "{unusable:?}");
    assert_eq!(client(&server.auth, "web").await, before);
    // What the server lacks today, another one has, or a later one.
    let unchecked = server.auth.edit_client_unchecked("web", |client| client.grant_types(["magic"])).await;
    assert!(unchecked.unwrap().unwrap().allows_grant("magic"));
}

/// An operator who once allowed them need not say so again with every change.
#[tokio::test]
async fn redirect_uris_that_were_registered_are_not_refused_later() {
    let server = server().await;
    let (old, out) = ("http://intranet.example/cb", json!(["http://intranet.example/bye"]));
    let intranet = Client::public("intranet")
        .redirect_uri(old)
        .metadata("post_logout_redirect_uris", out)
        .dangerously_allow_unprotected_redirect_uris();
    server.auth.put_client(intranet.build().unwrap()).await.unwrap();
    let set = async |uris: &[&str]| {
        let edit = server
            .auth
            .edit_client("intranet", |client| client.name("Intranet").redirect_uris(uris.iter().copied()));
        edit.await
    };
    assert!(set(&[old, "https://intranet.example/cb"]).await.is_ok());
    assert!(set(&["https://intranet.example/cb"]).await.is_ok());
    // Now that it is gone it is a new one.
    assert!(set(&[old]).await.is_err());
    let further = json!(["http://intranet.example/bye", "http://other.example/bye"]);
    let edit = server
        .auth
        .edit_client("intranet", |client| client.metadata("post_logout_redirect_uris", further.clone()));
    assert!(edit.await.is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_64_changes_at_the_same_time_none_is_lost() {
    let server = server().await;
    let edits: Vec<_> = (0..64)
        .map(|number| {
            let auth = server.auth.clone();
            tokio::spawn(async move {
                let uri = format!("https://client.example.com/{number}");
                auth.edit_client("web", |client| client.redirect_uri(&uri)).await.unwrap().unwrap();
            })
        })
        .collect();
    for edit in edits {
        edit.await.unwrap();
    }
    assert_eq!(client(&server.auth, "web").await.redirect_uris().len(), 65);
}

#[tokio::test]
async fn a_client_can_get_another_method_with_what_it_needs() {
    let server = server().await;
    let secret = "a secret that is shared, of 32 bytes or more";
    let to_mac = |client: gridauth::model::ClientBuilder| {
        client.auth_method(AuthMethod::SecretJwt).shared_secret(SharedSecret::chosen(secret))
    };
    server.auth.edit_client("web", to_mac).await.unwrap().unwrap();
    let (status, tokens) = ask(&server, &by_secret(secret, &claims_of(&server, "web"))).await;
    assert_eq!(status, 200, "{tokens}");
    let row = server.auth.store().get(Key::new(Kind::Client, "web")).await.unwrap().unwrap();
    assert!(!row.body().contains(secret) && !row.body().contains("argon2"), "{}", row.body());
    assert_eq!(server.token(&[("grant_type", "client_credentials")]).await.0, 401);
    let to_public = |client: gridauth::model::ClientBuilder| {
        client.auth_method(AuthMethod::None).without_secret().grant_types(["authorization_code"])
    };
    let public = server.auth.edit_client("web", to_public).await.unwrap().unwrap();
    assert!(public.is_public() && !public.has_secret());
}

#[tokio::test]
async fn clients_are_listed_page_by_page_and_a_damaged_one_hides_no_other() {
    let server = server().await;
    for number in 0..250 {
        let client = Client::public(format!("app-{number}")).redirect_uri("https://app.example/cb");
        server.auth.put_client_unchecked(client.build().unwrap()).await.unwrap();
    }
    let spoilt = Row::new(gridauth::env::Clock::now(&*server.clock), "spoilt").with_client(Some("spoilt"));
    server.auth.store().put(Key::new(Kind::Client, "spoilt"), spoilt).await.unwrap();
    for limit in [1, 7, 100, 100_000] {
        let (mut ids, mut unreadable) = (Vec::new(), Vec::new());
        let mut options = ListOptions::new().limit(limit);
        loop {
            let page = server.auth.clients(options.clone()).await.unwrap();
            assert!(page.items.len() + page.unreadable.len() <= limit);
            ids.extend(page.items.iter().map(|client| client.id().to_owned()));
            unreadable.extend(page.unreadable);
            match page.next {
                Some(next) => options = options.after(next),
                None => break,
            }
        }
        ids.sort();
        ids.dedup();
        assert_eq!((ids.len(), unreadable.as_slice()), (252, &["spoilt".to_owned()][..]), "{limit}");
    }
}
