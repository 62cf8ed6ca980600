//! Listings for operators, page by page.

use super::GridAuth;
use crate::store::{By, Cursor, Query, Record, StoreError};

/// Which page of a listing to read.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// use gridauth::{GridAuth, ListOptions, Store};
///
/// # let auth = GridAuth::builder("https://id.example.com").store(Store::memory()).build().await?;
/// let mut options = ListOptions::new().limit(50);
/// loop {
///     let page = auth.clients(options.clone()).await?;
///     for client in &page.items {
///         println!("{}", client.id());
///     }
///     match page.next {
///         Some(next) => options = options.after(next),
///         None => break,
///     }
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
/// ```
#[derive(Clone, Debug)]
pub struct ListOptions {
    limit: usize,
    after: Option<Cursor>,
}

impl ListOptions {
    /// The most items that a page can have.
    pub const MAX_LIMIT: usize = 1000;

    /// The first page, with at most 100 items.
    pub fn new() -> Self {
        Self { limit: 100, after: None }
    }

    /// Sets the maximum number of items: 1 to [`MAX_LIMIT`](Self::MAX_LIMIT). A page may have fewer even if more follow.
    #[must_use]
    pub fn limit(mut self, limit: usize) -> Self {
        self.limit = limit.clamp(1, Self::MAX_LIMIT);
        self
    }

    /// Continues where a page ended: [`Listing::next`].
    #[must_use]
    pub fn after(mut self, cursor: Cursor) -> Self {
        self.after = Some(cursor);
        self
    }
}

impl Default for ListOptions {
    fn default() -> Self {
        Self::new()
    }
}

/// A page of a listing.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Listing<T> {
    /// The items, in an order that the store chooses.
    pub items: Vec<T>,
    /// The ids of rows that cannot be decoded. They are damaged, or a newer version wrote them.
    pub unreadable: Vec<String>,
    /// Where the next page begins; `None` on the last page. An empty page need not be the last.
    pub next: Option<Cursor>,
}

impl GridAuth {
    /// A page of the rows of a kind, each as what `item` makes of it.
    pub(super) async fn listing<R: Record, T>(
        &self,
        by: By<'_>,
        options: ListOptions,
        item: impl Fn(&R) -> Option<T>,
    ) -> Result<Listing<T>, StoreError> {
        let query = Query { kind: R::KIND, by, after: options.after, limit: options.limit };
        let page = self.0.engine.store.list(query).await?;
        let (mut items, mut unreadable) = (Vec::new(), Vec::new());
        for entry in page.entries {
            match entry.row.decoded::<R>() {
                Ok(record) => items.extend(item(&record)),
                Err(_) => unreadable.push(entry.id),
            }
        }
        Ok(Listing { items, unreadable, next: page.next })
    }
}
