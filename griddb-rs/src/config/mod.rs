//! Where the database is, who logs in, and all time limits.

#[cfg(feature = "provider")]
mod provider_url;
mod url;

use std::{fmt, str::FromStr, time::Duration};

use crate::error::Error;
#[cfg(feature = "provider")]
pub(crate) use provider_url::ProviderUrl;

/// Longer than any sensible limit, and short enough that sums of times cannot overflow.
const LONGEST_TIME: Duration = Duration::from_secs(86_400);

/// Bounds of the heartbeat that is derived from the statement timeout.
const SHORTEST_HEARTBEAT: Duration = Duration::from_millis(500);
const LONGEST_HEARTBEAT: Duration = Duration::from_secs(5);

/// Where the database is, who logs in, and all time limits.
///
/// Usually read from a URL:
///
/// ```text
/// griddb://USER:PASSWORD@HOST[:PORT][,HOST[:PORT]…]/CLUSTER[/DATABASE][?OPTION=VALUE&…]
/// ```
///
/// The default port is 10001. In user, password, cluster and database, percent-encode every character except
/// `A-Z a-z 0-9 - . _ ~ ! $ ' ( ) *`. Times are numbers with a unit: `250ms`, `5s`, `2m`.
///
/// | option | default | meaning |
/// | --- | --- | --- |
/// | `connect_timeout` | `5s` | longest wait for one connection and its login |
/// | `statement_timeout` | `10s` | longest wait for the answer to one statement |
/// | `lock_timeout` | `5s` | longest wait for a row lock, and lifetime of a transaction. Whole seconds; `0s` does not wait. See below |
/// | `retry_for` | `30s` | time limit of one call, all attempts together. In a cluster it should outlast a failover: 11 to 14 s for the owner of a partition, 26 to 28 s for the master |
/// | `heartbeat` | a quarter of `statement_timeout`, 500 ms to 5 s | silence after which a node that owes an answer is sent a heartbeat. After the same time again the connection is dropped, which leaves half of the time for another attempt. Raise it if single statements keep a node busy for longer |
/// | `keepalive` | `60s` | how long a connection may be idle before the node is sent a heartbeat. Firewalls forget idle connections |
/// | `owner_check` | `10s` | in a cluster, how old the known owner of a partition may get before the master is asked again in the background. A former owner still answers reads |
/// | `connections` | `1` | connections to each node; each carries any number of statements at once |
/// | `max_answer` | `134217728` | longest answer accepted, in bytes |
/// | `application` | | name under which the server lists this client |
/// | `provider` | | `http://…` URL that lists the nodes (`https://` is not supported); hosts may then be omitted |
///
/// The server checks waiting statements every 3 s only. A call therefore asks it to wait for 3 s less than the call has
/// left, and asks again for the rest. With a `statement_timeout` of 3 s or less, a call polls for the lock instead. A
/// [`Transaction`](crate::Transaction) lives for at least 1 s.
///
/// ```
/// use std::time::Duration;
/// use griddb_rs::Config;
///
/// let config: Config = "griddb://app:p%40ss@db1:10001,db2/prod?retry_for=10s".parse()?;
/// assert_eq!(config.cluster(), "prod");
/// assert_eq!(config.hosts().count(), 2);
/// assert!(!format!("{config:?}").contains("p@ss"));
/// # Ok::<(), griddb_rs::Error>(())
/// ```
#[derive(Clone)]
pub struct Config {
    pub(crate) user: String,
    pub(crate) password: String,
    pub(crate) hosts: Vec<(String, u16)>,
    pub(crate) cluster: String,
    pub(crate) database: Option<String>,
    pub(crate) provider: Option<String>,
    pub(crate) application: Option<String>,
    pub(crate) connect_timeout: Duration,
    pub(crate) statement_timeout: Duration,
    pub(crate) lock_timeout: Duration,
    pub(crate) retry_for: Duration,
    pub(crate) heartbeat: Option<Duration>,
    pub(crate) keepalive: Duration,
    pub(crate) owner_check: Duration,
    pub(crate) connections: usize,
    pub(crate) max_answer: usize,
}

impl Config {
    /// A configuration without hosts. Add some with [`host`](Self::host).
    pub fn new(user: &str, password: &str, cluster: &str) -> Self {
        Self {
            user: user.into(),
            password: password.into(),
            hosts: Vec::new(),
            cluster: cluster.into(),
            database: None,
            provider: None,
            application: None,
            connect_timeout: Duration::from_secs(5),
            statement_timeout: Duration::from_secs(10),
            lock_timeout: Duration::from_secs(5),
            retry_for: Duration::from_secs(30),
            heartbeat: None,
            keepalive: Duration::from_secs(60),
            owner_check: Duration::from_secs(10),
            connections: 1,
            max_answer: 128 << 20,
        }
    }

    /// Parses a URL; see the [type](Self) for its form.
    ///
    /// # Errors
    /// The URL has another form or an unknown option. Messages never contain the user or password.
    pub fn parse(url: &str) -> Result<Self, Error> {
        let (config, extra) = Self::parse_with_extra(url)?;
        if let Some((name, _)) = extra.first() {
            return Err(url::wrong(format!("unknown option `{name}`")));
        }
        config.check()?;
        Ok(config)
    }

    /// Parses a URL and also returns the options that this client does not know, decoded and in order. It is meant
    /// for callers with options of their own.
    ///
    /// Such callers may have their own defaults too, so the values are not validated yet; see
    /// [`check`](Self::check).
    ///
    /// ```
    /// let (_, extra) = griddb_rs::Config::parse_with_extra("griddb://u:p@db/prod?prefix=app_&retry_for=5s")?;
    /// assert_eq!(extra, [("prefix".to_owned(), "app_".to_owned())]);
    /// # Ok::<(), griddb_rs::Error>(())
    /// ```
    ///
    /// # Errors
    /// The URL does not have the [documented form](Self). Messages never contain the user or password.
    pub fn parse_with_extra(url: &str) -> Result<(Self, Vec<(String, String)>), Error> {
        url::parse(url)
    }

    /// Adds a node's address.
    #[must_use]
    pub fn host(mut self, host: &str, port: u16) -> Self {
        self.hosts.push((host.into(), port));
        self
    }

    /// Sets the database. The default is `public`.
    #[must_use]
    pub fn database(mut self, name: &str) -> Self {
        self.database = Some(name.into());
        self
    }

    /// Sets the longest wait for one connection and its login.
    #[must_use]
    pub fn connect_timeout(mut self, time: Duration) -> Self {
        self.connect_timeout = time;
        self
    }

    /// Sets the longest wait for the answer to one statement.
    #[must_use]
    pub fn statement_timeout(mut self, time: Duration) -> Self {
        self.statement_timeout = time;
        self
    }

    /// Sets the longest wait for a row lock, in whole seconds. It is also the lifetime of a transaction.
    #[must_use]
    pub fn lock_timeout(mut self, time: Duration) -> Self {
        self.lock_timeout = time;
        self
    }

    /// Sets the time limit of one call, all attempts together.
    #[must_use]
    pub fn retry_for(mut self, time: Duration) -> Self {
        self.retry_for = time;
        self
    }

    /// Sets the silence after which a node that owes an answer is sent a heartbeat. After the same time again
    /// without an answer the connection is dropped. The default is a quarter of the statement timeout, between 500
    /// ms and 5 s.
    #[must_use]
    pub fn heartbeat(mut self, time: Duration) -> Self {
        self.heartbeat = Some(time);
        self
    }

    /// Sets how long a connection may be idle before the node is sent a heartbeat.
    #[must_use]
    pub fn keepalive(mut self, time: Duration) -> Self {
        self.keepalive = time;
        self
    }

    /// Sets how old the known owner of a partition may get in a cluster.
    #[must_use]
    pub fn owner_check(mut self, time: Duration) -> Self {
        self.owner_check = time;
        self
    }

    /// Sets the number of connections to each node.
    #[must_use]
    pub fn connections(mut self, count: usize) -> Self {
        self.connections = count;
        self
    }

    /// Sets the length of the longest answer accepted, in bytes.
    #[must_use]
    pub fn max_answer(mut self, bytes: usize) -> Self {
        self.max_answer = bytes;
        self
    }

    /// Sets the name under which the server lists this client.
    #[must_use]
    pub fn application(mut self, name: &str) -> Self {
        self.application = Some(name.into());
        self
    }

    /// Sets the `http://` URL of a notification provider that lists the nodes.
    #[must_use]
    pub fn provider(mut self, url: &str) -> Self {
        self.provider = Some(url.into());
        self
    }

    /// The hosts and ports, as configured.
    pub fn hosts(&self) -> impl Iterator<Item = (&str, u16)> {
        self.hosts.iter().map(|(host, port)| (host.as_str(), *port))
    }

    /// Whether it is configured for several nodes: with more than one host, or a provider that lists them.
    ///
    /// ```
    /// let config: griddb_rs::Config = "griddb://u:p@db1,db2/prod".parse()?;
    /// assert!(config.has_several_nodes());
    /// # Ok::<(), griddb_rs::Error>(())
    /// ```
    pub fn has_several_nodes(&self) -> bool {
        self.hosts.len() > 1 || self.provider.is_some()
    }

    /// The cluster's name.
    pub fn cluster(&self) -> &str {
        &self.cluster
    }

    /// Validates the whole configuration: every value is in its range and none contradicts another.
    /// [`Client::connect_with`](crate::Client::connect_with) does so too; this reports mistakes before connecting.
    ///
    /// ```
    /// use std::time::Duration;
    /// use griddb_rs::Config;
    ///
    /// let config = Config::new("app", "secret", "prod").host("db1", 10001).statement_timeout(Duration::from_secs(3));
    /// // The lock timeout is 5 s by default.
    /// assert!(config.check().is_err());
    /// assert!(config.lock_timeout(Duration::from_secs(2)).check().is_ok());
    /// ```
    ///
    /// # Errors
    /// The first invalid value, and what it may be ([`ErrorKind::Config`](crate::ErrorKind::Config)).
    pub fn check(&self) -> Result<(), Error> {
        let times = [
            self.connect_timeout,
            self.statement_timeout,
            self.retry_for,
            self.heartbeat_interval(),
            self.keepalive,
            self.owner_check,
        ];
        let fault = if self.user.is_empty() {
            Some("the user is missing")
        } else if self.cluster.is_empty() {
            Some("the cluster's name is missing")
        } else if self.hosts.is_empty() && self.provider.is_none() {
            Some("a host is missing")
        } else if self.hosts.iter().any(|(host, port)| host.is_empty() || *port == 0) {
            Some("a host is empty or its port is 0")
        } else if self.database.as_deref() == Some("") {
            Some("the database's name is empty")
        } else if self.connections == 0 || self.connections > 64 {
            Some("`connections` must be 1 to 64")
        } else if times.iter().any(Duration::is_zero) {
            Some("a timeout must not be zero")
        } else if times.iter().any(|time| *time > LONGEST_TIME) {
            Some("a timeout is longer than a day")
        } else if self.lock_timeout.subsec_nanos() != 0 {
            Some("`lock_timeout` must be whole seconds")
        } else if self.lock_timeout > self.statement_timeout {
            // A statement that the client gave up on would keep waiting at the server, and then run.
            Some("`lock_timeout` must not be longer than `statement_timeout`")
        } else if self.max_answer < 64 << 10 || self.max_answer > i32::MAX as usize {
            Some("`max_answer` must be 65536 to 2147483647")
        } else if !self.application.iter().all(|name| application_name_is_allowed(name)) {
            Some("`application` must be 1 to 64 letters, digits or _ - . / =")
        } else {
            self.provider.as_deref().and_then(provider_fault)
        };
        fault.map_or(Ok(()), |fault| Err(url::wrong(fault)))
    }

    /// The silence after which a node is sent a heartbeat, and then given up on.
    pub(crate) fn heartbeat_interval(&self) -> Duration {
        self.heartbeat
            .unwrap_or_else(|| (self.statement_timeout / 4).clamp(SHORTEST_HEARTBEAT, LONGEST_HEARTBEAT))
    }

    /// The lock timeout in whole seconds, as sent to the server.
    pub(crate) fn lock_seconds(&self) -> u32 {
        u32::try_from(self.lock_timeout.as_secs()).unwrap_or(u32::MAX)
    }
}

#[cfg(feature = "provider")]
fn provider_fault(url: &str) -> Option<&'static str> {
    ProviderUrl::parse(url).is_none().then_some("`provider` must be http://HOST[:PORT]/PATH")
}

#[cfg(not(feature = "provider"))]
fn provider_fault(_url: &str) -> Option<&'static str> {
    Some("`provider` requires the feature `provider` of griddb-rs")
}

fn application_name_is_allowed(name: &str) -> bool {
    (1..=64).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-./=".contains(&byte))
}

impl FromStr for Config {
    type Err = Error;

    fn from_str(url: &str) -> Result<Self, Error> {
        Self::parse(url)
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("user", &self.user)
            .field("password", &"…")
            .field("hosts", &self.hosts)
            .field("cluster", &self.cluster)
            .field("database", &self.database)
            .field("connect_timeout", &self.connect_timeout)
            .field("statement_timeout", &self.statement_timeout)
            .field("lock_timeout", &self.lock_timeout)
            .field("retry_for", &self.retry_for)
            .finish_non_exhaustive()
    }
}
