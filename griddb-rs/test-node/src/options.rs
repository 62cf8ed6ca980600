//! The settings of a node.

use std::fmt;
use std::net::SocketAddrV4;
use std::sync::Arc;
use std::time::Duration;

/// When committed changes are synced. A crash loses the rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogWrite {
    /// At every commit, before the answer, like `logWriteMode` 0. A crash loses nothing that was answered.
    EveryCommit,
    /// Periodically, after the answer, like `logWriteMode` N.
    Every(Duration),
    /// Only by FLUSH_LOG, for tests that control exactly what a crash loses.
    OnlyByFlush,
}

/// Settings of a node, or of each node of a cluster.
///
/// ```
/// use griddb_test_node::{LogWrite, Options};
///
/// let options = Options::new().cluster("prod").user("app", "secret").partitions(16).log_write(LogWrite::EveryCommit);
/// ```
#[derive(Clone)]
pub struct Options {
    pub(crate) cluster: String,
    pub(crate) user: String,
    pub(crate) password: String,
    pub(crate) databases: Vec<String>,
    pub(crate) partitions: u32,
    pub(crate) port: u16,
    pub(crate) log_write: LogWrite,
    pub(crate) check_interval: Duration,
    pub(crate) second: Duration,
    pub(crate) latency: Duration,
    pub(crate) login_flaw: bool,
    pub(crate) out_of_order: bool,
    pub(crate) rejoin_delay: Duration,
    /// How long writes wait for a silent backup, if they wait.
    pub(crate) replication_wait: Option<Duration>,
    /// How often backups are brought up to date, if not with each change.
    pub(crate) replication_lag: Option<Duration>,
    pub(crate) largest_message: usize,
    pub(crate) clock: Arc<dyn Fn() -> i64 + Send + Sync>,
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("cluster", &self.cluster)
            .field("user", &self.user)
            .field("partitions", &self.partitions)
            .field("log_write", &self.log_write)
            .finish_non_exhaustive()
    }
}

impl Default for Options {
    fn default() -> Self {
        Self::new()
    }
}

impl Options {
    /// A node of the cluster `gridauth` with the administrator `admin`, password `admin`, 128 partitions, a free
    /// port of 127.0.0.1, and the default durability of a server (`logWriteMode` 1).
    #[must_use]
    pub fn new() -> Self {
        Self {
            cluster: "gridauth".to_owned(),
            user: "admin".to_owned(),
            password: "admin".to_owned(),
            databases: Vec::new(),
            partitions: 128,
            port: 0,
            log_write: LogWrite::Every(Duration::from_secs(1)),
            check_interval: Duration::from_secs(3),
            second: Duration::from_secs(1),
            latency: Duration::ZERO,
            login_flaw: false,
            out_of_order: true,
            rejoin_delay: Duration::ZERO,
            replication_wait: None,
            replication_lag: None,
            largest_message: 256 << 20,
            clock: Arc::new(wall_clock),
        }
    }

    /// The cluster's name.
    #[must_use]
    pub fn cluster(mut self, name: &str) -> Self {
        name.clone_into(&mut self.cluster);
        self
    }

    /// The administrator's name and password.
    #[must_use]
    pub fn user(mut self, name: &str, password: &str) -> Self {
        name.clone_into(&mut self.user);
        password.clone_into(&mut self.password);
        self
    }

    /// A database besides `public`. More users and databases can be created over the protocol.
    #[must_use]
    pub fn database(mut self, name: &str) -> Self {
        self.databases.push(name.to_owned());
        self
    }

    pub(crate) fn url(&self, addresses: &[SocketAddrV4]) -> String {
        let hosts: Vec<_> = addresses.iter().map(SocketAddrV4::to_string).collect();
        let [user, password, cluster] =
            [&self.user, &self.password, &self.cluster].map(|part| percent_encoded(part));
        format!("griddb://{user}:{password}@{}/{cluster}", hosts.join(","))
    }

    /// The number of partitions.
    #[must_use]
    pub fn partitions(mut self, count: u32) -> Self {
        self.partitions = count.max(1);
        self
    }

    /// The port of 127.0.0.1 to listen on. 0, the default, chooses a free one.
    #[must_use]
    pub fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// When commits are synced.
    #[must_use]
    pub fn log_write(mut self, mode: LogWrite) -> Self {
        self.log_write = mode;
        self
    }

    /// How often timed-out transactions and lock waits are checked: 3 s, as on a real server. A short interval
    /// makes tests of timeouts fast.
    #[must_use]
    pub fn check_interval(mut self, interval: Duration) -> Self {
        self.check_interval = interval.max(Duration::from_millis(1));
        self
    }

    /// The length of one second of a transaction timeout. With 10 ms, a statement with a timeout of 5 s waits for
    /// locks for 50 ms, up to the next check. Unused sessions and results expire after 300 such seconds.
    #[must_use]
    pub fn second(mut self, length: Duration) -> Self {
        self.second = length;
        self
    }

    /// Delays every answer. With it, [`Counters::flights`](crate::Counters::flights) counts round trips exactly.
    #[must_use]
    pub fn latency(mut self, latency: Duration) -> Self {
        self.latency = latency;
        self
    }

    /// Enables the flaw of the real server: a login whose connection ended without DISCONNECT goes to the next
    /// connection. Off by default, so that a client that forgets LOGIN fails.
    #[must_use]
    pub fn login_flaw(mut self, on: bool) -> Self {
        self.login_flaw = on;
        self
    }

    /// Whether answers of different partitions may overtake each other, as on a real server.
    #[must_use]
    pub fn out_of_order(mut self, on: bool) -> Self {
        self.out_of_order = on;
        self
    }

    /// How long a restarted node stays outside its cluster (10008).
    #[must_use]
    pub fn rejoin_delay(mut self, delay: Duration) -> Self {
        self.rejoin_delay = delay;
        self
    }

    /// The node's clock for NOW(), in milliseconds since 1970.
    #[must_use]
    pub fn clock(mut self, clock: impl Fn() -> i64 + Send + Sync + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }
}

/// Percent-encodes everything except unreserved characters.
fn percent_encoded(text: &str) -> String {
    let encode = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(encode).collect()
}

#[expect(clippy::disallowed_methods, reason = "the node stands for another process, which has its own clock")]
fn wall_clock() -> i64 {
    let since_1970 = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since_1970.map_or(0, |time| i64::try_from(time.as_millis()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    #[test]
    fn a_url_names_every_node_and_encodes_the_password() {
        let address = |port| SocketAddrV4::new(Ipv4Addr::LOCALHOST, port);
        let options = Options::new().user("app", "p@ss:w/rd%").cluster("prod");
        let url = options.url(&[address(1), address(2)]);
        assert_eq!(url, "griddb://app:p%40ss%3Aw%2Frd%25@127.0.0.1:1,127.0.0.1:2/prod");
    }
}
