//! The logos of clients. The server fetches them itself and shows them from its own origin: a page that loaded them from the client's
//! would tell the client who looks at it (RFC 7591 section 5).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::OnceCell;

use crate::env::{Clock, Timestamp};
use crate::fetch::{Fetch, FetchRequest, PlainHttp, Reach};
use crate::model::Client;

/// The most bytes of a logo.
const MAX_BYTES: usize = 100 * 1024;

/// How long a logo is kept, and how long it is not asked for again after it could not be had.
const KEPT: Duration = Duration::from_secs(60 * 60);
const FAILED: Duration = Duration::from_secs(60);

/// The most logos that are kept: 20 MB.
const MOST: usize = 200;

/// An image that a page may show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Logo {
    pub(crate) media_type: &'static str,
    pub(crate) bytes: Bytes,
}

impl Logo {
    /// The image in these bytes, if they are one of the formats that can hold no script. What the other server calls them does not
    /// count.
    fn of(bytes: Bytes) -> Option<Self> {
        let media_type = match &bytes[..] {
            [0x89, b'P', b'N', b'G', 0x0d, 0x0a, 0x1a, 0x0a, ..] => "image/png",
            [0xff, 0xd8, 0xff, ..] => "image/jpeg",
            [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => "image/gif",
            [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => "image/webp",
            _ => return None,
        };
        Some(Self { media_type, bytes })
    }
}

/// The logos that were shown lately.
pub(crate) struct Logos {
    fetch: Arc<dyn Fetch>,
    clock: Arc<dyn Clock>,
    strangers: Reach,
    /// By their URI.
    kept: Mutex<HashMap<String, Arc<Slot>>>,
}

/// The place of a logo. All who wait for it wait for one request.
struct Slot {
    made: Timestamp,
    logo: OnceCell<Option<Logo>>,
}

impl Slot {
    fn is_fresh(&self, now: Timestamp) -> bool {
        let kept_for = match self.logo.get() {
            Some(None) => FAILED,
            _ => KEPT,
        };
        self.made <= now && now.since(self.made) < kept_for
    }
}

impl Logos {
    /// `strangers` says how far a request for a client that registered itself may go.
    pub(crate) fn new(fetch: Arc<dyn Fetch>, clock: Arc<dyn Clock>, strangers: Reach) -> Self {
        Self { fetch, clock, strangers, kept: Mutex::default() }
    }

    /// The logo of a client, if it has one that can be had.
    pub(crate) async fn find(&self, client: &Client) -> Option<Logo> {
        let uri = client.metadata("logo_uri")?;
        let reach = if client.is_self_registered() { self.strangers } else { Reach::Anywhere };
        let slot = self.slot(uri, self.clock.now());
        slot.logo.get_or_init(|| self.load(uri, reach)).await.clone()
    }

    fn slot(&self, uri: &str, now: Timestamp) -> Arc<Slot> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(slot) = kept.get(uri).filter(|slot| slot.is_fresh(now)) {
            return Arc::clone(slot);
        }
        if kept.len() >= MOST {
            kept.retain(|_, slot| slot.is_fresh(now));
        }
        if kept.len() >= MOST
            && let Some(oldest) = kept.iter().min_by_key(|(_, slot)| slot.made).map(|(uri, _)| uri.clone())
        {
            kept.remove(&oldest);
        }
        let slot = Arc::new(Slot { made: now, logo: OnceCell::new() });
        kept.insert(uri.to_owned(), Arc::clone(&slot));
        slot
    }

    async fn load(&self, uri: &str, reach: Reach) -> Option<Logo> {
        let request = FetchRequest::get(uri, PlainHttp::Loopback, reach).ok()?;
        let request = request.accepting("image/png, image/jpeg, image/webp, image/gif").at_most(MAX_BYTES);
        match self.fetch.fetch(request).await {
            Ok(response) if response.status().is_success() => Logo::of(response.into_body()),
            Ok(response) => {
                tracing::debug!(status = %response.status(), "a client's logo cannot be had");
                None
            }
            Err(error) => {
                tracing::debug!(%error, "a client's logo cannot be had");
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use async_trait::async_trait;
    use http::{HeaderMap, StatusCode};

    use super::*;
    use crate::env::ManualClock;
    use crate::fetch::{FetchError, FetchResponse};

    const PNG: &[u8] = b"\x89PNG\r\n\x1a\nrest";

    /// Answers with these bytes, or not at all.
    struct Host {
        asked: AtomicUsize,
        bytes: Mutex<Option<&'static [u8]>>,
    }

    #[async_trait]
    impl Fetch for Host {
        async fn fetch(&self, request: FetchRequest) -> Result<FetchResponse, FetchError> {
            self.asked.fetch_add(1, Ordering::SeqCst);
            assert_eq!(request.max_body(), MAX_BYTES);
            let bytes = *self.bytes.lock().unwrap();
            let bytes = bytes.ok_or(FetchError::TimedOut)?;
            Ok(FetchResponse::new(StatusCode::OK, &HeaderMap::new(), Bytes::from_static(bytes)))
        }
    }

    fn client(logo: &str) -> Client {
        Client::public("spa").metadata("logo_uri", logo.into()).build().unwrap()
    }

    #[tokio::test]
    async fn a_logo_is_asked_for_once_an_hour_and_a_missing_one_once_a_minute() {
        let clock = Arc::new(ManualClock::starting_at(Timestamp::from_millis(1_700_000_000_000)));
        let host = Arc::new(Host { asked: AtomicUsize::new(0), bytes: Mutex::new(Some(PNG)) });
        let logos = Logos::new(Arc::clone(&host) as _, Arc::clone(&clock) as _, Reach::Public);
        let client = client("https://spa.example.com/logo.png");
        let asked = || host.asked.load(Ordering::SeqCst);
        let (one, other) = tokio::join!(logos.find(&client), logos.find(&client));
        assert_eq!(
            (one.unwrap().media_type, other.unwrap().media_type, asked()),
            ("image/png", "image/png", 1)
        );
        clock.advance(KEPT);
        *host.bytes.lock().unwrap() = None;
        assert_eq!((logos.find(&client).await, asked()), (None, 2));
        assert_eq!((logos.find(&client).await, asked()), (None, 2));
        clock.advance(FAILED);
        *host.bytes.lock().unwrap() = Some(b"<svg onload='alert(1)'/>");
        assert_eq!((logos.find(&client).await, asked()), (None, 3));
    }

    #[tokio::test]
    async fn what_is_no_url_is_not_asked_for_and_no_more_are_kept_than_fit() {
        let clock = Arc::new(ManualClock::starting_at(Timestamp::from_millis(1_700_000_000_000)));
        let host = Arc::new(Host { asked: AtomicUsize::new(0), bytes: Mutex::new(Some(PNG)) });
        let logos = Logos::new(Arc::clone(&host) as _, clock as _, Reach::Public);
        for bad in ["", "logo.png", "javascript:alert(1)", "http://spa.example.com/logo.png\n"] {
            assert_eq!(logos.find(&client(bad)).await, None, "{bad}");
        }
        assert_eq!(host.asked.load(Ordering::SeqCst), 0);
        for number in 0..MOST + 50 {
            logos.find(&client(&format!("https://spa.example.com/{number}"))).await.unwrap();
        }
        assert!(logos.kept.lock().unwrap().len() <= MOST);
    }
}
