use std::net::IpAddr;

/// Where an attempt comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Source {
    address: Option<IpAddr>,
    /// Whether the limits on everything from one source apply.
    limited: bool,
    browser: Option<u128>,
}

impl Source {
    /// An unknown address.
    pub const fn nowhere() -> Self {
        Self { address: None, limited: false, browser: None }
    }

    /// The address of a direct peer. Loopback and private addresses are exempt from the limits on everything from one source: they
    /// are those of a proxy that nobody told the server about, or of a network's own machines.
    pub fn peer(address: Option<IpAddr>) -> Self {
        let address = address.map(|address| address.to_canonical());
        Self { address, limited: address.is_some_and(|address| !is_local(address)), browser: None }
    }

    /// An address that a trusted proxy tells of, or that of a trusted proxy which tells of nobody: then everybody behind it is one
    /// source.
    pub fn forwarded(address: IpAddr) -> Self {
        Self { address: Some(address.to_canonical()), limited: true, browser: None }
    }

    /// The same source, and the browser that presents this secret.
    pub(crate) fn with_browser(self, browser: Option<u128>) -> Self {
        Self { browser, ..self }
    }

    /// The address; `None` where the adapter does not know it.
    pub fn address(self) -> Option<IpAddr> {
        self.address
    }

    pub(super) fn browser(self) -> Option<u128> {
        self.browser
    }

    /// What counts as one source: an IPv4 address, or the first 64 bits of an IPv6 address, which one host has to itself.
    pub(super) fn network(self) -> Option<IpAddr> {
        self.address.map(|address| match address {
            IpAddr::V6(address) => IpAddr::V6((address.to_bits() >> 64 << 64).into()),
            v4 @ IpAddr::V4(_) => v4,
        })
    }

    /// The same, where the limits on everything from one source apply.
    pub(in crate::identity) fn limited_network(self) -> Option<IpAddr> {
        self.network().filter(|_| self.limited)
    }
}

/// Loopback, private (RFC 1918, RFC 4193) and link-local addresses.
fn is_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_loopback() || v4.is_private() || v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unique_local() || v6.is_unicast_link_local(),
    }
}
