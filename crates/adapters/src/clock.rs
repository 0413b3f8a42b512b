//! The wall clock. It says how old points and files are; nothing is dated by it.

use jiff::Timestamp;

#[expect(
    clippy::disallowed_methods,
    reason = "the age of what others wrote is told by the clock of this machine"
)]
pub(crate) fn now() -> Timestamp {
    Timestamp::now()
}
