use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use super::file::FileStore;
use super::memory::MemoryStore;
use super::{Backend, Change, Key, OpenError, Record, Row, StoreError, Updated};

/// What can be opened.
#[cfg(feature = "griddb")]
const STORES: &str = "memory:, file:PATH or griddb://USER:PASSWORD@HOST:PORT/CLUSTER";
#[cfg(not(feature = "griddb"))]
const STORES: &str = "memory: or file:PATH, or griddb:// with the feature griddb";

/// The store that a server keeps everything in. A cheap handle: clones share one store.
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
pub struct Store(Arc<dyn Backend>);

impl Store {
    /// Opens the store that `url` names:
    ///
    /// * `memory:` keeps nothing beyond the process: for tests and for a first try;
    /// * `file:PATH` is one durable file, made where there is none, owned by one process at a time, with the options of
    ///   `file::FileOptions` as in `file:auth.db?wait=30s`;
    /// * `griddb://USER:PASSWORD@HOST:PORT/CLUSTER` is a GridDB database, with the options of the `griddb` module.
    ///
    /// # Errors
    /// [`OpenError`] where the URL is not one of these, or what it names cannot be opened.
    pub async fn open(url: &str) -> Result<Self, OpenError> {
        if url == "memory:" {
            return Ok(Self::memory());
        }
        if let Some(rest) = url.strip_prefix("file:") {
            return Ok(Self::new(FileStore::open_url(rest).await?));
        }
        #[cfg(feature = "griddb")]
        if url.starts_with("griddb://") {
            return Ok(Self::new(super::griddb::GriddbStore::open(url).await?));
        }
        let scheme = url.split_once(':').map_or("", |(scheme, _)| scheme);
        Err(OpenError::bad_url(format!("{scheme}:"), format!("not a store: use {STORES}")))
    }

    /// A store that keeps nothing beyond the process.
    pub fn memory() -> Self {
        Self::new(MemoryStore::new())
    }

    /// A store on a backend of one's own.
    pub fn new(backend: impl Backend) -> Self {
        Self(Arc::new(backend))
    }

    /// Reads the record with `id`.
    ///
    /// # Errors
    /// [`StoreError`] where the store fails or the row is not an `R`.
    pub async fn read<R: Record>(&self, id: &str) -> Result<Option<Arc<R>>, StoreError> {
        match self.0.get(Key::new(R::KIND, id)).await? {
            Some(row) => Ok(Some(row.decoded::<R>()?)),
            None => Ok(None),
        }
    }

    /// Reads the record with `id`, decides, and writes, as one. Returns what `decide` made of it with what was done, or
    /// `None` where there is no such record.
    ///
    /// # Errors
    /// [`StoreError`] where the store fails or the row is not an `R`.
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
        let updated = self.0.update(Key::new(R::KIND, id), &mut on_row).await?;
        match (updated, outcome) {
            (Updated::Missing, _) | (_, None) => Ok(None),
            (updated, Some(value)) => Ok(Some((updated, value?))),
        }
    }
}

impl Deref for Store {
    type Target = dyn Backend;

    fn deref(&self) -> &Self::Target {
        &*self.0
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
    async fn what_is_no_store_is_told_what_is_one() {
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
