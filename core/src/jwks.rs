//! The key sets that others publish (`jwks_uri`), as they were last read: those of clients, of issuers that are trusted, and of the
//! issuer whose tokens a guard in another process checks.
//!
//! Whoever names a client in a request can make the server ask for its keys. So a URL is requested at most once in a while, whatever
//! the requests say and whatever the host answers, and concurrent requests wait for one response.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::StatusCode;
use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard};

use crate::env::{Clock, Timestamp};
use crate::fetch::{Fetch, FetchRequest, PlainHttp, Reach};
use crate::jose::{Jws, KeySet};

/// Of how many owners keys are remembered. The one that was not used for the longest time is forgotten first.
const REMEMBERED: usize = 1_000;

/// How long a URL is not requested again, whether the last request succeeded or not.
const PAUSE: Duration = Duration::from_secs(10);

/// How long keys are used without asking again, where the response does not say: and the bounds of what it may say.
const FRESH: Duration = Duration::from_secs(10 * 60);
const FRESH_BOUNDS: (Duration, Duration) = (Duration::from_secs(60), Duration::from_secs(24 * 60 * 60));

/// How old keys may become while their URL cannot be read. A key that its owner has withdrawn is believed no longer than this.
const OLDEST: Duration = Duration::from_secs(24 * 60 * 60);

pub(crate) struct RemoteKeys {
    fetch: Arc<dyn Fetch>,
    clock: Arc<dyn Clock>,
    /// By their owners.
    places: Mutex<HashMap<Box<str>, Place>>,
}

/// Whose keys, where they are, and how far a request for them may go.
#[derive(Clone, Copy)]
struct Owner<'a> {
    id: &'a str,
    url: &'a str,
    reach: Reach,
}

/// Where an owner has its keys.
struct Place {
    url: Box<str>,
    reach: Reach,
    used: Timestamp,
    last: Arc<AsyncMutex<LastRead>>,
}

/// What is known of somebody's keys.
#[derive(Default)]
struct LastRead {
    keys: Option<Arc<KeySet>>,
    /// When they were read.
    read: Option<Timestamp>,
    /// How long they are used without asking again.
    fresh_for: Duration,
    /// When they were last asked for.
    tried: Option<Timestamp>,
}

/// Whether less than `period` has passed since `then`. A clock that was set back makes it too long ago.
fn is_within(period: Duration, then: Option<Timestamp>, now: Timestamp) -> bool {
    then.is_some_and(|then| then <= now && now.since(then) < period)
}

impl LastRead {
    fn usable(&self, now: Timestamp) -> Option<&Arc<KeySet>> {
        self.keys.as_ref().filter(|_| is_within(OLDEST.max(self.fresh_for), self.read, now))
    }

    fn fresh(&self, now: Timestamp) -> Option<&Arc<KeySet>> {
        self.keys.as_ref().filter(|_| is_within(self.fresh_for, self.read, now))
    }

    /// The last good keys, if the URL was asked a moment ago; an error if there are none.
    fn in_pause(&self, now: Timestamp) -> Option<Result<Arc<KeySet>, KeysUnavailable>> {
        is_within(PAUSE, self.tried, now).then(|| self.usable(now).cloned().ok_or(KeysUnavailable))
    }
}

/// The keys cannot be had, which is neither a wrong signature nor a right one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the jwks_uri cannot be read")]
pub(crate) struct KeysUnavailable;

impl KeysUnavailable {
    /// After how many seconds the URL is requested again.
    pub(crate) const RETRY_AFTER: u64 = PAUSE.as_secs();
}

impl RemoteKeys {
    pub(crate) fn new(fetch: Arc<dyn Fetch>, clock: Arc<dyn Clock>) -> Self {
        Self { fetch, clock, places: Mutex::default() }
    }

    /// Whether a token is signed by a key that `id` publishes at `url`.
    pub(crate) async fn verify(
        &self,
        id: &str,
        url: &str,
        reach: Reach,
        jws: &Jws<'_>,
    ) -> Result<bool, KeysUnavailable> {
        let owner = Owner { id, url, reach };
        let keys = self.keys(owner, None).await?;
        if keys.signer_of(jws).is_some() {
            return Ok(true);
        }
        // A key whose id is known has not signed it. Otherwise there may be a new one.
        if jws.key_id().is_some_and(|id| keys.contains(id)) {
            return Ok(false);
        }
        let newer = self.keys(owner, Some(&keys)).await?;
        Ok(newer.signer_of(jws).is_some())
    }

    /// Whether `id` publishes a key with this certificate at `url`.
    pub(crate) async fn has_certificate(
        &self,
        id: &str,
        url: &str,
        reach: Reach,
        der: &[u8],
    ) -> Result<bool, KeysUnavailable> {
        let owner = Owner { id, url, reach };
        let keys = self.keys(owner, None).await?;
        // Otherwise there may be a new one.
        Ok(keys.has_certificate(der) || self.keys(owner, Some(&keys)).await?.has_certificate(der))
    }

    /// The keys of an owner: from memory if they are fresh, and not the ones that are known not to do.
    async fn keys(
        &self,
        owner: Owner<'_>,
        known: Option<&Arc<KeySet>>,
    ) -> Result<Arc<KeySet>, KeysUnavailable> {
        let last = self.last_read(owner).lock_owned().await;
        let now = self.clock.now();
        // Another request may have read newer ones meanwhile.
        let is_new = |keys: &&Arc<KeySet>| known.is_none_or(|known| !Arc::ptr_eq(keys, known));
        if let Some(keys) = last.fresh(now).filter(is_new) {
            return Ok(Arc::clone(keys));
        }
        match last.in_pause(now) {
            Some(kept) => kept,
            None => self.read(owner, last).await,
        }
    }

    /// What is known of these keys. Those of another URL, or that were read with another reach, are forgotten.
    fn last_read(&self, owner: Owner<'_>) -> Arc<AsyncMutex<LastRead>> {
        let Owner { id, url, reach } = owner;
        let now = self.clock.now();
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(place) = places.get_mut(id).filter(|place| *place.url == *url && place.reach == reach) {
            place.used = now;
            return Arc::clone(&place.last);
        }
        if places.len() >= REMEMBERED && !places.contains_key(id) {
            let longest_unused = places.iter().min_by_key(|(_, place)| place.used).map(|(id, _)| id.clone());
            longest_unused.and_then(|id| places.remove(&id));
        }
        let last = Arc::default();
        places.insert(id.into(), Place { url: url.into(), reach, used: now, last: Arc::clone(&last) });
        last
    }

    /// Asks the URL, while everybody else who wants these keys waits. This goes on if whoever asked goes away.
    async fn read(
        &self,
        owner: Owner<'_>,
        last: OwnedMutexGuard<LastRead>,
    ) -> Result<Arc<KeySet>, KeysUnavailable> {
        let request = match FetchRequest::get(owner.url, PlainHttp::Loopback, owner.reach) {
            Ok(request) => request.accepting("application/jwk-set+json, application/json"),
            Err(error) => {
                tracing::warn!(of = owner.id, %error, "the jwks_uri cannot be used");
                return Ok(Arc::default());
            }
        };
        let read = read(Arc::clone(&self.fetch), request, Arc::clone(&self.clock), owner.id.to_owned(), last);
        tokio::spawn(read).await.map_err(|_| KeysUnavailable)?
    }

    #[cfg(test)]
    pub(crate) fn remembered(&self) -> usize {
        self.places.lock().unwrap().len()
    }
}

async fn read(
    fetch: Arc<dyn Fetch>,
    request: FetchRequest,
    clock: Arc<dyn Clock>,
    id: String,
    mut last: OwnedMutexGuard<LastRead>,
) -> Result<Arc<KeySet>, KeysUnavailable> {
    last.tried = Some(clock.now());
    let answer = ask(&*fetch, request).await;
    let now = clock.now();
    // From the end of a slow response on, not from its beginning.
    last.tried = Some(now);
    match answer {
        Ok((keys, fresh_for)) => {
            let keys = Arc::new(keys);
            let (least, most) = FRESH_BOUNDS;
            let fresh_for = fresh_for.unwrap_or(FRESH).clamp(least, most);
            *last = LastRead { keys: Some(Arc::clone(&keys)), read: Some(now), fresh_for, tried: Some(now) };
            Ok(keys)
        }
        Err(reason) => {
            let known = last.usable(now).cloned();
            let instead = if known.is_some() { "the last ones are used" } else { "there are none" };
            tracing::warn!(of = id, reason, "the keys at the jwks_uri cannot be read: {instead}");
            known.ok_or(KeysUnavailable)
        }
    }
}

async fn ask(fetch: &dyn Fetch, request: FetchRequest) -> Result<(KeySet, Option<Duration>), String> {
    let response = fetch.fetch(request).await.map_err(|error| error.to_string())?;
    if response.status() != StatusCode::OK {
        return Err(format!("the status is {}", response.status().as_u16()));
    }
    let jwks = serde_json::from_slice(response.body()).map_err(|_| "it is not JSON".to_owned())?;
    let keys = KeySet::from_jwks(&jwks).map_err(|error| error.to_string())?;
    Ok((keys, response.fresh_for()))
}
