//! A node is killed: what was answered is still true.

use gridauth::MintRequest;
use gridauth::store::{Key, Kind};
use gridauth::token::Secret;
use griddb_test_node::{ErrorCode, Fault, FaultOrder, LogWrite, Options, Statement};

use super::load::Load;
use super::support::*;
use super::{REJOIN, node_with, open, row};

#[tokio::test]
async fn answered_changes_survive_a_crash() {
    let node = node_with(Options::new().log_write(LogWrite::OnlyByFlush).rejoin_delay(REJOIN)).await;
    let server = {
        let store = open(&node, "").await;
        server_with(|builder| builder.store(store)).await
    };
    let code = server.code().await;
    let (_, tokens) = server.token(&redeem(&code)).await;
    let (_, rotated) = server.token(&refresh(&string(&tokens, "refresh_token"))).await;
    node.crash_and_restart().await.unwrap();
    let found = server
        .auth
        .authenticate(&gridauth::http::BearerToken::new(&string(&rotated, "access_token")))
        .await
        .unwrap();
    assert_eq!(found.user(), Some("israel"));
    assert_eq!(server.token(&refresh(&string(&rotated, "refresh_token"))).await.0, 200);
    assert_eq!(server.token(&redeem(&code)).await.0, 400);
}

/// What a crash undid of what was answered.
#[derive(Debug, PartialEq, Eq)]
struct TakenBack {
    /// Tokens and sign-ups are gone.
    new: bool,
    /// A used code, a rotated token and a revoked token are valid again.
    used: bool,
}

async fn taken_back(durability: &str, log_write: LogWrite) -> TakenBack {
    let node = node_with(Options::new().log_write(log_write).rejoin_delay(REJOIN)).await;
    let store = open(&node, &format!("durability={durability}")).await;
    let server = server_with(|builder| builder.store(store)).await;
    let code = server.code().await;
    let (_, rotates) = server.token(&redeem(&server.code().await)).await;
    let (_, revoked) = server.token(&redeem(&server.code().await)).await;
    let (rotated, revoked_access) = (string(&rotates, "refresh_token"), string(&revoked, "access_token"));
    let revoked = string(&revoked, "refresh_token");
    node.sync();

    assert_eq!(server.token(&redeem(&code)).await.0, 200);
    assert_eq!(server.token(&refresh(&rotated)).await.0, 200);
    let client = basic("web", "web-secret");
    let form = [("token", revoked.as_str())];
    assert_eq!(server.post("/oauth/revoke", &[("authorization", &client)], &form).await.status(), 200);
    // The last writes are not synced with the others.
    let users = server.auth.users();
    users.sign_up("miriam", &Secret::from("open, sesame")).await.unwrap();
    let minted = server.auth.mint(MintRequest::for_user("israel")).await.unwrap();
    node.crash_and_restart().await.unwrap();

    let new = server
        .auth
        .authenticate(&gridauth::http::BearerToken::new(minted.access_token.expose()))
        .await
        .is_err();
    assert_eq!(users.sign_up("miriam", &Secret::from("open, sesame")).await.is_ok(), new, "{durability}");
    let used = server.auth.authenticate(&gridauth::http::BearerToken::new(&revoked_access)).await.is_ok();
    let is_good = |(status, _)| status == 200;
    assert_eq!(is_good(server.token(&redeem(&code)).await), used, "{durability}: the code");
    // After the grace period in which the same answer is repeated.
    server.advance(11);
    assert_eq!(is_good(server.token(&refresh(&rotated)).await), used, "{durability}: the refresh token");
    TakenBack { new, used }
}

/// The table of docs/griddb.md.
#[tokio::test]
async fn a_crash_undoes_what_the_docs_say() {
    for (durability, new, used) in [("flush", false, false), ("consume", true, false), ("server", true, true)]
    {
        let taken = taken_back(durability, LogWrite::OnlyByFlush).await;
        assert_eq!(taken, TakenBack { new, used }, "{durability}");
        let taken = taken_back(durability, LogWrite::EveryCommit).await;
        assert_eq!(taken, TakenBack { new: false, used: false }, "{durability} where the node syncs itself");
    }
}

/// A new row that marks something as used.
#[tokio::test]
async fn with_durability_consume_a_crash_undoes_no_mark() {
    let node = node_with(Options::new().log_write(LogWrite::OnlyByFlush).rejoin_delay(REJOIN)).await;
    let store = open(&node, "durability=consume").await;
    node.sync();
    let insert = async |kind| store.insert(Key::new(kind, "used"), row("{}")).await.unwrap();
    // The last writes are not synced with the others.
    for kind in [Kind::AssertionId, Kind::Custom, Kind::Session] {
        assert!(insert(kind).await);
    }
    node.crash_and_restart().await.unwrap();
    for kind in [Kind::AssertionId, Kind::Custom] {
        assert!(!insert(kind).await, "{kind:?} can be used again");
    }
    assert!(insert(Kind::Session).await, "what is new is not synced");
}

/// An answer that a row exists can be relied on, even if another process wrote the row and has not synced it yet.
#[tokio::test]
async fn a_row_reported_as_existing_survives_a_crash() {
    for verify_owner in [false, true] {
        let node = node_with(Options::new().log_write(LogWrite::OnlyByFlush).rejoin_delay(REJOIN)).await;
        let unsynced = open(&node, "durability=server").await;
        let patience = "retry_for=2s&statement_timeout=1s&lock_timeout=0s";
        let store = open(&node, &format!("{patience}&verify_owner={verify_owner}")).await;
        let key = Key::new(Kind::User, "israel");
        node.sync();
        assert!(unsynced.insert(key, row("{}")).await.unwrap());
        let failing = FaultOrder::new(Fault::Refuse(ErrorCode::NODE_ERROR)).on(Statement::FlushLog);
        node.faults().order(failing.always());
        let told = store.insert(key, row("{}")).await;
        assert!(told.is_err(), "nothing is synced: {told:?}");
        node.faults().clear();
        assert!(!store.insert(key, row("{}")).await.unwrap());
        node.crash_and_restart().await.unwrap();
        assert!(store.get(key).await.unwrap().is_some(), "verify_owner={verify_owner}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_killed_under_load_loses_nothing_that_was_answered() {
    let node = node_with(Options::new().log_write(LogWrite::OnlyByFlush).rejoin_delay(REJOIN)).await;
    let store = open(&node, "").await;
    let mut load = Load::on(server_with(|builder| builder.store(store)).await).await;
    load.goes_on().await;
    // Whether a crash hits a request is a matter of chance.
    let mut crashes = 0;
    while crashes < 4 || (crashes < 20 && load.unanswered() == 0) {
        node.crash_and_restart().await.unwrap();
        load.goes_on().await;
        crashes += 1;
    }
    assert!(load.unanswered() > 0, "no crash met a request: the load was too light to show anything");
    load.check().await;
}
