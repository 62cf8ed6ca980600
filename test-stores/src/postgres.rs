//! A PostgreSQL server for tests.
#![allow(clippy::panic, reason = "for tests: a test that cannot go on fails")]

use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// A PostgreSQL server, started from the installed programs in a folder and on a port of its own, or one that
/// `GRIDAUTH_TEST_POSTGRES` names by a URL. It ends, and its folder goes, when this is dropped or the process ends, however it does.
pub struct Postgres {
    url: String,
    own: Option<Own>,
    schemas: AtomicUsize,
}

/// A server that was started here.
struct Own {
    folder: PathBuf,
    programs: PathBuf,
    port: u16,
    /// The shell that watches the server. It ends the server when its input does.
    watcher: Option<Child>,
}

/// Runs the server until the input ends, and then removes the folder. The first argument is the folder.
const WATCH: &str = r#"
folder=$1; shift
"$@" </dev/null >>"$folder/log" 2>&1 &
server=$!
read -r word
if [ "$word" = keep ]; then folder=; fi
kill -s QUIT "$server" 2>/dev/null
wait "$server"
if [ -n "$folder" ]; then rm -rf "$folder"; fi
"#;

impl Postgres {
    /// The server that `GRIDAUTH_TEST_POSTGRES` names, or a new one. `None` if there is neither, which is said on standard error.
    ///
    /// # Panics
    /// If PostgreSQL is installed and does not start; if it is not and `GRIDAUTH_REQUIRE_POSTGRES` is set.
    pub fn find() -> Option<Self> {
        match std::env::var("GRIDAUTH_TEST_POSTGRES") {
            Ok(url) => Some(Self { url, own: None, schemas: AtomicUsize::new(0) }),
            Err(_) => Self::start(),
        }
    }

    /// A new server, which a test may crash. `None` if PostgreSQL is not installed, which is said on standard error.
    ///
    /// # Panics
    /// As [`find`](Self::find).
    pub fn start() -> Option<Self> {
        let Some(programs) = programs() else {
            let required = std::env::var_os("GRIDAUTH_REQUIRE_POSTGRES").is_some();
            assert!(!required, "GRIDAUTH_REQUIRE_POSTGRES is set, and PostgreSQL is not installed");
            say("SKIPPED: PostgreSQL: it is not installed, and GRIDAUTH_TEST_POSTGRES names no server");
            return None;
        };
        match Own::create(programs) {
            Ok(own) => {
                let url = format!("postgres://postgres:none@127.0.0.1:{}/postgres", own.port);
                Some(Self { url, own: Some(own), schemas: AtomicUsize::new(0) })
            }
            Err(error) => panic!("PostgreSQL cannot be started: {error}"),
        }
    }

    /// The URL of the database.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The URL with a schema of its own.
    pub fn fresh(&self) -> String {
        let number = self.schemas.fetch_add(1, Ordering::Relaxed);
        self.with(&format!("schema=test_{}_{number}", std::process::id()))
    }

    /// The URL with this option.
    pub fn with(&self, option: &str) -> String {
        let separator = if self.url.contains('?') { '&' } else { '?' };
        format!("{}{separator}{option}", self.url)
    }

    /// Sends a signal to the server. `QUIT` ends it without a clean shutdown; `STOP` pauses the process that accepts connections.
    ///
    /// # Panics
    /// If the server was not started here, or does not run.
    pub fn signal(&self, signal: &str) {
        let own = self.own.as_ref().unwrap_or_else(|| panic!("the server was not started here"));
        own.signal(signal).unwrap_or_else(|error| panic!("{signal}: {error}"));
    }

    /// Ends it without a clean shutdown, and keeps its data.
    ///
    /// # Panics
    /// If the server was not started here.
    pub fn crash(&mut self) {
        let own = self.own.as_mut().unwrap_or_else(|| panic!("the server was not started here"));
        own.end(b"keep\n");
    }

    /// Starts it again on the same port.
    ///
    /// # Panics
    /// If it does not start.
    pub fn restart(&mut self) {
        let own = self.own.as_mut().unwrap_or_else(|| panic!("the server was not started here"));
        own.run().unwrap_or_else(|error| panic!("PostgreSQL does not start again: {error}"));
    }
}

impl Own {
    fn create(programs: PathBuf) -> io::Result<Self> {
        let folder = tempfile::Builder::new().prefix("gridauth-postgres-").tempdir()?.keep();
        // The server's user writes into it.
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o777))?;
        let mut own = Self { folder, programs, port: 0, watcher: None };
        let mut init = own.command("initdb");
        init.args(["-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale", "-N", "-D"]);
        done(init.arg(own.folder.join("data")).output()?)?;
        own.port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        own.run()?;
        Ok(own)
    }

    /// A program of PostgreSQL, which refuses to run as root.
    fn command(&self, program: &str) -> Command {
        let program = self.programs.join(program);
        let is_root = fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0);
        let mut command = if is_root {
            let mut command = Command::new("setpriv");
            command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(program);
            command
        } else {
            Command::new(program)
        };
        command.current_dir(&self.folder);
        command
    }

    fn run(&mut self) -> io::Result<()> {
        let mut server = self.command("postgres");
        server.arg("-D").arg(self.folder.join("data")).arg("-k").arg(&self.folder);
        server.args(["-h", "127.0.0.1", "-p", &self.port.to_string(), "-c", "max_connections=200"]);
        let mut watcher = Command::new("sh");
        watcher.args(["-c", WATCH, "sh"]).arg(&self.folder).arg(server.get_program()).args(server.get_args());
        watcher.current_dir(&self.folder).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        self.watcher = Some(watcher.spawn()?);
        for _ in 0..600 {
            let mut ready = self.command("pg_isready");
            if ready.args(["-q", "-h", "127.0.0.1", "-p", &self.port.to_string()]).status()?.success() {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        Err(io::Error::other(fs::read_to_string(self.folder.join("log")).unwrap_or_default()))
    }

    fn signal(&self, signal: &str) -> io::Result<()> {
        let pid = fs::read_to_string(self.folder.join("data/postmaster.pid"))?;
        let pid = pid.lines().next().unwrap_or_default();
        done(Command::new("kill").args(["-s", signal, pid]).output()?)
    }

    fn end(&mut self, word: &[u8]) {
        let Some(mut watcher) = self.watcher.take() else { return };
        if let Some(mut input) = watcher.stdin.take() {
            let _ = io::Write::write_all(&mut input, word);
        }
        let _ = watcher.wait();
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        self.end(b"");
    }
}

fn done(output: Output) -> io::Result<()> {
    if output.status.success() {
        return Ok(());
    }
    Err(io::Error::other(String::from_utf8_lossy(&output.stderr).into_owned()))
}

/// Where the programs of PostgreSQL are: the newest that Debian has, or those in the path.
fn programs() -> Option<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut folders: Vec<(u32, PathBuf)> = versions
        .filter_map(|version| Some((version.file_name().to_str()?.parse().ok()?, version.path().join("bin"))))
        .collect();
    folders.sort_by_key(|(version, _)| std::cmp::Reverse(*version));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let in_path = std::env::split_paths(&path);
    let all_there = |folder: &Path| {
        ["initdb", "postgres", "pg_isready"].iter().all(|program| folder.join(program).exists())
    };
    folders.into_iter().map(|(_, folder)| folder).chain(in_path).find(|folder| all_there(folder))
}

#[expect(clippy::print_stderr, reason = "skipped tests are reported even if everything passes")]
fn say(line: &str) {
    eprintln!("{line}");
}
