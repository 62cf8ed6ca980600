//! Users and clients that the application stores itself: what ends with a changed password, and what needs no write.

use gridauth::identity::SignUpError;
use gridauth::store::memory::MemoryStore;
use gridauth::store::{Key, Kind};
use gridauth::token::Secret;
use gridauth::{Client, GridAuth, Store};
use gridauth_test_stores::{Call, Failing, Failure};
use serde_json::{Map, Value, json};

use crate::support::*;

/// A server on a store that fails as told.
async fn server_on_failing() -> (Server, Failing<MemoryStore>) {
    let store = Failing::new(MemoryStore::new());
    let handle = store.clone();
    (server_with(|builder| builder.store(Store::new(handle))).await, store)
}

async fn tokens(server: &Server, password: &str) -> Option<Value> {
    let form = [("grant_type", "password"), ("username", "israel"), ("password", password)];
    let (status, tokens) = server.token(&form).await;
    (status == 200).then_some(tokens)
}

async fn put(server: &Server, password: &str, subject: &str, name: &str) -> Result<(), SignUpError> {
    let claims = json!({"name": name}).as_object().cloned().unwrap();
    server.auth.put_user("israel", &Secret::from(password), subject, claims).await.map(drop)
}

#[tokio::test]
async fn a_user_who_is_put_with_another_password_or_subject_is_signed_out() {
    let server = server().await;
    put(&server, "imru", "israel", "Israel").await.unwrap();
    let kept = tokens(&server, "imru").await.unwrap();
    server.advance(5);
    // Nothing changes, or a claim and the spelling.
    put(&server, "imru", "israel", "Israel").await.unwrap();
    put(&server, "imru", "israel", "Israel II").await.unwrap();
    server.auth.put_user("Israel", &Secret::from("imru"), "israel", Map::new()).await.unwrap();
    assert!(server.is_valid(&kept).await);

    put(&server, "changed", "israel", "Israel").await.unwrap();
    assert!(!server.is_valid(&kept).await);
    assert!(tokens(&server, "imru").await.is_none());
    let kept = tokens(&server, "changed").await.unwrap();
    assert!(server.is_valid(&kept).await);
    put(&server, "changed", "1", "Israel").await.unwrap();
    assert!(!server.is_valid(&kept).await);
    assert!(tokens(&server, "changed").await.is_some());
}

#[tokio::test]
async fn a_session_ends_with_a_changed_password() {
    let server = server().await;
    let own = server.sign_in(&authorize_uri(&[])).await;
    assert!(!text(&server.get(&authorize_uri(&[]), Some(&own.cookie)).await).contains("name=\"password\""));
    put(&server, "changed", "israel", "Israel").await.unwrap();
    assert!(text(&server.get(&authorize_uri(&[]), Some(&own.cookie)).await).contains("name=\"password\""));
}

/// The old password never comes back, and the old tokens end with the next call.
#[tokio::test]
async fn a_replacement_that_fails_in_between_is_continued() {
    let (server, store) = server_on_failing().await;
    let old = tokens(&server, "imru").await.unwrap();
    let of_user =
        |call: Call<'_>| matches!(call, Call::Update(key) | Call::Insert(key) if key.kind == Kind::User);
    for number in 0..3 {
        let mut updates = 0;
        match number {
            // The sessions and grants cannot be listed; a grant cannot be removed; the new user cannot be stored.
            0 => store
                .fail(Failure::Before, |call| matches!(call, Call::List(query) if query.kind != Kind::User)),
            1 => store.fail(Failure::Before, |call| matches!(call, Call::Remove(_))),
            _ => store.fail(Failure::Before, move |call| {
                updates += usize::from(of_user(call));
                of_user(call) && updates == 2
            }),
        }
        assert!(
            matches!(put(&server, "changed", "israel", "").await, Err(SignUpError::Failed(_))),
            "{number}"
        );
        store.recover();
        assert!(tokens(&server, "imru").await.is_none());
    }
    put(&server, "changed", "israel", "").await.unwrap();
    assert!(!server.is_valid(&old).await);
    assert!(tokens(&server, "changed").await.is_some());
}

/// As on a full disk.
#[tokio::test]
async fn what_changes_nothing_needs_no_write_and_no_listing() {
    let (server, store) = server_on_failing().await;
    let auth = &server.auth;
    put(&server, "imru", "israel", "Israel").await.unwrap();
    let client = || Client::public("app").redirect_uri("https://app.example.com/cb").build().unwrap();
    auth.put_client(client()).await.unwrap();
    let confidential = async |auth: &GridAuth| {
        let started = auth.confidential_client("robot", "a secret").await.unwrap();
        started.grant_types(["client_credentials"]).build().unwrap()
    };
    auth.put_client(confidential(auth).await).await.unwrap();
    let row = async |kind, id: &str| (*auth.store().get(Key::new(kind, id)).await.unwrap().unwrap()).clone();
    let before =
        [row(Kind::User, "israel").await, row(Kind::Client, "app").await, row(Kind::Client, "robot").await];
    server.advance(5);
    store.fail(Failure::Before, |call| !matches!(call, Call::Get(_) | Call::Update(_)));
    put(&server, "imru", "israel", "Israel").await.unwrap();
    auth.put_client(client()).await.unwrap();
    auth.put_client_unchecked(confidential(auth).await).await.unwrap();
    assert!(!auth.insert_client(client()).await.unwrap());
    let after =
        [row(Kind::User, "israel").await, row(Kind::Client, "app").await, row(Kind::Client, "robot").await];
    assert_eq!(before, after);
    let other = Client::public("other").redirect_uri("https://app.example.com/cb").build().unwrap();
    assert!(auth.insert_client(other).await.is_err());
}
