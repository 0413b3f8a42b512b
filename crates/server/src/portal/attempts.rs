//! Failed attempts to sign in, counted per address and minute.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, MutexGuard, PoisonError};

use domain::Timestamp;

/// Failed attempts of one address in one minute after which further ones are refused unseen.
const FAILED_PER_MINUTE_MAX: u32 = 20;
/// Most addresses counted one by one; the others of that minute are counted together.
const ADDRESSES_MAX: usize = 10_000;
/// Stands for every address that is not counted by itself.
const OTHERS: IpAddr = IpAddr::V6(Ipv6Addr::UNSPECIFIED);
const MINUTE_SECONDS: i64 = 60;

/// Failed attempts of the present minute.
#[derive(Debug, Default)]
pub(super) struct Attempts(Mutex<Counted>);

#[derive(Debug, Default)]
struct Counted {
    minute: i64,
    failed: HashMap<IpAddr, u32>,
}

impl Attempts {
    /// Whether an attempt from `address` is looked at.
    pub(super) fn admits(&self, address: Option<IpAddr>, now: Timestamp) -> bool {
        let counted = self.at(now);
        let key = counted.key(address);
        counted.failed.get(&key).is_none_or(|failed| *failed < FAILED_PER_MINUTE_MAX)
    }

    /// Counts a failed attempt.
    pub(super) fn failed(&self, address: Option<IpAddr>, now: Timestamp) {
        let mut counted = self.at(now);
        let key = counted.key(address);
        let failed = counted.failed.entry(key).or_insert(0);
        *failed = failed.saturating_add(1);
    }

    /// The counts of the minute of `now`.
    fn at(&self, now: Timestamp) -> MutexGuard<'_, Counted> {
        let mut counted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let minute = now.as_second().div_euclid(MINUTE_SECONDS);
        if counted.minute != minute {
            *counted = Counted { minute, failed: HashMap::new() };
        }
        counted
    }
}

impl Counted {
    fn key(&self, address: Option<IpAddr>) -> IpAddr {
        let address = address.map_or(OTHERS, network);
        let is_counted = self.failed.len() < ADDRESSES_MAX || self.failed.contains_key(&address);
        if is_counted { address } else { OTHERS }
    }
}

/// The network that one customer usually has: a whole address of version 4, the first half of one of version 6.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;
    use crate::portal::fixture::NOW;

    #[test]
    fn an_address_is_refused_for_the_rest_of_the_minute_and_others_are_not() {
        let attempts = Attempts::default();
        let (here, there) = ("192.0.2.1".parse().ok(), "192.0.2.2".parse().ok());
        for _ in 0..FAILED_PER_MINUTE_MAX {
            assert!(attempts.admits(here, NOW));
            attempts.failed(here, NOW);
        }
        assert!(!attempts.admits(here, NOW));
        assert!(attempts.admits(there, NOW));
        assert!(attempts.admits(None, NOW));
        assert!(attempts.admits(here, NOW + SignedDuration::from_secs(MINUTE_SECONDS)));
    }

    #[test]
    fn one_network_of_version_6_counts_as_one_address() {
        let attempts = Attempts::default();
        for host in 1..=FAILED_PER_MINUTE_MAX {
            attempts.failed(format!("2001:db8::{host:x}").parse().ok(), NOW);
        }
        assert!(!attempts.admits("2001:db8::ffff".parse().ok(), NOW));
        assert!(attempts.admits("2001:db8:0:1::1".parse().ok(), NOW));
    }

    #[test]
    fn the_table_is_bounded() {
        let attempts = Attempts::default();
        for number in (0_u32..).take(ADDRESSES_MAX + 100) {
            attempts.failed(Some(IpAddr::from(number.to_be_bytes())), NOW);
        }
        assert!(attempts.at(NOW).failed.len() <= ADDRESSES_MAX + 1);
        assert!(!attempts.admits(Some(IpAddr::from([255, 255, 255, 255])), NOW));
    }
}
