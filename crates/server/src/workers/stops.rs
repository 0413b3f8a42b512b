//! Puts on hold what a stop covers and still runs: whoever set it may have been interrupted before everything was held.

use crate::app::SharedApp;
use crate::failure::Failure;
use crate::use_cases::stops;

/// Holds everything that is covered.
pub(super) async fn turn(app: &SharedApp) -> Result<(), Failure> {
    stops::hold(app).await.map(|_held| ())
}
