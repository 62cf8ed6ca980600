//! The server of a test case: a node of its own, or the real one named by `GRIDAUTH_TEST_GRIDDB`.

use super::{Bytes, Client, DROP_CONTAINER, GET_PARTITION_ADDRESS, Table, container_key, partition_of};
use griddb_test_node::{Options, TestNode};
use sha2::{Digest, Sha256};
use std::io::Write;
use std::net::{SocketAddr, SocketAddrV4, ToSocketAddrs};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// A login and its cluster.
#[derive(Debug, Clone)]
pub(crate) struct Account {
    pub(crate) user: String,
    /// The digest of the password.
    pub(crate) secret: String,
    pub(crate) cluster: String,
    pub(crate) database: Option<String>,
}

impl Account {
    pub(crate) fn new(user: &str, password: &str, cluster: &str) -> Self {
        let (user, cluster) = (user.to_owned(), cluster.to_owned());
        Self { user, secret: secret(password), cluster, database: None }
    }
}

/// The password as LOGIN sends it.
pub(crate) fn secret(password: &str) -> String {
    Sha256::digest(password).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The server of one case.
pub(crate) struct Server {
    pub(crate) address: SocketAddrV4,
    pub(crate) account: Account,
    pub(crate) partitions: u32,
    /// The node; `None` for the real server.
    pub(crate) node: Option<TestNode>,
    /// The suffix of names, which no other case and no earlier run has used.
    tag: String,
    made: Mutex<Vec<(String, i32)>>,
}

/// A number that no other case and no earlier run has used.
fn unique() -> u128 {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    #[allow(clippy::disallowed_methods, reason = "names that no other run has")]
    let time = std::time::UNIX_EPOCH.elapsed().unwrap().as_nanos();
    time << 32 | u128::from(std::process::id() & 0xffff) << 16 | u128::from(NEXT.fetch_add(1, Relaxed))
}

impl Server {
    pub(crate) async fn on_a_node(options: Options) -> Self {
        let node = TestNode::start(options).await.unwrap();
        Self::new(node.address(), Account::new("admin", "admin", "gridauth"), Some(node)).await
    }

    /// `None`, with a loud message, if no server is named.
    pub(crate) async fn on_the_real_server() -> Option<Self> {
        let Ok(url) = std::env::var("GRIDAUTH_TEST_GRIDDB") else {
            static ONCE: std::sync::Once = std::sync::Once::new();
            // not with a macro: the output of macros is captured in a passing test
            let line = b"\nSKIPPED: whether a real GridDB answers as the test node does; set GRIDAUTH_TEST_GRIDDB to a griddb:// URL to run it\n";
            ONCE.call_once(|| std::io::stderr().write_all(line).unwrap());
            return None;
        };
        // user, password and cluster contain no percent-encoded characters
        let rest = url.strip_prefix("griddb://").expect("a griddb:// URL");
        let (login, rest) = rest.split_once('@').expect("user and password");
        let (user, password) = login.split_once(':').expect("user and password");
        let (hosts, rest) = rest.split_once('/').expect("a cluster");
        let cluster = rest.split(['/', '?']).next().unwrap();
        let mut addresses = hosts.split(',').next().unwrap().to_socket_addrs().expect("an address");
        let address = addresses.find_map(|address| match address {
            SocketAddr::V4(address) => Some(address),
            SocketAddr::V6(_) => None,
        });
        let account = Account::new(user, password, cluster);
        Some(Self::new(address.expect("an IPv4 address"), account, None).await)
    }

    async fn new(address: SocketAddrV4, account: Account, node: Option<TestNode>) -> Self {
        let tag = format!("{:x}", unique());
        let mut server = Self { address, account, partitions: 0, node, tag, made: Mutex::default() };
        let question = Bytes::new().i32(0).u8(1);
        let answer = server.client().await.call(GET_PARTITION_ADDRESS, 0, question).await;
        server.partitions = u32::from_le_bytes(answer.body[..4].try_into().unwrap());
        server
    }

    /// Whether it is an in-process node.
    pub(crate) fn is_a_node(&self) -> bool {
        self.node.is_some()
    }

    /// A further logged-in client.
    pub(crate) async fn client(&self) -> Client {
        self.client_as(&self.account).await
    }

    pub(crate) async fn client_as(&self, account: &Account) -> Client {
        let mut client = Client::dial(self.address).await;
        client.uuid = unique().to_le_bytes();
        assert_eq!(client.connect().await.status, 0);
        let answer = client.log_in_as(account, true).await;
        assert_eq!(answer.status, 0, "{:?}", answer.error());
        client
    }

    /// A name for this case. An affinity stays at its end.
    pub(crate) fn name(&self, name: &str) -> String {
        match name.split_once('@') {
            Some((base, affinity)) => format!("{base}_{}@{affinity}", self.tag),
            None => format!("{name}_{}", self.tag),
        }
    }

    /// Creates or opens this case's container with that name.
    pub(crate) async fn table(&self, client: &mut Client, name: &str) -> Table {
        let name = self.name(name);
        self.is_made(&name, partition_of(&name, self.partitions));
        client.table(&name, self.partitions).await
    }

    /// Records a container to be dropped at the end.
    pub(crate) fn is_made(&self, name: &str, partition: i32) {
        self.made.lock().unwrap().push((name.to_owned(), partition));
    }

    /// Waits until the server has noticed that a client is gone.
    pub(crate) async fn waits_until_clients_are_gone(&self, left: u64) {
        match &self.node {
            Some(node) => {
                while node.counters().open_connections() > left {
                    tokio::task::yield_now().await;
                }
            }
            None => tokio::time::sleep(Duration::from_millis(300)).await,
        }
    }

    /// Drops the containers of this case.
    pub(crate) async fn clear(&self) {
        let mut client = self.client().await;
        let made = std::mem::take(&mut *self.made.lock().unwrap());
        for (name, partition) in made {
            // a container with an open transaction stays: do not wait for it
            let at_once = Bytes::new().i32(6).i16(1).i32(0);
            let body = at_once.raw(&container_key(&name).0).u8(0xff);
            client.call(DROP_CONTAINER, partition, body).await;
        }
        client.disconnect().await;
    }
}

/// Makes two tests of each case: one on a node with these options, and one on the real server.
macro_rules! on_every_server {
    ($options:expr; $($case:ident,)*) => {
        mod on_a_node {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $case() {
                    super::$case(&super::Server::on_a_node($options).await).await;
                }
            )*
        }

        mod on_the_real_server {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $case() {
                    if let Some(server) = super::Server::on_the_real_server().await {
                        super::$case(&server).await;
                        server.clear().await;
                    }
                }
            )*
        }
    };
}

pub(crate) use on_every_server;
