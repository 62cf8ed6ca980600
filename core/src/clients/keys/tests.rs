use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use http::header::CACHE_CONTROL;
use http::{HeaderMap, HeaderValue, StatusCode};
use serde_json::json;

use super::*;
use crate::env::{ManualClock, Timestamp};
use crate::fetch::{FetchError, FetchRequest, FetchResponse};
use crate::jose::{Algorithm, PrivateKey};

const HOUR: u64 = 60 * 60;

/// Answers with the same keys until it gets others, or is down.
#[derive(Default)]
struct Host {
    answers: Mutex<VecDeque<(u16, String)>>,
    headers: Mutex<HeaderMap>,
    asked: AtomicUsize,
    reaches: Mutex<Vec<Reach>>,
}

impl Host {
    fn publishes(&self, keys: &[&PrivateKey]) {
        let jwks = KeySet::new(keys.iter().map(|key| key.public().clone())).to_jwks();
        self.answers(200, jwks.to_string());
    }

    fn answers(&self, status: u16, body: impl Into<String>) {
        *self.answers.lock().unwrap() = [(status, body.into())].into();
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl Fetch for Host {
    async fn fetch(&self, request: FetchRequest) -> Result<FetchResponse, FetchError> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        self.reaches.lock().unwrap().push(request.reach());
        tokio::task::yield_now().await;
        let answer = self.answers.lock().unwrap().front().cloned();
        let (status, body) = answer.ok_or(FetchError::TimedOut)?;
        let headers = self.headers.lock().unwrap().clone();
        Ok(FetchResponse::new(StatusCode::from_u16(status).unwrap(), &headers, body.into()))
    }
}

struct Setup {
    host: Arc<Host>,
    clock: Arc<ManualClock>,
    keys: ClientKeys,
    client: Client,
}

fn setup() -> Setup {
    let host = Arc::new(Host::default());
    let clock = Arc::new(ManualClock::starting_at(Timestamp::from_millis(1_700_000_000_000)));
    let keys = ClientKeys::new(Arc::clone(&host) as _, Arc::clone(&clock) as _, Reach::Public);
    Setup { host, clock, keys, client: client("c", false) }
}

fn client(id: &str, self_registered: bool) -> Client {
    let client = Client::public(id).metadata("jwks_uri", json!("https://client.example.com/jwks"));
    client.self_registered(self_registered).build().unwrap()
}

fn key() -> PrivateKey {
    PrivateKey::generate(Algorithm::Es256).unwrap()
}

/// A token of this key, with or without its id.
fn token(key: &PrivateKey, with_id: bool) -> String {
    if with_id {
        return crate::jose::sign(key, "JWT", &json!({})).unwrap();
    }
    let input = format!("{}.{}", crate::jose::encode(r#"{"alg":"ES256"}"#), crate::jose::encode("{}"));
    let signature = key.sign(input.as_bytes()).unwrap();
    format!("{input}.{}", crate::jose::encode(signature))
}

impl Setup {
    /// Whether the key's signature is believed; `None` if that cannot be told.
    async fn believes(&self, key: &PrivateKey) -> Option<bool> {
        self.keys.verify(&self.client, &Jws::parse(&token(key, true)).unwrap()).await.ok()
    }

    fn advance(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }
}

#[tokio::test]
async fn keys_are_read_once_until_they_are_old() {
    let (setup, key) = (setup(), key());
    setup.host.publishes(&[&key]);
    for _ in 0..3 {
        assert_eq!(setup.believes(&key).await, Some(true));
    }
    setup.advance(599);
    assert_eq!((setup.believes(&key).await, setup.host.asked()), (Some(true), 1));
    setup.advance(1);
    assert_eq!((setup.believes(&key).await, setup.host.asked()), (Some(true), 2));
    // The response says how long, within bounds.
    for (header, seconds) in [("max-age=3600", 3600), ("no-store", 60), ("max-age=99999999", 24 * HOUR)] {
        setup.advance(24 * HOUR);
        setup.host.headers.lock().unwrap().insert(CACHE_CONTROL, HeaderValue::from_static(header));
        let asked = setup.host.asked();
        assert_eq!(setup.believes(&key).await, Some(true));
        setup.advance(seconds - 1);
        assert_eq!((setup.believes(&key).await, setup.host.asked()), (Some(true), asked + 1), "{header}");
        setup.advance(1);
        assert_eq!((setup.believes(&key).await, setup.host.asked()), (Some(true), asked + 2), "{header}");
    }
}

#[tokio::test]
async fn an_unknown_key_is_looked_for_now_and_then() {
    let (setup, first, second) = (setup(), key(), key());
    setup.host.publishes(&[&first]);
    assert_eq!(setup.believes(&first).await, Some(true));
    setup.host.publishes(&[&first, &second]);
    // Asked a moment ago.
    assert_eq!((setup.believes(&second).await, setup.host.asked()), (Some(false), 1));
    setup.advance(10);
    assert_eq!((setup.believes(&second).await, setup.host.asked()), (Some(true), 2));
    // Keys that nobody has cost the host one request in ten seconds.
    for _ in 0..100 {
        setup.advance(1);
        assert_eq!(setup.believes(&key()).await, Some(false));
    }
    assert!((11..=13).contains(&setup.host.asked()), "{}", setup.host.asked());
}

#[tokio::test]
async fn a_wrong_signature_under_a_known_id_asks_nobody() {
    let (setup, key) = (setup(), key());
    setup.host.publishes(&[&key]);
    assert_eq!(setup.believes(&key).await, Some(true));
    setup.advance(60);
    let good = token(&key, true);
    let (input, _) = good.rsplit_once('.').unwrap();
    let forged = format!("{input}.{}", crate::jose::encode([1; 64]));
    let jws = Jws::parse(&forged).unwrap();
    assert!(!setup.keys.verify(&setup.client, &jws).await.unwrap());
    assert_eq!(setup.host.asked(), 1);
}

#[tokio::test]
async fn a_token_that_names_no_key_may_be_of_a_new_one() {
    let (setup, first, second) = (setup(), key(), key());
    setup.host.publishes(&[&first]);
    assert_eq!(setup.believes(&first).await, Some(true));
    setup.host.publishes(&[&second]);
    setup.advance(10);
    let unnamed = token(&second, false);
    assert!(setup.keys.verify(&setup.client, &Jws::parse(&unnamed).unwrap()).await.unwrap());
    // What the client has withdrawn is not believed any more.
    assert_eq!(setup.believes(&first).await, Some(false));
}

#[tokio::test]
async fn the_last_good_keys_are_used_for_a_day_while_the_host_is_down() {
    let (setup, key) = (setup(), key());
    setup.host.publishes(&[&key]);
    assert_eq!(setup.believes(&key).await, Some(true));
    for (status, body) in [(500, "{}"), (404, "{}"), (200, "no JSON"), (200, "[]"), (200, r#"{"keys":7}"#)] {
        setup.host.answers(status, body);
        setup.advance(4 * HOUR);
        assert_eq!(setup.believes(&key).await, Some(true), "{status} {body}");
    }
    // A set with a private key is no set.
    setup.host.answers(200, r#"{"keys":[{"kty":"oct","k":"AAAA"}]}"#);
    setup.advance(4 * HOUR - 1);
    assert_eq!(setup.believes(&key).await, Some(true));
    setup.advance(1);
    assert_eq!(setup.believes(&key).await, None);
    setup.host.publishes(&[&key]);
    setup.advance(10);
    assert_eq!(setup.believes(&key).await, Some(true));
}

#[tokio::test]
async fn a_failure_is_remembered_for_a_moment() {
    let (setup, key) = (setup(), key());
    for _ in 0..5 {
        let error = setup.keys.verify(&setup.client, &Jws::parse(&token(&key, true)).unwrap()).await;
        let error = error.unwrap_err();
        assert_eq!((error.status(), error.retry_after()), (StatusCode::SERVICE_UNAVAILABLE, Some(10)));
    }
    assert_eq!(setup.host.asked(), 1);
    setup.host.publishes(&[&key]);
    assert_eq!(setup.believes(&key).await, None);
    setup.advance(10);
    assert_eq!((setup.believes(&key).await, setup.host.asked()), (Some(true), 2));
}

#[tokio::test]
async fn concurrent_requests_wait_for_one_response() {
    let (setup, key) = (Arc::new(setup()), Arc::new(key()));
    setup.host.publishes(&[&key]);
    let ask = || {
        let (setup, key) = (Arc::clone(&setup), Arc::clone(&key));
        tokio::spawn(async move { setup.believes(&key).await })
    };
    let asked: Vec<_> = (0..20).map(|_| ask()).collect();
    for one in asked {
        assert_eq!(one.await.unwrap(), Some(true));
    }
    assert_eq!(setup.host.asked(), 1);
}

#[tokio::test]
async fn whoever_goes_away_does_not_stop_the_response() {
    let (setup, key) = (setup(), key());
    setup.host.publishes(&[&key]);
    {
        let mut gone = std::pin::pin!(setup.believes(&key));
        std::future::poll_fn(|context| {
            assert!(gone.as_mut().poll(context).is_pending());
            std::task::Poll::Ready(())
        })
        .await;
    }
    assert_eq!((setup.believes(&key).await, setup.host.asked()), (Some(true), 1));
}

#[tokio::test]
async fn another_url_or_another_registration_has_its_own_keys() {
    let (setup, key) = (setup(), key());
    setup.host.publishes(&[&key]);
    assert_eq!(setup.believes(&key).await, Some(true));
    let jws = token(&key, true);
    let jws = Jws::parse(&jws).unwrap();
    let moved = Client::public("c").metadata("jwks_uri", json!("https://client.example.com/other"));
    assert!(setup.keys.verify(&moved.build().unwrap(), &jws).await.unwrap());
    assert!(setup.keys.verify(&client("c", true), &jws).await.unwrap());
    assert_eq!(*setup.host.reaches.lock().unwrap(), [Reach::Anywhere, Reach::Anywhere, Reach::Public]);
    // No URL that a server requests.
    for url in ["http://client.example.com/jwks", "file:///jwks", "https://user@client.example.com/jwks", ""]
    {
        let client = Client::public("c").metadata("jwks_uri", json!(url)).build().unwrap();
        assert!(!setup.keys.verify(&client, &jws).await.unwrap(), "{url}");
    }
    assert_eq!(setup.host.asked(), 3);
}

#[tokio::test]
async fn a_thousand_clients_are_remembered_and_no_more() {
    let (setup, key) = (setup(), key());
    setup.host.publishes(&[&key]);
    assert_eq!(setup.believes(&key).await, Some(true));
    let token = token(&key, true);
    let jws = Jws::parse(&token).unwrap();
    for number in 0..1_005 {
        setup.advance(1);
        setup.keys.verify(&client(&format!("c{number}"), false), &jws).await.unwrap();
    }
    assert_eq!(setup.keys.published.remembered(), 1_000);
    let asked = setup.host.asked();
    setup.keys.verify(&client("c1004", false), &jws).await.unwrap();
    assert_eq!(setup.host.asked(), asked);
    assert_eq!((setup.believes(&key).await, setup.host.asked()), (Some(true), asked + 1));
}
