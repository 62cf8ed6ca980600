//! Copies everything from one store to another: a move to another database, or a way back.

use std::fmt;
use std::sync::Arc;

use tokio::task::JoinSet;

use super::{By, Entry, Key, Kind, Query, Row, Store, StoreError};
use crate::env::Timestamp;

/// The row in the target that says that a copy is not finished.
const UNFINISHED: Key<'static> = Key::new(Kind::Setting, "copy");

/// How many rows are written at the same time.
const AT_ONCE: usize = 32;

/// How many rows of the source are read at a time.
const PAGE: usize = 500;

/// After this many rounds in which something was left to do, the source is not going to hold still.
const MOST_ROUNDS: u32 = 8;

/// How [`Store::copy_with`] copies.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// use gridauth::Store;
/// use gridauth::store::CopyOptions;
///
/// let (from, to) = (Store::memory(), Store::memory());
/// let options = CopyOptions::new().on_progress(|progress| println!("{progress}"));
/// let report = from.copy_with(&to, options).await?;
/// assert_eq!(report.rows, 0);
/// # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
/// ```
#[derive(Clone, Default)]
pub struct CopyOptions {
    overwrites: bool,
    progress: Option<Arc<OnProgress>>,
}

type OnProgress = dyn Fn(&CopyProgress) + Send + Sync;

impl CopyOptions {
    /// Copies to a store that is empty, or that a copy of this kind was interrupted on.
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes the target equal to the source whatever it has: **rows that the source lacks are removed from it**. It brings a copy up to
    /// date, or a store back to what another one has.
    #[must_use]
    pub fn overwrite(mut self, yes: bool) -> Self {
        self.overwrites = yes;
        self
    }

    /// Calls `progress` after each page of rows.
    #[must_use]
    pub fn on_progress(mut self, progress: impl Fn(&CopyProgress) + Send + Sync + 'static) -> Self {
        self.progress = Some(Arc::new(progress));
        self
    }
}

impl fmt::Debug for CopyOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CopyOptions").field("overwrites", &self.overwrites).finish_non_exhaustive()
    }
}

/// How far a copy is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CopyProgress {
    /// The round. The first copies, the second compares; further ones follow a source that changes.
    pub round: u32,
    /// The kind of rows that is being copied.
    pub kind: Kind,
    /// The rows that were read in this round.
    pub rows: u64,
    /// The rows that were written in this round.
    pub written: u64,
}

impl fmt::Display for CopyProgress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { round, kind, rows, written } = self;
        write!(f, "round {round}, {}: {rows} rows read, {written} written", kind.name())
    }
}

/// What a copy did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CopyReport {
    /// The rows of the source, which the target has too.
    pub rows: u64,
    /// The rows that were written to the target, in all rounds.
    pub written: u64,
    /// The rows that were removed from the target because the source does not have them.
    pub removed: u64,
    /// The rounds. In the last one every row was compared, and nothing was different.
    pub rounds: u32,
}

/// Why a store was not copied. Another call continues.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CopyError {
    /// The target has rows, and no copy was interrupted on it.
    #[error(
        "the target is not empty, it has {} rows: choose an empty store, or overwrite it, which removes what the source lacks",
        kind.name()
    )]
    NotEmpty {
        /// A kind of rows that it has.
        kind: Kind,
    },
    /// The source is a copy that is not finished.
    #[error("the source is a copy that is not finished: finish that one first")]
    SourceUnfinished,
    /// A row of the source could not be read.
    #[error("the source: {0}")]
    Source(#[source] StoreError),
    /// A row could not be written to the target, or not be read there.
    #[error("the target: {kind} {id:?}: {error}", kind = kind.name())]
    Target {
        /// The kind of the row.
        kind: Kind,
        /// The id of the row; empty where it is about several rows.
        id: String,
        /// What failed.
        #[source]
        error: StoreError,
    },
    /// The source was changed in each round.
    #[error("the source keeps changing: stop what writes to it, and copy again")]
    Changing,
}

impl Store {
    /// Copies all rows to another store, which is empty, and compares them. All tokens, sessions and passwords stay valid there.
    ///
    /// It can be repeated after a failure: what has arrived is not written again. If the source changes meanwhile, further rounds copy
    /// what changed, until one finds no difference. Stop the application before the last copy all the same: what it writes after that
    /// is not copied.
    ///
    /// The signing keys are copied as they are sealed, so the server on the other store needs the same secret
    /// ([`Builder::secret`](crate::Builder::secret)).
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
    /// # let folder = tempfile::tempdir()?;
    /// # std::env::set_current_dir(folder.path())?;
    /// use gridauth::Store;
    ///
    /// let (old, new) = (Store::open("memory:").await?, Store::open("file:new.db").await?);
    /// let report = old.copy_to(&new).await?;
    /// println!("{} rows copied and compared", report.rows);
    /// # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
    /// ```
    ///
    /// # Errors
    /// [`CopyError`] says why it is not finished.
    pub async fn copy_to(&self, other: &Store) -> Result<CopyReport, CopyError> {
        self.copy_with(other, CopyOptions::new()).await
    }

    /// Copies all rows to another store, as [`copy_to`](Self::copy_to) does, with options.
    ///
    /// # Errors
    /// [`CopyError`] says why it is not finished.
    pub async fn copy_with(&self, other: &Store, options: CopyOptions) -> Result<CopyReport, CopyError> {
        if self.get(UNFINISHED).await.map_err(CopyError::Source)?.is_some() {
            return Err(CopyError::SourceUnfinished);
        }
        let is_continued = other.get(UNFINISHED).await.map_err(of_target(UNFINISHED))?.is_some();
        let mut is_fresh = !is_continued && !options.overwrites;
        if is_fresh {
            refuse_rows(other).await?;
        }
        let row = Row::new(Timestamp::from_millis(0), "{}");
        other.put(UNFINISHED, row).await.map_err(of_target(UNFINISHED))?;
        let mut report = CopyReport::default();
        for round in 1..=MOST_ROUNDS {
            let before = (report.written, report.removed);
            report.rounds = round;
            report.rows = 0;
            for kind in Kind::ALL {
                let mut copying = Copying { from: self, to: other, kind, round, is_fresh, options: &options };
                copying.write(&mut report).await?;
                copying.remove(&mut report).await?;
            }
            is_fresh = false;
            // A round that found no difference has compared all rows.
            if (report.written, report.removed) == before {
                finish(other).await.map_err(of_target(UNFINISHED))?;
                return Ok(report);
            }
        }
        Err(CopyError::Changing)
    }
}

/// One kind of rows in one round.
struct Copying<'c> {
    from: &'c Store,
    to: &'c Store,
    kind: Kind,
    round: u32,
    /// Nothing of the source is expected in the target.
    is_fresh: bool,
    options: &'c CopyOptions,
}

impl Copying<'_> {
    /// Writes the rows that the target lacks or has in another version.
    async fn write(&mut self, report: &mut CopyReport) -> Result<(), CopyError> {
        let (mut rows, mut written) = (0, 0);
        let mut query = Query::new(self.kind, By::Any).limit(PAGE);
        loop {
            let page = self.from.list(query.clone()).await.map_err(CopyError::Source)?;
            rows += page.entries.len() as u64;
            written += self.write_all(page.entries).await?;
            if let Some(progress) = &self.options.progress {
                progress(&CopyProgress { round: self.round, kind: self.kind, rows, written });
            }
            match page.next {
                Some(next) => query = query.after(next),
                None => break,
            }
        }
        report.rows += rows;
        report.written += written;
        Ok(())
    }

    async fn write_all(&self, entries: Vec<Entry>) -> Result<u64, CopyError> {
        let each = entries.len().div_ceil(AT_ONCE).max(1);
        let (kind, is_fresh) = (self.kind, self.is_fresh);
        let mut entries = entries.into_iter().peekable();
        let mut tasks = JoinSet::new();
        while entries.peek().is_some() {
            let (to, some): (Store, Vec<Entry>) = (self.to.clone(), entries.by_ref().take(each).collect());
            tasks.spawn(async move {
                let mut written = 0;
                for Entry { id, row } in some {
                    let key = Key::new(kind, &id);
                    written += u64::from(write_one(&to, key, &row, is_fresh).await.map_err(of_target(key))?);
                }
                Ok::<_, CopyError>(written)
            });
        }
        let mut written = 0;
        while let Some(done) = tasks.join_next().await {
            let failed = |_| StoreError::internal("a task that wrote rows ended early");
            written += done.map_err(failed).map_err(of_target(Key::new(kind, "")))??;
        }
        Ok(written)
    }

    /// Removes the rows that the source does not have: what was removed there must not come back to life here.
    async fn remove(&mut self, report: &mut CopyReport) -> Result<(), CopyError> {
        if self.is_fresh {
            return Ok(());
        }
        let mut query = Query::new(self.kind, By::Any).limit(PAGE);
        loop {
            let page = self.to.list(query.clone()).await.map_err(of_target(Key::new(self.kind, "")))?;
            for Entry { id, .. } in page.entries {
                let key = Key::new(self.kind, &id);
                if key == UNFINISHED || self.from.get(key).await.map_err(CopyError::Source)?.is_some() {
                    continue;
                }
                report.removed += u64::from(self.to.remove(key).await.map_err(of_target(key))?);
            }
            match page.next {
                Some(next) => query = query.after(next),
                None => return Ok(()),
            }
        }
    }
}

/// Writes a row unless it is there. Returns whether it was written.
async fn write_one(to: &Store, key: Key<'_>, row: &Row, is_fresh: bool) -> Result<bool, StoreError> {
    if is_fresh && to.insert(key, row.clone()).await? {
        return Ok(true);
    }
    if to.get(key).await?.is_some_and(|own| *own == *row) {
        return Ok(false);
    }
    to.put(key, row.clone()).await?;
    Ok(true)
}

/// Takes the mark away. If the answer is lost, the mark says by itself whether it is there.
async fn finish(to: &Store) -> Result<(), StoreError> {
    match to.remove(UNFINISHED).await {
        Ok(_) => Ok(()),
        Err(error) => match to.get(UNFINISHED).await {
            Ok(None) => Ok(()),
            _ => Err(error),
        },
    }
}

/// Refuses a target that has rows.
async fn refuse_rows(to: &Store) -> Result<(), CopyError> {
    for kind in Kind::ALL {
        let mut query = Query::new(kind, By::Any).limit(1);
        loop {
            let page = to.list(query.clone()).await.map_err(of_target(Key::new(kind, "")))?;
            if !page.entries.is_empty() {
                return Err(CopyError::NotEmpty { kind });
            }
            match page.next {
                Some(next) => query = query.after(next),
                None => break,
            }
        }
    }
    Ok(())
}

fn of_target(key: Key<'_>) -> impl FnOnce(StoreError) -> CopyError {
    let (kind, id) = (key.kind, key.id.to_owned());
    move |error| CopyError::Target { kind, id, error }
}
