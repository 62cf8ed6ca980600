//! Reverse proxies that are believed.

use std::net::IpAddr;
use std::str::FromStr;

use http::HeaderName;
use ipnet::{IpNet, Ipv4Net};

use super::RequestHead;

/// The reverse proxies in front of a server: addresses and networks. Only what comes from one of them is believed when it says for
/// whom it asks.
///
/// ```
/// use gridauth::http::TrustedProxies;
///
/// let proxies: TrustedProxies = "127.0.0.1, 10.0.0.0/8, ::1".parse()?;
/// assert!(proxies.contains([10, 1, 2, 3].into()));
/// assert!("10.0.0.0/33".parse::<TrustedProxies>().is_err());
/// # Ok::<(), gridauth::http::ProxyError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrustedProxies(Vec<IpNet>);

/// A text is not a comma-separated list of addresses and networks. The number is that of the first wrong entry, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProxyError {
    /// The entry is neither an address nor a network.
    #[error("entry {0} is not an IP address or a network")]
    NotANetwork(usize),
    /// The entry trusts every address. Everybody could then choose the address that they are known by.
    #[error("entry {0} trusts every address: name the addresses or networks of the proxies themselves")]
    EveryAddress(usize),
}

/// For whom a request was made, as far as it can be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ForwardedFor {
    /// The peer is not a trusted proxy: it asks for itself.
    Peer(IpAddr),
    /// Trusted proxies say that this address asks.
    Client(IpAddr),
    /// The request comes from this trusted proxy, which does not say for whom it asks.
    Proxy(IpAddr),
}

impl ForwardedFor {
    /// The address.
    pub fn address(self) -> IpAddr {
        match self {
            Self::Peer(address) | Self::Client(address) | Self::Proxy(address) => address,
        }
    }
}

impl TrustedProxies {
    /// Whether the list is empty.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a proxy with this address is trusted. An IPv4 address written as IPv6 is the IPv4 address.
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(&address))
    }

    /// For whom a request was made: the last address in `X-Forwarded-For` that is no trusted proxy, if the peer is one. Where all
    /// addresses are trusted, it is the last. `None` where the peer is not known.
    ///
    /// Each proxy appends the address that it was asked by, so only what trusted proxies wrote, at the end, is read. What a
    /// client wrote into the header itself stands before that. A client inside a trusted network may have written whatever stands
    /// before its own address, so of trusted addresses only the last is known to be true.
    pub fn forwarded_for(&self, head: &impl RequestHead) -> Option<ForwardedFor> {
        let peer = head.connection().peer?.to_canonical();
        if !self.contains(peer) {
            return Some(ForwardedFor::Peer(peer));
        }
        let name = HeaderName::from_static("x-forwarded-for");
        let fields: Vec<&[u8]> = head.header_values(&name).collect();
        let mut last = None;
        for hop in fields.iter().rev().flat_map(|field| field.rsplit(|byte| *byte == b',')) {
            match address(hop) {
                Some(hop) if self.contains(hop) => {
                    last.get_or_insert(hop);
                }
                Some(client) => return Some(ForwardedFor::Client(client)),
                None => break,
            }
        }
        Some(last.map_or(ForwardedFor::Proxy(peer), ForwardedFor::Client))
    }
}

impl FromStr for TrustedProxies {
    type Err = ProxyError;

    /// Reads a comma-separated list. IPv4 addresses and networks may be written as IPv6.
    fn from_str(text: &str) -> Result<Self, ProxyError> {
        let networks = text.split(',').map(str::trim).enumerate().map(|(at, entry)| {
            let address = entry.parse().map(|address: IpAddr| IpNet::from(address.to_canonical()));
            let network = address.or_else(|_| entry.parse()).map_err(|_| ProxyError::NotANetwork(at + 1))?;
            let network = canonical(network);
            if network.prefix_len() == 0 { Err(ProxyError::EveryAddress(at + 1)) } else { Ok(network) }
        });
        networks.collect::<Result<_, _>>().map(Self)
    }
}

impl FromIterator<IpAddr> for TrustedProxies {
    fn from_iter<I: IntoIterator<Item = IpAddr>>(addresses: I) -> Self {
        Self(addresses.into_iter().map(|address| address.to_canonical().into()).collect())
    }
}

/// The IPv4 network that an IPv6 network stands for, if it does.
fn canonical(network: IpNet) -> IpNet {
    /// The bits of an IPv6 address before the IPv4 address in it.
    const MAPPED: u8 = 96;
    let IpNet::V6(v6) = network else { return network };
    let plain = v6.addr().to_ipv4_mapped().zip(v6.prefix_len().checked_sub(MAPPED));
    plain.and_then(|(address, length)| Ipv4Net::new(address, length).ok()).map_or(network, IpNet::V4)
}

/// An address as proxies write it: some add the port, and brackets around IPv6.
fn address(hop: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(hop).ok()?.trim();
    let bracketed = || text.strip_prefix('[')?.strip_suffix(']')?.parse().ok();
    let with_port = || text.parse().map(|address: std::net::SocketAddr| address.ip()).ok();
    let address: Option<IpAddr> = text.parse().ok().or_else(bracketed).or_else(with_port);
    address.map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::http::Peer;

    fn proxies() -> TrustedProxies {
        "127.0.0.1,10.0.0.0/8, ::1 ,2001:db8::/32".parse().unwrap()
    }

    fn seen(peer: &str, fields: &[&[u8]]) -> ForwardedFor {
        let mut request = http::Request::builder().extension(Peer(peer.parse().unwrap()));
        for field in fields {
            request = request.header("x-forwarded-for", *field);
        }
        proxies().forwarded_for(&request.body(()).unwrap()).unwrap()
    }

    fn client(text: &str) -> ForwardedFor {
        ForwardedFor::Client(text.parse().unwrap())
    }

    fn proxy(text: &str) -> ForwardedFor {
        ForwardedFor::Proxy(text.parse().unwrap())
    }

    #[test]
    fn the_client_is_the_last_address_that_is_no_trusted_proxy() {
        for (fields, expected) in [
            (&[&b"192.0.2.7"[..]][..], client("192.0.2.7")),
            (&[b"198.51.100.1, 192.0.2.7"], client("192.0.2.7")),
            (&[b"198.51.100.1, 192.0.2.7, 10.1.1.1,10.2.2.2"], client("192.0.2.7")),
            (&[b"198.51.100.1", b"192.0.2.7", b"10.1.1.1"], client("192.0.2.7")),
            (&[b"192.0.2.7:4711"], client("192.0.2.7")),
            (&[b"[2001:db9::7]:4711, [::1]"], client("2001:db9::7")),
            (&[b"2001:db9::7"], client("2001:db9::7")),
            (&[b"::ffff:192.0.2.7"], client("192.0.2.7")),
            (&[], proxy("10.0.0.1")),
            (&[b""], proxy("10.0.0.1")),
            // Where all are trusted, only the last is known not to be written by the client.
            (&[b"10.3.3.3, 10.2.2.2"], client("10.2.2.2")),
            (&[b"10.4.4.4", b"10.3.3.3, 10.2.2.2"], client("10.2.2.2")),
            // What stands before something that is no address was not written by a trusted proxy.
            (&[b"192.0.2.7, unknown, 10.2.2.2"], client("10.2.2.2")),
            (&[b"192.0.2.7, unknown, 10.3.3.3, 10.2.2.2"], client("10.2.2.2")),
            (&[b"192.0.2.7, \xff"], proxy("10.0.0.1")),
            (&[b"192.0.2.7,"], proxy("10.0.0.1")),
        ] {
            for peer in ["10.0.0.1", "::ffff:10.0.0.1"] {
                assert_eq!(seen(peer, fields), expected, "{fields:?}");
            }
        }
    }

    #[test]
    fn another_peer_is_not_believed() {
        let peer = ForwardedFor::Peer("192.0.2.1".parse().unwrap());
        assert_eq!(seen("192.0.2.1", &[b"198.51.100.1"]), peer);
        let unknown = http::Request::builder().header("x-forwarded-for", "198.51.100.1").body(()).unwrap();
        assert_eq!(proxies().forwarded_for(&unknown), None);
    }

    #[test]
    fn a_list_has_addresses_and_networks_alone() {
        for (bad, at) in [
            ("", 1),
            ("10.0.0.1,", 2),
            ("10.0.0.1, x", 2),
            ("10.0.0.0/33", 1),
            ("localhost", 1),
            ("10.0.0.1:80", 1),
        ] {
            assert_eq!(bad.parse::<TrustedProxies>(), Err(ProxyError::NotANetwork(at)), "{bad}");
        }
        for (bad, at) in
            [("0.0.0.0/0", 1), ("10.0.0.1, ::/0", 2), ("::ffff:0.0.0.0/96", 1), ("10.1.2.3/0", 1)]
        {
            assert_eq!(bad.parse::<TrustedProxies>(), Err(ProxyError::EveryAddress(at)), "{bad}");
        }
        let collected: TrustedProxies = [IpAddr::from([127, 0, 0, 1])].into_iter().collect();
        assert_eq!(Ok(collected), "127.0.0.1".parse());
        assert!(TrustedProxies::default().is_empty());
    }

    #[test]
    fn a_network_of_mapped_addresses_is_the_ipv4_network() {
        for (mapped, plain, inside) in [
            ("::ffff:127.0.0.1/128", "127.0.0.1", "127.0.0.1"),
            ("::ffff:10.0.0.0/104", "10.0.0.0/8", "10.9.9.9"),
        ] {
            let proxies: TrustedProxies = mapped.parse().unwrap();
            assert_eq!(Ok(proxies.clone()), plain.parse());
            assert!(proxies.contains(inside.parse().unwrap()), "{mapped}");
        }
    }

    proptest! {
        #[test]
        fn whatever_a_client_writes_before_changes_nothing(written in proptest::collection::vec(b' '..=b'~', 0..60)) {
            let header = [&written[..], b", 192.0.2.7, 10.1.1.1"].concat();
            prop_assert_eq!(seen("10.0.0.1", &[&header]), client("192.0.2.7"));
        }
    }
}
