//! Lost answers: what may happen only once counts as done, whichever answer was lost.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use gridauth::store::{Key, Kind, StoreErrorKind};
use griddb_test_node::{Fault, LogWrite, Options, Statement, TestNode};
use serde_json::Value;

use super::support::*;
use super::{REJOIN, node, node_with, open, row, some_at_a_time};

#[tokio::test]
async fn an_insert_whose_answer_was_lost_is_not_reported_as_done() {
    let node = node().await;
    let store = open(&node, "statement_timeout=1s&retry_for=1s&lock_timeout=1s").await;
    node.faults().once(Statement::PutRow, Fault::DropAfter);
    let error = store.insert(Key::new(Kind::Grant, "lost"), row("{}")).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::OutcomeUnknown);
}

/// What can be done only once, or must stay done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Work {
    Redemption,
    Rotation,
    /// The second use of a code, which ends what the first gave.
    Reuse,
    Revocation,
    /// Revoking an access token whose grant lives on.
    AccessRevocation,
}

impl Work {
    const ALL: [Self; 5] =
        [Self::Redemption, Self::Rotation, Self::Reuse, Self::Revocation, Self::AccessRevocation];
    /// What ends tokens.
    const ENDS: [Self; 3] = [Self::Reuse, Self::Revocation, Self::AccessRevocation];

    /// The statements that it consists of.
    fn statements(self) -> &'static [Statement] {
        use Statement::{Commit, FlushLog, GetRow, PutRow, RemoveRow};
        match self {
            Self::Redemption | Self::Rotation | Self::AccessRevocation => &[GetRow, PutRow, Commit, FlushLog],
            Self::Reuse => &[GetRow, RemoveRow, Commit, FlushLog],
            // The refresh token itself identifies the row to remove.
            Self::Revocation => &[RemoveRow, FlushLog],
        }
    }

    /// How the grant's refresh token is answered afterwards.
    fn leaves_refresh_token(self) -> u16 {
        if self == Self::AccessRevocation { 200 } else { 400 }
    }
}

/// One fault of each kind that the store can tell apart. Distinguishing wrong answers is the client's job.
fn faults() -> Vec<Fault> {
    let faults = [
        Fault::DropBefore,
        Fault::DropAfter,
        Fault::Mute,
        Fault::Ignore,
        Fault::KillBefore,
        Fault::KillAfter,
        Fault::Truncate(11),
        Fault::LongerBy(8),
        Fault::Nonsense(1, b"nonsense".to_vec()),
        Fault::Nonsense(1, vec![0; 8]),
    ];
    faults.into_iter().chain(Fault::done_and_failed()).collect()
}

struct Case {
    node: TestNode,
    server: Server,
    what: String,
}

impl Case {
    async fn new(work: Work, statement: Statement, fault: &Fault) -> Self {
        let options = Options::new().log_write(LogWrite::OnlyByFlush).rejoin_delay(REJOIN);
        let node = node_with(options).await;
        // A lock wait gets what is left of a statement's time minus the three seconds of the server's check.
        let patience = "statement_timeout=5s&retry_for=7s&lock_timeout=1s&client_cache=60s";
        let store = open(&node, patience).await;
        let server = server_with(|builder| builder.store(store)).await;
        Self { node, server, what: format!("{work:?}, {statement:?}, {fault:?}") }
    }

    /// Runs `work` while the fault happens to it. A node that the fault kills is restarted at once.
    async fn with<T>(&self, statement: Statement, fault: Fault, work: impl Future<Output = T>) -> T {
        self.node.faults().once(statement, fault);
        let is_done = AtomicBool::new(false);
        let work = async {
            let done = work.await;
            is_done.store(true, Ordering::SeqCst);
            done
        };
        let revive = async {
            while !is_done.load(Ordering::SeqCst) {
                tokio::time::sleep(Duration::from_millis(10)).await;
                if !self.node.is_up() {
                    self.node.crash_and_restart().await.unwrap();
                }
            }
        };
        let (done, ()) = tokio::join!(work, revive);
        assert_eq!(self.node.faults().pending(), 0, "{}: the fault did not happen", self.what);
        if !self.node.is_up() {
            self.node.crash_and_restart().await.unwrap();
        }
        done
    }

    async fn is_dead(&self, token: &str) -> bool {
        match self.server.auth.authenticate(&gridauth::http::BearerToken::new(token)).await {
            Ok(_) => false,
            Err(rejection) => {
                assert_eq!(rejection.status(), 401, "{}", self.what);
                true
            }
        }
    }

    async fn revoke(&self, token: &str) -> u16 {
        let client = basic("web", "web-secret");
        let headers = [("authorization", client.as_str())];
        self.server.post("/oauth/revoke", &headers, &[("token", token)]).await.status().as_u16()
    }
}

/// The correct answer if it arrived, 503 if it was lost.
fn one_of(what: &str, (status, body): &(u16, Value), good: u16) {
    assert!(*status == good || *status == 503, "{what}: {status} {body}");
}

async fn redemption(case: Case, statement: Statement, fault: Fault) {
    let (server, what) = (&case.server, &case.what);
    let code = server.code().await;
    let first = case.with(statement, fault, server.token(&redeem(&code))).await;
    // The second attempt of the server finds out what became of the first, or the code counts as used.
    assert!([200, 400, 503].contains(&first.0), "{what}: {first:?}");
    if first.0 == 200 {
        assert!(!case.is_dead(&string(&first.1, "access_token")).await, "{what}: answered and not kept");
    }
    case.node.crash_and_restart().await.unwrap();
    let (second, _) = server.token(&redeem(&code)).await;
    assert!(matches!((first.0, second), (200, 400) | (400 | 503, 200 | 400)), "{what}: {first:?} {second}");
    let (third, body) = server.token(&redeem(&code)).await;
    assert_eq!((third, body["error"].as_str()), (400, Some("invalid_grant")), "{what}");
}

async fn rotation(case: Case, statement: Statement, fault: Fault) {
    let (server, what) = (&case.server, &case.what);
    let (_, tokens) = server.token(&redeem(&server.code().await)).await;
    let old = string(&tokens, "refresh_token");
    let first = case.with(statement, fault, server.token(&refresh(&old))).await;
    one_of(what, &first, 200);
    case.node.crash_and_restart().await.unwrap();
    // A caller that lost the answer gets the same one again, and never a second successor.
    let (status, again) = server.token(&refresh(&old)).await;
    assert_eq!(status, 200, "{what}: {again}");
    if first.0 == 200 {
        assert_eq!(again["refresh_token"], first.1["refresh_token"], "{what}");
    }
    server.advance(11);
    assert_eq!(server.token(&refresh(&old)).await.0, 400, "{what}: a rotated token is back");
    let successor = string(&again, "refresh_token");
    assert_eq!(server.token(&refresh(&successor)).await.0, 400, "{what}: its reuse ended nothing");
}

async fn reuse(case: Case, statement: Statement, fault: Fault) {
    let (server, what) = (&case.server, &case.what);
    let code = server.code().await;
    let (_, tokens) = server.token(&redeem(&code)).await;
    let access = string(&tokens, "access_token");
    let second = case.with(statement, fault, server.token(&redeem(&code))).await;
    one_of(what, &second, 400);
    case.node.crash_and_restart().await.unwrap();
    if second.0 == 400 {
        assert!(case.is_dead(&access).await, "{what}: what was revoked is back");
    }
    assert_eq!(server.token(&redeem(&code)).await.0, 400, "{what}");
    assert!(case.is_dead(&access).await, "{what}");
}

async fn revocation(case: Case, work: Work, statement: Statement, fault: Fault) {
    let (server, what) = (&case.server, &case.what);
    let (_, tokens) = server.token(&redeem(&server.code().await)).await;
    let (access, refresh_token) = (string(&tokens, "access_token"), string(&tokens, "refresh_token"));
    let token = if work == Work::AccessRevocation { &access } else { &refresh_token };
    let status = case.with(statement, fault, case.revoke(token)).await;
    one_of(what, &(status, Value::Null), 200);
    case.node.crash_and_restart().await.unwrap();
    if status == 200 {
        assert!(case.is_dead(&access).await, "{what}: what was revoked is back");
    }
    assert_eq!(case.revoke(token).await, 200, "{what}");
    assert!(case.is_dead(&access).await, "{what}");
    assert_eq!(server.token(&refresh(&refresh_token)).await.0, work.leaves_refresh_token(), "{what}");
}

/// The caller retries after the lost answer, and then the node is killed.
async fn asked_again(case: Case, work: Work, statement: Statement, fault: Fault) {
    let (server, what) = (&case.server, &case.what);
    let code = server.code().await;
    let (_, tokens) = server.token(&redeem(&code)).await;
    let (access, refresh_token) = (string(&tokens, "access_token"), string(&tokens, "refresh_token"));
    let ask = async || match work {
        Work::AccessRevocation => (case.revoke(&access).await, 200),
        Work::Revocation => (case.revoke(&refresh_token).await, 200),
        _ => (server.token(&redeem(&code)).await.0, 400),
    };
    let (first, good) = case.with(statement, fault, ask()).await;
    one_of(what, &(first, Value::Null), good);
    if first == 503 {
        assert_eq!(ask().await.0, good, "{what}");
    }
    case.node.crash_and_restart().await.unwrap();
    assert!(case.is_dead(&access).await, "{what}: what was ended is back");
    assert_eq!(server.token(&refresh(&refresh_token)).await.0, work.leaves_refresh_token(), "{what}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_any_lost_answer_nothing_happens_twice_or_is_undone() {
    let mut cases = Vec::new();
    for work in Work::ALL {
        for &statement in work.statements() {
            for fault in faults() {
                cases.push(async move {
                    let case = Case::new(work, statement, &fault).await;
                    match work {
                        Work::Redemption => redemption(case, statement, fault).await,
                        Work::Rotation => rotation(case, statement, fault).await,
                        Work::Reuse => reuse(case, statement, fault).await,
                        Work::Revocation | Work::AccessRevocation => {
                            revocation(case, work, statement, fault).await
                        }
                    }
                });
            }
        }
    }
    some_at_a_time(cases).await;
}

/// The second answer is final, even if it says that nothing was left to do.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_any_lost_answer_a_retry_gets_a_final_answer() {
    let mut cases = Vec::new();
    for work in Work::ENDS {
        for &statement in work.statements() {
            for fault in faults() {
                cases.push(async move {
                    let case = Case::new(work, statement, &fault).await;
                    asked_again(case, work, statement, fault).await;
                });
            }
        }
    }
    some_at_a_time(cases).await;
}

/// A token whose insert was not confirmed is not handed out, and one that is handed out is stored.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_issued_token_is_stored_or_not_returned() {
    let mut cases = Vec::new();
    for statement in [Statement::PutRow, Statement::FlushLog] {
        for fault in faults() {
            cases.push(async move {
                let case = Case::new(Work::Redemption, statement, &fault).await;
                let form = [("grant_type", "client_credentials")];
                let issued = case.with(statement, fault, case.server.token(&form)).await;
                one_of(&case.what, &issued, 200);
                case.node.crash_and_restart().await.unwrap();
                if issued.0 == 200 {
                    assert!(!case.is_dead(&string(&issued.1, "access_token")).await, "{}", case.what);
                }
            });
        }
    }
    some_at_a_time(cases).await;
}
