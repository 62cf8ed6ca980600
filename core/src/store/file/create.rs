//! Creating a store.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use redb::Database;
use redb::backends::FileBackend;
use uuid::Uuid;

use super::database_file::DatabaseFile;
use super::directory::sync_entry;
use super::layout::{
    APPLICATION, APPLIED, BY_CLIENT, BY_EXPIRY, BY_USER, FORMAT, LOG, ROWS, SETTINGS, STORE,
};
use super::log::{Checkpoint, LogState, Owner};
use crate::store::OpenError;

impl DatabaseFile {
    /// Creates the file completely or not at all: under another name first, so that whoever opens it, even after a crash,
    /// never finds part of a store. If another process creates it first, the file of that process stays.
    pub(super) fn create(&self) -> Result<(), OpenError> {
        self.create_by(|from, to| fs::hard_link(from, to))
    }

    /// Creates the file by `link`, which gives a file a second name.
    pub(super) fn create_by(
        &self,
        link: impl FnOnce(&Path, &Path) -> io::Result<()>,
    ) -> Result<(), OpenError> {
        let cannot = |error: io::Error| match error.kind() {
            io::ErrorKind::NotFound => self.error("its directory does not exist"),
            _ => self.io_error("it cannot be created", error),
        };
        let new = self.unfinished()?;

        let file = create_new(&new.0).map_err(cannot)?;
        let opened = FileBackend::new(file).and_then(|file| self.open_backend(file));
        let database = opened.map_err(|error| self.database_error(error))?;
        self.set_up(&database)?;
        database.close().map_err(|error| self.database_error(error))?;

        match link(&new.0, &self.path) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(()),
            // A file system without hard links. An empty file is set up when it is opened, under its lock.
            Err(_) => match create_new(&self.path) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(()),
                created => drop(created.map_err(cannot)?),
            },
        }
        sync_entry(&self.path).map_err(|error| self.io_error("its directory cannot be synced", error))
    }

    /// The name under which the file is made until it is complete.
    pub(super) fn unfinished(&self) -> Result<Unfinished, OpenError> {
        let mut name = self.path.clone().into_os_string();
        name.push(format!(".{:016x}.new", self.random::<8>().map(u64::from_be_bytes)?));
        Ok(Unfinished(PathBuf::from(name)))
    }

    /// Turns an empty database into a store.
    pub(super) fn set_up(&self, database: &Database) -> Result<Owner, OpenError> {
        let store = self.random::<16>()?;
        let set_up = || -> Result<(), redb::Error> {
            let mut transaction = database.begin_write()?;
            transaction.set_quick_repair(true);
            {
                let mut settings = transaction.open_table(SETTINGS)?;
                settings.insert("application", APPLICATION)?;
                settings.insert("format", &*FORMAT.to_string())?;
                settings.insert(STORE, &*Uuid::from_bytes(store).simple().to_string())?;
                settings.insert(APPLIED, &*Checkpoint::START.to_string())?;
                settings.insert(LOG, &*LogState::None.to_string())?;
                drop(settings);
                transaction.open_table(ROWS)?;
                for index in [BY_USER, BY_CLIENT, BY_EXPIRY] {
                    transaction.open_table(index)?;
                }
            }
            Ok(transaction.commit()?)
        };
        set_up().map_err(|error| self.error(format!("cannot be set up: {error}")))?;
        Ok(Owner { store, log: LogState::None, applied: Checkpoint::START })
    }
}

/// Creates a file that only its owner can read.
pub(super) fn create_new(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// A temporary file, removed on drop.
pub(super) struct Unfinished(PathBuf);

impl Unfinished {
    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}
