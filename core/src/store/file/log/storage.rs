//! Where the two files of the log are kept.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::super::directory::sync_entry;

/// Storage for the log's two files, which are numbered 0 and 1.
pub(in super::super) trait Storage: Send {
    /// The contents of a file; `None` if the file does not exist.
    fn read(&self, file: usize) -> io::Result<Option<Vec<u8>>>;
    /// Opens both files for writing and returns their lengths. Makes their contents and names durable.
    fn open(&mut self) -> io::Result<[u64; 2]>;
    /// Creates both files with this content, or replaces theirs, and opens them for writing. Contents and names are durable
    /// then.
    fn create(&mut self, content: &[u8]) -> io::Result<()>;
    /// Writes at an offset, and extends the file if necessary.
    fn write(&self, file: usize, at: u64, data: &[u8]) -> io::Result<()>;
    /// Makes all writes to a file durable.
    fn sync(&self, file: usize) -> io::Result<()>;
    /// Truncates a file, or extends it with zeros.
    fn set_length(&self, file: usize, length: u64) -> io::Result<()>;
    /// Removes a file that is not needed any more.
    fn remove(&self, file: usize) -> io::Result<()>;
    /// Renames a file by appending `suffix`.
    fn set_aside(&self, file: usize, suffix: &str) -> io::Result<()>;
    /// The name of a file, for messages.
    fn name(&self, file: usize) -> String;
}

/// Files beside the database: its name followed by `.log1` and `.log2`.
pub(in super::super) struct Files {
    paths: [PathBuf; 2],
    open: Option<[File; 2]>,
}

impl Files {
    /// The log of the database at `path`, which is not a symbolic link. Nothing is opened yet.
    pub(in super::super) fn beside(path: &Path) -> Self {
        Self { paths: [".log1", ".log2"].map(|suffix| with_suffix(path, suffix)), open: None }
    }

    fn file(&self, file: usize) -> io::Result<&File> {
        let open = self.open.as_ref().ok_or_else(|| io::Error::other("the log is not open"))?;
        Ok(&open[file])
    }
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    PathBuf::from(name)
}

impl Storage for Files {
    fn read(&self, file: usize) -> io::Result<Option<Vec<u8>>> {
        match fs::read(&self.paths[file]) {
            Ok(content) => Ok(Some(content)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn open(&mut self) -> io::Result<[u64; 2]> {
        let open = |path| -> io::Result<File> {
            let file = OpenOptions::new().read(true).write(true).open(path)?;
            file.sync_data()?;
            Ok(file)
        };
        let files = [open(&self.paths[0])?, open(&self.paths[1])?];
        // Whoever moved the files here may not have synced the directory.
        sync_entry(&self.paths[0])?;
        let lengths = [files[0].metadata()?.len(), files[1].metadata()?.len()];
        self.open = Some(files);
        Ok(lengths)
    }

    fn create(&mut self, content: &[u8]) -> io::Result<()> {
        let create = |path| -> io::Result<File> {
            let mut options = OpenOptions::new();
            options.read(true).write(true).create(true).truncate(true);
            #[cfg(unix)]
            std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
            let mut file = options.open(path)?;
            file.write_all(content)?;
            file.sync_all()?;
            Ok(file)
        };
        let files = [create(&self.paths[0])?, create(&self.paths[1])?];
        // The database's own entry may be as new as those of the log.
        sync_entry(&self.paths[0])?;
        self.open = Some(files);
        Ok(())
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

    fn remove(&self, file: usize) -> io::Result<()> {
        fs::remove_file(&self.paths[file])
    }

    fn set_aside(&self, file: usize, suffix: &str) -> io::Result<()> {
        fs::rename(&self.paths[file], with_suffix(&self.paths[file], suffix))
    }

    fn name(&self, file: usize) -> String {
        self.paths[file].display().to_string()
    }
}
