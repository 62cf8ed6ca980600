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
use super::log::{Checkpoint, Files, Log, LogError, LogState, Owner, Recovered, Storage, Unavailable};
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
    /// Somebody else has it.
    InUse(Holder),
    /// A store that was deleted, moved or replaced is still open, and this log is its own.
    LogInUse(String, Holder),
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
            let (log, holder) = match self.create_if_missing().and_then(|()| self.open()) {
                Ok(opened) => return Ok(opened),
                Err(NotOpened::Failed(error)) => return Err(error),
                Err(NotOpened::InUse(holder)) => (None, holder),
                Err(NotOpened::LogInUse(log, holder)) => (Some(log), holder),
                Err(NotOpened::Replaced) => continue,
            };
            // Waiting for this process itself would rarely help.
            if waited >= self.wait || given_up() || matches!(holder, Holder::ThisProcess) {
                return Err(self.in_use(log.as_deref(), &holder));
            }
            if waited.is_zero() {
                let file = log.unwrap_or_else(|| self.path.display().to_string());
                tracing::info!(file, wait = ?self.wait, "waiting for the store's file: {holder}");
            }
            let pause = POLL.min(self.wait - waited);
            thread::sleep(pause);
            waited += pause;
        }
    }

    /// Creates the file if it does not exist, unless a store that had its name is still open.
    fn create_if_missing(&self) -> Result<(), NotOpened> {
        // A symbolic link that points nowhere counts as existing, so that opening it is an error.
        match fs::symlink_metadata(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            _ => return Ok(()),
        }
        let mut log = Files::beside(&self.path, None);
        if let Err(Unavailable::InUse { file, holder }) = Log::claim(&mut log) {
            return Err(NotOpened::LogInUse(file, holder));
        }
        Ok(self.create()?)
    }

    /// `log` names the file if it is not the database.
    fn in_use(&self, log: Option<&str>, holder: &Holder) -> OpenError {
        let why = match log {
            None => "only one process at a time can open a store",
            Some(_) => "a store that was deleted, moved or replaced here is still open",
        };
        let what = log.map_or_else(String::new, |log| format!("its log {log} cannot be used: "));
        self.error(match holder {
            Holder::ThisProcess if log.is_some() => format!("{what}this process has it open: {why}"),
            Holder::ThisProcess => holder.to_string(),
            _ if self.wait.is_zero() => format!("{what}{holder}: {why}"),
            _ => format!("{what}{holder}, which did not close it within {:?}: {why}", self.wait),
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
            Err(NotOpened::InUse(_)) => return Err(NotOpened::InUse(Holder::of(&id))),
            found => found?,
        };
        locked.register(OpenFile::register(id.clone()));
        // The process that had it open may have replaced it.
        if fs::metadata(&path).map_or(true, |metadata| FileId::of(&metadata, &path) != id) {
            return Err(NotOpened::Replaced);
        }
        self.open_found(found, &file, || Box::new(Files::beside(&path, Some(id.clone()))))
    }

    /// Opens or creates a store that is not in files.
    #[cfg(test)]
    pub(super) fn open_on(
        &self,
        backend: impl StorageBackend + Clone,
        log: impl Fn() -> Box<dyn Storage>,
    ) -> Result<Opened, OpenError> {
        let file = DeferredWrites::new(backend);
        let opened = self.open_and_identify(&file).and_then(|found| self.open_found(found, &file, log));
        opened.map_err(|error| self.no_other_process(error))
    }

    /// The error for a file that nobody else can have.
    fn no_other_process(&self, error: NotOpened) -> OpenError {
        match error {
            NotOpened::Failed(error) => error,
            NotOpened::InUse(_) | NotOpened::LogInUse(..) | NotOpened::Replaced => self.error("it is in use"),
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
                    NotOpened::InUse(Holder::Unknown)
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
    ) -> Result<Opened, NotOpened> {
        let (mut owner, new) = match found {
            Found::Store { owner, new } => (owner, new),
            Found::Nothing => {
                file.release().map_err(|error| self.io_error("it cannot be written", error))?;
                (self.set_up(&database)?, true)
            }
        };
        let base = self.base(database, file)?;
        let fresh = self.random::<16>()?;
        let claimed = || -> Result<Box<dyn Storage>, NotOpened> {
            let mut log = log();
            match Log::claim(&mut *log) {
                Ok(()) => Ok(log),
                Err(Unavailable::InUse { file, holder }) => Err(NotOpened::LogInUse(file, holder)),
                Err(Unavailable::Failed(error)) => Err(self.log_error(error).into()),
            }
        };
        let read = |log, owner: &Owner| Log::read(log, owner, fresh, recovered_write);
        let (mut log, recovered) = match read(claimed()?, &owner) {
            Ok(read) => {
                if self.accept_lost_log {
                    tracing::warn!("the log is in order; remove the option lost_log=accept");
                }
                read
            }
            // The log of a store that was deleted or moved away without it: its writes may be wanted, but not in this store.
            Err(error) if new && error.is_of_other_store() => {
                self.set_aside(&mut *claimed()?)?;
                read(claimed()?, &owner).map_err(|error| self.log_error(error))?
            }
            Err(error) => match owner.log {
                LogState::Open(lost) if self.accept_lost_log && !error.is_io() => {
                    tracing::error!(error = %error, "opening the store without its log: the writes in it are lost");
                    self.set_aside(&mut *claimed()?)?;
                    owner.log = LogState::Closed(lost);
                    record_log_state(&base, owner.log)
                        .map_err(|failure| self.error(failure.message().to_owned()))?;
                    read(claimed()?, &owner).map_err(|error| self.log_error(error))?
                }
                _ => return Err(self.log_error(error).into()),
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
                Err(error) => Err(this.no_other_process(error)),
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

    fn set_aside(&self, log: &mut dyn Storage) -> Result<(), OpenError> {
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
