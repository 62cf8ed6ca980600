//! Opening a store.

use std::fs::{self, OpenOptions};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;
use std::time::Duration;

use redb::{Database, DatabaseError, StorageBackend};

use super::base::Base;
use super::cache::OwnedKey;
use super::database_file::DatabaseFile;
use super::deferred_writes::DeferredWrites;
use super::identify::Found;
use super::layout::{decode, key_of};
use super::locked_file::LockedFile;
use super::log::{Checkpoint, Files, Log, LogError, LogState, Owner, Recovered, Storage};
use super::open_files::{FileId, Holder, OpenFile};
use super::queue::{Before, Write};
use super::transaction::record_log_state;
use crate::store::OpenError;

/// An open store.
pub(super) struct Opened {
    pub(super) base: Base,
    pub(super) log: Log,
    /// What the log has and the database does not.
    pub(super) recovered: Recovered<Write>,
    /// The checkpoint that the database has reached.
    pub(super) applied: Checkpoint,
    pub(super) reopen: Reopen,
}

/// Opens the database again after an error. The one before must be closed.
pub(super) type Reopen = Box<dyn Fn() -> Result<(Base, Owner), OpenError> + Send>;

/// Why the file is not open.
enum NotOpened {
    InUse(Option<Holder>),
    /// Another file took its place while it was opened.
    Replaced,
    Failed(OpenError),
}

impl From<OpenError> for NotOpened {
    fn from(error: OpenError) -> Self {
        Self::Failed(error)
    }
}

/// How often a file that is in use is tried again.
const POLL: Duration = Duration::from_millis(20);

impl DatabaseFile {
    /// Opens the file, and creates it first if it does not exist. Waits for another process to close it, but not once
    /// `given_up` is true.
    pub(super) fn open_or_create(&self, given_up: impl Fn() -> bool) -> Result<Opened, OpenError> {
        let mut waited = Duration::ZERO;
        loop {
            // A symbolic link that points nowhere counts as existing, so that opening it is an error.
            if let Err(error) = fs::symlink_metadata(&self.path)
                && error.kind() == io::ErrorKind::NotFound
            {
                self.create()?;
            }
            let holder = match self.open() {
                Ok(opened) => return Ok(opened),
                Err(NotOpened::Failed(error)) => return Err(error),
                Err(NotOpened::InUse(holder)) => holder.unwrap_or(Holder::Unknown),
                Err(NotOpened::Replaced) => continue,
            };
            // Waiting for this process itself would rarely help.
            if waited >= self.wait || given_up() || matches!(holder, Holder::ThisProcess) {
                return Err(self.in_use(&holder));
            }
            if waited.is_zero() {
                tracing::info!(file = %self.path.display(), wait = ?self.wait, "waiting for the store's file: {holder}");
            }
            let pause = POLL.min(self.wait - waited);
            thread::sleep(pause);
            waited += pause;
        }
    }

    fn in_use(&self, holder: &Holder) -> OpenError {
        self.error(match holder {
            Holder::ThisProcess => holder.to_string(),
            _ if self.wait.is_zero() => format!("{holder}: only one process at a time can open a store"),
            _ => format!(
                "{holder}, which did not close it within {:?}: only one process at a time can open a store",
                self.wait
            ),
        })
    }

    /// Opens the file, which must exist. A file that is damaged or not a store is not changed.
    fn open(&self) -> Result<Opened, NotOpened> {
        let cannot = |error| self.io_error("it cannot be opened", error);
        // The log is found by the name of the file itself, whatever link it was opened by.
        let path = fs::canonicalize(&self.path).map_err(cannot)?;
        if !fs::metadata(&path).map_err(cannot)?.is_file() {
            return Err(self.error("it is not a file").into());
        }
        let file = OpenOptions::new().read(true).write(true).open(&path).map_err(cannot)?;
        let id = FileId::of(&file.metadata().map_err(cannot)?, &path);
        let locked = LockedFile::new(file).map_err(|error| self.database_error(error))?;
        let file = DeferredWrites::new(locked.clone());
        let found = match self.open_and_identify(&file) {
            Err(NotOpened::InUse(_)) => return Err(NotOpened::InUse(Some(Holder::of(&id)))),
            found => found?,
        };
        locked.register(OpenFile::register(id.clone()));
        // The process that had it open may have replaced it.
        if fs::metadata(&path).map_or(true, |metadata| FileId::of(&metadata, &path) != id) {
            return Err(NotOpened::Replaced);
        }
        Ok(self.open_found(found, &file, || Box::new(Files::beside(&path)))?)
    }

    /// Opens or creates a store that is not in files.
    #[cfg(test)]
    pub(super) fn open_on(
        &self,
        backend: impl StorageBackend + Clone,
        log: impl Fn() -> Box<dyn Storage>,
    ) -> Result<Opened, OpenError> {
        let file = DeferredWrites::new(backend);
        match self.open_and_identify(&file) {
            Ok(found) => self.open_found(found, &file, log),
            Err(NotOpened::Failed(error)) => Err(error),
            Err(NotOpened::InUse(_) | NotOpened::Replaced) => Err(self.error("it is in use")),
        }
    }

    /// Lets redb lock and open the file, and finds out what it is.
    fn open_and_identify<B: StorageBackend>(
        &self,
        file: &DeferredWrites<B>,
    ) -> Result<(Database, Found), NotOpened> {
        // redb panics on some kinds of damage.
        let opened = catch_unwind(AssertUnwindSafe(|| {
            let database = self.open_backend(file.clone()).map_err(|error| match error {
                DatabaseError::DatabaseAlreadyOpen | DatabaseError::LockProtocolMismatch => {
                    NotOpened::InUse(None)
                }
                error => self.database_error(error).into(),
            })?;
            let found = self.identify(&database, file.found())?;
            Ok((database, found))
        }));
        // What the start of the file says is clearer than redb's error.
        if let Some(start) = file.found() {
            self.check_start(start)?;
        }
        opened.unwrap_or_else(|_| Err(self.damaged("it cannot be read").into()))
    }

    /// Opens a store together with its log, or sets it up.
    fn open_found<B: StorageBackend + Clone>(
        &self,
        (database, found): (Database, Found),
        file: &DeferredWrites<B>,
        log: impl Fn() -> Box<dyn Storage>,
    ) -> Result<Opened, OpenError> {
        let (mut owner, new) = match found {
            Found::Store { owner, new } => (owner, new),
            Found::Nothing => {
                file.release().map_err(|error| self.io_error("it cannot be written", error))?;
                (self.set_up(&database)?, true)
            }
        };
        let base = self.base(database, file)?;
        let fresh = self.random::<16>()?;
        let read = |owner: &Owner| Log::read(log(), owner, fresh, recovered_write);
        let (mut log, recovered) = match read(&owner) {
            Ok(read) => {
                if self.accept_lost_log {
                    tracing::warn!("the log is in order; remove the option lost_log=accept");
                }
                read
            }
            // The log of a store that was deleted or moved away without it: its writes may be wanted, but not in this store.
            Err(error) if new && error.is_of_other_store() => {
                self.set_aside(&*log())?;
                read(&owner).map_err(|error| self.log_error(error))?
            }
            Err(error) => match owner.log {
                LogState::Open(lost) if self.accept_lost_log && !error.is_io() => {
                    tracing::error!(error = %error, "opening the store without its log: the writes in it are lost");
                    self.set_aside(&*log())?;
                    owner.log = LogState::Closed(lost);
                    record_log_state(&base, owner.log)
                        .map_err(|failure| self.error(failure.message().to_owned()))?;
                    read(&owner).map_err(|error| self.log_error(error))?
                }
                _ => return Err(self.log_error(error)),
            },
        };
        log.open().map_err(|error| self.log_error(error))?;
        Ok(Opened { base, log, recovered, applied: owner.applied, reopen: self.reopen(file.file().clone()) })
    }

    /// A function that opens the database in `backend` again, which was a store before.
    fn reopen<B: StorageBackend + Clone>(&self, backend: B) -> Reopen {
        let this = self.clone();
        Box::new(move || {
            let file = DeferredWrites::new(backend.clone());
            match this.open_and_identify(&file) {
                Ok((database, Found::Store { owner, .. })) => Ok((this.base(database, &file)?, owner)),
                Ok((_, Found::Nothing)) => Err(this.damaged("it has lost everything")),
                Err(NotOpened::Failed(error)) => Err(error),
                Err(NotOpened::InUse(_) | NotOpened::Replaced) => Err(this.error("it is in use")),
            }
        })
    }

    /// Prepares the database for reading.
    fn base<B: StorageBackend>(
        &self,
        database: Database,
        file: &DeferredWrites<B>,
    ) -> Result<Base, OpenError> {
        let base = catch_unwind(AssertUnwindSafe(|| Base::new(database, file)));
        match base {
            Ok(base) => base.map_err(|error| self.damaged(error)),
            Err(_) => Err(self.damaged("it cannot be read")),
        }
    }

    fn set_aside(&self, log: &dyn Storage) -> Result<(), OpenError> {
        let suffix = format!(".{:016x}.old", self.random::<8>().map(u64::from_be_bytes)?);
        for log in Log::set_aside(log, &suffix).map_err(|error| self.log_error(error))? {
            tracing::warn!(log, suffix, "renamed a log that is not part of this store");
        }
        Ok(())
    }

    fn log_error(&self, error: LogError) -> OpenError {
        self.error(error.to_string()).with_source(error)
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
