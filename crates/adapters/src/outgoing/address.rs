//! Which network addresses may be connected to.
//!
//! | address | strict policy | private networks allowed |
//! | --- | --- | --- |
//! | public | yes | yes |
//! | loopback, private, shared (100.64.0.0/10), unique local | only if listed | yes |
//! | link-local, cloud metadata, multicast, unspecified, reserved, documentation | never | never |
//!
//! An IPv6 address that carries an IPv4 address (mapped, compatible, 6to4, NAT64) is judged by the IPv4 address.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// Most networks that a policy lists.
pub const NETWORKS_MAX: usize = 64;

/// Which addresses outgoing requests may reach.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutgoingPolicy {
    private_networks: bool,
    listed: Vec<Network>,
}

/// A range of addresses, such as `10.20.0.0/16`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    base: IpAddr,
    prefix_bits: u8,
}

/// A text that is not a network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a network: expected an address and a prefix length such as `10.20.0.0/16` or `fd00::/8`"
)]
pub struct InvalidNetwork(String);

/// An address that the policy refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{address} is {kind}, which requests may not reach")]
pub struct AddressRefused {
    /// The address.
    pub address: IpAddr,
    /// What it is, in words.
    pub kind: &'static str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Zone {
    Public,
    Private(&'static str),
    Never(&'static str),
}

impl OutgoingPolicy {
    /// Public addresses only: for addresses that anybody may have written.
    pub fn strict() -> Self {
        Self { private_networks: false, listed: Vec::new() }
    }

    /// Public and private addresses: for addresses in an approved plan.
    pub fn with_private_networks() -> Self {
        Self { private_networks: true, listed: Vec::new() }
    }

    /// Allows private addresses in `networks` too; link-local and the like stay refused. At most [`NETWORKS_MAX`]
    /// networks are used.
    #[must_use]
    pub fn allowing(mut self, networks: impl IntoIterator<Item = Network>) -> Self {
        self.listed.extend(networks);
        self.listed.truncate(NETWORKS_MAX);
        self
    }

    /// Judges an address.
    ///
    /// # Errors
    /// When requests may not reach it.
    pub fn check(&self, address: IpAddr) -> Result<(), AddressRefused> {
        let address = address.to_canonical();
        match zone(address) {
            Zone::Public => Ok(()),
            Zone::Private(_) if self.private_networks => Ok(()),
            Zone::Private(_) if self.listed.iter().any(|network| network.contains(address)) => Ok(()),
            Zone::Private(kind) | Zone::Never(kind) => Err(AddressRefused { address, kind }),
        }
    }
}

impl Network {
    fn contains(self, address: IpAddr) -> bool {
        let (base, address, bits) = match (self.base, address) {
            (IpAddr::V4(base), IpAddr::V4(address)) => (base.to_bits().into(), address.to_bits().into(), 32),
            (IpAddr::V6(base), IpAddr::V6(address)) => (base.to_bits(), address.to_bits(), 128),
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => return false,
        };
        let host_bits: u32 = bits - u32::from(self.prefix_bits);
        let differing: u128 = base ^ address;
        differing.checked_shr(host_bits).unwrap_or(0) == 0
    }
}

impl FromStr for Network {
    type Err = InvalidNetwork;

    fn from_str(text: &str) -> Result<Self, InvalidNetwork> {
        let invalid = || InvalidNetwork(text.chars().take(80).filter(|c| !c.is_control()).collect());
        let (base, prefix_bits) = text.split_once('/').ok_or_else(invalid)?;
        let base: IpAddr = base.parse().map_err(|_| invalid())?;
        let prefix_bits: u8 = prefix_bits.parse().map_err(|_| invalid())?;
        let bits_max = if base.is_ipv4() { 32 } else { 128 };
        if prefix_bits > bits_max {
            return Err(invalid());
        }
        Ok(Self { base, prefix_bits })
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.base, self.prefix_bits)
    }
}

fn zone(address: IpAddr) -> Zone {
    match address {
        IpAddr::V4(address) => zone_v4(address),
        IpAddr::V6(address) => zone_v6(address),
    }
}

fn zone_v4(address: Ipv4Addr) -> Zone {
    match address.octets() {
        [0, ..] => Zone::Never("an unspecified address"),
        [10, ..] | [172, 16..=31, ..] | [192, 168, ..] => Zone::Private("a private address"),
        [100, 100, 100, 200] | [168, 63, 129, 16] | [192, 0, 0, 192] => {
            Zone::Never("a cloud metadata address")
        }
        [100, 64..=127, ..] => Zone::Private("a shared address"),
        [127, ..] => Zone::Private("a loopback address"),
        [169, 254, ..] => Zone::Never("a link-local or cloud metadata address"),
        [192, 0, 2, _] | [198, 51, 100, _] | [203, 0, 113, _] => Zone::Never("a documentation address"),
        [192, 0, 0, _] | [240..=255, ..] => Zone::Never("a reserved address"),
        [198, 18 | 19, ..] => Zone::Private("a benchmarking address"),
        [224..=239, ..] => Zone::Never("a multicast address"),
        [_, _, _, _] => Zone::Public,
    }
}

fn zone_v6(address: Ipv6Addr) -> Zone {
    let embedded = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        zone_v4(Ipv4Addr::new(a, b, c, d))
    };
    match address.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0] => Zone::Never("an unspecified address"),
        [0, 0, 0, 0, 0, 0, 0, 1] => Zone::Private("a loopback address"),
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low]
        | [0x64, 0xff9b, 0, 0, 0, 0, high, low]
        | [0x2002, high, low, ..] => embedded(high, low),
        [0x64, 0xff9b, ..] | [0x2001, 0, ..] | [0x100, 0, 0, 0, ..] => Zone::Never("a translation address"),
        [0x2001, 0xdb8, ..] | [0x3fff, 0..=0x0fff, ..] => Zone::Never("a documentation address"),
        [0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254] => Zone::Never("a cloud metadata address"),
        [0xfc00..=0xfdff, ..] => Zone::Private("a unique local address"),
        [0xfe80..=0xfebf, ..] => Zone::Never("a link-local address"),
        [0xfec0..=0xfeff, ..] => Zone::Private("a site-local address"),
        [0xff00..=0xffff, ..] => Zone::Never("a multicast address"),
        [0x2000..=0x3fff, ..] => Zone::Public,
        [_, _, _, _, _, _, _, _] => Zone::Never("a reserved address"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PUBLIC: &[&str] =
        &["1.1.1.1", "172.32.0.1", "100.128.0.1", "192.0.1.1", "2606:4700::1111", "::ffff:8.8.8.8"];
    const PRIVATE: &[&str] = &[
        "127.0.0.1",
        "127.255.255.254",
        "10.0.0.1",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.1.1",
        "100.64.0.1",
        "198.18.0.1",
        "::1",
        "fd12:3456::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "::10.0.0.1",
        "64:ff9b::10.0.0.1",
        "2002:7f00:1::",
    ];
    const NEVER: &[&str] = &[
        "0.0.0.0",
        "0.1.2.3",
        "169.254.169.254",
        "169.254.0.1",
        "100.100.100.200",
        "168.63.129.16",
        "192.0.0.192",
        "192.0.2.1",
        "224.0.0.1",
        "255.255.255.255",
        "240.0.0.1",
        "::",
        "fe80::1",
        "ff02::1",
        "fd00:ec2::254",
        "2001:db8::1",
        "2001::1",
        "::ffff:169.254.169.254",
        "::ffff:0.0.0.0",
        "64:ff9b::169.254.169.254",
        "64:ff9b:1::1",
        "2002:a9fe:a9fe::1",
        "4000::1",
    ];

    #[track_caller]
    fn check(policy: &OutgoingPolicy, addresses: &[&str], expected: bool) {
        for address in addresses {
            assert_eq!(policy.check(address.parse().unwrap()).is_ok(), expected, "{address}");
        }
    }

    #[test]
    fn the_strict_policy_reaches_public_addresses_only() {
        let policy = OutgoingPolicy::strict();
        check(&policy, PUBLIC, true);
        check(&policy, PRIVATE, false);
        check(&policy, NEVER, false);
    }

    #[test]
    fn private_networks_can_be_allowed_and_link_local_cannot() {
        let policy = OutgoingPolicy::with_private_networks();
        check(&policy, PUBLIC, true);
        check(&policy, PRIVATE, true);
        check(&policy, NEVER, false);
    }

    #[test]
    fn a_listed_network_opens_private_addresses_in_it_and_nothing_else() {
        let networks = ["10.20.0.0/16", "fd12::/16", "169.254.0.0/16", "127.0.0.1/32"];
        let policy = OutgoingPolicy::strict().allowing(networks.map(|text| text.parse().unwrap()));
        check(
            &policy,
            &["10.20.0.1", "10.20.255.255", "fd12:3456::1", "127.0.0.1", "::ffff:10.20.0.1"],
            true,
        );
        check(&policy, &["10.21.0.1", "fd13::1", "169.254.169.254", "127.0.0.2"], false);
    }

    #[test]
    fn a_refusal_names_address_and_kind() {
        let error = OutgoingPolicy::strict().check("::ffff:169.254.169.254".parse().unwrap()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "169.254.169.254 is a link-local or cloud metadata address, which requests may not reach"
        );
    }

    #[test]
    fn a_text_that_is_not_a_network_is_refused() {
        for text in ["", "10.0.0.0", "10.0.0.0/33", "::/129", "10.0.0/8", "10.0.0.0/-1", "x/8"] {
            assert!(text.parse::<Network>().is_err(), "{text}");
        }
        assert_eq!("0.0.0.0/0".parse::<Network>().unwrap().to_string(), "0.0.0.0/0");
        assert!("::/0".parse::<Network>().unwrap().contains("fd00::1".parse().unwrap()));
    }
}
