//! How a store is opened, and the `file:` URL.

use std::time::Duration;

use crate::store::OpenError;

/// How a [`FileStore`](super::FileStore) is opened.
///
/// ```no_run
/// # async fn open() -> Result<(), gridauth::store::OpenError> {
/// use gridauth::Store;
/// use gridauth::store::file::FileOptions;
///
/// let store = Store::new(FileOptions::default().cache_bytes(256 << 20).open("auth.db").await?);
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct FileOptions {
    pub(super) cache_bytes: usize,
    pub(super) page_cache_bytes: usize,
    pub(super) wait: Duration,
    pub(super) accept_lost_log: bool,
}

impl Default for FileOptions {
    fn default() -> Self {
        Self {
            cache_bytes: 96 << 20,
            page_cache_bytes: 32 << 20,
            wait: Duration::from_secs(10),
            accept_lost_log: false,
        }
    }
}

impl FileOptions {
    /// The size limit of the row cache, in bytes; 96 MiB by default, enough for about 70,000 grants. The memory is allocated as
    /// rows are read and written. Rows that only the log has are kept in addition: those of about 8 MiB of log under load, and
    /// of up to 32 MiB if the disk is slow.
    #[must_use]
    pub fn cache_bytes(mut self, bytes: usize) -> Self {
        self.cache_bytes = bytes;
        self
    }

    /// The size limit of the cache of database pages, in bytes; 32 MiB by default. The memory is allocated as pages are read.
    #[must_use]
    pub fn page_cache_bytes(mut self, bytes: usize) -> Self {
        self.page_cache_bytes = bytes;
        self
    }

    /// How long [`open`](Self::open) waits for another process to close the file, as in a rolling restart; 10 seconds by
    /// default. In a URL: `file:auth.db?wait=30s`.
    #[must_use]
    pub fn wait(mut self, wait: Duration) -> Self {
        self.wait = wait;
        self
    }

    /// Opens a store without its log if that is missing or damaged. **Writes that were answered may be lost**: use it only
    /// once, if the log really cannot be found. What is left of the log is renamed, with `.old` at the end. In a URL:
    /// `file:auth.db?lost_log=accept`.
    #[must_use]
    pub fn accept_lost_log(mut self, accept: bool) -> Self {
        self.accept_lost_log = accept;
        self
    }

    /// Reads the options behind the `?` of a URL, whose part after `file:` is `rest`. Returns them with the path.
    ///
    /// # Errors
    /// [`OpenError`] if an option is unknown, has a wrong value or is given twice.
    pub(crate) fn of_url(rest: &str) -> Result<(Self, &str), OpenError> {
        let bad = |reason: String| Err(OpenError::bad_url("file:", reason));
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        let mut options = Self::default();
        let mut given = Vec::new();
        for option in query.split('&').filter(|option| !option.is_empty()) {
            let name = option.split('=').next().unwrap_or_default();
            if given.contains(&name) {
                return bad(format!("the option `{name}` is given twice"));
            }
            given.push(name);
            match option.split_once('=') {
                Some(("wait", value)) => match duration(value) {
                    Some(wait) => options.wait = wait,
                    None => {
                        return bad("the option `wait` is a time with its unit: 500ms, 10s or 2m".to_owned());
                    }
                },
                Some(("lost_log", "accept")) => options.accept_lost_log = true,
                Some(("lost_log", _)) => return bad("the option `lost_log` can only be `accept`".to_owned()),
                _ => return bad(format!("there is no option `{name}`; there are `wait` and `lost_log`")),
            }
        }
        Ok((options, path))
    }
}

/// A number with the unit `ms`, `s` or `m`.
fn duration(text: &str) -> Option<Duration> {
    let unit_at = text.find(|character: char| !character.is_ascii_digit())?;
    let (digits, unit) = text.split_at(unit_at);
    let millis = match unit {
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        _ => return None,
    };
    digits.parse::<u64>().ok()?.checked_mul(millis).map(Duration::from_millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_have_options() {
        let of = |rest| {
            FileOptions::of_url(rest).map(|(options, path)| (options.wait, options.accept_lost_log, path))
        };
        let default = FileOptions::default().wait;
        assert_eq!(of("auth.db").unwrap(), (default, false, "auth.db"));
        assert_eq!(of("auth.db?").unwrap(), (default, false, "auth.db"));
        assert_eq!(of("/a/b.db?wait=500ms").unwrap(), (Duration::from_millis(500), false, "/a/b.db"));
        assert_eq!(of("a?wait=0s&lost_log=accept").unwrap(), (Duration::ZERO, true, "a"));
        assert_eq!(of("a?wait=2m").unwrap().0, Duration::from_secs(120));
        for wrong in
            ["a?wait", "a?wait=", "a?wait=10", "a?wait=s", "a?wait=10h", "a?lost_log=yes", "a?cache=1"]
        {
            let error = of(wrong).unwrap_err();
            assert!(error.bad_url, "{error}");
        }
        assert!(of("a?cache=1").unwrap_err().reason.contains("`cache`"));
        for twice in
            ["a?wait=1s&wait=2s", "a?wait=1s&lost_log=accept&wait=1s", "a?lost_log=accept&lost_log=accept"]
        {
            let error = of(twice).unwrap_err();
            assert!(error.bad_url && error.reason.contains("twice"), "{error}");
        }
    }
}
