//! What is taken back is gone, also where the store fails on the way.

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

/// All that speaks for the user israel.
struct Speaking {
    cookie: String,
    code: String,
    access: String,
    refresh: String,
}

impl Speaking {
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

    async fn assert_nothing_is_good(&self, server: &Server, what: &str) {
        assert!(server.auth.authenticate_token(&self.access).await.is_err(), "{what}");
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

/// Whoever comes next under the name inherits nothing, wherever the removal stopped.
#[tokio::test]
async fn a_user_goes_step_by_step_and_a_repeat_goes_on() {
    for failure in [Failure::Before, Failure::After] {
        for step in 0.. {
            let failing = Failing::new(MemoryStore::new());
            let server = server_on(failing.clone()).await;
            let speaking = Speaking::new(&server).await;
            let what = format!("{failure:?}, {step}");

            let asked = Arc::new(AtomicUsize::new(0));
            let counted = Arc::clone(&asked);
            failing.fail(failure, move |_| counted.fetch_add(1, Ordering::Relaxed) == step);
            let first = server.auth.remove_user("israel").await;
            failing.recover();
            if asked.load(Ordering::Relaxed) <= step {
                assert!(first.unwrap(), "{what}");
                // The user twice; three listings; a session, two grants and a consent.
                assert!(step >= 9, "{what}: so few calls cannot be all");
                break;
            }
            assert!(first.is_err(), "{what}");
            let has_begun = step > 0 || matches!(failure, Failure::After);
            assert_eq!(signs_in(&server, "imru").await, !has_begun, "{what}");

            let new = Secret::from("another");
            if has_begun {
                assert!(!server.auth.set_password("israel", &new).await.unwrap(), "{what}");
            }
            match server.auth.users().sign_up("israel", &new).await {
                Err(SignUpError::Taken) => {
                    assert!(server.auth.remove_user("israel").await.unwrap(), "{what}");
                    speaking.assert_nothing_is_good(&server, &what).await;
                    server.auth.users().sign_up("israel", &new).await.unwrap();
                }
                signed_up => drop(signed_up.unwrap()),
            }
            speaking.assert_nothing_is_good(&server, &what).await;
            assert!(signs_in(&server, "another").await, "{what}");
        }
    }
}

#[tokio::test]
async fn a_user_whose_row_cannot_be_read_goes() {
    let server = server().await;
    let speaking = Speaking::new(&server).await;
    let row = Row::new(server.clock.now(), "spoilt").with_user(Some("israel"));
    server.auth.store().put(Key::new(Kind::User, "israel"), row).await.unwrap();
    assert!(server.auth.remove_user("israel").await.unwrap());
    speaking.assert_nothing_is_good(&server, "").await;
    assert!(!server.auth.remove_user("israel").await.unwrap());
}

/// Whoever gets the id next has to ask, and a removal that failed on the way goes on when it is asked for again.
#[tokio::test]
async fn a_client_goes_with_all_that_users_allowed_it() {
    let failing = Failing::new(MemoryStore::new());
    let server = server_on(failing.clone()).await;
    Speaking::new(&server).await;
    let store = server.auth.store();
    assert_eq!(ids(store, Kind::Consent).await.len(), 1);
    failing.fail(Failure::Before, |call| matches!(call, Call::List(query) if query.kind == Kind::Grant));
    assert!(server.auth.remove_client("web").await.is_err());
    assert_eq!(ids(store, Kind::Consent).await, [""; 0]);
    failing.recover();
    assert!(!server.auth.remove_client("web").await.unwrap());
    assert_eq!(ids(store, Kind::Grant).await, [""; 0]);
}

/// How many grants a client gets that are more than two pages.
const GRANTS: usize = 250;

async fn mint(server: &Server, count: usize) {
    for _ in 0..count {
        server.auth.mint(MintRequest::for_user("israel").client("web")).await.unwrap();
    }
}

/// What was removed is gone though the listing fails further on.
#[tokio::test]
async fn a_page_that_fails_keeps_nothing_of_those_before_it() {
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
async fn a_row_that_cannot_be_removed_keeps_none_of_the_others() {
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

/// A store may take all its time for each call that fails.
#[tokio::test]
async fn a_store_that_refuses_all_is_not_asked_for_each_row() {
    let failing = Failing::new(MemoryStore::new());
    let removals = Counting::only(failing.clone(), |call| matches!(call, Call::Remove(_)));
    let server = server_on(removals.clone()).await;
    mint(&server, GRANTS).await;
    failing.fail(Failure::Before, |call| matches!(call, Call::Remove(_)));
    assert!(server.auth.revoke_client("web").await.is_err());
    assert!((1..30).contains(&removals.count()), "{}", removals.count());
}

/// Rows that another hand or a newer version wrote.
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

/// Each part ends, whatever fails before it.
#[tokio::test]
async fn tokens_end_where_sessions_and_consents_cannot() {
    let failing = Failing::new(MemoryStore::new());
    let server = server_on(failing.clone()).await;
    for kind in [Kind::Session, Kind::Consent] {
        let speaking = Speaking::new(&server).await;
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
        assert!(server.auth.authenticate_token(&speaking.access).await.is_err(), "{kind:?}");
        assert_eq!(ids(server.auth.store(), Kind::Grant).await, [""; 0], "{kind:?}");
        server.auth.withdraw_consent("israel", "web").await.unwrap();
    }
}
