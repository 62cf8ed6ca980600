//! The measurements.

pub(crate) mod churn;
pub(crate) mod codes;
pub(crate) mod griddb;
pub(crate) mod guard;
pub(crate) mod idle;
pub(crate) mod issue;
pub(crate) mod passwords;
pub(crate) mod rotation;
pub(crate) mod start;
pub(crate) mod weight;

use crate::Result;
use crate::process::Server;

/// A server, and its name in a table.
struct Candidate {
    name: &'static str,
    what: &'static str,
    on: String,
    token_path: &'static str,
}

/// gridauth on both embedded stores; the file is in `directory`.
fn ours(directory: &tempfile::TempDir) -> Vec<Candidate> {
    let on_file = format!("file:{}", directory.path().join("bench.db").display());
    let ours = |name, on| Candidate { name, what: "gridauth", on, token_path: "/oauth/token" };
    vec![ours("gridauth, memory", "memory:".to_owned()), ours("gridauth, file", on_file)]
}

/// gridauth under the other frameworks, in memory.
fn other_frameworks() -> Vec<Candidate> {
    let ours = |name, what| Candidate { name, what, on: "memory:".to_owned(), token_path: "/oauth/token" };
    vec![ours("gridauth, actix-web", "gridauth-actix"), ours("gridauth, Rocket", "gridauth-rocket")]
}

/// Other crates that a user could choose, in memory.
fn peers() -> Vec<Candidate> {
    let peer = |name, what| Candidate { name, what, on: String::new(), token_path: "/token" };
    vec![peer("oauth-as, memory", "oauth-as"), peer("oxide-auth, memory", "oxide-auth")]
}

/// A directory on disk, beside this program: a temporary directory may be in memory.
fn directory() -> Result<tempfile::TempDir> {
    let program = std::env::current_exe()?;
    Ok(tempfile::tempdir_in(program.parent().ok_or("the program has no directory")?)?)
}

impl Candidate {
    async fn start(&self, spread: bool) -> Result<Server> {
        Server::start(self.what, &self.on, spread).await
    }
}
