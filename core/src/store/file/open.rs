//! Opening a store.

use std::fs::{self, OpenOptions};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};

use redb::backends::FileBackend;
use redb::{Database, StorageBackend};

use super::base::Base;
use super::cache::OwnedKey;
use super::database_file::DatabaseFile;
use super::deferred_writes::DeferredWrites;
use super::identify::{Found, Header};
use super::layout::{decode, key_of};
use super::log::{Files, Log, Recovered, Storage};
use super::queue::{Before, Write};
use crate::store::OpenError;

/// An open store.
pub(super) struct Opened {
    pub(super) base: Base,
    pub(super) log: Log,
    /// What the log has and the database does not.
    pub(super) recovered: Recovered<Write>,
}

impl DatabaseFile {
    /// Opens the file, and creates it first if it does not exist.
    pub(super) fn open_or_create(&self) -> Result<Opened, OpenError> {
        // A symbolic link that points nowhere counts as existing, so that opening it is an error.
        if let Err(error) = fs::symlink_metadata(&self.path)
            && error.kind() == io::ErrorKind::NotFound
        {
            self.create()?;
        }
        self.open()
    }

    /// Opens the file, which must exist. A file that is damaged or not a store is not changed.
    pub(super) fn open(&self) -> Result<Opened, OpenError> {
        let metadata = fs::metadata(&self.path).map_err(|error| self.io_error("cannot be opened", error))?;
        if !metadata.is_file() {
            return Err(self.error("it is not a file"));
        }
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .open(&self.path)
            .map_err(|error| self.io_error("cannot be opened", error))?;
        let file = DeferredWrites::new(FileBackend::new(file).map_err(|error| self.database_error(error))?);
        let (database, found) = self.open_and_identify(&file)?;
        let release = || file.release().map_err(|error| self.io_error("cannot be written", error));
        let header = match found {
            Found::Store(header) => header,
            Found::Nothing => {
                release()?;
                self.set_up(&database)?
            }
        };
        let files = Files::beside(&self.path);
        if header.new {
            self.set_aside_other_logs(&files, &header)?;
        }
        let (mut log, recovered) = self.read_log(Box::new(files), &header)?;
        release()?;
        log.open().map_err(|error| self.error(error.to_string()).with_source(error))?;
        Ok(Opened { base: self.base(database)?, log, recovered })
    }

    /// Opens or creates a store that is not in files.
    #[cfg(test)]
    pub(super) fn open_on(
        &self,
        backend: impl StorageBackend,
        log: Box<dyn Storage>,
    ) -> Result<Opened, OpenError> {
        let file = DeferredWrites::new(backend);
        let (database, found) = self.open_and_identify(&file)?;
        file.release().map_err(|error| self.io_error("cannot be written", error))?;
        let header = match found {
            Found::Store(header) => header,
            Found::Nothing => self.set_up(&database)?,
        };
        let (mut log, recovered) = self.read_log(log, &header)?;
        log.open().map_err(|error| self.error(error.to_string()))?;
        Ok(Opened { base: self.base(database)?, log, recovered })
    }

    fn open_and_identify<B: StorageBackend>(
        &self,
        file: &DeferredWrites<B>,
    ) -> Result<(Database, Found), OpenError> {
        // redb panics on some kinds of damage.
        let opened = catch_unwind(AssertUnwindSafe(|| {
            let database = self.open_backend(file.clone())?;
            let found = self.identify(&database, file.found())?;
            Ok((database, found))
        }));
        // What the start of the file says is clearer than redb's error.
        if let Some(start) = file.found() {
            self.check_start(start)?;
        }
        opened.unwrap_or_else(|_| Err(self.damaged("it cannot be read")))
    }

    /// Prepares the database for reading.
    fn base(&self, database: Database) -> Result<Base, OpenError> {
        let base = catch_unwind(AssertUnwindSafe(|| Base::new(database)));
        match base {
            Ok(base) => base.map_err(|error| self.damaged(error)),
            Err(_) => Err(self.damaged("it cannot be read")),
        }
    }

    fn read_log(
        &self,
        storage: Box<dyn Storage>,
        header: &Header,
    ) -> Result<(Log, Recovered<Write>), OpenError> {
        Log::read(storage, header.store, header.applied, recovered_write)
            .map_err(|error| self.error(error.to_string()).with_source(error))
    }

    /// Renames the log of a store that was deleted or moved away without it: the writes in it may be wanted, but not in
    /// this store.
    fn set_aside_other_logs(&self, files: &Files, header: &Header) -> Result<(), OpenError> {
        let suffix = format!(".{:016x}.old", self.random::<8>().map(u64::from_be_bytes)?);
        let renamed = Log::set_aside_others(files, &header.store, &suffix)
            .map_err(|error| self.error(error.to_string()).with_source(error))?;
        for log in renamed {
            tracing::warn!(log, suffix, "renamed the log of another store, which was beside this new one");
        }
        Ok(())
    }
}

/// The write that a record of the log stands for.
fn recovered_write(table_key: &[u8], value: Option<&[u8]>) -> Option<Write> {
    let (kind, id) = key_of(table_key).ok()?;
    let after = match value {
        Some(value) => Some(decode(table_key, value).ok()?.into()),
        None => None,
    };
    Some(Write {
        key: OwnedKey { kind, id: id.into() },
        table_key: table_key.to_owned(),
        before: Before::Unknown,
        after,
    })
}
