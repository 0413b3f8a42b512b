//! The requests that callers send.

/// A small tested change to a service that nothing depends on, with automated plan and rollback: approved by policy.
pub const SMALL: &str = include_str!("../requests/small.json");
/// A change to two critical services with eight steps and long texts: put to people.
pub const LARGE: &str = include_str!("../requests/large.json");

/// The mix that every load consists of: three small changes, then a large one.
pub fn mixed() -> Vec<&'static str> {
    vec![SMALL, SMALL, SMALL, LARGE]
}
