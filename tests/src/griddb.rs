//! GridDB to run the cases on: a test node in this process, and a real server if one is named.

use std::path::Path;
use std::sync::LazyLock;
use std::sync::mpsc;
use std::time::Duration;

use griddb_test_node::{LogWrite, Options, TestNode};
use sha2::{Digest, Sha256};
use tokio::runtime::Runtime;

/// The URL of the test node, which starts at the first call and lives as long as this process.
pub(crate) fn test_node(directory: &Path) -> Option<String> {
    static NODE: LazyLock<String> = LazyLock::new(start);
    Some(with_own_prefix(&NODE, directory))
}

/// The URL of the real server that `GRIDAUTH_TEST_GRIDDB` names.
pub(crate) fn real_server(directory: &Path) -> Option<String> {
    let url = std::env::var("GRIDAUTH_TEST_GRIDDB").ok()?;
    Some(with_own_prefix(&url, directory))
}

fn start() -> String {
    let (told, address) = mpsc::channel();
    std::thread::spawn(move || {
        let runtime = runtime();
        let node = runtime.block_on(TestNode::start(Options::new())).expect("the test node starts");
        told.send(format!("griddb://admin:admin@{}/gridauth", node.address()))
            .expect("the caller waits for the address");
        runtime.block_on(std::future::pending::<()>());
    });
    address.recv().expect("the test node starts")
}

/// A test node for one case alone, to crash, pause and restart.
pub struct OwnNode {
    node: TestNode,
    runtime: Runtime,
}

impl OwnNode {
    /// A new one. Only flushed writes reach its disk: a real server also syncs by itself, which would hide a missing flush.
    ///
    /// # Panics
    /// If it cannot be started.
    pub fn start() -> Self {
        Self::start_joining_after(Duration::from_millis(300))
    }

    /// A new one that stays out of its cluster for `delay` after each restart.
    ///
    /// # Panics
    /// If it cannot be started.
    pub fn start_joining_after(delay: Duration) -> Self {
        let options = Options::new().log_write(LogWrite::OnlyByFlush).rejoin_delay(delay);
        let runtime = runtime();
        let node = runtime.block_on(TestNode::start(options)).expect("the node starts");
        Self { node, runtime }
    }

    /// The value of `GRIDAUTH_STORE`, with these options.
    pub fn url(&self, options: &str) -> String {
        format!("{}?grant_containers=4&{options}", self.node.url())
    }

    /// Kills it, as `kill -9` does: connections are reset, and no new ones are accepted.
    ///
    /// # Panics
    /// If its port cannot be kept.
    pub fn crash(&self) {
        self.runtime.block_on(self.node.crash()).expect("the node is killed");
    }

    /// Restarts it on the same port. It refuses everything until it has joined its cluster.
    ///
    /// # Panics
    /// If it cannot be started.
    pub fn restart(&self) {
        let _runtime = self.runtime.enter();
        self.node.restart().expect("the node starts again");
    }

    /// Pauses it, as SIGSTOP does: connections are accepted and nothing is answered.
    pub fn pause(&self) {
        self.node.pause();
    }

    /// Resumes it.
    pub fn wake(&self) {
        self.node.wake();
    }
}

fn runtime() -> Runtime {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    runtime.expect("a runtime for a node")
}

/// Gives each directory its own containers, just as it would have its own file.
fn with_own_prefix(url: &str, directory: &Path) -> String {
    let digest = Sha256::digest(directory.as_os_str().as_encoded_bytes());
    let tag: String = digest[..6].iter().map(|byte| format!("{byte:02x}")).collect();
    let separator = if url.contains('?') { '&' } else { '?' };
    format!("{url}{separator}prefix=T{tag}_&grant_containers=4")
}
