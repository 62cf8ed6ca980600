use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use super::ends::Ends;
use super::memory::MemoryStore;
use super::{
    Backend, Change, Key, Kind, OpenError, Record, Row, RowWatch, StoreError, StoreFuture, Updated, scheme,
};

/// The URLs that can be opened.
const STORES: &str = match (cfg!(feature = "file"), cfg!(feature = "griddb")) {
    (true, true) => "memory:, file:PATH or griddb://USER:PASSWORD@HOST:PORT/CLUSTER",
    (true, false) => "memory: or file:PATH, or griddb:// with the feature griddb",
    (false, true) => "memory: or griddb://USER:PASSWORD@HOST:PORT/CLUSTER, or file: with the feature file",
    (false, false) => "memory:, or file: and griddb:// with the features file and griddb",
};

/// A handle to the store that a server keeps everything in. It is cheap to clone; all clones share one store.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// use gridauth::Store;
///
/// let store = Store::open("memory:").await?;
/// store.ping().await?;
/// # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
/// ```
#[derive(Clone)]
pub struct Store {
    backend: Arc<dyn Backend>,
    ends: Arc<Ends>,
}

impl Store {
    /// Opens the store that `url` names:
    ///
    /// * `memory:` is a store in memory, for tests and first steps;
    /// * `file:PATH` is a durable file, created if it does not exist. One process at a time can open it. It has the options of
    ///   `file::FileOptions`, as in `file:auth.db?wait=30s`;
    /// * `griddb://USER:PASSWORD@HOST:PORT/CLUSTER` is a GridDB database, with the options of the `griddb` module;
    /// * other URLs belong to crates that [register](super::register_scheme) them, as `gridauth-sqlx` does for `postgres://` and
    ///   `sqlite:`.
    ///
    /// # Errors
    /// [`OpenError`] if the URL is not one of these, or what it names cannot be opened.
    pub async fn open(url: &str) -> Result<Self, OpenError> {
        if url == "memory:" {
            return Ok(Self::memory());
        }
        if let Some(advice) = misspelled(url) {
            let place = url.split_once(':').map_or("", |(scheme, _)| scheme);
            return Err(OpenError::bad_url(format!("{place}:"), advice));
        }
        #[cfg(feature = "file")]
        if let Some(rest) = url.strip_prefix("file:") {
            return Ok(Self::new(super::file::FileStore::open_url(rest).await?));
        }
        #[cfg(feature = "griddb")]
        if url.starts_with("griddb://") {
            return Ok(Self::new(super::griddb::GriddbStore::open(url).await?));
        }
        let name = url.split_once(':').map_or("", |(scheme, _)| scheme);
        if let Some(registered) = scheme::registered(name) {
            return (registered.open)(url).await.map(|backend| Self::of(Arc::from(backend)));
        }
        let reason = scheme::advice(name).unwrap_or_else(|| {
            let others: String = scheme::forms().into_iter().map(|form| format!(", or {form}")).collect();
            format!("not a URL of a store: use {STORES}{others}")
        });
        Err(OpenError::bad_url(format!("{name}:"), reason))
    }

    /// A store in memory.
    pub fn memory() -> Self {
        Self::new(MemoryStore::new())
    }

    /// A store with this backend.
    pub fn new(backend: impl Backend) -> Self {
        Self::of(Arc::new(backend))
    }

    fn of(backend: Arc<dyn Backend>) -> Self {
        let ends = Ends::new(&backend);
        Self { backend, ends }
    }

    /// The same store with something around its backend. Whoever watches a grant of the one learns of the changes of the other.
    #[cfg(feature = "server")]
    pub(crate) fn wrapped<B: Backend>(&self, wrap: impl FnOnce(Arc<dyn Backend>) -> B) -> Self {
        Self { backend: Arc::new(wrap(Arc::clone(&self.backend))), ends: Arc::clone(&self.ends) }
    }

    /// [`Backend::update`]. Whoever watches a grant that changes is woken.
    pub fn update<'a>(
        &'a self,
        key: Key<'a>,
        decide: &'a mut (dyn FnMut(&Row) -> Change + Send),
    ) -> StoreFuture<'a, Updated> {
        let updated = self.backend.update(key, decide);
        if key.kind != Kind::Grant {
            return updated;
        }
        updated.inspect(move |updated| match updated {
            Ok(Updated::Missing | Updated::Kept) => {}
            // A change that leaves the row ends a token at most: who ends one announces it.
            Ok(Updated::Replaced) => self.ends.wake(key.id),
            // Without an answer it may be done.
            Ok(Updated::Removed) | Err(_) => self.ends.announce(key.id),
        })
    }

    /// [`Backend::remove`]. Whoever watches a grant that is removed is woken, in every process.
    pub fn remove<'a>(&'a self, key: Key<'a>) -> StoreFuture<'a, bool> {
        let removed = self.backend.remove(key);
        if key.kind != Kind::Grant {
            return removed;
        }
        removed.inspect(move |removed| {
            if !matches!(removed, Ok(false)) {
                self.ends.announce(key.id);
            }
        })
    }

    /// Tells every process that a token of this grant has ended, whose row is still there.
    #[cfg(feature = "server")]
    pub(crate) fn announce(&self, key: Key<'_>) {
        self.ends.announce(key.id);
    }

    /// Begins to watch the row of a grant. Read the row afterwards: it may have changed before.
    pub(crate) fn watch(&self, key: Key<'_>) -> RowWatch {
        self.ends.watch(key.id)
    }

    /// Reads the record with `id`.
    ///
    /// # Errors
    /// [`StoreError`] if the store fails or the row cannot be decoded as an `R`.
    pub async fn read<R: Record>(&self, id: &str) -> Result<Option<Arc<R>>, StoreError> {
        match self.get(Key::new(R::KIND, id)).await? {
            Some(row) => Ok(Some(row.decoded::<R>()?)),
            None => Ok(None),
        }
    }

    /// Updates the record with `id` atomically. Returns what was done and the value from `decide`, or `None` if there
    /// is no such record.
    ///
    /// # Errors
    /// [`StoreError`] if the store fails or the row cannot be decoded as an `R`.
    pub async fn change<R: Record, T: Send>(
        &self,
        id: &str,
        mut decide: impl FnMut(&R) -> (Change, T) + Send,
    ) -> Result<Option<(Updated, T)>, StoreError> {
        let mut outcome: Option<Result<T, StoreError>> = None;
        let mut on_row = |row: &Row| match row.decoded::<R>() {
            Ok(record) => {
                let (change, value) = decide(&record);
                outcome = Some(Ok(value));
                change
            }
            Err(corrupt) => {
                outcome = Some(Err(corrupt.into()));
                Change::Keep
            }
        };
        let updated = self.update(Key::new(R::KIND, id), &mut on_row).await?;
        match (updated, outcome) {
            (Updated::Missing, _) | (_, None) => Ok(None),
            (updated, Some(value)) => Ok(Some((updated, value?))),
        }
    }
}

/// What to write instead of a URL that nearly names a file.
fn misspelled(url: &str) -> Option<String> {
    if let Some(rest) = url.strip_prefix("file://") {
        // `file:///var/x` has an empty host. Of `file://x` it cannot be said whether x is a host.
        let path = if rest.starts_with('/') { rest } else { "PATH" };
        return Some(format!("a path follows file: without slashes of its own: write file:{path}"));
    }
    if ["memory", "memory://", ":memory:"].contains(&url) {
        return Some("write memory:".to_owned());
    }
    // A path has no scheme. What looks like one may hold a password, so it is not repeated.
    let is_path = !url.is_empty() && !url.contains([':', '@', '?', '=']);
    is_path.then(|| format!("there is no scheme: write file:{url} for a file"))
}

impl Deref for Store {
    type Target = dyn Backend;

    fn deref(&self) -> &Self::Target {
        &*self.backend
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Store")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_url_that_nearly_names_a_store_is_corrected() {
        for (url, instead) in [
            ("auth.db", "write file:auth.db"),
            ("/var/lib/auth.db", "write file:/var/lib/auth.db"),
            ("file:///var/lib/auth.db", "write file:/var/lib/auth.db"),
            ("file://auth.db", "write file:PATH"),
            ("memory", "write memory:"),
            (":memory:", "write memory:"),
        ] {
            let error = Store::open(url).await.unwrap_err();
            assert!(error.bad_url && error.reason.contains(instead), "{url}: {error}");
        }
    }

    #[tokio::test]
    async fn the_error_for_an_unknown_url_lists_the_known_ones() {
        for (url, place) in [("redis://app:s3cret@db", "redis:"), ("griddb:db", "griddb:"), ("", ":")] {
            let error = Store::open(url).await.unwrap_err();
            assert!(error.bad_url && error.place == place, "{error}");
            for store in ["memory:", "file:PATH", "griddb://"] {
                assert!(error.reason.contains(store), "{error}");
            }
            assert_eq!(error.reason.contains("feature"), cfg!(not(feature = "griddb")), "{error}");
            assert!(!error.to_string().contains("::"), "{error}");
        }
    }
}
