//! A node that is killed: what was answered stays so.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use gridauth::MintRequest;
use gridauth::env::Timestamp;
use gridauth::store::{Key, Kind, Row};
use gridauth::token::Secret;
use griddb_test_node::{LogWrite, Options};
use tokio::task::JoinSet;

use super::support::*;
use super::{node_with, open};

#[tokio::test]
async fn what_was_answered_survives_a_crash_of_the_node() {
    let node = node_with(Options::new().log_write(LogWrite::OnlyByFlush)).await;
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

/// What a crash took back of what was answered.
#[derive(Debug, PartialEq, Eq)]
struct TakenBack {
    /// Tokens and sign-ups are gone.
    new: bool,
    /// A used code, a rotated and a revoked token are good again.
    used: bool,
}

async fn taken_back(durability: &str, log_write: LogWrite) -> TakenBack {
    let node = node_with(Options::new().log_write(log_write)).await;
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
    // What comes last is not synced with the others.
    let users = server.auth.users();
    users.sign_up("miriam", &Secret::from("sesame")).await.unwrap();
    let minted = server.auth.mint(MintRequest::for_user("israel")).await.unwrap();
    node.crash_and_restart().await.unwrap();

    let new = server.auth.authenticate_token(minted.access_token.expose()).await.is_err();
    assert_eq!(users.sign_up("miriam", &Secret::from("sesame")).await.is_ok(), new, "{durability}");
    let used = server.auth.authenticate_token(&revoked_access).await.is_ok();
    let is_good = |(status, _)| status == 200;
    assert_eq!(is_good(server.token(&redeem(&code)).await), used, "{durability}: the code");
    // Beyond the time in which who lost the answer gets it again.
    server.advance(11);
    assert_eq!(is_good(server.token(&refresh(&rotated)).await), used, "{durability}: the refresh token");
    TakenBack { new, used }
}

/// The table of docs/griddb.md.
#[tokio::test]
async fn a_crash_takes_back_what_the_page_says() {
    for (durability, new, used) in [("flush", false, false), ("consume", true, false), ("server", true, true)]
    {
        let taken = taken_back(durability, LogWrite::OnlyByFlush).await;
        assert_eq!(taken, TakenBack { new, used }, "{durability}");
        let taken = taken_back(durability, LogWrite::EveryCommit).await;
        assert_eq!(taken, TakenBack { new: false, used: false }, "{durability} where the node syncs itself");
    }
}

/// Something is marked as used by a row that is new.
#[tokio::test]
async fn with_durability_consume_a_crash_takes_no_mark_back() {
    let node = node_with(Options::new().log_write(LogWrite::OnlyByFlush)).await;
    let store = open(&node, "durability=consume").await;
    node.sync();
    let insert = async |kind| {
        let row = Row::new(Timestamp::from_millis(1), "{}");
        store.insert(Key::new(kind, "used"), row).await.unwrap()
    };
    // What comes last is not synced with the others.
    for kind in [Kind::AssertionId, Kind::Custom, Kind::Session] {
        assert!(insert(kind).await);
    }
    node.crash_and_restart().await.unwrap();
    for kind in [Kind::AssertionId, Kind::Custom] {
        assert!(!insert(kind).await, "{kind:?} can be used again");
    }
    assert!(insert(Kind::Session).await, "what is new is not synced");
}

/// What one client was told.
#[derive(Default)]
struct Told {
    good: Vec<String>,
    dead: Vec<String>,
    used_codes: Vec<String>,
    /// Requests that got no answer: what they asked for may have happened or not.
    unanswered: usize,
}

impl Told {
    /// The answer of a request that is certain: 503 is none.
    fn certain(&mut self, (status, body): (u16, serde_json::Value)) -> Option<(u16, serde_json::Value)> {
        if status == 503 {
            self.unanswered += 1;
            return None;
        }
        Some((status, body))
    }
}

/// A browser in which somebody is signed in and has allowed everything, and the client that it is sent back to.
struct Load {
    server: Arc<Server>,
    cookie: String,
    answered: Arc<AtomicUsize>,
    told: Told,
}

impl Load {
    async fn run(mut self, stop: Arc<AtomicBool>) -> Told {
        while !stop.load(Ordering::SeqCst) {
            self.issue().await;
            self.one_grant().await;
        }
        self.told
    }

    async fn token(&mut self, form: &[(&str, &str)]) -> Option<(u16, serde_json::Value)> {
        let answer = self.server.token(form).await;
        let certain = self.told.certain(answer)?;
        self.answered.fetch_add(1, Ordering::SeqCst);
        Some(certain)
    }

    async fn issue(&mut self) {
        if let Some((status, body)) = self.token(&[("grant_type", "client_credentials")]).await {
            assert_eq!(status, 200);
            self.told.good.push(string(&body, "access_token"));
        }
    }

    /// A code, redeemed, its refresh token rotated, and every other time something of it revoked.
    async fn one_grant(&mut self) -> Option<()> {
        let back = self.server.get(&authorize_uri(&[]), Some(&self.cookie)).await;
        if back.status() != 303 {
            self.told.unanswered += 1;
            assert_eq!(back.status(), 503, "{}", text(&back));
            return None;
        }
        let Some(code) = location_parameter(&back, "code") else {
            assert_eq!(location_parameter(&back, "error").as_deref(), Some("temporarily_unavailable"));
            self.told.unanswered += 1;
            return None;
        };
        let (status, body) = self.token(&redeem(&code)).await?;
        assert_eq!(status, 200, "a code that was answered is good: {body}");
        self.told.used_codes.push(code);
        let (first, refresh_token) = (string(&body, "access_token"), string(&body, "refresh_token"));
        self.told.good.push(first.clone());
        let (status, body) = self.token(&refresh(&refresh_token)).await?;
        assert_eq!(status, 200, "a refresh token that was answered is good: {body}");
        let second = string(&body, "access_token");
        self.told.good.push(second.clone());
        match self.told.used_codes.len() % 3 {
            0 => self.revoke(&first, &[first.as_str()]).await,
            1 => self.revoke(&string(&body, "refresh_token"), &[&first, &second]).await,
            _ => Some(()),
        }
    }

    async fn revoke(&mut self, token: &str, ends: &[&str]) -> Option<()> {
        self.told.good.retain(|good| !ends.contains(&good.as_str()));
        let client = basic("web", "web-secret");
        let answer =
            self.server.post("/oauth/revoke", &[("authorization", &client)], &[("token", token)]).await;
        let (status, body) = self.told.certain((answer.status().as_u16(), text(&answer).into()))?;
        assert_eq!(status, 200, "{body}");
        self.answered.fetch_add(1, Ordering::SeqCst);
        self.told.dead.extend(ends.iter().map(|&token| token.to_owned()));
        Some(())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_killed_under_load_loses_nothing_that_was_answered() {
    const CLIENTS: usize = 6;
    const CRASHES: usize = 4;
    let node = node_with(Options::new().log_write(LogWrite::OnlyByFlush)).await;
    let store = open(&node, "").await;
    let server = Arc::new(server_with(|builder| builder.store(store)).await);
    let (stop, answered) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let mut running = JoinSet::new();
    for _ in 0..CLIENTS {
        let browser = server.sign_in(&authorize_uri(&[])).await;
        if browser.page.status() == 200 {
            assert_eq!(browser.allow(&server).await.status(), 303);
        }
        let (server, answered) = (Arc::clone(&server), Arc::clone(&answered));
        let load = Load { server, cookie: browser.cookie, answered, told: Told::default() };
        running.spawn(load.run(Arc::clone(&stop)));
    }
    for crash in 0..=CRASHES {
        // Work is under way, and goes on by itself after each crash.
        let more = answered.load(Ordering::SeqCst) + 60;
        let goes_on = async {
            while answered.load(Ordering::SeqCst) < more {
                assert!(running.try_join_next().is_none(), "a client ended");
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), goes_on).await.unwrap();
        if crash < CRASHES {
            node.crash_and_restart().await.unwrap();
        }
    }
    stop.store(true, Ordering::SeqCst);
    let told = running.join_all().await;

    let unanswered: usize = told.iter().map(|told| told.unanswered).sum();
    assert!(unanswered > 0, "no crash met a request: the load was too light to show anything");
    for told in told {
        assert!(!told.good.is_empty() && !told.dead.is_empty() && !told.used_codes.is_empty());
        for token in &told.good {
            assert!(server.auth.authenticate_token(token).await.is_ok(), "an answered token is lost");
        }
        for token in &told.dead {
            let refused = server.auth.authenticate_token(token).await.unwrap_err();
            assert_eq!(refused.status(), 401, "a revoked token is back");
        }
        for code in &told.used_codes {
            let (status, body) = server.token(&redeem(code)).await;
            assert_eq!((status, body["error"].as_str()), (400, Some("invalid_grant")), "a used code is back");
        }
    }
}
