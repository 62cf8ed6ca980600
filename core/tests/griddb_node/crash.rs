//! A node that is killed: what was answered stays so.

use gridauth::MintRequest;
use griddb_test_node::{LogWrite, Options};

use super::load::Load;
use super::support::*;
use super::{REJOIN, node_with, open};

#[tokio::test]
async fn what_was_answered_survives_a_crash_of_the_node() {
    let node = node_with(Options::new().log_write(LogWrite::OnlyByFlush).rejoin_delay(REJOIN)).await;
    let server = {
        let store = open(&node, "").await;
        server_with(|builder| builder.store(store)).await
    };
    let code = server.code().await;
    let (_, tokens) = server.token(&redeem(&code)).await;
    let (_, rotated) = server.token(&refresh(&string(&tokens, "refresh_token"))).await;
    node.crash_and_restart().await.unwrap();
    let found = server.auth.authenticate_token(&string(&rotated, "access_token")).await.unwrap();
    assert_eq!(found.user(), Some("israel"));
    assert_eq!(server.token(&refresh(&string(&rotated, "refresh_token"))).await.0, 200);
    assert_eq!(server.token(&redeem(&code)).await.0, 400);
}

#[tokio::test]
async fn with_durability_consume_a_crash_loses_tokens_but_brings_back_no_code() {
    let node = node_with(Options::new().log_write(LogWrite::OnlyByFlush).rejoin_delay(REJOIN)).await;
    let store = open(&node, "durability=consume").await;
    let server = server_with(|builder| builder.store(store)).await;
    let code = server.code().await;
    node.sync();
    assert_eq!(server.token(&redeem(&code)).await.0, 200);
    let minted = server.auth.mint(MintRequest::for_user("israel")).await.unwrap();
    node.crash_and_restart().await.unwrap();
    assert_eq!(server.token(&redeem(&code)).await.0, 400, "the redemption was flushed");
    assert!(server.auth.authenticate_token(minted.access_token.expose()).await.is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_killed_under_load_loses_nothing_that_was_answered() {
    let node = node_with(Options::new().log_write(LogWrite::OnlyByFlush).rejoin_delay(REJOIN)).await;
    let store = open(&node, "").await;
    let mut load = Load::on(server_with(|builder| builder.store(store)).await).await;
    load.goes_on().await;
    for _ in 0..4 {
        node.crash_and_restart().await.unwrap();
        load.goes_on().await;
    }
    let unanswered = load.check().await;
    assert!(unanswered > 0, "no crash met a request: the load was too light to show anything");
}
