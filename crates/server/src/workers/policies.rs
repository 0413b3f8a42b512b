//! Looks whether the folder of policies has changed.

use crate::app::SharedApp;
use crate::failure::Failure;
use crate::use_cases::policies;

/// Puts what has changed in force when it is valid.
pub(super) async fn turn(app: &SharedApp) -> Result<(), Failure> {
    policies::reload(app).await
}
