//! The clock of this program. It refuses what has not happened yet; nothing is decided by it.

use jiff::Timestamp;

#[expect(clippy::disallowed_methods, reason = "this is the clock of the shell")]
pub(crate) fn now() -> Timestamp {
    Timestamp::now()
}
