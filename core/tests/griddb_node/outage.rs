//! A node that is down, silent, slow, full or replaced: 503 at every endpoint, and automatic recovery.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use gridauth::env::Timestamp;
use gridauth::store::{By, Change, Key, Kind, Query, StoreError, StoreErrorKind};
use gridauth::token::Secret;
use gridauth::{Request, Response};
use griddb_test_node::{ErrorCode, Fault, FaultOrder, Options, Statement, TestNode};

use super::support::*;
use super::{REJOIN, node, node_with, open, row, some_at_a_time};

/// How an answer says that the store cannot be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    /// 503, `Retry-After`, and the error of RFC 6749 as JSON.
    Json,
    /// 503, `Retry-After`, and a page.
    Page,
    /// RFC 6749 section 4.1.2.1: a redirect tells the client, since it has no status.
    Redirect,
    /// 503, `Retry-After` and no challenge: the token is not at fault.
    Guard,
    /// An error from a call of the application.
    Call,
}

/// A request, and whether it changes something.
struct Asked {
    name: &'static str,
    told: Told,
    writes: bool,
    ask: Box<dyn Fn(Arc<Server>) -> Answering + Send + Sync>,
}

type Answering = Pin<Box<dyn Future<Output = Answered> + Send>>;

enum Answered {
    Response(Response),
    /// The result of a call: whether it succeeded.
    Call(bool),
}

impl Asked {
    fn request(name: &'static str, told: Told, writes: bool, request: Request) -> Self {
        let ask = move |server: Arc<Server>| {
            let request = request.clone();
            Box::pin(async move { Answered::Response(server.auth.handle(request).await) }) as Answering
        };
        Self { name, told, writes, ask: Box::new(ask) }
    }

    fn token(name: &'static str, writes: bool, path: &str, form: &[(&str, &str)]) -> Self {
        let request = post(path, &[("authorization", &basic("web", "web-secret"))], form);
        Self::request(name, Told::Json, writes, request)
    }

    fn is_unavailable(&self, answered: &Answered) -> bool {
        let response = match answered {
            Answered::Call(worked) => return !worked,
            Answered::Response(response) => response,
        };
        let json: serde_json::Value = serde_json::from_slice(response.body()).unwrap_or_default();
        let retry_after = response.headers().contains_key("retry-after");
        match self.told {
            Told::Json => {
                response.status() == 503 && retry_after && json["error"] == "temporarily_unavailable"
            }
            Told::Page => response.status() == 503 && retry_after && text(response).contains("<html"),
            Told::Guard => {
                response.status() == 503
                    && retry_after
                    && !response.headers().contains_key("www-authenticate")
            }
            Told::Redirect => {
                // There is no redirect before the client is known.
                (response.status() == 503 && retry_after)
                    || (response.status() == 303
                        && location_parameter(response, "error").as_deref()
                            == Some("temporarily_unavailable"))
            }
            Told::Call => false,
        }
    }
}

fn post(path: &str, headers: &[(&str, &str)], form: &[(&str, &str)]) -> Request {
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
    let mut request = http::Request::post(path).header("content-type", "application/x-www-form-urlencoded");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(Bytes::from(body)).unwrap()
}

fn get(uri: &str, cookie: Option<&str>) -> Request {
    let mut request = http::Request::get(uri);
    if let Some(cookie) = cookie {
        request = request.header("cookie", cookie);
    }
    request.body(Bytes::new()).unwrap()
}

/// One request of every kind with its prerequisites: an unused code, a live token, a page that was shown.
async fn every_kind(server: &Server) -> Vec<Asked> {
    let (_, tokens) = server.token(&redeem(&server.code().await)).await;
    let access = string(&tokens, "access_token");
    let refresh_token = string(&tokens, "refresh_token");
    let code = server.code().await;
    let password = [("grant_type", "password"), ("username", "israel"), ("password", "imru")];
    let mut all = vec![
        Asked::token("token by code", true, "/oauth/token", &redeem(&code)),
        Asked::token("token by refresh token", true, "/oauth/token", &refresh(&refresh_token)),
        Asked::token("token by password", true, "/oauth/token", &password),
        Asked::token("token of a client", true, "/oauth/token", &[("grant_type", "client_credentials")]),
        Asked::token("revocation", true, "/oauth/revoke", &[("token", &access)]),
        Asked::token("introspection", false, "/oauth/introspect", &[("token", &access)]),
        Asked::request("the authorization page", Told::Page, false, get(&authorize_uri(&[]), None)),
    ];

    let page = server.get(&authorize_uri(&[]), None).await;
    let (csrf, carried) = (hidden(&page, "csrf"), hidden(&page, "authorization_request"));
    let form = [
        ("csrf", &*csrf),
        ("authorization_request", &*carried),
        ("username", "israel"),
        ("password", "imru"),
    ];
    let cookie = cookie(&page).unwrap();
    let sign_in = post("/oauth/authorize", &[("cookie", &cookie)], &form);
    all.push(Asked::request("sign-in", Told::Page, true, sign_in));

    // A scope that was not granted before, so that consent is required.
    let browser = server.sign_in(&authorize_uri(&[("scope", "notes.write")])).await;
    let (csrf, carried) = (hidden(&browser.page, "csrf"), hidden(&browser.page, "authorization_request"));
    let form = [("csrf", &*csrf), ("authorization_request", &*carried), ("decision", "allow")];
    let consent = post("/oauth/authorize", &[("cookie", &browser.cookie)], &form);
    all.push(Asked::request("consent", Told::Page, true, consent));
    let again = get(&authorize_uri(&[]), Some(&browser.cookie));
    all.push(Asked::request("a code for who is signed in", Told::Redirect, true, again));

    let token = access.clone();
    all.push(Asked {
        name: "a guarded route",
        told: Told::Guard,
        writes: false,
        ask: Box::new(move |server| {
            let token = token.clone();
            Box::pin(async move {
                match server.auth.authenticate(&gridauth::http::BearerToken::new(&token)).await {
                    Ok(_) => Answered::Call(true),
                    Err(rejection) => Answered::Response(server.auth.reject(rejection)),
                }
            })
        }),
    });
    all.push(Asked {
        name: "sign-up",
        told: Told::Call,
        writes: true,
        ask: Box::new(|server| {
            Box::pin(async move {
                let password = Secret::from("open, sesame");
                Answered::Call(server.auth.users().sign_up("miriam", &password).await.is_ok())
            })
        }),
    });
    all.push(Asked {
        name: "health",
        told: Told::Call,
        writes: false,
        ask: Box::new(|server| {
            Box::pin(async move { Answered::Call(server.auth.store().ping().await.is_ok()) })
        }),
    });
    all
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outage {
    Down,
    Silent,
    Slow,
    Full,
    /// Something that is not a node answers at the port, such as a proxy.
    Foreign,
    /// The node returned with the name of another cluster.
    Renamed,
}

impl Outage {
    async fn begin(self, node: &TestNode) {
        match self {
            Self::Down => node.crash().await.unwrap(),
            Self::Silent => node.pause(),
            Self::Slow => {
                node.faults().order(FaultOrder::new(Fault::Delay(Duration::from_secs(3))).always());
            }
            Self::Full => {
                for statement in [Statement::PutRow, Statement::RemoveRow] {
                    let refused = Fault::Refuse(ErrorCode::MEMORY_LIMIT);
                    node.faults().order(FaultOrder::new(refused).on(statement).always());
                }
            }
            Self::Foreign => {
                node.faults().order(FaultOrder::new(Fault::foreign()).on(Statement::Connect).always());
                node.crash_and_restart().await.unwrap();
            }
            Self::Renamed => {
                let refused = Fault::Refuse(ErrorCode::CLUSTER_NAME);
                node.faults().order(FaultOrder::new(refused).on(Statement::Login).always());
                node.crash_and_restart().await.unwrap();
            }
        }
    }

    fn end(self, node: &TestNode) {
        match self {
            Self::Down => node.restart().unwrap(),
            Self::Silent => node.wake(),
            Self::Slow | Self::Full | Self::Foreign | Self::Renamed => node.faults().clear(),
        }
    }
}

async fn assert_503_everywhere(outage: Outage) {
    let node = node_with(Options::new().rejoin_delay(REJOIN)).await;
    let limits =
        "client_cache=0s&statement_timeout=1s&retry_for=1s&lock_timeout=1s&connect_timeout=1s&heartbeat=1s";
    let store = open(&node, limits).await;
    let server = Arc::new(server_with(|builder| builder.store(store)).await);
    let all = every_kind(&server).await;

    outage.begin(&node).await;
    let mut running = tokio::task::JoinSet::new();
    for (at, asked) in all.iter().enumerate() {
        let answer = (asked.ask)(Arc::clone(&server));
        running.spawn(async move { (at, answer.await) });
    }
    // Far more than it takes: nothing hangs.
    let answers = tokio::time::timeout(Duration::from_secs(10), running.join_all()).await.unwrap();
    for (at, answered) in answers {
        let asked = &all[at];
        // A full database still serves reads.
        let expected = outage != Outage::Full || asked.writes;
        let said = match &answered {
            Answered::Response(response) => format!("{} {}", response.status(), text(response)),
            Answered::Call(worked) => format!("worked: {worked}"),
        };
        assert_eq!(asked.is_unavailable(&answered), expected, "{outage:?}, {}: {said}", asked.name);
    }

    outage.end(&node);
    for asked in all {
        let recovered = async {
            loop {
                let answered = (asked.ask)(Arc::clone(&server)).await;
                match &answered {
                    _ if asked.is_unavailable(&answered) => {
                        tokio::time::sleep(Duration::from_millis(20)).await
                    }
                    Answered::Response(response) => break assert!(!response.status().is_server_error()),
                    Answered::Call(worked) => break assert!(worked),
                }
            }
        };
        let recovered = tokio::time::timeout(Duration::from_secs(20), recovered).await;
        assert!(recovered.is_ok(), "{outage:?}, {} does not come back", asked.name);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_is_down_is_503_everywhere() {
    assert_503_everywhere(Outage::Down).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_is_silent_is_503_everywhere() {
    assert_503_everywhere(Outage::Silent).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_is_too_slow_is_503_everywhere() {
    assert_503_everywhere(Outage::Slow).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_is_full_is_503_for_all_that_writes() {
    assert_503_everywhere(Outage::Full).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_port_where_no_node_answers_is_503_everywhere() {
    assert_503_everywhere(Outage::Foreign).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_of_another_cluster_is_503_everywhere() {
    assert_503_everywhere(Outage::Renamed).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_from_something_else_means_unavailable() {
    some_at_a_time([Outage::Foreign, Outage::Renamed].map(|outage| async move {
        let node = node().await;
        let store = open(&node, "retry_for=2s").await;
        let key = Key::new(Kind::Session, "x");
        outage.begin(&node).await;
        // A change sent on the old connection would have an unknown outcome.
        let read = store.get(key).await.err();
        let mut decide = |_: &_| Change::Remove;
        let (inserted, put, updated, removed, listed, swept, pinged) = tokio::join!(
            store.insert(key, row("{}")),
            store.put(key, row("{}")),
            store.update(key, &mut decide),
            store.remove(key),
            store.list(Query::new(Kind::Session, By::Any)),
            store.remove_expired(Kind::Session, Timestamp::from_millis(2), 10),
            store.ping(),
        );
        let told = [
            read,
            inserted.err(),
            put.err(),
            updated.err(),
            removed.err(),
            listed.err(),
            swept.err(),
            pinged.err(),
        ];
        for error in told {
            assert_eq!(error.unwrap().kind(), StoreErrorKind::Unavailable, "{outage:?}");
        }
        outage.end(&node);
        assert!(store.get(key).await.unwrap().is_none());
    }))
    .await;
}

/// A retry would get the same oversized answer.
#[tokio::test]
async fn an_oversized_answer_is_not_reported_as_unavailable() {
    let node = node().await;
    let store = open(&node, "max_answer=65536").await;
    let key = Key::new(Kind::Session, "x");
    store.put(key, row(&"x".repeat(100_000))).await.unwrap();
    let error = store.get(key).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Internal, "{error}");
    assert!(error.to_string().contains("max_answer"), "{error}");
}

/// A log entry contains an error with all its causes.
#[tokio::test]
async fn a_logged_error_shows_each_cause_once() {
    let node = node().await;
    let store = open(&node, "retry_for=1s&connect_timeout=1s").await;
    node.crash().await.unwrap();
    let error = store.get(Key::new(Kind::Session, "x")).await.unwrap_err();
    let mut told = vec![error.to_string()];
    let mut cause = std::error::Error::source(&error);
    while let Some(error) = cause {
        told.push(error.to_string());
        cause = error.source();
    }
    for (at, text) in told.iter().enumerate() {
        let others = told.iter().enumerate().filter(|(other, _)| *other != at);
        assert!(others.clone().all(|(_, other)| !other.contains(text.as_str())), "{told:?}");
    }
}

/// The client's row and the grant's row: each fits into the time of one call, and both together do not.
#[tokio::test]
async fn the_calls_of_a_request_share_one_deadline() {
    let node = node().await;
    let store = open(&node, "client_cache=0s&retry_for=1s&statement_timeout=1s&lock_timeout=0s").await;
    let server = server_with(|builder| builder.store(store)).await;
    let form = [("grant_type", "client_credentials")];
    let (_, tokens) = server.token(&form).await;
    let access = string(&tokens, "access_token");
    let slow = FaultOrder::new(Fault::Delay(Duration::from_millis(600))).always();
    node.faults().order(slow);
    // A single call has the time it needs.
    assert!(server.auth.authenticate(&gridauth::http::BearerToken::new(&access)).await.is_ok());
    assert_eq!(server.token(&form).await.0, 503);
    let client = basic("web", "web-secret");
    let introspection = [("token", access.as_str())];
    let answer = server.post("/oauth/introspect", &[("authorization", &client)], &introspection).await;
    assert_eq!(answer.status(), 503, "{}", text(&answer));
}

/// The same for calls of the application.
#[tokio::test]
async fn the_calls_of_an_application_share_one_deadline() {
    let node = node().await;
    let store = open(&node, "client_cache=0s&retry_for=1s&statement_timeout=1s&lock_timeout=0s").await;
    let server = server_with(|builder| builder.store(store)).await;
    let slow = FaultOrder::new(Fault::Delay(Duration::from_millis(600))).always();
    node.faults().order(slow);
    let twice = || async {
        for _ in 0..2 {
            server.auth.client("web").await?;
        }
        Ok::<_, StoreError>(())
    };
    twice().await.unwrap();
    let error = server.auth.as_one_request(twice()).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{error}");
}

/// Nothing is sent if too little time is left to learn the outcome: the code stays valid.
#[tokio::test]
async fn a_change_without_enough_time_is_not_started() {
    let node = node().await;
    let store = open(&node, "client_cache=0s&retry_for=2s&statement_timeout=2s&lock_timeout=1s").await;
    let server = server_with(|builder| builder.store(store)).await;
    let code = server.code().await;
    let slow = Fault::Delay(Duration::from_millis(1900));
    node.faults().once(Statement::GetRow, slow);
    let changes = || node.counters().statements(Statement::PutRow);
    let before = changes();
    assert_eq!(server.token(&redeem(&code)).await.0, 503);
    assert_eq!(changes(), before);
    assert_eq!(server.token(&redeem(&code)).await.0, 200);
}

#[tokio::test]
async fn verifying_the_owner_shares_the_deadline_of_the_change() {
    let node = node().await;
    let patience = "retry_for=800ms&statement_timeout=800ms&lock_timeout=0s&verify_owner=true";
    let store = open(&node, patience).await;
    let key = Key::new(Kind::Custom, "x");
    store.put(key, row("{}")).await.unwrap();
    node.faults().order(FaultOrder::new(Fault::Delay(Duration::from_millis(500))).always());
    let error = store.put(key, row("{}")).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::OutcomeUnknown, "{error}");
    node.faults().clear();

    // A master that does not know the owner does not prove that nothing was changed.
    let refused = Fault::Refuse(ErrorCode::CLUSTER_ROLE);
    node.faults().order(FaultOrder::new(refused).on(Statement::GetPartitionAddress).always());
    let error = store.put(key, row("{}")).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::OutcomeUnknown, "{error}");
}
