//! Clients that get codes, redeem, rotate and revoke until they are stopped, and remember the answers.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::task::JoinSet;

use super::support::*;

const CLIENTS: usize = 6;

/// The clients at work.
pub(super) struct Load {
    server: Arc<Server>,
    running: JoinSet<Told>,
    stop: Arc<AtomicBool>,
    counts: Arc<Counts>,
}

/// The number of answered requests of all clients.
#[derive(Default)]
struct Counts {
    answered: AtomicUsize,
    /// Requests without an answer, which may or may not have happened.
    unanswered: AtomicUsize,
}

impl Load {
    pub(super) async fn on(server: Server) -> Self {
        let server = Arc::new(server);
        let (stop, counts) = (Arc::new(AtomicBool::new(false)), Arc::new(Counts::default()));
        let mut running = JoinSet::new();
        for _ in 0..CLIENTS {
            let browser = server.sign_in(&authorize_uri(&[])).await;
            if browser.page.status() == 200 {
                assert_eq!(browser.allow(&server).await.status(), 303);
            }
            let (server, counts) = (Arc::clone(&server), Arc::clone(&counts));
            let browsing = Browsing { server, cookie: browser.cookie, counts, told: Told::default() };
            running.spawn(browsing.run(Arc::clone(&stop)));
        }
        Self { server, running, stop, counts }
    }

    /// Waits for progress: until some more requests are answered.
    pub(super) async fn goes_on(&mut self) {
        let answered = || self.counts.answered.load(Ordering::SeqCst);
        let more = answered() + 60;
        let goes_on = async {
            while answered() < more {
                assert!(self.running.try_join_next().is_none(), "a client ended");
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), goes_on).await.unwrap();
    }

    /// The number of unanswered requests.
    pub(super) fn unanswered(&self) -> usize {
        self.counts.unanswered.load(Ordering::SeqCst)
    }

    /// Stops the clients, and checks that every answer is still true.
    pub(super) async fn check(self) {
        self.stop.store(true, Ordering::SeqCst);
        let told = self.running.join_all().await;
        let server = &self.server;
        for told in told {
            assert!(!told.good.is_empty() && !told.dead.is_empty() && !told.used_codes.is_empty());
            for token in &told.good {
                assert!(
                    server.auth.authenticate(&gridauth::http::BearerToken::new(token)).await.is_ok(),
                    "an answered token is lost"
                );
            }
            for token in &told.dead {
                let refused =
                    server.auth.authenticate(&gridauth::http::BearerToken::new(token)).await.unwrap_err();
                assert_eq!(refused.status(), 401, "a revoked token is back");
            }
            for code in &told.used_codes {
                let (status, body) = server.token(&redeem(code)).await;
                let answer = (status, body["error"].as_str());
                assert_eq!(answer, (400, Some("invalid_grant")), "a used code is back");
            }
        }
    }
}

/// The answers that one client got.
#[derive(Default)]
struct Told {
    good: Vec<String>,
    dead: Vec<String>,
    used_codes: Vec<String>,
}

/// A browser with a signed-in user who has allowed everything, and the client that it is redirected to.
struct Browsing {
    server: Arc<Server>,
    cookie: String,
    counts: Arc<Counts>,
    told: Told,
}

impl Browsing {
    async fn run(mut self, stop: Arc<AtomicBool>) -> Told {
        while !stop.load(Ordering::SeqCst) {
            self.issue().await;
            self.one_grant().await;
        }
        self.told
    }

    fn is_unanswered(&self) {
        self.counts.unanswered.fetch_add(1, Ordering::SeqCst);
    }

    /// The answer of a request with a certain outcome; 503 has none.
    fn certain(&self, (status, body): (u16, serde_json::Value)) -> Option<(u16, serde_json::Value)> {
        if status == 503 {
            self.is_unanswered();
            return None;
        }
        self.counts.answered.fetch_add(1, Ordering::SeqCst);
        Some((status, body))
    }

    async fn token(&self, form: &[(&str, &str)]) -> Option<(u16, serde_json::Value)> {
        self.certain(self.server.token(form).await)
    }

    async fn issue(&mut self) {
        if let Some((status, body)) = self.token(&[("grant_type", "client_credentials")]).await {
            assert_eq!(status, 200);
            self.told.good.push(string(&body, "access_token"));
        }
    }

    /// Gets a code, redeems it, rotates its refresh token and, every other time, revokes a token.
    async fn one_grant(&mut self) -> Option<()> {
        let back = self.server.get(&authorize_uri(&[]), Some(&self.cookie)).await;
        if back.status() != 303 {
            self.is_unanswered();
            assert_eq!(back.status(), 503, "{}", text(&back));
            return None;
        }
        let Some(code) = location_parameter(&back, "code") else {
            assert_eq!(location_parameter(&back, "error").as_deref(), Some("temporarily_unavailable"));
            self.is_unanswered();
            return None;
        };
        let (status, body) = self.token(&redeem(&code)).await?;
        assert_eq!(status, 200, "a code in a response is valid: {body}");
        self.told.used_codes.push(code);
        let (first, refresh_token) = (string(&body, "access_token"), string(&body, "refresh_token"));
        self.told.good.push(first.clone());
        let (status, body) = self.token(&refresh(&refresh_token)).await?;
        assert_eq!(status, 200, "a refresh token in a response is valid: {body}");
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
        let (status, body) = self.certain((answer.status().as_u16(), text(&answer).into()))?;
        assert_eq!(status, 200, "{body}");
        self.told.dead.extend(ends.iter().map(|&token| token.to_owned()));
        Some(())
    }
}
