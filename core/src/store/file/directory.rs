//! Making directory entries durable.

use std::fs::File;
use std::io;
use std::path::Path;

/// Makes the entry of `path` in its directory durable.
///
/// # Errors
/// If the directory cannot be opened or synced. File systems that cannot sync a directory are no error: there is nothing that
/// could be done about it.
pub(super) fn sync_entry(path: &Path) -> io::Result<()> {
    if cfg!(not(unix)) {
        return Ok(());
    }
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    match File::open(directory.unwrap_or(Path::new(".")))?.sync_all() {
        Err(error) if matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported) => {
            Ok(())
        }
        synced => synced,
    }
}
