//! Back-Channel Logout: clients are told of the end of a session by a request.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use gridauth::env::{Clock, ManualClock, Timestamp};
use gridauth::grant::AuthorizationCode;
use gridauth::grant::extension::OpenId;
use gridauth::identity::HashingSettings;
use gridauth::model::SessionId;
use gridauth::store::Kind;
use gridauth::token::Secret;
use gridauth::{GridAuth, Store};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use crate::logout::{Site, claims, openid_server, put, sign_in, tokens_in};
use crate::support::*;

/// A client's endpoint on loopback. It answers with these states, the last one again and again.
struct Endpoint {
    uri: String,
    calls: UnboundedReceiver<String>,
    answered: Arc<AtomicUsize>,
}

impl Endpoint {
    async fn new(answers: &'static [u16]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let uri = format!("http://{}/out", listener.local_addr().unwrap());
        let (told, calls) = unbounded_channel();
        let answered = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&answered);
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut read = Vec::new();
                let body = loop {
                    let mut buffer = [0; 4096];
                    let length = stream.read(&mut buffer).await.unwrap();
                    read.extend_from_slice(&buffer[..length]);
                    let text = String::from_utf8_lossy(&read).into_owned();
                    let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
                    assert!(head.starts_with("POST /out HTTP/1.1"), "{head}");
                    let head = head.to_lowercase();
                    assert!(head.contains("content-type: application/x-www-form-urlencoded"), "{head}");
                    let expected =
                        head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
                    if body.len() == expected.trim().parse::<usize>().unwrap() {
                        break body.to_owned();
                    }
                };
                let status = answers[count.load(Ordering::SeqCst).min(answers.len() - 1)];
                count.fetch_add(1, Ordering::SeqCst);
                let answer = format!("HTTP/1.1 {status} x\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
                let _ = stream.write_all(answer.as_bytes()).await;
                let _ = told.send(body);
            }
        });
        Self { uri, calls, answered }
    }

    /// The logout token of the next call.
    async fn next(&mut self) -> String {
        let call = tokio::time::timeout(Duration::from_secs(30), self.calls.recv()).await;
        let body = call.unwrap_or_else(|_| panic!("nobody calls")).unwrap();
        body.strip_prefix("logout_token=").unwrap_or_else(|| panic!("{body}")).to_owned()
    }

    fn answered(&self) -> usize {
        self.answered.load(Ordering::SeqCst)
    }
}

async fn put_told(server: &Server, id: &str, endpoint: &Endpoint) {
    let uri = Value::from(endpoint.uri.as_str());
    put(server, id, |client| client.metadata("backchannel_logout_uri", uri)).await;
}

/// Waits until what was sent is noted: so many rows are left.
async fn until_left(store: &Store, count: usize) {
    for _ in 0..500 {
        if left(store).await.len() == count {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("{} notices are left", left(store).await.len());
}

/// The notices that have not been worked off.
async fn left(store: &Store) -> Vec<String> {
    let mut left = Vec::new();
    for id in ids(store, Kind::Outbox).await {
        let notice = store.read::<gridauth::model::LogoutNotice>(&id).await.unwrap();
        if notice.is_some_and(|notice| !notice.told) {
            left.push(id);
        }
    }
    left
}

async fn due(store: &Store) -> Timestamp {
    let id = left(store).await.pop().unwrap();
    store.read::<gridauth::model::LogoutNotice>(&id).await.unwrap().unwrap().due
}

/// Waits until the failed try is noted, and moves the clock on to the next one.
async fn until_postponed(server: &Server, pause: u64) {
    let next = server.clock.now().after(Duration::from_secs(pause));
    for _ in 0..500 {
        if due(server.auth.store()).await == next {
            return server.advance(pause);
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("due at {}, not at {next}", due(server.auth.store()).await);
}

#[tokio::test]
async fn each_client_of_the_session_is_told_at_once_and_once() {
    let server = openid_server().await;
    let (mut shop, mut news, mut never) =
        (Endpoint::new(&[200]).await, Endpoint::new(&[204]).await, Endpoint::new(&[200]).await);
    put_told(&server, "shop", &shop).await;
    put_told(&server, "news", &news).await;
    put_told(&server, "never", &never).await;
    let (cookie, tokens) = sign_in(&server, "shop", "openid").await;
    tokens_in(&server, &cookie, "news", "openid").await;
    tokens_in(&server, &cookie, "never", "notes.read").await;
    let id_token = claims(&string(&tokens, "id_token"));
    server.auth.end_sessions("israel").await.unwrap();
    for (endpoint, client) in [(&mut shop, "shop"), (&mut news, "news")] {
        let token = endpoint.next().await;
        let own = claims(&token);
        assert_eq!((&own["iss"], &own["aud"]), (&json!(ISSUER), &json!(client)));
        assert_eq!((&own["sub"], &own["sid"]), (&id_token["sub"], &id_token["sid"]));
        assert_eq!(own["exp"].as_i64().unwrap() - own["iat"].as_i64().unwrap(), 120);
        assert_eq!(own["events"], json!({"http://schemas.openid.net/event/backchannel-logout": {}}));
        assert!(own["jti"].is_string() && own.get("nonce").is_none(), "{own}");
        // The key and the algorithm are those of ID tokens.
        let header = |token: &str| claims(&format!(".{token}"));
        let (header, id_header) = (header(&token), header(&string(&tokens, "id_token")));
        assert_eq!((&header["typ"], &header["kid"]), (&json!("logout+jwt"), &id_header["kid"]));
        assert_eq!(header["alg"], "RS256");
    }
    until_left(server.auth.store(), 0).await;
    server.auth.end_sessions("israel").await.unwrap();
    server.auth.send_logouts().await.unwrap();
    assert_eq!((shop.answered(), news.answered(), never.answered()), (1, 1, 0));
    assert!(never.calls.try_recv().is_err());
}

#[tokio::test]
async fn a_client_that_fails_is_told_again_after_pauses_that_grow() {
    let server = openid_server().await;
    let mut shop = Endpoint::new(&[503, 500, 200]).await;
    put_told(&server, "shop", &shop).await;
    sign_in(&server, "shop", "openid").await;
    server.auth.end_sessions("israel").await.unwrap();
    let first = claims(&shop.next().await);
    for pause in [5, 10] {
        server.auth.send_logouts().await.unwrap();
        until_postponed(&server, pause).await;
        server.auth.send_logouts().await.unwrap();
        let again = claims(&shop.next().await);
        assert!(again["jti"] != first["jti"] && again["sid"] == first["sid"]);
        assert!(again["iat"].as_i64() >= first["iat"].as_i64().map(|iat| iat + 5));
    }
    until_left(server.auth.store(), 0).await;
    server.advance(600);
    server.auth.send_logouts().await.unwrap();
    assert_eq!(shop.answered(), 3);
}

#[tokio::test]
async fn a_client_that_never_answers_keeps_no_other_waiting() {
    let server = openid_server().await;
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let uri = format!("http://{}/out", silent.local_addr().unwrap());
    put(&server, "silent", |client| client.metadata("backchannel_logout_uri", uri.into())).await;
    let mut shop = Endpoint::new(&[200]).await;
    put_told(&server, "shop", &shop).await;
    // More than are told at the same time.
    for _ in 0..80 {
        sign_in(&server, "silent", "openid").await;
    }
    sign_in(&server, "shop", "openid").await;
    server.auth.end_sessions("israel").await.unwrap();
    // Much sooner than a request is given up.
    let told = tokio::time::timeout(Duration::from_secs(4), shop.calls.recv()).await;
    assert!(told.is_ok(), "the other client waits");
    drop(silent);
}

#[tokio::test]
async fn nobody_tries_for_ever() {
    let server = openid_server().await;
    let shop = Endpoint::new(&[503]).await;
    put_told(&server, "shop", &shop).await;
    sign_in(&server, "shop", "openid").await;
    server.auth.end_sessions("israel").await.unwrap();
    for pause in [5, 10, 20, 40, 80, 160] {
        until_postponed(&server, pause).await;
        server.auth.send_logouts().await.unwrap();
    }
    until_left(server.auth.store(), 0).await;
    assert_eq!(shop.answered(), 7);
}

#[tokio::test]
async fn a_client_that_refuses_or_redirects_is_done_with() {
    for status in [400, 404, 302] {
        let server = openid_server().await;
        let mut shop = Endpoint::new(match status {
            400 => &[400],
            404 => &[404],
            _ => &[302],
        })
        .await;
        put_told(&server, "shop", &shop).await;
        sign_in(&server, "shop", "openid").await;
        server.auth.end_sessions("israel").await.unwrap();
        shop.next().await;
        until_left(server.auth.store(), 0).await;
    }
}

#[tokio::test]
async fn a_client_that_cannot_be_reached_is_told_later_and_one_that_is_gone_never() {
    let server = openid_server().await;
    // Nobody listens there any more.
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let uri = format!("http://{}/out", closed.local_addr().unwrap());
    drop(closed);
    put(&server, "shop", |client| client.metadata("backchannel_logout_uri", uri.into())).await;
    sign_in(&server, "shop", "openid").await;
    server.auth.end_sessions("israel").await.unwrap();
    until_postponed(&server, 5).await;
    server.auth.remove_client("shop").await.unwrap();
    server.auth.send_logouts().await.unwrap();
    until_left(server.auth.store(), 0).await;
}

#[tokio::test]
async fn an_expired_session_is_told_to_nobody() {
    let server =
        server_with(|builder| builder.openid(OpenId::new()).session_lifetime(Duration::from_secs(600))).await;
    let shop = Endpoint::new(&[200]).await;
    put_told(&server, "shop", &shop).await;
    sign_in(&server, "shop", "openid").await;
    server.advance(601);
    server.auth.end_sessions("israel").await.unwrap();
    server.auth.sweep().await.unwrap();
    assert!(left(server.auth.store()).await.is_empty());
    assert_eq!(shop.answered(), 0);
}

#[tokio::test]
async fn a_new_password_and_the_end_of_an_own_session_are_told_too() {
    let server = openid_server().await;
    let mut shop = Endpoint::new(&[200]).await;
    put_told(&server, "shop", &shop).await;
    let (_, stays) = sign_in(&server, "shop", "openid").await;
    let (_, ends) = sign_in(&server, "shop", "openid").await;
    let sid = |tokens: &Value| string(&claims(&string(tokens, "id_token")), "sid");
    let session = SessionId::new(sid(&stays));
    assert!(
        server.auth.change_password("israel", &Secret::from("imru, and imru again"), &session).await.unwrap()
    );
    assert_eq!(claims(&shop.next().await)["sid"], sid(&ends).as_str());
    server.auth.revoke_user("israel").await.unwrap();
    assert_eq!(claims(&shop.next().await)["sid"], sid(&stays).as_str());

    let server =
        server_with(|builder| builder.openid(OpenId::new()).own_session(Site { can_sign_out: false })).await;
    put_told(&server, "shop", &shop).await;
    tokens_in(&server, "site=one", "shop", "openid").await;
    assert!(server.auth.end_session("israel", &SessionId::new("one")).await.unwrap());
    assert!(!server.auth.end_session("israel", &SessionId::new("one")).await.unwrap());
    assert_eq!(claims(&shop.next().await)["sid"], "one");
    until_left(server.auth.store(), 0).await;
}

/// A server on this store, which tells nobody by itself.
async fn on(store: &Store, clock: &Arc<ManualClock>) -> Server {
    let auth = GridAuth::builder(ISSUER)
        .store(store.clone())
        .clock(Arc::clone(clock))
        .hashing(HashingSettings::default().memory_kib(8).passes(1))
        .grant(AuthorizationCode::new())
        .openid(OpenId::new())
        .sweep_every(None)
        .send_logouts_every(None)
        .build()
        .await
        .unwrap();
    auth.put_user("israel", &Secret::from("imru"), "israel", Default::default()).await.unwrap();
    Server { auth, clock: Arc::clone(clock) }
}

fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::starting_at(Timestamp::from_millis(1_700_000_000_000)))
}

async fn put_code_client(server: &Server, id: &str, endpoint: &Endpoint) {
    let uri = Value::from(endpoint.uri.as_str());
    put(server, id, |client| {
        client.grant_types(["authorization_code"]).metadata("backchannel_logout_uri", uri)
    })
    .await;
}

#[tokio::test]
async fn two_servers_on_one_store_tell_a_client_once() {
    let (store, clock) = (Store::memory(), clock());
    let (here, there) = (on(&store, &clock).await, on(&store, &clock).await);
    let shop = Endpoint::new(&[503, 503, 200]).await;
    for number in 0..8 {
        put_code_client(&here, &format!("shop{number}"), &shop).await;
    }
    let (cookie, _) = sign_in(&here, "shop0", "openid").await;
    for number in 1..8 {
        tokens_in(&there, &cookie, &format!("shop{number}"), "openid").await;
    }
    let ended = tokio::join!(here.auth.end_sessions("israel"), there.auth.end_sessions("israel"));
    assert!(ended.0.is_ok() && ended.1.is_ok());
    for _ in 0..4 {
        let sent = tokio::join!(here.auth.send_logouts(), there.auth.send_logouts());
        assert!(sent.0.is_ok() && sent.1.is_ok());
        clock.advance(Duration::from_secs(10));
    }
    assert!(left(&store).await.is_empty());
    // Each client once, and again the two that failed.
    assert_eq!(shop.answered(), 10);
}

#[tokio::test]
async fn what_a_server_has_not_sent_is_sent_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("file:{}?wait=30s", folder.path().join("auth.db").display());
    let clock = clock();
    let mut shop = Endpoint::new(&[503, 503, 200]).await;
    let server = on(&Store::open(&url).await.unwrap(), &clock).await;
    put_code_client(&server, "shop", &shop).await;
    sign_in(&server, "shop", "openid").await;
    server.auth.end_sessions("israel").await.unwrap();
    assert_eq!(shop.answered(), 0);
    drop(server);
    // The lease of the server that is gone has to pass first.
    let server = on(&Store::open(&url).await.unwrap(), &clock).await;
    server.auth.send_logouts().await.unwrap();
    assert_eq!(shop.answered(), 0);
    for pause in [30, 10] {
        server.advance(pause);
        server.auth.send_logouts().await.unwrap();
        shop.next().await;
    }
    drop(server);
    let server = on(&Store::open(&url).await.unwrap(), &clock).await;
    server.advance(60);
    server.auth.send_logouts().await.unwrap();
    shop.next().await;
    assert!(left(server.auth.store()).await.is_empty());
    server.advance(600);
    server.auth.send_logouts().await.unwrap();
    assert_eq!(shop.answered(), 3);
}

/// Counts what is sent, by client.
#[derive(Clone, Default)]
struct Counted(Arc<std::sync::Mutex<std::collections::BTreeMap<String, usize>>>);

#[gridauth::async_trait]
impl gridauth::fetch::Fetch for Counted {
    async fn fetch(
        &self,
        request: gridauth::fetch::FetchRequest,
    ) -> Result<gridauth::fetch::FetchResponse, gridauth::fetch::FetchError> {
        *self.0.lock().unwrap().entry(request.url().path().to_owned()).or_default() += 1;
        tokio::task::yield_now().await;
        Ok(gridauth::fetch::FetchResponse::new(http::StatusCode::OK, &Default::default(), Default::default()))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_two_ends_at_once_each_client_is_told_once() {
    const CLIENTS: usize = 20;
    let counted = Counted::default();
    let server =
        server_with(|builder| builder.openid(OpenId::new()).fetch(counted.clone()).send_logouts_every(None))
            .await;
    for number in 0..CLIENTS {
        let uri = Value::from(format!("https://shop.example.com/{number}"));
        put(&server, &format!("shop{number}"), |client| client.metadata("backchannel_logout_uri", uri)).await;
    }
    for round in 1..=12 {
        let (cookie, _) = sign_in(&server, "shop0", "openid").await;
        for number in 1..CLIENTS {
            tokens_in(&server, &cookie, &format!("shop{number}"), "openid").await;
        }
        let end = || {
            let auth = server.auth.clone();
            tokio::spawn(async move { auth.end_sessions("israel").await })
        };
        for ended in [end(), end(), end()] {
            ended.await.unwrap().unwrap();
        }
        server.auth.send_logouts().await.unwrap();
        let told = counted.0.lock().unwrap().clone();
        assert_eq!(told.len(), CLIENTS);
        assert!(told.values().all(|times| *times == round), "round {round}: {told:?}");
    }
}
