//! The application's own users are asked again when their tokens are refreshed.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use gridauth::identity::{Users, UsersError};
use gridauth::store::memory::MemoryStore;
use gridauth::token::Secret;
use gridauth::{Store, User};
use gridauth_test_stores::Counting;
use serde_json::json;

use crate::support::*;

const ACTIVE: u8 = 0;
const DISABLED: u8 = 1;
const UNREACHABLE: u8 = 2;

/// The application's table of users. It has one user.
struct Accounts(Arc<AtomicU8>);

#[gridauth::async_trait]
impl Users for Accounts {
    async fn check_password(&self, username: &str, _: &Secret) -> Result<Option<User>, UsersError> {
        Ok(Some(User::new("42").named(username)))
    }

    async fn find(&self, subject: &str) -> Result<Option<User>, UsersError> {
        assert_eq!(subject, "42");
        match self.0.load(Ordering::SeqCst) {
            ACTIVE => Ok(Some(User::new(subject))),
            DISABLED => Ok(None),
            _ => Err(UsersError::Application("the table is locked".into())),
        }
    }
}

#[tokio::test]
async fn the_grant_of_a_disabled_user_ends_at_the_next_refresh() {
    let state = Arc::new(AtomicU8::new(ACTIVE));
    let server = server_with(|builder| builder.users(Accounts(Arc::clone(&state)))).await;
    let tokens = server.tokens().await;
    let (status, tokens) = server.token(&refresh(&string(&tokens, "refresh_token"))).await;
    assert_eq!(status, 200, "{tokens}");

    // Nothing is decided while the users cannot be asked.
    state.store(UNREACHABLE, Ordering::SeqCst);
    assert_eq!(server.token(&refresh(&string(&tokens, "refresh_token"))).await.0, 500);
    assert!(server.is_valid(&tokens).await);

    state.store(DISABLED, Ordering::SeqCst);
    let (status, error) = server.token(&refresh(&string(&tokens, "refresh_token"))).await;
    assert_eq!((status, &error["error"]), (400, &json!("invalid_grant")));
    assert!(!server.is_valid(&tokens).await);

    // The grant has ended, whatever becomes of the user.
    state.store(ACTIVE, Ordering::SeqCst);
    assert_eq!(server.token(&refresh(&string(&tokens, "refresh_token"))).await.0, 400);
}

/// The grace window repeats no answer to a user who has been disabled meanwhile.
#[tokio::test]
async fn a_repeated_refresh_asks_again_too() {
    let state = Arc::new(AtomicU8::new(ACTIVE));
    let server = server_with(|builder| builder.users(Accounts(Arc::clone(&state)))).await;
    let tokens = server.tokens().await;
    let first = string(&tokens, "refresh_token");
    assert_eq!(server.token(&refresh(&first)).await.0, 200);
    state.store(DISABLED, Ordering::SeqCst);
    assert_eq!(server.token(&refresh(&first)).await.0, 400);
}

#[tokio::test]
async fn a_closure_has_no_users_to_ask_and_refreshes_as_before() {
    let server = server_with(|builder| {
        builder.users(|username: String, _: Secret| async move {
            Ok::<_, UsersError>(Some(User::new("42").named(username)))
        })
    })
    .await;
    let tokens = server.tokens().await;
    assert_eq!(server.token(&refresh(&string(&tokens, "refresh_token"))).await.0, 200);
}

/// Removing a stored user ends the grants already, so a refresh costs no look-up.
#[tokio::test]
async fn stored_users_are_not_looked_up_at_refresh() {
    let reads = Counting::reads(MemoryStore::new());
    let server = server_with(|builder| builder.store(Store::new(reads.clone()))).await;
    let tokens = server.tokens().await;
    let before = reads.count();
    assert_eq!(server.token(&refresh(&string(&tokens, "refresh_token"))).await.0, 200);
    // The client.
    assert_eq!(reads.count() - before, 1);
}
