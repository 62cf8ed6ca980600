//! Which process has a file open.

use std::fmt;
use std::fs;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

/// The files that this process has open as stores.
static OPEN: Mutex<Vec<FileId>> = Mutex::new(Vec::new());

/// Identifies a file under all of its names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FileId {
    #[cfg(unix)]
    device_and_inode: (u64, u64),
    #[cfg(not(unix))]
    path: std::path::PathBuf,
}

impl FileId {
    /// Identifies an open file, or an existing one by its `path` without symbolic links.
    #[cfg_attr(unix, expect(unused_variables, reason = "the path is for systems without inodes"))]
    pub(super) fn of(metadata: &fs::Metadata, path: &Path) -> Self {
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt;
            Self { device_and_inode: (metadata.dev(), metadata.ino()) }
        }
        #[cfg(not(unix))]
        Self { path: path.to_owned() }
    }
}

/// A file that this process has open as a store, until it is dropped.
#[derive(Debug)]
pub(super) struct OpenFile(FileId);

impl OpenFile {
    /// Registers a file that was just locked.
    pub(super) fn register(id: FileId) -> Self {
        OPEN.lock().unwrap_or_else(PoisonError::into_inner).push(id.clone());
        Self(id)
    }
}

impl Drop for OpenFile {
    fn drop(&mut self) {
        let mut open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = open.iter().position(|id| *id == self.0) {
            open.swap_remove(at);
        }
    }
}

/// Who has a file open.
pub(super) enum Holder {
    ThisProcess,
    Process { id: u32, name: Option<String> },
    Unknown,
}

impl Holder {
    /// Finds out who holds the lock of a file.
    pub(super) fn of(id: &FileId) -> Self {
        if OPEN.lock().unwrap_or_else(PoisonError::into_inner).contains(id) {
            return Self::ThisProcess;
        }
        match locking_process(id) {
            Some(process) if process == std::process::id() => Self::ThisProcess,
            Some(process) => {
                let name = fs::read_to_string(format!("/proc/{process}/comm")).ok();
                Self::Process { id: process, name: name.map(|name| name.trim_end().to_owned()) }
            }
            None => Self::Unknown,
        }
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ThisProcess => {
                f.write_str("it is already open in this process: open it once and clone the `Store`")
            }
            Self::Process { id, name: Some(name) } => write!(f, "it is in use by process {id} ({name})"),
            Self::Process { id, name: None } => write!(f, "it is in use by process {id}"),
            Self::Unknown => f.write_str("it is in use by another process"),
        }
    }
}

/// The process that holds a lock of the file, where `/proc` tells.
#[cfg(target_os = "linux")]
fn locking_process(id: &FileId) -> Option<u32> {
    let (device, inode) = id.device_and_inode;
    let major = (device >> 8) & 0xfff | (device >> 32) & !0xfff;
    let minor = device & 0xff | (device >> 12) & !0xff;
    let file = format!("{major:02x}:{minor:02x}:{inode}");
    // 1: FLOCK  ADVISORY  WRITE 1234 fe:00:5678 0 EOF
    let locks = fs::read_to_string("/proc/locks").ok()?;
    let of_file = locks.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    of_file.filter(|fields| fields.get(5) == Some(&&*file)).find_map(|fields| fields[4].parse().ok())
}

#[cfg(not(target_os = "linux"))]
fn locking_process(_: &FileId) -> Option<u32> {
    None
}
