//! How far a request may go, and the special-use addresses.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{Ipv4Net, Ipv6Net};

/// Which addresses a request may connect to, by who registered the client.
///
/// ```
/// use gridauth::fetch::Reach;
///
/// let cloud_metadata = [169, 254, 169, 254].into();
/// assert!(Reach::Anywhere.allows(cloud_metadata));
/// assert!(!Reach::Public.allows(cloud_metadata));
/// assert!(Reach::Public.allows([1, 1, 1, 1].into()));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reach {
    /// Every address: an operator registered the client.
    Anywhere,
    /// No special-use address (RFC 6890): anyone else registered the client.
    Public,
    /// As [`Reach::Public`], and loopback addresses: the issuer itself is on loopback, in development and tests.
    PublicOrLoopback,
}

impl Reach {
    /// Whether a request with this reach may connect to `address`.
    ///
    /// Special-use addresses are all blocks of the IANA special-purpose registries (RFC 6890), multicast and reserved addresses,
    /// and every IPv6 address that is not global unicast. That includes IPv4-mapped addresses (`::ffff:0:0/96`). For a NAT64
    /// address (RFC 6052), the embedded IPv4 address decides.
    pub fn allows(self, address: IpAddr) -> bool {
        match self {
            Self::Anywhere => true,
            Self::Public => !is_special_use(address),
            Self::PublicOrLoopback => address.is_loopback() || !is_special_use(address),
        }
    }
}

const fn v4(a: u8, b: u8, c: u8, d: u8, prefix: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), prefix)
}

const fn v6(a: u16, b: u16, c: u16, prefix: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0), prefix)
}

/// The IANA IPv4 Special-Purpose Address Registry, multicast and the reserved addresses. A block that is globally reachable is
/// here as well: none of them has web servers.
const SPECIAL_V4: [Ipv4Net; 19] = [
    v4(0, 0, 0, 0, 8),        // this network; 0.0.0.0 connects to the machine itself
    v4(10, 0, 0, 0, 8),       // private
    v4(100, 64, 0, 0, 10),    // shared with a carrier's NAT
    v4(127, 0, 0, 0, 8),      // loopback
    v4(168, 63, 129, 16, 32), // in no registry: answers inside of every virtual machine of Azure
    v4(169, 254, 0, 0, 16),   // link-local, with most clouds' metadata
    v4(172, 16, 0, 0, 12),    // private
    v4(192, 0, 0, 0, 24),     // protocol assignments
    v4(192, 0, 2, 0, 24),     // documentation
    v4(192, 31, 196, 0, 24),  // AS112
    v4(192, 52, 193, 0, 24),  // AMT
    v4(192, 88, 99, 0, 24),   // 6to4 relays
    v4(192, 168, 0, 0, 16),   // private
    v4(192, 175, 48, 0, 24),  // AS112
    v4(198, 18, 0, 0, 15),    // benchmarks
    v4(198, 51, 100, 0, 24),  // documentation
    v4(203, 0, 113, 0, 24),   // documentation
    v4(224, 0, 0, 0, 4),      // multicast
    v4(240, 0, 0, 0, 4),      // reserved, and broadcast
];

/// The only block of global unicast addresses. Outside of it are `::`, `::1`, addresses with an IPv4 address in them
/// (`::ffff:0:0/96`), discard-only, unique-local, link-local, site-local, multicast and what is not allocated.
const GLOBAL_UNICAST: Ipv6Net = v6(0x2000, 0, 0, 3);

/// The blocks of the IANA IPv6 Special-Purpose Address Registry within the global unicast addresses.
const SPECIAL_V6: [Ipv6Net; 5] = [
    v6(0x2001, 0, 0, 23),         // protocol assignments: Teredo, benchmarks, ORCHID and more
    v6(0x2001, 0xdb8, 0, 32),     // documentation
    v6(0x2002, 0, 0, 16),         // 6to4
    v6(0x2620, 0x4f, 0x8000, 48), // AS112
    v6(0x3fff, 0, 0, 20),         // documentation
];

/// NAT64 (RFC 6052): the IPv4 address is in the last 32 bits. The prefix for local use, `64:ff9b:1::/48`, is special-use.
const NAT64: Ipv6Net = v6(0x64, 0xff9b, 0, 96);

fn is_special_use(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_special_v4(address),
        IpAddr::V6(address) if NAT64.contains(&address) => {
            let [.., a, b, c, d] = address.octets();
            is_special_v4(Ipv4Addr::new(a, b, c, d))
        }
        IpAddr::V6(address) => {
            !GLOBAL_UNICAST.contains(&address) || SPECIAL_V6.iter().any(|block| block.contains(&address))
        }
    }
}

fn is_special_v4(address: Ipv4Addr) -> bool {
    SPECIAL_V4.iter().any(|block| block.contains(&address))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    /// The first and the last address of each block.
    const SPECIAL: [(&str, &str); 44] = [
        ("0.0.0.0", "0.255.255.255"),
        ("10.0.0.0", "10.255.255.255"),
        ("100.64.0.0", "100.127.255.255"),
        ("127.0.0.0", "127.255.255.255"),
        ("168.63.129.16", "168.63.129.16"),
        ("169.254.0.0", "169.254.255.255"),
        ("172.16.0.0", "172.31.255.255"),
        ("192.0.0.0", "192.0.0.255"),
        ("192.0.2.0", "192.0.2.255"),
        ("192.31.196.0", "192.31.196.255"),
        ("192.52.193.0", "192.52.193.255"),
        ("192.88.99.0", "192.88.99.255"),
        ("192.168.0.0", "192.168.255.255"),
        ("192.175.48.0", "192.175.48.255"),
        ("198.18.0.0", "198.19.255.255"),
        ("198.51.100.0", "198.51.100.255"),
        ("203.0.113.0", "203.0.113.255"),
        ("224.0.0.0", "239.255.255.255"),
        ("240.0.0.0", "255.255.255.255"),
        ("::", "::"),
        ("::1", "::1"),
        ("::2", "::ffff:ffff"),
        ("::ffff:0.0.0.0", "::ffff:255.255.255.255"),
        ("::ffff:127.0.0.1", "::ffff:1.1.1.1"),
        ("::ffff:0:0:0", "::ffff:0:ffff:ffff"),
        ("64:ff9b::0.0.0.0", "64:ff9b::0.255.255.255"),
        ("64:ff9b::10.0.0.0", "64:ff9b::127.0.0.1"),
        ("64:ff9b::169.254.169.254", "64:ff9b::255.255.255.255"),
        ("64:ff9b:1::", "64:ff9b:1:ffff:ffff:ffff:ffff:ffff"),
        ("64:ff9b::1:0:0", "64:ff9b:0:ffff:ffff:ffff:ffff:ffff"),
        ("100::", "100::ffff:ffff:ffff:ffff"),
        ("100:0:0:1::", "100:0:0:1:ffff:ffff:ffff:ffff"),
        ("2001::", "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff"),
        ("2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"),
        ("2002::", "2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
        ("2620:4f:8000::", "2620:4f:8000:ffff:ffff:ffff:ffff:ffff"),
        ("3fff::", "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff"),
        ("4000::", "5eff:ffff::"),
        ("5f00::", "5f00:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
        ("fc00::", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
        ("fd00:ec2::254", "fd00:ec2::254"),
        ("fe80::", "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
        ("fec0::", "feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
        ("ff00::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ];

    /// Neighbours of the blocks, and well-known hosts.
    const PUBLIC: [&str; 44] = [
        "1.0.0.0",
        "1.1.1.1",
        "9.255.255.255",
        "11.0.0.0",
        "100.63.255.255",
        "100.128.0.0",
        "126.255.255.255",
        "128.0.0.0",
        "168.63.129.15",
        "168.63.129.17",
        "169.253.255.255",
        "169.255.0.0",
        "172.15.255.255",
        "172.32.0.0",
        "192.0.1.0",
        "192.0.1.255",
        "192.0.3.0",
        "192.88.98.255",
        "192.88.100.0",
        "192.167.255.255",
        "192.169.0.0",
        "198.17.255.255",
        "198.20.0.0",
        "198.51.99.255",
        "198.51.101.0",
        "203.0.112.255",
        "203.0.114.0",
        "223.255.255.255",
        "64:ff9b::1.1.1.1",
        "64:ff9b::9.255.255.255",
        "64:ff9b::128.0.0.0",
        "2000::",
        "2000:ffff::",
        "2001:200::",
        "2001:db7:ffff::",
        "2001:db9::",
        "2001:4860:4860::8888",
        "2003::",
        "2606:4700:4700::1111",
        "2620:4f:7fff::",
        "2620:4f:8001::",
        "2a00:1450:4001::",
        "3ffe:ffff::",
        "3fff:1000::",
    ];

    #[test]
    fn special_use_addresses_are_not_public() {
        for address in SPECIAL.iter().flat_map(|(first, last)| [ip(first), ip(last)]) {
            // A mapped address is refused even if it is a public one: no host is registered under it.
            assert!(!Reach::Public.allows(address), "{address}");
            assert_eq!(Reach::PublicOrLoopback.allows(address), address.is_loopback(), "{address}");
            assert!(Reach::Anywhere.allows(address), "{address}");
        }
    }

    #[test]
    fn every_other_address_is_public() {
        for address in PUBLIC.map(ip) {
            assert!(Reach::Public.allows(address), "{address}");
            assert!(Reach::PublicOrLoopback.allows(address), "{address}");
            assert!(Reach::Anywhere.allows(address), "{address}");
        }
    }

    #[test]
    fn only_plain_loopback_addresses_are_loopback() {
        for loopback in ["127.0.0.1", "127.255.255.254", "::1"] {
            assert!(Reach::PublicOrLoopback.allows(ip(loopback)), "{loopback}");
        }
        for other in
            ["::ffff:127.0.0.1", "64:ff9b::127.0.0.1", "::127.0.0.1", "0.0.0.0", "::", "2002:7f00:1::"]
        {
            assert!(!Reach::PublicOrLoopback.allows(ip(other)), "{other}");
        }
    }

    /// What the standard library knows of the blocks, in its own words.
    fn std_knows_as_special(address: Ipv4Addr) -> bool {
        address.is_private()
            || address.is_loopback()
            || address.is_link_local()
            || address.is_multicast()
            || address.is_broadcast()
            || address.is_documentation()
            || address.is_unspecified()
    }

    /// Addresses near the edges of the blocks, which random ones would miss.
    fn any_v4() -> impl Strategy<Value = Ipv4Addr> {
        let edge = (prop::sample::select(&SPECIAL_V4[..]), -2_i32..=2, any::<bool>()).prop_map(
            |(block, offset, first)| {
                let edge = if first { block.network() } else { block.broadcast() };
                Ipv4Addr::from(u32::from(edge).wrapping_add_signed(offset))
            },
        );
        prop_oneof![any::<u32>().prop_map(Ipv4Addr::from), edge]
    }

    proptest! {
        #[test]
        fn what_std_knows_as_special_is_refused(address in any_v4()) {
            prop_assert!(!std_knows_as_special(address) || !Reach::Public.allows(address.into()));
        }

        #[test]
        fn an_ipv4_address_within_ipv6_gains_nothing(address in any_v4()) {
            let [a, b, c, d] = address.octets();
            let (high, low) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
            let mapped = address.to_ipv6_mapped();
            let compatible = Ipv6Addr::new(0, 0, 0, 0, 0, 0, high, low);
            let six_to_four = Ipv6Addr::new(0x2002, high, low, 0, 0, 0, 0, 1);
            let teredo = Ipv6Addr::new(0x2001, 0, high, low, 0, 0, !high, !low);
            for address in [mapped, compatible, six_to_four, teredo] {
                prop_assert!(!Reach::Public.allows(address.into()), "{}", address);
            }
            let nat64 = Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, high, low);
            prop_assert_eq!(Reach::Public.allows(nat64.into()), Reach::Public.allows(address.into()));
        }

        #[test]
        fn public_ipv6_is_global_unicast(bits in any::<u128>()) {
            let address = Ipv6Addr::from_bits(bits);
            let is_nat64 = bits >> 32 == 0x0064_ff9b_u128 << 64;
            if Reach::Public.allows(address.into()) {
                prop_assert!(bits >> 125 == 1 || is_nat64);
                prop_assert!(!address.is_unique_local() && !address.is_unicast_link_local() && !address.is_multicast());
            }
        }

        #[test]
        fn each_reach_contains_the_next(address in any::<IpAddr>()) {
            prop_assert!(Reach::Anywhere.allows(address));
            prop_assert!(Reach::PublicOrLoopback.allows(address) || !Reach::Public.allows(address));
        }
    }
}
