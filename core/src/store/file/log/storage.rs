//! Where the two files of the log are kept.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// Storage for the log's two files, which are numbered 0 and 1.
pub(in super::super) trait Storage: Send {
    /// The contents of a file; empty if the file does not exist.
    fn read(&self, file: usize) -> io::Result<Vec<u8>>;
    /// Opens both files for writing and returns their lengths. Creates those that do not exist. `sync` makes the present
    /// contents durable.
    fn open(&mut self, sync: bool) -> io::Result<[u64; 2]>;
    /// Writes at an offset, and extends the file if necessary.
    fn write(&self, file: usize, at: u64, data: &[u8]) -> io::Result<()>;
    /// Makes all writes to a file durable.
    fn sync(&self, file: usize) -> io::Result<()>;
    /// Truncates a file, or extends it with zeros.
    fn set_length(&self, file: usize, length: u64) -> io::Result<()>;
    /// Removes a file that is not needed any more.
    fn remove(&self, file: usize) -> io::Result<()>;
    /// Renames a file that belongs to another store, by appending `suffix`.
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
    /// The log of the database at `path`. Nothing is opened yet.
    pub(in super::super) fn beside(path: &Path) -> Self {
        Self { paths: [".log1", ".log2"].map(|suffix| with_suffix(path, suffix)), open: None }
    }

    fn file(&self, file: usize) -> io::Result<&File> {
        let open = self.open.as_ref().ok_or_else(|| io::Error::other("the log is not open"))?;
        Ok(&open[file])
    }

    /// Makes new directory entries durable, on systems where a directory can be synced.
    fn sync_directory(&self) {
        let directory = self.paths[0].parent().filter(|parent| !parent.as_os_str().is_empty());
        if let Ok(directory) = File::open(directory.unwrap_or(Path::new("."))) {
            let _ = directory.sync_all();
        }
    }
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    PathBuf::from(name)
}

impl Storage for Files {
    fn read(&self, file: usize) -> io::Result<Vec<u8>> {
        match fs::read(&self.paths[file]) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            read => read,
        }
    }

    fn open(&mut self, sync: bool) -> io::Result<[u64; 2]> {
        let created = self.paths.iter().any(|path| !path.exists());
        let open = |path: &PathBuf| -> io::Result<(File, u64)> {
            let mut options = OpenOptions::new();
            options.read(true).write(true).create(true);
            #[cfg(unix)]
            std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
            let file = options.open(path)?;
            if sync {
                file.sync_data()?;
            }
            let length = file.metadata()?.len();
            Ok((file, length))
        };
        let [first, second] = &self.paths;
        let ((first, length), (second, other_length)) = (open(first)?, open(second)?);
        if created {
            self.sync_directory();
        }
        self.open = Some([first, second]);
        Ok([length, other_length])
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
