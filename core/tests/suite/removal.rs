//! Removal and revocation are complete, even if the store fails on the way.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use gridauth::env::Clock;
use gridauth::identity::SignUpError;
use gridauth::store::memory::MemoryStore;
use gridauth::store::{Backend, Key, Kind, Row};
use gridauth::token::Secret;
use gridauth::{MintRequest, Store};
use gridauth_test_stores::{Call, Counting, Failing, Failure};

use crate::support::*;

async fn server_on(backend: impl Backend) -> Server {
    server_with(|builder| builder.store(Store::new(backend))).await
}

/// Everything that authenticates the user israel.
struct Credentials {
    cookie: String,
    code: String,
    access: String,
    refresh: String,
}

impl Credentials {
    async fn new(server: &Server) -> Self {
        let browser = server.sign_in(&authorize_uri(&[])).await;
        let back = browser.allow(server).await;
        let code = location_parameter(&back, "code").unwrap();
        let (_, tokens) = server.token(&redeem(&code)).await;
        let back = server.get(&authorize_uri(&[]), Some(&browser.cookie)).await;
        Self {
            cookie: browser.cookie,
            code: location_parameter(&back, "code").unwrap(),
            access: string(&tokens, "access_token"),
            refresh: string(&tokens, "refresh_token"),
        }
    }

    async fn assert_all_invalid(&self, server: &Server, what: &str) {
        assert!(
            server.auth.authenticate(&gridauth::http::BearerToken::new(&self.access)).await.is_err(),
            "{what}"
        );
        assert_eq!(server.token(&refresh(&self.refresh)).await.0, 400, "{what}");
        assert_eq!(server.token(&redeem(&self.code)).await.0, 400, "{what}");
        let page = server.get(&authorize_uri(&[]), Some(&self.cookie)).await;
        assert!(text(&page).contains("name=\"password\""), "{what}");
        for kind in [Kind::Session, Kind::Grant, Kind::Consent] {
            assert_eq!(ids(server.auth.store(), kind).await, [""; 0], "{what}");
        }
    }
}

async fn signs_in(server: &Server, password: &str) -> bool {
    let form = [("grant_type", "password"), ("username", "israel"), ("password", password)];
    server.token(&form).await.0 == 200
}

/// The next user with the name inherits nothing, wherever the removal stopped.
#[tokio::test]
async fn an_interrupted_removal_of_a_user_can_be_repeated() {
    for failure in [Failure::Before, Failure::After] {
        for step in 0.. {
            let failing = Failing::new(MemoryStore::new());
            let server = server_on(failing.clone()).await;
            let credentials = Credentials::new(&server).await;
            let what = format!("{failure:?}, {step}");

            let asked = Arc::new(AtomicUsize::new(0));
            let counted = Arc::clone(&asked);
            failing.fail(failure, move |_| counted.fetch_add(1, Ordering::Relaxed) == step);
            let first = server.auth.remove_user("israel").await;
            failing.recover();
            if asked.load(Ordering::Relaxed) <= step {
                assert!(first.unwrap(), "{what}");
                // Two calls for the user, three listings, a session, two grants and a consent.
                assert!(step >= 9, "{what}: too few calls");
                break;
            }
            assert!(first.is_err(), "{what}");
            let has_begun = step > 0 || matches!(failure, Failure::After);
            assert_eq!(signs_in(&server, "imru").await, !has_begun, "{what}");

            let new = Secret::from("another password");
            if has_begun {
                assert!(!server.auth.set_password("israel", &new).await.unwrap(), "{what}");
            }
            match server.auth.users().sign_up("israel", &new).await {
                Err(SignUpError::Taken) => {
                    assert!(server.auth.remove_user("israel").await.unwrap(), "{what}");
                    credentials.assert_all_invalid(&server, &what).await;
                    server.auth.users().sign_up("israel", &new).await.unwrap();
                }
                signed_up => drop(signed_up.unwrap()),
            }
            credentials.assert_all_invalid(&server, &what).await;
            assert!(signs_in(&server, "another password").await, "{what}");
        }
    }
}

#[tokio::test]
async fn a_user_whose_row_cannot_be_read_is_removed() {
    let server = server().await;
    let credentials = Credentials::new(&server).await;
    let row = Row::new(server.clock.now(), "spoilt").with_user(Some("israel"));
    server.auth.store().put(Key::new(Kind::User, "israel"), row).await.unwrap();
    assert!(server.auth.remove_user("israel").await.unwrap());
    credentials.assert_all_invalid(&server, "").await;
    assert!(!server.auth.remove_user("israel").await.unwrap());
}

/// The next client with the id needs new consent, and a removal that failed on the way can be repeated.
#[tokio::test]
async fn a_client_is_removed_with_all_consents_and_grants() {
    let failing = Failing::new(MemoryStore::new());
    let server = server_on(failing.clone()).await;
    Credentials::new(&server).await;
    let store = server.auth.store();
    assert_eq!(ids(store, Kind::Consent).await.len(), 1);
    failing.fail(Failure::Before, |call| matches!(call, Call::List(query) if query.kind == Kind::Grant));
    assert!(server.auth.remove_client("web").await.is_err());
    assert_eq!(ids(store, Kind::Consent).await, [""; 0]);
    failing.recover();
    assert!(!server.auth.remove_client("web").await.unwrap());
    assert_eq!(ids(store, Kind::Grant).await, [""; 0]);
}

/// More grants than fit in two pages of a listing.
const GRANTS: usize = 250;

async fn mint(server: &Server, count: usize) {
    for _ in 0..count {
        server.auth.mint(MintRequest::for_user("israel").client("web")).await.unwrap();
    }
}

/// Grants on earlier pages are removed even if a later page fails.
#[tokio::test]
async fn a_failed_page_does_not_keep_the_grants_before_it() {
    let failing = Failing::new(MemoryStore::new());
    let server = server_on(failing.clone()).await;
    mint(&server, GRANTS).await;
    for left in [150, 50] {
        failing.fail(Failure::Before, |call| matches!(call, Call::List(query) if query.after.is_some()));
        assert!(server.auth.revoke_client("web").await.is_err());
        failing.recover();
        assert_eq!(ids(server.auth.store(), Kind::Grant).await.len(), left);
    }
    server.auth.revoke_client("web").await.unwrap();
    assert_eq!(ids(server.auth.store(), Kind::Grant).await, [""; 0]);
}

#[tokio::test]
async fn a_row_that_cannot_be_removed_does_not_keep_the_others() {
    let failing = Failing::new(MemoryStore::new());
    let server = server_on(failing.clone()).await;
    mint(&server, GRANTS).await;
    let all = ids(server.auth.store(), Kind::Grant).await;
    let mut stuck = vec![all[0].clone(), all[120].clone(), all[GRANTS - 1].clone()];
    stuck.sort();
    let is_stuck = stuck.clone();
    failing.fail(
        Failure::Before,
        move |call| matches!(call, Call::Remove(key) if is_stuck.contains(&key.id.to_owned())),
    );
    assert!(server.auth.revoke_user("israel").await.is_err());
    let mut left = ids(server.auth.store(), Kind::Grant).await;
    left.sort();
    assert_eq!(left, stuck);
    failing.recover();
    server.auth.revoke_user("israel").await.unwrap();
    assert_eq!(ids(server.auth.store(), Kind::Grant).await, [""; 0]);
}

/// Each failed call may take as long as the store's timeout.
#[tokio::test]
async fn removal_gives_up_on_a_store_that_refuses_everything() {
    let failing = Failing::new(MemoryStore::new());
    let removals = Counting::only(failing.clone(), |call| matches!(call, Call::Remove(_)));
    let server = server_on(removals.clone()).await;
    mint(&server, GRANTS).await;
    failing.fail(Failure::Before, |call| matches!(call, Call::Remove(_)));
    assert!(server.auth.revoke_client("web").await.is_err());
    assert!((1..30).contains(&removals.count()), "{}", removals.count());
}

/// Rows written by hand or by a newer version.
#[tokio::test]
async fn rows_that_cannot_be_read_are_revoked() {
    let server = server().await;
    let store = server.auth.store();
    let spoilt = || Row::new(server.clock.now(), "spoilt").with_user(Some("israel"));
    for client in ["web", "spa"] {
        mint(&server, 1).await;
        store.put(Key::new(Kind::Grant, client), spoilt().with_client(Some(client))).await.unwrap();
    }
    server.auth.withdraw_consent("israel", "web").await.unwrap();
    assert_eq!(ids(store, Kind::Grant).await, ["spa"]);
    server.auth.revoke_client("spa").await.unwrap();
    assert_eq!(ids(store, Kind::Grant).await, [""; 0]);

    store.put(Key::new(Kind::Grant, "more"), spoilt()).await.unwrap();
    store.put(Key::new(Kind::Session, "more"), spoilt()).await.unwrap();
    server.auth.revoke_user("israel").await.unwrap();
    for kind in [Kind::Grant, Kind::Session] {
        assert_eq!(ids(store, kind).await, [""; 0]);
    }
}

/// Tokens are revoked, whatever fails before.
#[tokio::test]
async fn tokens_are_revoked_even_if_sessions_or_consents_cannot_be_removed() {
    let failing = Failing::new(MemoryStore::new());
    let server = server_on(failing.clone()).await;
    for kind in [Kind::Session, Kind::Consent] {
        let credentials = Credentials::new(&server).await;
        failing.fail(Failure::Before, move |call| match call {
            Call::List(query) => query.kind == kind,
            Call::Remove(key) => key.kind == kind,
            _ => false,
        });
        let revoked = match kind {
            Kind::Session => server.auth.revoke_user("israel").await,
            _ => server.auth.withdraw_consent("israel", "web").await,
        };
        assert!(revoked.is_err(), "{kind:?}");
        failing.recover();
        assert!(
            server.auth.authenticate(&gridauth::http::BearerToken::new(&credentials.access)).await.is_err(),
            "{kind:?}"
        );
        assert_eq!(ids(server.auth.store(), Kind::Grant).await, [""; 0], "{kind:?}");
        server.auth.withdraw_consent("israel", "web").await.unwrap();
    }
}
