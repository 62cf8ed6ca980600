//! The log: writes that were answered and are not in the database yet.
//!
//! A write is durable once it is in the log, which costs one write and one sync of a few pages. A commit of the database
//! costs many times that, so the database takes thousands of records at once.
//!
//! The store above appends records, which are keys and values to the log, and asks from time to time for a [`Checkpoint`],
//! which the database stores with the records up to there. Batches, files and generations are known here only: each
//! generation is in one of two files, so one file can be written while the database takes what is in the other. `format.md`
//! describes the files.

mod batch;
mod checkpoint;
mod error;
mod read;
mod storage;
#[cfg(test)]
mod tests;

pub(super) use self::batch::StoreId;
use self::batch::{Position, encode};
pub(super) use self::checkpoint::Checkpoint;
pub(super) use self::error::LogError;
use self::error::Reason;
pub(super) use self::read::Recovered;
use self::read::{file_of, recover};
pub(super) use self::storage::{Files, Storage};
use super::error::Failure;

/// Appends to the log of one store.
pub(super) struct Log {
    storage: Box<dyn Storage>,
    store: StoreId,
    /// The lengths of the two files.
    lengths: [u64; 2],
    /// The generation that is being written.
    generation: u64,
    /// How many batches it has, and where the next one starts.
    batches: u32,
    end: u64,
    /// The files hold records that the database does not have.
    needed: bool,
    buffer: Vec<u8>,
}

/// Files grow by this much: overwriting space that a file already has makes a sync cheaper.
const STEP: usize = 256 << 10;
/// How much of an unusually long file or buffer is kept for the next generation.
const KEPT: usize = 8 << 20;

impl Log {
    /// Reads the log of `store`, whose database has everything up to `applied`. `decode` turns a key and a value, or a key
    /// that was removed, into a record. Changes nothing.
    ///
    /// # Errors
    /// If a file cannot be read, is damaged, belongs to another store, or does not continue the database.
    pub(super) fn read<T>(
        storage: Box<dyn Storage>,
        store: StoreId,
        applied: Checkpoint,
        decode: impl Fn(&[u8], Option<&[u8]>) -> Option<T>,
    ) -> Result<(Self, Recovered<T>), LogError> {
        let read =
            |file| storage.read(file).map_err(|error| log_error(&*storage, file, Reason::Io("read", error)));
        let files = [read(0)?, read(1)?];
        let recovered = recover(&files, &store, applied, &decode)
            .map_err(|(file, reason)| log_error(&*storage, file, reason))?;
        let log = Self {
            storage,
            store,
            lengths: [0, 0],
            generation: recovered.checkpoint.generation() + 1,
            batches: 0,
            end: 0,
            needed: !recovered.records.is_empty(),
            buffer: Vec::new(),
        };
        Ok((log, recovered))
    }

    /// Renames the files of other stores. Returns their names.
    ///
    /// # Errors
    /// If a file cannot be read or renamed.
    pub(super) fn set_aside_others(
        storage: &dyn Storage,
        store: &StoreId,
        suffix: &str,
    ) -> Result<Vec<String>, LogError> {
        let mut renamed = Vec::new();
        for file in [0, 1] {
            let failed = |what, error| log_error(storage, file, Reason::Io(what, error));
            let mut files = [Vec::new(), Vec::new()];
            files[file] = storage.read(file).map_err(|error| failed("read", error))?;
            let read = recover(&files, store, Checkpoint::START, &|_, _| Some(()));
            if matches!(read, Err((_, Reason::OtherStore))) {
                storage.set_aside(file, suffix).map_err(|error| failed("renamed", error))?;
                renamed.push(storage.name(file));
            }
        }
        Ok(renamed)
    }

    /// Opens the files for writing and makes the records durable that were read: the process that wrote them may have
    /// ended before they were.
    ///
    /// # Errors
    /// If a file cannot be opened, created or synced.
    pub(super) fn open(&mut self) -> Result<(), LogError> {
        let opened = self.storage.open(self.needed);
        self.lengths = opened.map_err(|error| {
            log_error(&*self.storage, file_of(self.generation), Reason::Io("opened", error))
        })?;
        Ok(())
    }

    /// Bytes since the last checkpoint.
    pub(super) fn size(&self) -> u64 {
        self.end
    }

    /// The checkpoint that the next call of [`seal`](Self::seal) returns.
    pub(super) fn next_checkpoint(&self) -> Checkpoint {
        Checkpoint::after(self.generation)
    }

    /// Appends records, keys with values or `None` for removed rows. On success all of them are durable.
    ///
    /// # Errors
    /// [`Failure`] says whether the records may have become durable.
    pub(super) fn append<'a>(
        &mut self,
        records: impl IntoIterator<Item = (&'a [u8], Option<Vec<u8>>)>,
    ) -> Result<(), Failure> {
        let position = Position { store: self.store, generation: self.generation, number: self.batches };
        encode(&mut self.buffer, position, records);
        let (file, at) = (file_of(self.generation), self.end);
        let end = at + self.buffer.len() as u64;
        let longer = end.next_multiple_of(STEP as u64);
        let failed = |what: &str, error: &std::io::Error| format!("cannot {what} the log: {error}");
        if self.lengths[file] < end {
            self.buffer.resize(self.buffer.len() + (longer - end) as usize, 0);
            self.lengths[file] = longer;
        }
        if let Err(error) = self.storage.write(file, at, &self.buffer) {
            let message = failed("write", &error);
            let undone = self.storage.set_length(file, at).and_then(|()| self.storage.sync(file));
            return Err(if undone.is_ok() { Failure::not_done(message) } else { Failure::unknown(message) });
        }
        if let Err(error) = self.storage.sync(file) {
            return Err(Failure::unknown(failed("sync", &error)));
        }
        self.batches += 1;
        self.end = end;
        Ok(())
    }

    /// Ends the generation. The database must have everything up to the checkpoint before this one.
    pub(super) fn seal(&mut self) -> Checkpoint {
        let sealed = self.next_checkpoint();
        self.generation += 1;
        (self.batches, self.end) = (0, 0);
        self.buffer.shrink_to(KEPT);
        let file = file_of(self.generation);
        if self.lengths[file] > KEPT as u64 && self.storage.set_length(file, KEPT as u64).is_ok() {
            self.lengths[file] = KEPT as u64;
        }
        sealed
    }

    /// Removes both files. The database must have everything.
    pub(super) fn remove(self) {
        for file in [0, 1] {
            // A file that stays is recognised as old by its generation.
            let _ = self.storage.remove(file);
        }
    }
}

fn log_error(storage: &dyn Storage, file: usize, reason: Reason) -> LogError {
    LogError { file: storage.name(file), reason }
}
