//! Opening and making the file.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use redb::backends::FileBackend;
use redb::{
    Database, DatabaseError, ReadableDatabase, ReadableTableMetadata, StorageBackend, StorageError,
    TableError,
};
use uuid::Uuid;

use super::base::Base;
use super::deferred_writes::DeferredWrites;
use super::journal::{Journal, LogError, LogFile, Media, Medium, Recovered, StoreId, recover};
use super::layout::{APPLIED, BY_CLIENT, BY_EXPIRY, BY_USER, FORMAT, ROWS, SETTINGS, STORE};
use super::queue::Write;
use crate::env::{Entropy, SystemEntropy};
use crate::store::OpenError;

/// Where the file is, and how it is opened.
#[derive(Clone)]
pub(super) struct Place {
    pub(super) path: PathBuf,
    /// The most memory that the database keeps pages in.
    pub(super) page_cache_bytes: usize,
}

/// A store that is open.
pub(super) struct Opened {
    pub(super) base: Base,
    /// Goes on with the logs.
    pub(super) journal: Journal,
    /// What the logs have and the database has not.
    pub(super) recovered: Vec<Write>,
    /// The log that is to be written has some of that.
    pub(super) wait: bool,
}

impl Opened {
    /// Goes on with a store whose logs are `media`, so long, and have `recovered`.
    pub(super) fn new(
        base: Base,
        head: &Head,
        recovered: Recovered,
        media: Media,
        lengths: [u64; 2],
    ) -> Self {
        let journal = Journal::new(media, lengths, head.store, recovered.generation + 1);
        Self { base, journal, recovered: recovered.writes, wait: recovered.generations == 2 }
    }
}

/// What a database has in it.
enum Found {
    /// A store of ours.
    Ours(Head),
    /// Nothing at all: the making of a store was cut short, or an empty file was put there for one.
    Nothing,
}

/// What a store's database says about its logs.
pub(super) struct Head {
    store: StoreId,
    applied: u64,
    /// No row was ever written.
    new: bool,
}

/// What every redb file begins with.
const MAGIC: [u8; 9] = *b"redb\x1A\x0A\xA9\x0D\x0A";

/// How much of a file's head tells its length.
const HEAD: usize = 32;

/// The least length that a redb file with this head has (redb's design, "Header"): the page of the head itself, then
/// regions, each with pages of its own head. The database makes a file longer before its head says so, and shorter
/// only after; what is shorter than its head says was cut, though all that is in use may happen to be left.
fn expected_length(head: &[u8]) -> Option<u64> {
    let number = |at: usize| Some(u64::from(u32::from_le_bytes(head.get(at..at + 4)?.try_into().ok()?)));
    let (page, region_head, region_data) = (number(12)?, number(16)?, number(20)?);
    let (full_regions, trailing_data) = (number(24)?, number(28)?);
    let trailing = if trailing_data > 0 { region_head + trailing_data } else { 0 };
    let pages = full_regions.checked_mul(region_head + region_data)?.checked_add(trailing)?.checked_add(1)?;
    pages.checked_mul(page)
}

impl Place {
    /// Opens the file, which is made where there is none.
    pub(super) fn open_or_create(&self) -> Result<Opened, OpenError> {
        // Follows a link, so that one to nowhere is an error and not replaced.
        if let Err(error) = fs::symlink_metadata(&self.path)
            && error.kind() == io::ErrorKind::NotFound
        {
            self.create()?;
        }
        self.open()
    }

    /// Opens the file, which must be there. One that is not a store, or is damaged, is left byte for byte as it is.
    pub(super) fn open(&self) -> Result<Opened, OpenError> {
        let metadata = fs::metadata(&self.path).map_err(|error| self.io_error("cannot be opened", error))?;
        if !metadata.is_file() {
            return Err(self.error("it is not a file"));
        }
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .open(&self.path)
            .map_err(|error| self.io_error("cannot be opened", error))?;
        if metadata.len() > 0 {
            let mut start = Vec::with_capacity(HEAD);
            (&mut file)
                .take(HEAD as u64)
                .read_to_end(&mut start)
                .map_err(|error| self.io_error("cannot be read", error))?;
            if !start.starts_with(&MAGIC) {
                return Err(self.foreign());
            }
            if expected_length(&start).is_none_or(|expected| metadata.len() < expected) {
                return Err(self.damaged("its end is missing"));
            }
        }

        let held = DeferredWrites::new(FileBackend::new(file).map_err(|error| self.database_error(error))?);
        let (database, found) = self.open_found(held.clone())?;
        let release = || held.release().map_err(|error| self.io_error("cannot be written", error));
        let head = match found {
            Found::Ours(head) => head,
            Found::Nothing => {
                release()?;
                self.set_up(&database)?
            }
        };
        let recovered = self.read_logs(&head)?;
        release()?;
        let (media, lengths) = self.open_logs(!recovered.writes.is_empty())?;
        let base = self.base(database)?;
        Ok(Opened::new(base, &head, recovered, media, lengths))
    }

    /// Opens what is not in files, or makes it there.
    #[cfg(test)]
    pub(super) fn open_on(
        &self,
        backend: impl StorageBackend,
        logs: &[Vec<u8>; 2],
        media: Media,
    ) -> Result<Opened, OpenError> {
        let (database, found) = self.open_found(backend)?;
        let head = match found {
            Found::Ours(head) => head,
            Found::Nothing => self.set_up(&database)?,
        };
        let recovered = recover(logs, &head.store, head.applied)
            .map_err(|(number, error)| self.log_error(number, &error.to_string()))?;
        let lengths = [logs[0].len() as u64, logs[1].len() as u64];
        let base = self.base(database)?;
        Ok(Opened::new(base, &head, recovered, media, lengths))
    }

    /// Opens the database in `backend` and looks what it is.
    fn open_found(&self, backend: impl StorageBackend) -> Result<(Database, Found), OpenError> {
        // The database panics at some kinds of damage.
        let opened = catch_unwind(AssertUnwindSafe(|| {
            let database = self.open_backend(backend)?;
            let found = self.look(&database)?;
            Ok((database, found))
        }));
        opened.unwrap_or_else(|_| Err(self.damaged("it cannot be read")))
    }

    /// Makes the database ready to be read.
    fn base(&self, database: Database) -> Result<Base, OpenError> {
        let base = catch_unwind(AssertUnwindSafe(|| Base::new(database)));
        match base {
            Ok(base) => base.map_err(|error| self.damaged(error)),
            Err(_) => Err(self.damaged("it cannot be read")),
        }
    }

    /// Where the first or the second log is.
    fn log(&self, number: usize) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        name.push([".log1", ".log2"][number]);
        PathBuf::from(name)
    }

    /// Reads what the logs have and the database has not.
    fn read_logs(&self, head: &Head) -> Result<Recovered, OpenError> {
        let read = |number| match fs::read(self.log(number)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            read => read.map_err(|error| self.log_error(number, &format!("cannot be read: {error}"))),
        };
        let mut logs = [read(0)?, read(1)?];
        loop {
            match recover(&logs, &head.store, head.applied) {
                Ok(recovered) => return Ok(recovered),
                // Its store was taken away without it. What it has may be wanted, but not here.
                Err((number, LogError::OtherStore)) if head.new => {
                    self.set_aside(number)?;
                    logs[number].clear();
                }
                Err((number, error)) => return Err(self.log_error(number, &error.to_string())),
            }
        }
    }

    /// Gives a log another name.
    fn set_aside(&self, number: usize) -> Result<(), OpenError> {
        let mut aside = self.log(number).into_os_string();
        aside.push(format!(".{:016x}.old", self.random::<8>().map(u64::from_be_bytes)?));
        fs::rename(self.log(number), &aside)
            .map_err(|error| self.log_error(number, &format!("cannot be renamed: {error}")))?;
        let aside = Path::new(&aside).display();
        tracing::warn!(renamed = %aside, "there was a log of another store where this store's will be");
        Ok(())
    }

    /// Opens the logs, which are made where they are missing. What is in them is made durable where it is still needed:
    /// the process before this one may have ended before it was.
    fn open_logs(&self, needed: bool) -> Result<(Media, [u64; 2]), OpenError> {
        let open = |number| -> io::Result<(Box<dyn Medium>, u64, bool)> {
            let path = self.log(number);
            let made = !path.exists();
            let mut options = OpenOptions::new();
            options.read(true).write(true).create(true);
            #[cfg(unix)]
            std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
            let file = options.open(&path)?;
            if needed {
                file.sync_data()?;
            }
            let length = file.metadata()?.len();
            Ok((Box::new(LogFile { file, path }), length, made))
        };
        let open = |number| {
            open(number).map_err(|error| self.log_error(number, &format!("cannot be opened: {error}")))
        };
        let ((first, length, made), (second, other_length, other_made)) = (open(0)?, open(1)?);
        if made || other_made {
            self.sync_directory();
        }
        Ok(([first, second], [length, other_length]))
    }

    fn log_error(&self, number: usize, reason: &str) -> OpenError {
        self.error(format!("its log {}, which is left as it is: {reason}", self.log(number).display()))
    }

    /// Makes names as durable as what is in the files, where a directory can be synced.
    fn sync_directory(&self) {
        let directory = self.path.parent().filter(|parent| !parent.as_os_str().is_empty());
        if let Ok(directory) = File::open(directory.unwrap_or(Path::new("."))) {
            let _ = directory.sync_all();
        }
    }

    fn random<const N: usize>(&self) -> Result<[u8; N], OpenError> {
        let mut bytes = [0; N];
        SystemEntropy.fill(&mut bytes).map_err(|error| self.error(error.to_string()))?;
        Ok(bytes)
    }

    /// Opens the database that `backend` holds, or makes one there if it is empty.
    pub(super) fn open_backend(&self, backend: impl StorageBackend) -> Result<Database, OpenError> {
        let path = self.path.clone();
        Database::builder()
            .set_cache_size(self.page_cache_bytes)
            .set_repair_callback(move |session| {
                if session.progress() == 0.0 {
                    tracing::warn!(file = %path.display(), "the store was not closed: checking all of it");
                }
            })
            .create_with_backend(backend)
            .map_err(|error| self.database_error(error))
    }

    /// Makes the file, whole or not at all: under another name first, so that whoever opens it, even after a crash,
    /// finds no half of a store. Where somebody else was faster, theirs stays.
    fn create(&self) -> Result<(), OpenError> {
        let cannot = |error: io::Error| match error.kind() {
            io::ErrorKind::NotFound => self.error("the directory that it should be in does not exist"),
            _ => self.io_error("cannot be created", error),
        };
        let mut name = self.path.clone().into_os_string();
        name.push(format!(".{:016x}.new", self.random::<8>().map(u64::from_be_bytes)?));
        let new = Unfinished(PathBuf::from(name));

        let mut options = OpenOptions::new();
        options.read(true).write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(&new.0).map_err(cannot)?;
        let database =
            self.open_backend(FileBackend::new(file).map_err(|error| self.database_error(error))?)?;
        self.set_up(&database)?;
        database.close().map_err(|error| self.database_error(error))?;

        match fs::hard_link(&new.0, &self.path) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(()),
            // A file system without links.
            Err(_) => fs::rename(&new.0, &self.path).map_err(cannot)?,
        }
        self.sync_directory();
        Ok(())
    }

    /// Makes an empty database a store.
    pub(super) fn set_up(&self, database: &Database) -> Result<Head, OpenError> {
        let store = self.random::<16>()?;
        let set_up = || -> Result<(), redb::Error> {
            let mut transaction = database.begin_write()?;
            transaction.set_quick_repair(true);
            {
                let mut settings = transaction.open_table(SETTINGS)?;
                settings.insert("application", APPLICATION)?;
                settings.insert("format", &*FORMAT.to_string())?;
                settings.insert(STORE, &*Uuid::from_bytes(store).simple().to_string())?;
                settings.insert(APPLIED, "0")?;
                transaction.open_table(ROWS)?;
                for index in [BY_USER, BY_CLIENT, BY_EXPIRY] {
                    transaction.open_table(index)?;
                }
            }
            Ok(transaction.commit()?)
        };
        set_up().map_err(|error| self.error(format!("cannot be set up: {error}")))?;
        Ok(Head { store, applied: 0, new: true })
    }

    /// Looks whether the database is a store that this version can read.
    fn look(&self, database: &Database) -> Result<Found, OpenError> {
        let storage = |error: StorageError| self.damaged(error);
        let transaction = database.begin_read().map_err(|error| self.damaged(error))?;
        let tables = transaction.list_tables().map_err(storage)?.count();
        let multimap_tables = transaction.list_multimap_tables().map_err(storage)?.count();
        if tables + multimap_tables == 0 {
            return Ok(Found::Nothing);
        }
        let settings = transaction.open_table(SETTINGS).map_err(|error| match error {
            TableError::Storage(error) => self.damaged(error),
            _ => self.foreign(),
        })?;
        let setting = |name: &str| -> Result<Option<String>, OpenError> {
            Ok(settings.get(name).map_err(storage)?.map(|value| value.value().to_owned()))
        };
        if setting("application")?.as_deref() != Some(APPLICATION) {
            return Err(self.foreign());
        }
        let format = setting("format")?.unwrap_or_default();
        match format.parse::<u32>() {
            Ok(FORMAT) => {}
            Ok(newer) if newer > FORMAT => {
                return Err(self.error(format!(
                    "it was written by a newer gridauth: its format is {newer}, and this one knows {FORMAT}"
                )));
            }
            _ => return Err(self.damaged("its settings name no format")),
        }
        let store = setting(STORE)?.and_then(|store| Uuid::try_parse(&store).ok());
        let store = store.ok_or_else(|| self.damaged("its settings do not name the store"))?.into_bytes();
        let applied = setting(APPLIED)?.and_then(|applied| applied.parse().ok());
        let applied =
            applied.ok_or_else(|| self.damaged("its settings do not say what it has of its log"))?;
        let rows = transaction.open_table(ROWS).map_err(|error| self.damaged(error))?;
        let new = applied == 0 && rows.is_empty().map_err(storage)?;
        for index in [BY_USER, BY_CLIENT, BY_EXPIRY] {
            transaction.open_table(index).map_err(|error| self.damaged(error))?;
        }
        Ok(Found::Ours(Head { store, applied, new }))
    }

    fn error(&self, reason: impl Into<String>) -> OpenError {
        OpenError::cannot_open(format!("file:{}", self.path.display()), reason)
    }

    fn foreign(&self) -> OpenError {
        self.error("it is not a gridauth store, and is left as it is")
    }

    fn damaged(&self, how: impl std::fmt::Display) -> OpenError {
        self.error(format!("it is damaged, and is left as it is: {how}"))
    }

    fn io_error(&self, what: &str, error: io::Error) -> OpenError {
        self.error(format!("{what}: {error}")).with_source(error)
    }

    fn database_error(&self, error: DatabaseError) -> OpenError {
        match error {
            DatabaseError::DatabaseAlreadyOpen | DatabaseError::LockProtocolMismatch => {
                self.error("it is in use by another process").with_source(error)
            }
            DatabaseError::UpgradeRequired(_) => self.foreign(),
            DatabaseError::Storage(StorageError::Io(error)) => self.io_error("cannot be read", error),
            error => self.damaged(error),
        }
    }
}

/// What the setting `application` says.
const APPLICATION: &str = "gridauth";

/// A file that goes away unless it got its name.
struct Unfinished(PathBuf);

impl Drop for Unfinished {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}
