//! Rows that the database cannot store: refused before anything is sent, as the caller's fault.

use gridauth::User;
use gridauth::identity::UsersError;
use gridauth::store::{Change, Key, Kind, Row, StoreErrorKind};
use gridauth::token::Secret;

use super::support::*;
use super::{node, open, row};

const LONGEST_BODY: usize = 16 << 20;
const LONGEST_COLUMN: usize = 30_000;

#[tokio::test]
async fn unstorable_rows_are_refused_and_change_nothing() {
    let node = node().await;
    let store = open(&node, "").await;
    let (body, column) = ("x".repeat(LONGEST_BODY + 1), "x".repeat(LONGEST_COLUMN + 1));
    let (there, new) = (Key::new(Kind::Custom, "there"), Key::new(Kind::Custom, "new"));
    store.put(there, row("there")).await.unwrap();
    for (what, refused) in [
        ("a long body", row(&body)),
        ("a long user", row("{}").with_user(Some(&column))),
        ("a long client", row("{}").with_client(Some(&column))),
        ("a long scope", row("{}").with_scope(Some(&column))),
        ("NUL in the body", row("a\0b")),
        ("NUL in the user", row("{}").with_user(Some("a\0b"))),
        ("NUL in the client", row("{}").with_client(Some("a\0b"))),
        ("NUL in the scope", row("{}").with_scope(Some("a\0b"))),
    ] {
        let mut replace = |_: &Row| Change::Replace(refused.clone());
        let told = [
            store.insert(new, refused.clone()).await.err(),
            store.put(there, refused.clone()).await.err(),
            store.update(there, &mut replace).await.err(),
        ];
        for error in told {
            assert_eq!(error.unwrap().kind(), StoreErrorKind::Refused, "{what}");
        }
        assert!(store.get(new).await.unwrap().is_none(), "{what}");
        assert_eq!(store.get(there).await.unwrap().unwrap().body(), "there", "{what}");
    }
    for id in ["", "a\0b", &"x".repeat(Key::MAX_ID_BYTES + 1)] {
        let error = store.insert(Key::new(Kind::Custom, id), row("{}")).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Refused, "an id of {} bytes", id.len());
    }
}

#[tokio::test]
async fn the_longest_rows_are_stored() {
    let node = node().await;
    let store = open(&node, "").await;
    let (body, column) = ("x".repeat(LONGEST_BODY), "x".repeat(LONGEST_COLUMN));
    let id = "x".repeat(Key::MAX_ID_BYTES);
    let longest = row(&body).with_user(Some(&column)).with_client(Some(&column)).with_scope(Some(&column));
    assert!(store.insert(Key::new(Kind::Custom, &id), longest).await.unwrap());
    let kept = store.get(Key::new(Kind::Custom, &id)).await.unwrap().unwrap();
    assert!(kept.body() == body && kept.scope() == Some(&*column), "it is another row");
    assert_eq!((kept.user(), kept.client()), (Some(&*column), Some(&*column)));
}

/// Users of the application, whose subjects the server does not choose.
async fn with_subjects(subject: String) -> (griddb_test_node::TestNode, Server) {
    let node = node().await;
    let store = open(&node, "").await;
    let users = move |_: String, _: Secret| {
        let user = User::new(subject.clone());
        async move { Ok::<_, UsersError>(Some(user)) }
    };
    (node, server_with(|builder| builder.store(store).users(users)).await)
}

#[tokio::test]
async fn an_endpoint_answers_400_if_a_row_is_refused() {
    for subject in ["x".repeat(LONGEST_COLUMN + 1), "a\0b".to_owned()] {
        let (_node, server) = with_subjects(subject).await;
        let form = [("grant_type", "password"), ("username", "israel"), ("password", "imru")];
        let (status, body) = server.token(&form).await;
        assert_eq!((status, body["error"].as_str()), (400, Some("invalid_request")), "{body}");
        assert!(body["error_description"].is_string(), "{body}");

        let page = server.get(&authorize_uri(&[]), None).await;
        let back = server.submit_sign_in(&page, &cookie(&page).unwrap(), "israel", "imru").await;
        assert_eq!(back.status(), 400, "{}", text(&back));
        assert!(!back.headers().contains_key("retry-after"));
    }
}
