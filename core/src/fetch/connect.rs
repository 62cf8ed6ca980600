//! From a request to a TCP connection with an address that the request allows.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::Arc;

use tokio::net::TcpStream;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout};
use url::Host;

use super::{FetchError, FetchRequest, Reach};

/// How many names are looked up at the same time, for operators' clients and for all others. A lookup occupies a blocking thread
/// until the resolver gives up, which may be long after the request has timed out.
const MAX_LOOKUPS: usize = 32;

/// How many addresses of one host are tried.
const MAX_ADDRESSES: usize = 8;

/// Resolves a name and a port on a blocking thread.
type Lookup = dyn Fn(&str, u16) -> io::Result<Vec<SocketAddr>> + Send + Sync;

pub(super) struct Connector {
    lookup: Arc<Lookup>,
    /// Two budgets, so that strangers who register slow names hold up only each other.
    operators_lookups: Arc<Semaphore>,
    others_lookups: Arc<Semaphore>,
}

impl Connector {
    /// Resolves names as the machine does.
    pub(super) fn system() -> Self {
        Self::with_lookup(|name, port| Ok((name, port).to_socket_addrs()?.collect()))
    }

    pub(super) fn with_lookup(
        lookup: impl Fn(&str, u16) -> io::Result<Vec<SocketAddr>> + Send + Sync + 'static,
    ) -> Self {
        Self {
            lookup: Arc::new(lookup),
            operators_lookups: Arc::new(Semaphore::new(MAX_LOOKUPS)),
            others_lookups: Arc::new(Semaphore::new(MAX_LOOKUPS)),
        }
    }

    /// Connects to the first of the host's addresses that is allowed and answers. The addresses that are checked are the ones
    /// that are connected to: nothing resolves the name again.
    pub(super) async fn connect(
        &self,
        request: &FetchRequest,
        deadline: Instant,
    ) -> Result<TcpStream, FetchError> {
        dial(&self.allowed_addresses(request).await?, deadline).await.map_err(unreachable)
    }

    async fn allowed_addresses(&self, request: &FetchRequest) -> Result<Vec<SocketAddr>, FetchError> {
        let url = request.url();
        let port = url.port_or_known_default().ok_or(FetchError::Url("it has no port"))?;
        let mut addresses = match url.host().ok_or(FetchError::Url("it has no host"))? {
            Host::Ipv4(address) => vec![SocketAddr::from((address, port))],
            Host::Ipv6(address) => vec![SocketAddr::from((address, port))],
            Host::Domain(name) => self.look_up(name, port, request.reach()).await.map_err(unreachable)?,
        };
        if addresses.is_empty() {
            return Err(unreachable(io::Error::new(io::ErrorKind::NotFound, "the name has no address")));
        }
        addresses.retain(|address| request.allows(address.ip()));
        addresses.truncate(MAX_ADDRESSES);
        if addresses.is_empty() { Err(FetchError::Forbidden) } else { Ok(addresses) }
    }

    async fn look_up(&self, name: &str, port: u16, reach: Reach) -> io::Result<Vec<SocketAddr>> {
        let lookups = match reach {
            Reach::Anywhere => &self.operators_lookups,
            Reach::Public | Reach::PublicOrLoopback => &self.others_lookups,
        };
        let permit = Arc::clone(lookups).acquire_owned().await.map_err(io::Error::other)?;
        let (lookup, name) = (Arc::clone(&self.lookup), name.to_owned());
        // The thread holds the permit, not this future: a lookup that nobody waits for any more still counts.
        let task = Handle::try_current().map_err(io::Error::other)?.spawn_blocking(move || {
            let addresses = lookup(&name, port);
            drop(permit);
            addresses
        });
        task.await.map_err(io::Error::other)?
    }
}

fn unreachable(error: io::Error) -> FetchError {
    match error.kind() {
        io::ErrorKind::TimedOut => FetchError::TimedOut,
        _ => FetchError::Unreachable(error.into()),
    }
}

/// Tries one address after another. Each gets an equal share of the time that is left, so that a silent one leaves time for the
/// next.
async fn dial(addresses: &[SocketAddr], deadline: Instant) -> io::Result<TcpStream> {
    let mut failure = io::Error::from(io::ErrorKind::NotFound);
    for (address, left) in addresses.iter().zip((1..=addresses.len()).rev()) {
        let share =
            deadline.saturating_duration_since(Instant::now()) / u32::try_from(left).unwrap_or(u32::MAX);
        failure = match timeout(share, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => error,
            Err(_) => io::ErrorKind::TimedOut.into(),
        };
    }
    Err(failure)
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use super::super::PlainHttp;
    use super::*;

    fn ips(texts: &[&str]) -> Vec<IpAddr> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    /// A connector to which every name has these addresses.
    fn resolving_to(addresses: &[&str]) -> Connector {
        let addresses = ips(addresses);
        Connector::with_lookup(move |_, port| Ok(addresses.iter().map(|ip| (*ip, port).into()).collect()))
    }

    fn get(url: &str, reach: Reach) -> FetchRequest {
        FetchRequest::get(url, PlainHttp::Allowed, reach).unwrap()
    }

    #[tokio::test]
    async fn of_a_names_addresses_only_allowed_ones_are_left() {
        let connector =
            resolving_to(&["10.0.0.1", "1.1.1.1", "::1", "127.0.0.1", "2606:4700:4700::1111", "fd00::1"]);
        for (reach, left) in [
            (Reach::Public, &["1.1.1.1", "2606:4700:4700::1111"][..]),
            (Reach::PublicOrLoopback, &["1.1.1.1", "::1", "127.0.0.1", "2606:4700:4700::1111"]),
            (
                Reach::Anywhere,
                &["10.0.0.1", "1.1.1.1", "::1", "127.0.0.1", "2606:4700:4700::1111", "fd00::1"],
            ),
        ] {
            let addresses =
                connector.allowed_addresses(&get("https://client.example:8443/", reach)).await.unwrap();
            assert_eq!(addresses.iter().map(SocketAddr::ip).collect::<Vec<_>>(), ips(left), "{reach:?}");
            assert!(addresses.iter().all(|address| address.port() == 8443));
        }
    }

    #[tokio::test]
    async fn a_host_without_an_allowed_address_is_forbidden() {
        let connector = resolving_to(&["10.0.0.1", "::ffff:1.1.1.1", "169.254.169.254"]);
        let forbidden = connector.allowed_addresses(&get("https://client.example/", Reach::Public)).await;
        assert!(matches!(forbidden, Err(FetchError::Forbidden)), "{forbidden:?}");
        let unknown =
            resolving_to(&[]).allowed_addresses(&get("https://client.example/", Reach::Public)).await;
        assert!(matches!(unknown, Err(FetchError::Unreachable(_))), "{unknown:?}");
    }

    /// Each of these is an address, so no resolver is asked, and none can take it for something else.
    #[tokio::test]
    async fn an_address_in_any_spelling_is_judged_as_the_address() {
        let connector = Connector::with_lookup(|name, _| panic!("{name} is looked up"));
        for (url, address) in [
            ("http://127.0.0.1/", "127.0.0.1"),
            ("http://127.0.0.1./", "127.0.0.1"),
            ("http://127.1/", "127.0.0.1"),
            ("http://2130706433/", "127.0.0.1"),
            ("http://0x7f000001/", "127.0.0.1"),
            ("http://0x7f.1/", "127.0.0.1"),
            ("http://0X7F.0x0.0x0.0x1/", "127.0.0.1"),
            ("http://017700000001/", "127.0.0.1"),
            ("http://0177.0.0.01/", "127.0.0.1"),
            ("http://%31%32%37.0.0.1/", "127.0.0.1"),
            ("http://0/", "0.0.0.0"),
            ("http://0x/", "0.0.0.0"),
            ("http://2852039166/", "169.254.169.254"),
            ("http://0xa9fea9fe/", "169.254.169.254"),
            ("http://10.1/", "10.0.0.1"),
            ("http://[::1]/", "::1"),
            ("http://[0:0:0:0:0:0:0:1]/", "::1"),
            ("http://[::]/", "::"),
            ("http://[::ffff:127.0.0.1]/", "::ffff:127.0.0.1"),
            ("http://[::ffff:7f00:1]/", "::ffff:127.0.0.1"),
            ("http://[::127.0.0.1]/", "::127.0.0.1"),
            ("http://[64:ff9b::7f00:1]/", "64:ff9b::127.0.0.1"),
            ("http://[fe80::1]/", "fe80::1"),
        ] {
            let forbidden = connector.allowed_addresses(&get(url, Reach::Public)).await;
            assert!(matches!(forbidden, Err(FetchError::Forbidden)), "{url}: {forbidden:?}");
            let addresses = connector.allowed_addresses(&get(url, Reach::Anywhere)).await.unwrap();
            assert_eq!(addresses.iter().map(SocketAddr::ip).collect::<Vec<_>>(), ips(&[address]), "{url}");
        }
    }

    /// The machine's own resolver: no name of loopback gets through.
    #[tokio::test]
    async fn names_of_loopback_are_forbidden() {
        let connector = Connector::system();
        for url in ["http://localhost/", "http://LOCALHOST/", "http://localhost./"] {
            let refused = connector.allowed_addresses(&get(url, Reach::Public)).await;
            // Some resolvers do not know `localhost.`.
            let is_refused = matches!(refused, Err(FetchError::Forbidden | FetchError::Unreachable(_)));
            assert!(is_refused, "{url}: {refused:?}");
        }
    }

    /// DNS rebinding: the name has a public address when it is checked, and another one when it is connected to.
    #[tokio::test]
    async fn a_name_is_resolved_once() {
        let lookups = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&lookups);
        let connector = Connector::with_lookup(move |_, port| {
            let first = counted.fetch_add(1, Ordering::SeqCst) == 0;
            Ok(vec![SocketAddr::from((if first { [1, 1, 1, 1] } else { [127, 0, 0, 1] }, port))])
        });
        let request = get("https://client.example/", Reach::Public);
        let addresses = connector.allowed_addresses(&request).await.unwrap();
        assert_eq!(addresses, [SocketAddr::from(([1, 1, 1, 1], 443))]);
        assert_eq!(lookups.load(Ordering::SeqCst), 1);
        let rebound = connector.connect(&request, Instant::now() + Duration::from_secs(5)).await;
        assert!(matches!(rebound, Err(FetchError::Forbidden)), "{rebound:?}");
        assert_eq!(lookups.load(Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn few_addresses_of_a_host_are_tried() {
        let connector = Connector::with_lookup(|_, port| {
            Ok((1..=200).map(|last| SocketAddr::from(([1, 1, 1, last], port))).collect())
        });
        let addresses =
            connector.allowed_addresses(&get("https://client.example/", Reach::Public)).await.unwrap();
        assert_eq!(addresses.len(), MAX_ADDRESSES);
    }

    #[tokio::test]
    async fn an_address_that_refuses_leaves_the_next_one() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let open = listener.local_addr().unwrap();
        let closed = {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            listener.local_addr().unwrap()
        };
        let deadline = Instant::now() + Duration::from_secs(5);
        assert_eq!(dial(&[closed, open], deadline).await.unwrap().peer_addr().unwrap(), open);
        assert!(dial(&[closed], deadline).await.is_err());
    }

    /// Strangers' slow names: they use up their own threads, and no more.
    #[tokio::test]
    async fn slow_lookups_do_not_hold_up_operators() {
        let (release, released) = std::sync::mpsc::channel::<()>();
        let released = std::sync::Mutex::new(released);
        let connector = Arc::new(Connector::with_lookup(move |name, port| {
            if name == "slow.example" {
                let _ = released.lock().unwrap().recv();
            }
            Ok(vec![SocketAddr::from(([1, 1, 1, 1], port))])
        }));
        let stranger = get("https://slow.example/", Reach::Public);
        for _ in 0..MAX_LOOKUPS {
            let wait = Duration::from_millis(1);
            assert!(timeout(wait, connector.allowed_addresses(&stranger)).await.is_err());
        }
        let other = get("https://client.example/", Reach::Public);
        let wait = Duration::from_millis(50);
        assert!(timeout(wait, connector.allowed_addresses(&other)).await.is_err());
        let operators = get("https://client.example/", Reach::Anywhere);
        assert!(connector.allowed_addresses(&operators).await.is_ok());
        drop(release);
        assert!(connector.allowed_addresses(&other).await.is_ok());
    }
}
