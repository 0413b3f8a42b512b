//! Reads what past changes teach when the server starts, and trains a model anew when enough has been learned since.

use jiff::SignedDuration;

use crate::app::SharedApp;
use crate::caller::Caller;
use crate::experience;
use crate::failure::Failure;
use crate::use_cases::{kpis, models};

/// A model is trained anew when so many more outcomes are known than it learned from, in per cent of those.
const GROWTH_PERCENT: usize = 10;
/// And when the last one was trained so long ago, and no training has failed since then.
const PAUSE: SignedDuration = SignedDuration::from_hours(24);

/// Reads the past once; from then on, sees to the models.
pub(super) async fn turn(app: &SharedApp) -> Result<(), Failure> {
    if !app.experience.is_ready() {
        // The models first: they are asked as soon as the past has been read, and listed before.
        models::refresh(app).await?;
        experience::read(app).await?;
    }
    models::refresh(app).await?;
    kpis::publish(app).await?;
    if app.experience.is_due(app.clock.now(), PAUSE, GROWTH_PERCENT) {
        models::train(app, &Caller::System).await?;
    }
    Ok(())
}
