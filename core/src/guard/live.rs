//! Access that ends when its token ends, for connections that stay open.

use std::fmt;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_core::Stream;
use pin_project_lite::pin_project;
use tokio::time::{Instant, sleep, timeout};

use super::access::Facts;
use super::{Access, Guard, Tokens};
use crate::env::Timestamp;
use crate::model::GrantRecord;
use crate::store::{Key, Kind, Store, StoreError};
use crate::token::Digest;

/// How long a connection stays open while the store cannot be read.
const UNREADABLE: Duration = Duration::from_secs(30);

/// The pause before a row is read again that could not be read.
const PAUSE: Duration = Duration::from_millis(500);

/// The longest wait for the expiry of a token. The clock may be set in the meantime.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

impl Access {
    /// Is ready once the token has ended: revoked, with its grant or alone, whoever did it in whatever process of the store, or
    /// expired. For connections that stay open, such as a WebSocket or server-sent events.
    ///
    /// The end in another process is known within a second. If the store cannot be read for 30 seconds, the token counts as ended.
    /// A guard that has only a token's claims learns of the expiry alone.
    ///
    /// ```
    /// use gridauth::http::BearerToken;
    /// use gridauth::{GridAuth, MintRequest, Store};
    ///
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
    /// let auth = GridAuth::builder("https://id.example.com").store(Store::memory()).build().await?;
    /// let token = auth.mint(MintRequest::for_user("israel")).await?;
    /// let access = auth.authenticate(&BearerToken::new(token.access_token.expose())).await?;
    /// let ended = access.ended();
    /// auth.revoke_user("israel").await?;
    /// ended.await;
    /// # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
    /// ```
    pub fn ended(&self) -> AccessEnded {
        let clock = Expiry { guard: self.guard.clone(), at: self.expires() };
        AccessEnded(match (&self.guard.0.tokens, &self.facts) {
            (Tokens::Rows(store), Facts::Row { record, at }) => {
                let digest = record.access.get(*at).map(|token| token.digest);
                Box::pin(by_row(store.clone(), Arc::clone(record), digest, clock))
            }
            _ => Box::pin(async move { while !clock.has_come_after(std::future::pending()).await {} }),
        })
    }

    /// The items of a stream until the token has [ended](Self::ended). The stream then ends.
    pub fn while_valid<S: Stream>(&self, stream: S) -> WhileValid<S> {
        WhileValid { ended: self.ended(), has_ended: false, stream }
    }
}

/// The future returned by [`Access::ended`].
#[must_use = "nothing is learned until this is awaited"]
pub struct AccessEnded(Pin<Box<dyn Future<Output = ()> + Send>>);

impl Future for AccessEnded {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        self.0.as_mut().poll(context)
    }
}

impl fmt::Debug for AccessEnded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AccessEnded")
    }
}

pin_project! {
    /// The stream returned by [`Access::while_valid`].
    #[derive(Debug)]
    #[must_use = "a stream does nothing until it is polled"]
    pub struct WhileValid<S> {
        ended: AccessEnded,
        has_ended: bool,
        #[pin]
        stream: S,
    }
}

impl<S: Stream> Stream for WhileValid<S> {
    type Item = S::Item;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<S::Item>> {
        let this = self.project();
        // The end is asked for first: an item that is ready is of no use to somebody without access.
        if *this.has_ended || Pin::new(this.ended).poll(context).is_ready() {
            *this.has_ended = true;
            return Poll::Ready(None);
        }
        this.stream.poll_next(context)
    }
}

/// When the token expires, by the clock of its guard.
struct Expiry {
    guard: Guard,
    at: Timestamp,
}

impl Expiry {
    /// Waits for the expiry or for `event`. Returns whether the token has expired.
    async fn has_come_after(&self, event: impl Future<Output = ()>) -> bool {
        let left = self.at.since(self.guard.0.clock.now());
        // A millisecond that has begun counts.
        let wait = (left + Duration::from_millis(1)).min(LONGEST_WAIT);
        let _ = timeout(wait, event).await;
        self.guard.0.clock.now() >= self.at
    }
}

/// Waits until the row of the grant no longer has the token.
async fn by_row(store: Store, record: Arc<GrantRecord>, digest: Option<Digest>, expiry: Expiry) {
    let Some(digest) = digest else { return };
    let mut buffer = [0; 36];
    let key = Key::new(Kind::Grant, record.id.row_id(&mut buffer));
    let watch = store.watch(key);
    // The row may be large and is not needed any more.
    drop(record);
    loop {
        let mut changed = pin!(watch.changed());
        // From here on no change is missed.
        changed.as_mut().enable();
        if !is_live(&store, key, &digest).await {
            return;
        }
        if expiry.has_come_after(changed).await {
            return;
        }
    }
}

/// Whether the row has the token. Waits while the store cannot be read, but not for long.
async fn is_live(store: &Store, key: Key<'_>, digest: &Digest) -> bool {
    let began = Instant::now();
    loop {
        match read(store, key).await {
            Ok(Some(record)) => return record.access.iter().any(|token| token.digest.matches(digest)),
            Ok(None) => return false,
            Err(error) if began.elapsed() > UNREADABLE => {
                tracing::warn!(%error, "a connection is closed: whether its token is valid cannot be learned");
                return false;
            }
            Err(_) => sleep(PAUSE).await,
        }
    }
}

async fn read(store: &Store, key: Key<'_>) -> Result<Option<Arc<GrantRecord>>, StoreError> {
    match store.get(key).await? {
        Some(row) => Ok(Some(row.decoded::<GrantRecord>()?)),
        None => Ok(None),
    }
}
