//! Keeps up with what other servers write to the same log.

use crate::app::SharedApp;
use crate::failure::Failure;
use crate::follow;

/// Takes note of everything new.
pub(super) async fn turn(app: &SharedApp) -> Result<(), Failure> {
    follow::keep_up(app).await
}
