//! A store that made a change and lost its answer: what the client is told.

use gridauth::Store;
use gridauth::store::memory::MemoryStore;
use gridauth_test_stores::{Call, Failing, Failure};
use serde_json::json;

use crate::support::*;

async fn server_that_can_fail() -> (Server, Failing<MemoryStore>) {
    let store = Failing::new(MemoryStore::new());
    let server = server_with(|builder| builder.store(Store::new(store.clone()))).await;
    (server, store)
}

/// Chooses the first update.
fn first_update() -> impl FnMut(Call<'_>) -> bool + Send + 'static {
    let mut updates = 0;
    move |call| {
        updates += usize::from(matches!(call, Call::Update(_)));
        updates == 1 && matches!(call, Call::Update(_))
    }
}

/// The row says that the code was redeemed, by this very request.
#[tokio::test]
async fn a_redemption_whose_answer_was_lost_is_found_in_the_row() {
    let (server, store) = server_that_can_fail().await;
    let code = server.code().await;
    store.fail(Failure::After, first_update());
    let (status, tokens) = server.token(&redeem(&code)).await;
    assert_eq!(status, 200, "{tokens}");
    store.recover();
    assert!(server.is_valid(&tokens).await);
    assert_eq!(server.token(&refresh(&string(&tokens, "refresh_token"))).await.0, 200);
}

/// Where even that cannot be read, the code counts as used. A client that is told to try again would end its own grant.
#[tokio::test]
async fn a_client_is_not_invited_to_redeem_a_code_again() {
    let (server, store) = server_that_can_fail().await;
    let code = server.code().await;
    let mut is_lost = false;
    store.fail(Failure::After, move |call| {
        is_lost |= matches!(call, Call::Update(_));
        is_lost
    });
    let authorization = basic("web", "web-secret");
    let response = server.post("/oauth/token", &[("authorization", &authorization)], &redeem(&code)).await;
    assert_eq!(response.headers().get("retry-after"), None);
    let (status, error) = answer(response);
    assert_eq!((status, &error["error"]), (400, &json!("invalid_grant")), "{error}");
}

/// A rotation whose answer was lost may be repeated: the grace window has the same answer.
#[tokio::test]
async fn a_client_may_repeat_a_refresh() {
    let (server, store) = server_that_can_fail().await;
    let tokens = server.tokens().await;
    store.fail(Failure::After, |call| matches!(call, Call::Update(_)));
    assert_eq!(server.token(&refresh(&string(&tokens, "refresh_token"))).await.0, 503);
    store.recover();
    assert_eq!(server.token(&refresh(&string(&tokens, "refresh_token"))).await.0, 200);
}
