//! The log: writes that were answered and are not in the database yet.
//!
//! A write is durable once it is in the log, which costs one write and one sync of a few pages. A commit of the database
//! costs many times that, so the database takes thousands of records at once.
//!
//! The store above appends records, which are keys and values to the log, and asks from time to time for a [`Checkpoint`],
//! which the database stores with the records up to there. Batches, files and generations are known here only: each
//! generation is in one of two files, so one file can be written while the database takes what is in the other. `format.md`
//! describes the files.
//!
//! Database and log are bound to each other by a [`LogState`] in the database: a log is created when the first write arrives,
//! and the database has to record its id before it is appended to. From then on until a clean shutdown, neither can be used
//! without the other.

mod batch;
mod checkpoint;
mod error;
mod header;
mod identity;
mod read;
mod storage;
#[cfg(test)]
mod tests;

use std::io;

use self::batch::{PAGE, Position, STEP, encode};
pub(super) use self::checkpoint::Checkpoint;
pub(super) use self::error::LogError;
use self::error::Reason;
pub(super) use self::error::Unavailable;
pub(super) use self::identity::{LogId, LogState, StoreId};
pub(super) use self::read::Recovered;
use self::read::{file_of, recover};
pub(super) use self::storage::{Files, Storage};
use super::error::Failure;

/// Appends to the log of one store.
pub(super) struct Log {
    storage: Box<dyn Storage>,
    store: StoreId,
    id: LogId,
    /// The files exist, and the database knows about them.
    started: bool,
    /// The lengths of the two files, which are multiples of [`STEP`].
    lengths: [u64; 2],
    /// The generation that is being written.
    generation: u64,
    /// How many batches it has, and where the next one starts.
    batches: u32,
    end: u64,
    /// How many batches the generation before has.
    previous: u32,
    /// An append failed, and what it left in the file is not removed yet.
    unsettled: bool,
    buffer: Vec<u8>,
}

/// A database that a log belongs to.
pub(super) struct Owner {
    pub(super) store: StoreId,
    pub(super) log: LogState,
    /// The database has the log's records up to here.
    pub(super) applied: Checkpoint,
}

/// How much of an unusually long file or buffer is kept for the next generation.
const KEPT: u64 = 8 << 20;

impl Log {
    /// Claims the files that exist, which comes before everything else.
    ///
    /// # Errors
    /// If a file cannot be opened, or is in use.
    pub(super) fn claim(storage: &mut dyn Storage) -> Result<(), Unavailable> {
        for file in [0, 1] {
            let name = |storage: &dyn Storage| storage.name(file);
            match storage.claim(file) {
                Ok(None) => {}
                Ok(Some(holder)) => return Err(Unavailable::InUse { file: name(storage), holder }),
                Err(error) => {
                    let reason = Reason::Io("opened", error);
                    return Err(Unavailable::Failed(LogError { file: name(storage), reason }));
                }
            }
        }
        Ok(())
    }

    /// Reads the log of `owner`, which is [claimed](Self::claim). `decode` turns a key and a value, or a key that was removed, into a record. If there is no
    /// log, the next one will be called `fresh`. Changes nothing.
    ///
    /// # Errors
    /// If a file cannot be read, is missing although it is needed, is damaged, or does not belong to this database.
    pub(super) fn read<T>(
        storage: Box<dyn Storage>,
        owner: &Owner,
        fresh: LogId,
        decode: impl Fn(&[u8], Option<&[u8]>) -> Option<T>,
    ) -> Result<(Self, Recovered<T>), LogError> {
        let log_error = |file, reason| LogError { file: storage.name(file), reason };
        let read = |file| storage.read(file).map_err(|error| log_error(file, Reason::Io("read", error)));
        let files = [read(0)?, read(1)?];
        let check = |file: usize| {
            header::check(files[file].as_deref(), &owner.store, owner.log)
                .map_err(|reason| log_error(file, reason))
        };
        let batches = [check(0)?, check(1)?];
        let (id, started) = match owner.log {
            LogState::Open(id) => (id, true),
            LogState::None | LogState::Closed(_) => (fresh, false),
        };
        let recovered = recover(batches, &id, owner.applied, &decode)
            .map_err(|(file, reason)| log_error(file, reason))?;
        for file in &recovered.torn {
            tracing::warn!(
                log = storage.name(*file),
                "the last batch of the log cannot be read: a write that was never answered, or damage"
            );
        }
        let log = Self {
            storage,
            store: owner.store,
            id,
            started,
            lengths: [0, 0],
            generation: recovered.checkpoint.generation() + 1,
            batches: 0,
            end: PAGE as u64,
            previous: recovered.batches,
            unsettled: false,
            buffer: Vec::new(),
        };
        Ok((log, recovered))
    }

    /// Renames the [claimed](Self::claim) files that are not empty. Returns their names.
    ///
    /// # Errors
    /// If a file cannot be read or renamed.
    pub(super) fn set_aside(storage: &mut dyn Storage, suffix: &str) -> Result<Vec<String>, LogError> {
        let mut renamed = Vec::new();
        for file in [0, 1] {
            let name = storage.name(file);
            let failed = |what, error| LogError { file: name.clone(), reason: Reason::Io(what, error) };
            let content = storage.read(file).map_err(|error| failed("read", error))?;
            if content.is_some_and(|content| !content.is_empty()) {
                storage.set_aside(file, suffix).map_err(|error| failed("renamed", error))?;
                renamed.push(name);
            }
        }
        Ok(renamed)
    }

    /// Prepares the files for writing if the log is started, and makes the records durable that were read: the process that wrote
    /// them may have ended before they were.
    ///
    /// # Errors
    /// If a file cannot be opened or synced.
    pub(super) fn open(&mut self) -> Result<(), LogError> {
        if self.started {
            self.lengths = self.storage.open().map_err(|error| LogError {
                file: self.storage.name(file_of(self.generation)),
                reason: Reason::Io("opened", error),
            })?;
        }
        Ok(())
    }

    /// Whether the log exists. If not, it has to be [created](Self::create) before anything is appended.
    pub(super) fn is_started(&self) -> bool {
        self.started
    }

    /// Creates the files. The database must then record the returned state durably, and [`started`](Self::set_started) be
    /// called, before anything is appended.
    ///
    /// # Errors
    /// If a file cannot be created.
    pub(super) fn create(&mut self) -> Result<LogState, Failure> {
        let mut content = header::encode(&self.store, &self.id);
        content.resize(STEP as usize, 0);
        let created = self.storage.create(&content);
        self.lengths = created
            .map(|()| [STEP; 2])
            .map_err(|error| Failure::not_done(format!("cannot create the log: {error}")))?;
        Ok(LogState::Open(self.id))
    }

    /// The database knows about the log that was created.
    pub(super) fn set_started(&mut self) {
        self.started = true;
    }

    /// The state that the database must have recorded; `None` if there is no log.
    pub(super) fn open_state(&self) -> Option<LogState> {
        self.started.then_some(LogState::Open(self.id))
    }

    /// The state that the database records once it has everything in the log; `None` if there is no log.
    pub(super) fn closed_state(&self) -> Option<LogState> {
        self.started.then_some(LogState::Closed(self.id))
    }

    /// Whether records can be appended although the database only has everything up to `applied`: the file that they go to
    /// must not be needed any more.
    pub(super) fn can_append(&self, applied: Checkpoint) -> bool {
        applied.generation() + 2 >= self.generation
    }

    /// Bytes since the last checkpoint.
    pub(super) fn size(&self) -> u64 {
        self.end - PAGE as u64
    }

    /// The checkpoint that the next call of [`seal`](Self::seal) returns.
    pub(super) fn next_checkpoint(&self) -> Checkpoint {
        Checkpoint::after(self.generation)
    }

    /// Appends records, keys with values or `None` for removed rows. On success all of them are durable.
    ///
    /// # Errors
    /// [`Failure`] says whether the records may become durable. The log can be appended to again once the storage works.
    pub(super) fn append<'a>(
        &mut self,
        records: impl IntoIterator<Item = (&'a [u8], Option<Vec<u8>>)>,
    ) -> Result<(), Failure> {
        // Whoever opens what is under the database's name now would never see these records.
        self.storage.check_place().map_err(|error| Failure::not_done(error.to_string()))?;
        self.settle()?;
        let position = Position {
            log: self.id,
            generation: self.generation,
            number: self.batches,
            previous: self.previous,
        };
        encode(&mut self.buffer, position, records);
        let (file, at) = (file_of(self.generation), self.end);
        let end = at + self.buffer.len() as u64;
        let longer = end.next_multiple_of(STEP);
        if self.lengths[file] < end {
            self.unsettled = true;
            if let Err(error) = self.storage.set_length(file, longer) {
                let _ = self.settle();
                return Err(Failure::not_done(format!("cannot extend the log: {error}")));
            }
            self.buffer.resize(self.buffer.len() + (longer - end) as usize, 0);
        }
        let written = self.storage.write(file, at, &self.buffer).map_err(|error| ("write", error));
        let appended = written.and_then(|()| self.storage.sync(file).map_err(|error| ("sync", error)));
        if let Err((what, error)) = appended {
            let message = format!("cannot {what} the log: {error}");
            self.unsettled = true;
            return Err(match self.settle() {
                Ok(()) => Failure::not_done(message),
                Err(_) => Failure::unknown(message),
            });
        }
        self.unsettled = false;
        self.lengths[file] = self.lengths[file].max(longer);
        self.batches += 1;
        self.end = end;
        Ok(())
    }

    /// Removes what a failed append left in the file. A batch that is complete there would come back after a crash. Without its
    /// first page it is none, and unlike truncating the file there, that never leaves a length which looks like damage.
    fn settle(&mut self) -> Result<(), Failure> {
        if self.unsettled {
            let file = file_of(self.generation);
            let length = self.lengths[file];
            let restore = || -> io::Result<()> {
                self.storage.set_length(file, length)?;
                if self.end < length {
                    self.storage.write(file, self.end, &[0; PAGE])?;
                }
                self.storage.sync(file)
            };
            restore().map_err(|error| Failure::not_done(format!("cannot restore the log: {error}")))?;
            self.unsettled = false;
        }
        Ok(())
    }

    /// Ends the generation. The database must have everything up to the checkpoint before this one.
    ///
    /// # Errors
    /// If what a failed append left behind cannot be removed.
    pub(super) fn seal(&mut self) -> Result<Checkpoint, Failure> {
        self.settle()?;
        let sealed = self.next_checkpoint();
        self.generation += 1;
        self.previous = self.batches;
        (self.batches, self.end) = (0, PAGE as u64);
        self.buffer.shrink_to(KEPT as usize);
        let file = file_of(self.generation);
        if self.lengths[file] > KEPT && self.storage.set_length(file, KEPT).is_ok() {
            self.lengths[file] = KEPT;
        }
        Ok(sealed)
    }

    /// Removes both files. The database must have recorded the [closed state](Self::closed_state).
    pub(super) fn remove(mut self) {
        if !self.started {
            return;
        }
        if let Err(error) = self.storage.check_place() {
            tracing::warn!(%error, log = self.storage.name(0), "the store's log is not removed");
            return;
        }
        for file in [0, 1] {
            // The database knows that a file which stays is of no use.
            let _ = self.storage.remove(file);
        }
    }
}
