//! Calibrations of the judge of canaries, and what the comparisons of a change come to.

use api::Page;
use api::calibration as wire;
use domain::canary::arming::standing;
use domain::canary::calibrations::Saved;
use domain::canary::{Arming, Calibrated};
use domain::change::Change;
use domain::duration::format_duration_millis;
use domain::id::ServiceName;
use domain::number::in_percent;

use super::time;
use crate::known::Known;

/// The calibrations of a service, the newest first, or the newest of each.
pub(crate) fn calibrations(known: &Known, service: Option<&ServiceName>) -> Page<wire::Calibration> {
    let told = |saved| calibration(known, saved);
    let items = match service {
        Some(service) => known.calibrations.of(service).map(told).collect(),
        None => known.calibrations.all().map(told).collect(),
    };
    Page { items, next_cursor: None }
}

/// One of them.
pub(crate) fn calibration(known: &Known, saved: &Saved) -> wire::Calibration {
    let Saved { id, at, by, calibrated } = saved;
    let terms = &calibrated.terms;
    wire::Calibration {
        calibration_id: id.to_string(),
        service: calibrated.service.to_string(),
        saved_at: time(*at),
        saved_by: known.directory.name_of(by),
        rollouts: calibrated.rollouts,
        false_alarms: calibrated.false_alarms,
        false_alarm_rate_max: in_percent(calibrated.rate_millionths_max.into()),
        budget: in_percent(terms.budget_millionths.into()),
        horizon: format_duration_millis(u64::from(terms.horizon_seconds) * 1_000),
        latencies: terms.latencies,
        calibration: calibrated.as_ref().clone(),
    }
}

/// The calibration that the comparisons of a change rest on, where it is known.
pub(crate) fn bound<'a>(known: &'a Known, change: &Change) -> Option<&'a Calibrated> {
    let (_, analysis) = change.content.plan.as_ref()?.analyses().next()?;
    let saved = known.calibrations.find(analysis.service.as_ref()?, analysis.calibration?)?;
    Some(&saved.calibrated)
}

/// Whether what a change compares takes it back by itself; nothing where it compares nothing.
pub(crate) fn comparison(known: &Known, change: &Change) -> Option<wire::Comparison> {
    let content = &change.content;
    let plan = content.plan.as_ref()?;
    let (_, analysis) = plan.analyses().next()?;
    let arming = standing(plan, &content.monitors, bound(known, change))?;
    let (armed, reason) = match arming {
        Arming::Armed { reason } => (true, reason),
        Arming::NotArmed { reason } => (false, reason),
    };
    Some(wire::Comparison {
        service: analysis.service.as_ref().map(ToString::to_string),
        calibration_id: analysis.calibration.map(|id| id.to_string()),
        armed,
        reason,
    })
}
