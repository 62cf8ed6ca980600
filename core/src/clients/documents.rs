//! Clients whose `client_id` is the URL of their metadata (draft-ietf-oauth-client-id-metadata-document-03). Nothing is stored of them:
//! their documents are kept in memory for as long as the response allows, within bounds.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::StatusCode;
use serde_json::{Map, Value};
use tokio::sync::{Mutex as AsyncMutex, Semaphore};

use super::metadata::{ClientRules, Declared};
use crate::env::{Clock, Timestamp};
use crate::fetch::{Fetch, FetchRequest, PlainHttp, Reach};
use crate::model::{AuthMethod, Client};

use super::registered::LONGEST_ID;

/// The most bytes of a document.
const MAX_BYTES: usize = 10 * 1024;
const TIME_LIMIT: Duration = Duration::from_secs(5);

/// How long a document is used where the response does not say, and the bounds of what it may say.
const FRESH: Duration = Duration::from_secs(5 * 60);
const FRESH_BOUNDS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(24 * 60 * 60));

/// Of how many clients documents are kept. The one that was read first is forgotten first.
const REMEMBERED: usize = 1_000;

/// How many documents are fetched at the same time.
const AT_ONCE: usize = 32;

/// Which URLs may be client ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetadataDocuments {
    /// `https` URLs alone.
    Https,
    /// Also `http` URLs of loopback hosts, for development and tests.
    HttpsOrLoopback,
}

pub(crate) struct Documents {
    fetch: Arc<dyn Fetch>,
    clock: Arc<dyn Clock>,
    urls: MetadataDocuments,
    reach: Reach,
    rules: ClientRules,
    kept: Mutex<HashMap<Box<str>, Kept>>,
    /// One fetch of a URL at a time: everybody else who wants it waits for it.
    under_way: Mutex<HashMap<Box<str>, Arc<AsyncMutex<()>>>>,
    permits: Semaphore,
}

struct Kept {
    client: Arc<Client>,
    read: Timestamp,
    until: Timestamp,
}

impl Documents {
    /// `reach` is how far a request for a client may go that no operator registered.
    pub(crate) fn new(
        fetch: Arc<dyn Fetch>,
        clock: Arc<dyn Clock>,
        urls: MetadataDocuments,
        reach: Reach,
        rules: ClientRules,
    ) -> Self {
        let (kept, under_way) = (Mutex::default(), Mutex::default());
        Self { fetch, clock, urls, reach, rules, kept, under_way, permits: Semaphore::new(AT_ONCE) }
    }

    /// Whether a `client_id` is a URL, and so no name that this server gave.
    pub(crate) fn is_url(client_id: &str) -> bool {
        client_id.starts_with("https://") || client_id.starts_with("http://")
    }

    /// The client with this URL.
    ///
    /// # Errors
    /// What is wrong with the URL or its document. An error is not kept: the next request asks again.
    pub(crate) async fn find(&self, client_id: &str) -> Result<Arc<Client>, String> {
        let request = self.request(client_id)?;
        if let Some(client) = self.fresh(client_id) {
            return Ok(client);
        }
        let turn = {
            let mut under_way = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(under_way.entry(client_id.into()).or_default())
        };
        let found = {
            let _turn = turn.lock().await;
            match self.fresh(client_id) {
                Some(client) => Ok(client),
                None => self.read(client_id, request).await,
            }
        };
        let mut under_way = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        // The map has one, and this is the other.
        if Arc::strong_count(&turn) <= 2 {
            under_way.remove(client_id);
        }
        found
    }

    fn request(&self, client_id: &str) -> Result<FetchRequest, String> {
        if client_id.len() > LONGEST_ID {
            return Err("the URL is too long".to_owned());
        }
        let plain = match self.urls {
            MetadataDocuments::Https => PlainHttp::Refused,
            MetadataDocuments::HttpsOrLoopback => PlainHttp::Loopback,
        };
        check_url(client_id)?;
        let request = FetchRequest::get(client_id, plain, self.reach).map_err(|error| error.to_string())?;
        Ok(request.accepting("application/json").at_most(MAX_BYTES).within(TIME_LIMIT))
    }

    fn fresh(&self, client_id: &str) -> Option<Arc<Client>> {
        let now = self.clock.now();
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let found = kept.get(client_id).filter(|found| found.read <= now && now < found.until);
        found.map(|found| Arc::clone(&found.client))
    }

    async fn read(&self, client_id: &str, request: FetchRequest) -> Result<Arc<Client>, String> {
        let _permit =
            self.permits.try_acquire().map_err(|_| "too many documents are fetched now".to_owned())?;
        let response = self.fetch.fetch(request).await.map_err(|error| error.to_string())?;
        // Section 5: every other status is an error, a redirect too.
        if response.status() != StatusCode::OK {
            return Err(format!("the status of its document is {}", response.status().as_u16()));
        }
        if !response.media_type().is_some_and(is_json) {
            return Err("its document is not application/json".to_owned());
        }
        let client = Arc::new(client_of(client_id, response.body(), &self.rules)?);
        let (least, most) = FRESH_BOUNDS;
        let fresh_for = response.fresh_for().unwrap_or(FRESH).clamp(least, most);
        let now = self.clock.now();
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= REMEMBERED && !kept.contains_key(client_id) {
            let first = kept.iter().min_by_key(|(_, kept)| kept.read).map(|(url, _)| url.clone());
            first.and_then(|url| kept.remove(&url));
        }
        let entry = Kept { client: Arc::clone(&client), read: now, until: now.after(fresh_for) };
        kept.insert(client_id.into(), entry);
        Ok(client)
    }
}

fn is_json(media_type: &str) -> bool {
    media_type == "application/json"
        || (media_type.starts_with("application/") && media_type.ends_with("+json"))
}

/// Section 3. The fetch has further rules: no user information, and `https` where it is required.
fn check_url(client_id: &str) -> Result<(), String> {
    let wrong = |why: &str| Err(format!("the client_id {why}"));
    if client_id.contains('#') {
        return wrong("must have no fragment");
    }
    let rest = client_id.split_once("://").map_or("", |(_, rest)| rest);
    let Some(at) = rest.find('/') else { return wrong("must have a path") };
    let path = rest.get(at..).unwrap_or_default();
    let path = path.split('?').next().unwrap_or_default();
    let is_dots = |segment: &str| {
        let plain = segment.to_ascii_lowercase().replace("%2e", ".");
        plain == "." || plain == ".."
    };
    match path.split('/').any(is_dots) {
        true => wrong("must have no dot segments"),
        false => Ok(()),
    }
}

/// Host and port of a client whose id is a URL, for users. It has no user information.
pub(crate) fn authority_of(client_id: &str) -> Option<&str> {
    let rest = client_id.strip_prefix("https://").or_else(|| client_id.strip_prefix("http://"))?;
    rest.split('/').next().filter(|authority| !authority.is_empty())
}

fn client_of(client_id: &str, body: &[u8], rules: &ClientRules) -> Result<Client, String> {
    let members: Map<String, Value> =
        serde_json::from_slice(body).map_err(|_| "its document is not a JSON object".to_owned())?;
    // Section 4: compared as written.
    if members.get("client_id").and_then(Value::as_str) != Some(client_id) {
        return Err("the client_id in its document is another one".to_owned());
    }
    // Section 4.1: nobody can have a secret that is published.
    for member in ["client_secret", "client_secret_expires_at"] {
        if members.contains_key(member) {
            return Err(format!("its document has {member}"));
        }
    }
    let declared = Declared::read(members).map_err(|error| error.description().to_owned())?;
    let method = declared.auth_method.clone().unwrap_or(AuthMethod::None);
    let is_shared = matches!(method, AuthMethod::Basic | AuthMethod::Post | AuthMethod::SecretJwt);
    if is_shared || !rules.methods.contains(&method) {
        return Err(format!("a client with a document cannot authenticate by {}", method.as_str()));
    }
    let begun = Client::public("document").auth_method(method);
    // What the server cannot do for a client is refused where the client is used.
    let mut client = declared.complete(begun, rules).map_err(|error| error.description().to_owned())?;
    client_id.clone_into(&mut client.id);
    Ok(client)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use async_trait::async_trait;
    use bytes::Bytes;
    use http::{HeaderMap, HeaderValue, header};
    use serde_json::json;

    use super::*;
    use crate::env::ManualClock;
    use crate::fetch::{FetchError, FetchResponse};

    const URL: &str = "https://c.example/client.json";

    #[derive(Default)]
    struct Host {
        asked: AtomicUsize,
        answer: Mutex<Option<Answer>>,
    }

    #[derive(Clone)]
    struct Answer {
        status: u16,
        media_type: &'static str,
        cache: Option<&'static str>,
        body: String,
    }

    impl Host {
        fn says(
            &self,
            status: u16,
            media_type: &'static str,
            cache: Option<&'static str>,
            body: impl Into<String>,
        ) {
            *self.answer.lock().unwrap() = Some(Answer { status, media_type, cache, body: body.into() });
        }
    }

    #[async_trait]
    impl Fetch for Host {
        async fn fetch(&self, request: FetchRequest) -> Result<FetchResponse, FetchError> {
            assert_eq!((request.max_body(), request.time_limit()), (MAX_BYTES, TIME_LIMIT));
            self.asked.fetch_add(1, Ordering::SeqCst);
            tokio::task::yield_now().await;
            let answer = self.answer.lock().unwrap().clone();
            let Answer { status, media_type, cache, body } = answer.ok_or(FetchError::TimedOut)?;
            let mut headers = HeaderMap::new();
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
            if let Some(cache) = cache {
                headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
            }
            Ok(FetchResponse::new(StatusCode::from_u16(status).unwrap(), &headers, Bytes::from(body)))
        }
    }

    fn document(url: &str) -> Value {
        json!({"client_id": url, "client_name": "C", "redirect_uris": ["https://c.example/cb"]})
    }

    fn documents(host: &Arc<Host>, clock: &Arc<ManualClock>) -> Documents {
        let rules = ClientRules {
            grant_types: vec!["authorization_code".to_owned(), "refresh_token".to_owned()],
            scope: "notes.read".parse().unwrap(),
            methods: vec![AuthMethod::None, AuthMethod::Basic, AuthMethod::PrivateKeyJwt],
        };
        let (host, clock) = (Arc::clone(host) as _, Arc::clone(clock) as _);
        Documents::new(host, clock, MetadataDocuments::Https, Reach::Public, rules)
    }

    fn clock() -> Arc<ManualClock> {
        Arc::new(ManualClock::starting_at(Timestamp::from_millis(1_700_000_000_000)))
    }

    #[tokio::test]
    async fn a_document_is_fetched_once_while_it_is_fresh_and_an_error_is_not_kept() {
        let (host, clock) = (Arc::new(Host::default()), clock());
        let documents = documents(&host, &clock);
        let asked = || host.asked.load(Ordering::SeqCst);
        assert!(documents.find(URL).await.is_err());
        assert!(documents.find(URL).await.is_err());
        assert_eq!(asked(), 2);
        host.says(200, "application/json", Some("max-age=60"), document(URL).to_string());
        let (one, other) = tokio::join!(documents.find(URL), documents.find(URL));
        let client = one.unwrap();
        assert_eq!((client.id(), client.name(), client.is_public()), (URL, Some("C"), true));
        assert!(client.is_self_registered() && other.is_ok());
        assert_eq!(asked(), 3);
        clock.advance(Duration::from_secs(59));
        documents.find(URL).await.unwrap();
        assert_eq!(asked(), 3);
        // A document that has changed for the worse is refused from now on.
        host.says(200, "application/json", None, document("https://c.example/other").to_string());
        clock.advance(Duration::from_secs(1));
        assert!(documents.find(URL).await.is_err());
        assert!(documents.under_way.lock().unwrap().is_empty());
        host.says(200, "application/json", Some("no-store"), document(URL).to_string());
        documents.find(URL).await.unwrap();
        clock.advance(Duration::from_secs(1));
        documents.find(URL).await.unwrap();
        assert_eq!(asked(), 6);
    }

    #[tokio::test]
    async fn what_the_draft_forbids_is_refused() {
        let (host, clock) = (Arc::new(Host::default()), clock());
        let documents = documents(&host, &clock);
        host.says(200, "application/json", None, document(URL).to_string());
        for bad in [
            "https://c.example",
            "https://c.example?x",
            "http://c.example/client.json",
            "http://127.0.0.1/client.json",
            "https://c.example/client.json#x",
            "https://c.example/./client.json",
            "https://c.example/a/../client.json",
            "https://c.example/a/%2E%2e/client.json",
            "https://user@c.example/client.json",
            "https://c.example/client .json",
            &format!("https://c.example/{}", "x".repeat(LONGEST_ID)),
        ] {
            assert!(documents.find(bad).await.is_err(), "{bad}");
        }
        assert_eq!(host.asked.load(Ordering::SeqCst), 0);
        let with = |name: &str, value: Value| {
            let mut changed = document(URL);
            changed[name] = value;
            changed.to_string()
        };
        for (status, media_type, body) in [
            (404, "application/json", document(URL).to_string()),
            (201, "application/json", document(URL).to_string()),
            (200, "text/html", document(URL).to_string()),
            (200, "application/json", "[]".to_owned()),
            (200, "application/json", "{".to_owned()),
            (200, "application/json", "{}".to_owned()),
            (200, "application/json", with("client_id", json!("https://C.example/client.json"))),
            (200, "application/json", with("client_secret", json!("s"))),
            (200, "application/json", with("client_secret_expires_at", json!(0))),
            (200, "application/json", with("token_endpoint_auth_method", json!("client_secret_basic"))),
            (200, "application/json", with("token_endpoint_auth_method", json!("client_secret_jwt"))),
            (200, "application/json", with("redirect_uris", json!([]))),
            (200, "application/json", with("redirect_uris", json!(["javascript:alert(1)"]))),
            (200, "application/json", with("grant_types", json!(["client_credentials"]))),
            (200, "application/json", with("scope", json!("all"))),
            (200, "application/json", with("jwks", json!({"keys": [{"kty": "oct", "k": "AAAA"}]}))),
        ] {
            host.says(status, media_type, None, body.clone());
            assert!(documents.find(URL).await.is_err(), "{status} {media_type} {body}");
        }
        host.says(200, "application/client+json", None, document(URL).to_string());
        assert!(documents.find(URL).await.is_ok());
    }

    #[tokio::test]
    async fn no_more_are_kept_than_fit() {
        let (host, clock) = (Arc::new(Host::default()), clock());
        let documents = documents(&host, &clock);
        for number in 0..REMEMBERED + 20 {
            let url = format!("https://c.example/{number}");
            host.says(200, "application/json", None, document(&url).to_string());
            documents.find(&url).await.unwrap();
        }
        assert_eq!(documents.kept.lock().unwrap().len(), REMEMBERED);
    }

    #[test]
    fn the_host_is_shown() {
        assert_eq!(authority_of("https://app.example.com:8443/c"), Some("app.example.com:8443"));
        assert_eq!(authority_of("http://[::1]:80/c"), Some("[::1]:80"));
        assert_eq!(authority_of("web"), None);
    }
}
