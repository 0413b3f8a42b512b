//! Keeps up with the runners that other servers have seen.

use crate::app::SharedApp;
use crate::failure::Failure;
use crate::use_cases::presence;

/// Takes note of every runner that was seen in the last day.
pub(super) async fn turn(app: &SharedApp) -> Result<(), Failure> {
    presence::keep_up(app).await
}
