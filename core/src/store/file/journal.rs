//! The log: what was answered and is not in the database yet.
//!
//! A write is durable once it is in the log, which takes one write and one sync of few pages. The database, whose commits
//! cost many times that, takes thousands of rows at once from there. There are two logs, used by turns: while the
//! database takes what is in the one, the other is written. `format.md` says what they look like.

mod read;

use std::fs::{self, File};
use std::io::{self, Seek, SeekFrom, Write as _};
use std::path::PathBuf;

use self::read::{HEAD, MAGIC, PAGE};
pub(super) use self::read::{LogError, Recovered, recover};
use super::error::Failure;
use super::layout::encode;
use super::queue::Write;

/// What tells a store from all others.
pub(super) type StoreId = [u8; 16];

/// Where a log is kept.
pub(super) trait Medium: Send {
    /// Writes at `at`, and makes it longer where that is needed.
    fn write(&self, at: u64, data: &[u8]) -> io::Result<()>;
    /// Makes durable what was written.
    fn sync(&self) -> io::Result<()>;
    /// Cuts it, or fills it up with zeros.
    fn set_length(&self, length: u64) -> io::Result<()>;
    /// Does away with it: it is no longer needed.
    fn discard(&self) -> io::Result<()>;
}

/// A log in a file of its own.
pub(super) struct LogFile {
    pub(super) file: File,
    pub(super) path: PathBuf,
}

impl Medium for LogFile {
    fn write(&self, at: u64, data: &[u8]) -> io::Result<()> {
        let mut file = &self.file;
        file.seek(SeekFrom::Start(at))?;
        file.write_all(data)
    }

    fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    fn set_length(&self, length: u64) -> io::Result<()> {
        self.file.set_len(length)
    }

    fn discard(&self) -> io::Result<()> {
        fs::remove_file(&self.path)
    }
}

/// The two logs of a store.
pub(super) type Media = [Box<dyn Medium>; 2];

/// Which of the two logs has this generation.
pub(super) fn log_of(generation: u64) -> usize {
    (generation % 2) as usize
}

/// Writes the logs.
pub(super) struct Journal {
    media: Media,
    /// How long each is.
    lengths: [u64; 2],
    store: StoreId,
    generation: u64,
    /// Batches of this generation, and where the next begins.
    batches: u32,
    end: u64,
    buffer: Vec<u8>,
}

/// By how much a log is made longer. What has been written before takes a sync the least work.
const STEP: usize = 256 << 10;
/// How much of an unusually long log, or batch, is kept for the next.
const KEPT: usize = 8 << 20;

impl Journal {
    /// Goes on with `generation`, of which nothing is in `media` that matters.
    pub(super) fn new(media: Media, lengths: [u64; 2], store: StoreId, generation: u64) -> Self {
        Self { media, lengths, store, generation, batches: 0, end: 0, buffer: Vec::new() }
    }

    /// What is being written now.
    pub(super) fn generation(&self) -> u64 {
        self.generation
    }

    /// Bytes of this generation.
    pub(super) fn size(&self) -> u64 {
        self.end
    }

    /// Writes a batch, all of which is durable then, or nothing.
    pub(super) fn append(&mut self, writes: &[Write]) -> Result<(), Failure> {
        self.fill_buffer(writes);
        let (log, at) = (log_of(self.generation), self.end);
        let end = at + self.buffer.len() as u64;
        let longer = end.next_multiple_of(STEP as u64);
        let failed = |what: &str, error: &io::Error| format!("the store's log could not be {what}: {error}");
        if self.lengths[log] < end {
            self.buffer.resize(self.buffer.len() + (longer - end) as usize, 0);
            self.lengths[log] = longer;
        }
        if let Err(error) = self.media[log].write(at, &self.buffer) {
            let message = failed("written", &error);
            let undone = self.media[log].set_length(at).and_then(|()| self.media[log].sync());
            return Err(if undone.is_ok() { Failure::not_done(message) } else { Failure::unknown(message) });
        }
        if let Err(error) = self.media[log].sync() {
            return Err(Failure::unknown(failed("made durable", &error)));
        }
        self.batches += 1;
        self.end = end;
        Ok(())
    }

    /// Begins the next generation, in the other log, whose content the database has.
    pub(super) fn next_generation(&mut self) {
        self.generation += 1;
        (self.batches, self.end) = (0, 0);
        self.buffer.shrink_to(KEPT);
        let log = log_of(self.generation);
        if self.lengths[log] > KEPT as u64 && self.media[log].set_length(KEPT as u64).is_ok() {
            self.lengths[log] = KEPT as u64;
        }
    }

    /// Does away with both logs, as the database has everything.
    pub(super) fn remove(self) {
        for medium in &self.media {
            // What stays is known to be old when the store is opened.
            let _ = medium.discard();
        }
    }

    /// Lays out a batch: its head, its records, and zeros to the end of the page.
    fn fill_buffer(&mut self, writes: &[Write]) {
        let buffer = &mut self.buffer;
        buffer.clear();
        buffer.extend_from_slice(&MAGIC);
        buffer.extend_from_slice(&self.store);
        buffer.extend_from_slice(&self.generation.to_be_bytes());
        buffer.extend_from_slice(&self.batches.to_be_bytes());
        buffer.resize(HEAD, 0);
        for Write { place, after, .. } in writes {
            push_bytes(buffer, place);
            match after {
                Some(row) => {
                    buffer.push(1);
                    push_bytes(buffer, &encode(place, row));
                }
                None => buffer.push(0),
            }
        }
        // A batch is bounded by the queue, far below 4 GiB.
        let length = (buffer.len() - HEAD) as u32;
        buffer[HEAD - 8..HEAD - 4].copy_from_slice(&length.to_be_bytes());
        let checksum = read::checksum(&buffer[..HEAD - 4], &buffer[HEAD..]);
        buffer[HEAD - 4..HEAD].copy_from_slice(&checksum.to_be_bytes());
        buffer.resize(buffer.len().next_multiple_of(PAGE), 0);
    }
}

fn push_bytes(buffer: &mut Vec<u8>, bytes: &[u8]) {
    buffer.extend_from_slice(&(bytes.len() as u32).to_be_bytes());
    buffer.extend_from_slice(bytes);
}
