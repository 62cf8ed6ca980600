//! Where the two files of the log are kept.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::super::directory::sync_entry;
use super::super::open_files::{FileId, Holder, OpenFile};

/// Storage for the log's two files, which are numbered 0 and 1.
pub(in super::super) trait Storage: Send {
    /// Takes a file that exists: no other store can use it until this is dropped. Comes before everything else. Returns who has
    /// it if somebody else does.
    fn claim(&mut self, file: usize) -> io::Result<Option<Holder>>;
    /// The contents of a file; `None` if the file does not exist.
    fn read(&self, file: usize) -> io::Result<Option<Vec<u8>>>;
    /// Prepares both files for writing and returns their lengths. Makes their contents and names durable.
    fn open(&mut self) -> io::Result<[u64; 2]>;
    /// Creates both files with this content, or replaces that of files which were [claimed](Self::claim). Contents and names are
    /// durable then.
    fn create(&mut self, content: &[u8]) -> io::Result<()>;
    /// Fails if another store may have taken the place of this one: then its files must not be changed.
    fn check_place(&self) -> io::Result<()>;
    /// Writes at an offset, and extends the file if necessary.
    fn write(&self, file: usize, at: u64, data: &[u8]) -> io::Result<()>;
    /// Makes all writes to a file durable.
    fn sync(&self, file: usize) -> io::Result<()>;
    /// Truncates a file, or extends it with zeros.
    fn set_length(&self, file: usize, length: u64) -> io::Result<()>;
    /// Removes a file that is not needed any more. A file that another store has put in its place stays.
    fn remove(&mut self, file: usize) -> io::Result<()>;
    /// Renames a file by appending `suffix`.
    fn set_aside(&mut self, file: usize, suffix: &str) -> io::Result<()>;
    /// The name of a file, for messages.
    fn name(&self, file: usize) -> String;
}

/// Files beside the database: its name followed by `.log1` and `.log2`.
///
/// # Stores that take each other's place
///
/// The lock on a database is a lock on the file, not on its name. If the file is deleted, moved or replaced while a store has it
/// open, another store can open what is under the name now. Both would use the same names for their logs. So:
///
/// - A file of the log is locked for as long as it is used. A store that finds one locked is not opened.
/// - A file is created only where there is none, and removed or renamed only while this holds its lock and its name leads to it.
///   Everything else is done to the open file.
/// - Before the log is created, grown by a batch, or removed, the name of the database must lead to the database that is open.
///   It is checked once more after files were created: the next store, if it did not see them, was not there before.
pub(in super::super) struct Files {
    database: Place,
    paths: [PathBuf; 2],
    files: [Option<Claimed>; 2],
}

/// A name, and the file that it must lead to.
struct Place {
    path: PathBuf,
    /// `None` if there is no file yet.
    file: Option<FileId>,
}

impl Place {
    /// Whether the name still leads to the file.
    fn is_kept(&self) -> io::Result<bool> {
        leads_to(&self.path, self.file.as_ref())
    }
}

/// Whether a path leads to this file.
fn leads_to(path: &Path, file: Option<&FileId>) -> io::Result<bool> {
    match fs::metadata(path) {
        Ok(metadata) => Ok(Some(&FileId::of(&metadata, path)) == file),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// A file that is locked.
struct Claimed {
    file: File,
    id: FileId,
    _registered: OpenFile,
}

impl Claimed {
    /// Locks a file that was opened at `path`; `None` if somebody else has locked it.
    fn new(file: File, path: &Path) -> io::Result<Option<Self>> {
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            // A file system without locks: files are still compared before anything is done to them by name.
            Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => {}
            Err(TryLockError::Error(error)) => return Err(error),
        }
        let id = FileId::of(&file.metadata()?, path);
        Ok(Some(Self { file, _registered: OpenFile::register(id.clone()), id }))
    }
}

impl Files {
    /// The log of the database at `path`, which is not a symbolic link, and is this file. Nothing is opened yet.
    pub(in super::super) fn beside(path: &Path, database: Option<FileId>) -> Self {
        Self {
            paths: [".log1", ".log2"].map(|suffix| with_suffix(path, suffix)),
            database: Place { path: path.to_owned(), file: database },
            files: [None, None],
        }
    }

    fn claimed(&self, file: usize) -> io::Result<&Claimed> {
        self.files[file].as_ref().ok_or_else(|| io::Error::other("the log is not open"))
    }

    fn file(&self, file: usize) -> io::Result<&File> {
        Ok(&self.claimed(file)?.file)
    }

    /// Whether the name of a file leads to the one that is claimed.
    fn is_in_place(&self, file: usize) -> io::Result<bool> {
        leads_to(&self.paths[file], Some(&self.claimed(file)?.id))
    }

    /// Creates a file, which must not exist, and claims it.
    fn create_new(&mut self, file: usize) -> io::Result<()> {
        let path = &self.paths[file];
        let named = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
        let mut options = OpenOptions::new();
        options.read(true).write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let created = options.open(path).map_err(named)?;
        let claimed = Claimed::new(created, path).map_err(named)?;
        // A store that starts right now looks at every file that it finds.
        let claimed = claimed.ok_or_else(|| named(io::Error::other("another store has taken it")))?;
        self.files[file] = Some(claimed);
        Ok(())
    }

    /// Removes a claimed file if its name still leads to it.
    fn remove_claimed(&mut self, file: usize) -> io::Result<()> {
        if self.is_in_place(file)? {
            fs::remove_file(&self.paths[file])?;
        }
        Ok(())
    }
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    PathBuf::from(name)
}

impl Storage for Files {
    fn claim(&mut self, file: usize) -> io::Result<Option<Holder>> {
        self.files[file] = None;
        loop {
            let path = &self.paths[file];
            let opened = match OpenOptions::new().read(true).write(true).open(path) {
                Ok(opened) => opened,
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
                Err(error) => return Err(error),
            };
            let id = FileId::of(&opened.metadata()?, path);
            let Some(claimed) = Claimed::new(opened, path)? else { return Ok(Some(Holder::of(&id))) };
            self.files[file] = Some(claimed);
            // Whoever had it may have removed it before it was locked here.
            if self.is_in_place(file)? {
                return Ok(None);
            }
            self.files[file] = None;
        }
    }

    fn read(&self, file: usize) -> io::Result<Option<Vec<u8>>> {
        let Some(Claimed { file, .. }) = &self.files[file] else { return Ok(None) };
        let (mut file, mut content) = (file, Vec::new());
        file.seek(SeekFrom::Start(0))?;
        file.read_to_end(&mut content)?;
        Ok(Some(content))
    }

    fn open(&mut self) -> io::Result<[u64; 2]> {
        let files = [self.file(0)?, self.file(1)?];
        for file in files {
            file.sync_data()?;
        }
        // Whoever moved the files here may not have synced the directory.
        sync_entry(&self.paths[0])?;
        Ok([files[0].metadata()?.len(), files[1].metadata()?.len()])
    }

    fn create(&mut self, content: &[u8]) -> io::Result<()> {
        self.check_place()?;
        for file in [0, 1] {
            // A file that is claimed is a leftover of this store. If something else has its name now, that is not.
            if !(self.files[file].is_some() && self.is_in_place(file)?) {
                self.files[file] = None;
                self.create_new(file)?;
            }
            let mut file = self.file(file)?;
            file.set_len(0)?;
            file.seek(SeekFrom::Start(0))?;
            file.write_all(content)?;
            file.sync_all()?;
        }
        // The database's own entry may be as new as those of the log.
        sync_entry(&self.paths[0])?;
        self.check_place().inspect_err(|_| {
            for file in [0, 1] {
                let _ = self.remove_claimed(file);
                self.files[file] = None;
            }
        })
    }

    fn check_place(&self) -> io::Result<()> {
        if self.database.is_kept()? {
            return Ok(());
        }
        Err(io::Error::other(format!(
            "the store's file {} was deleted, moved or replaced while it was open",
            self.database.path.display()
        )))
    }

    fn write(&self, file: usize, at: u64, data: &[u8]) -> io::Result<()> {
        let mut file = self.file(file)?;
        file.seek(SeekFrom::Start(at))?;
        file.write_all(data)
    }

    fn sync(&self, file: usize) -> io::Result<()> {
        self.file(file)?.sync_data()
    }

    fn set_length(&self, file: usize, length: u64) -> io::Result<()> {
        self.file(file)?.set_len(length)
    }

    fn remove(&mut self, file: usize) -> io::Result<()> {
        self.check_place()?;
        self.remove_claimed(file)
    }

    fn set_aside(&mut self, file: usize, suffix: &str) -> io::Result<()> {
        if !self.is_in_place(file)? {
            return Err(io::Error::other("another file has taken its name"));
        }
        fs::rename(&self.paths[file], with_suffix(&self.paths[file], suffix))?;
        self.files[file] = None;
        Ok(())
    }

    fn name(&self, file: usize) -> String {
        self.paths[file].display().to_string()
    }
}
