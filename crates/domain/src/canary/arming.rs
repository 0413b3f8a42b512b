//! Whether a plan's comparisons roll back by themselves.
//!
//! What was measured is how often one bake of equal versions is rolled back. A plan has several bakes, and may have several
//! monitors of a kind; each of them is another chance to be wrong, so their bounds add up. Armed is only what keeps the budget
//! that the plan states even so. Whole numbers throughout: whoever asks gets the same answer.

use super::calibration::{Arming, SECONDS_MIN};
use super::saved::Calibrated;
use crate::id::ServiceName;
use crate::number::in_percent;
use crate::plan::{Analysis, Bake, MetricQuery, Monitor, Plan, Probe};

/// Millionths in a basis point.
const MILLIONTHS_PER_BASIS_POINT: u64 = 100;
const MILLION: u64 = 1_000_000;

/// What the bakes of a plan compare.
struct Compared<'a> {
    bakes: Vec<(&'a Bake, &'a Analysis)>,
    /// Monitors with two arms that count failed requests, and that count latencies.
    error_rates: u64,
    latencies: u64,
}

/// Whether what `plan` compares takes a version back by itself, and why; nothing where it compares nothing. `calibrated` is the
/// calibration that the plan names.
pub fn standing(plan: &Plan, monitors: &[Monitor], calibrated: Option<&Calibrated>) -> Option<Arming> {
    let compared = Compared::of(plan, monitors);
    let (_, analysis) = compared.bakes.first()?;
    Some(match compared.held_by(analysis, calibrated) {
        Ok(reason) => Arming::Armed { reason },
        Err(reason) => Arming::NotArmed { reason },
    })
}

impl<'a> Compared<'a> {
    fn of(plan: &'a Plan, monitors: &[Monitor]) -> Self {
        let count = |is_wanted: fn(&MetricQuery) -> bool| {
            let of_kind = |monitor: &&Monitor| matches!(&monitor.probe, Probe::Prometheus(question) if is_wanted(&question.query));
            monitors.iter().filter(|monitor| monitor.has_two_arms()).filter(of_kind).count() as u64
        };
        Self {
            bakes: plan.analyses().collect(),
            error_rates: count(|query| matches!(query, MetricQuery::ErrorRate { .. })),
            latencies: count(|query| matches!(query, MetricQuery::Latency { .. })),
        }
    }

    /// The grounds on which it is armed, or else what is in the way.
    fn held_by(&self, analysis: &Analysis, calibrated: Option<&Calibrated>) -> Result<String, String> {
        let Some(service) = &analysis.service else {
            return Err("the analysis names no service whose calibration it could rest on".to_owned());
        };
        if self
            .bakes
            .iter()
            .any(|(_, other)| other.service != analysis.service || other.calibration != analysis.calibration)
        {
            return Err("its bakes name different services or calibrations".to_owned());
        }
        let Some(calibrated) = calibrated.filter(|it| self.is_named(analysis, service, it)) else {
            return Err(format!(
                "no calibration of `{service}` was known when the change was requested: save one with `cortex-change canary \
                 calibrate --service {service} RECORD`, then amend the change"
            ));
        };
        self.fits(calibrated)?;
        self.keeps_the_budget(calibrated)
    }

    fn is_named(&self, analysis: &Analysis, service: &ServiceName, calibrated: &Calibrated) -> bool {
        let id = calibrated.id().ok();
        calibrated.service == *service && id.is_some() && id == analysis.calibration
    }

    /// Whether what was tried is what is judged.
    fn fits(&self, calibrated: &Calibrated) -> Result<(), String> {
        let terms = &calibrated.terms;
        let longest = self.bakes.iter().map(|(bake, _)| bake.longest_seconds()).max().unwrap_or(0);
        if longest > terms.horizon_seconds.into() {
            let tried = terms.horizon_seconds;
            return Err(format!(
                "a bake takes up to {longest} s, and the calibration tried {tried} s: calibrate with `--horizon {longest}s`"
            ));
        }
        if self.latencies > 0 && !terms.latencies {
            return Err("latencies are compared, and the records of the calibration have none".to_owned());
        }
        let monitors = self.error_rates.saturating_add(self.latencies).max(1);
        let largest = self.bakes.iter().map(|(_, it)| u64::from(it.budget.get())).max().unwrap_or(0);
        let judged = (largest * MILLIONTHS_PER_BASIS_POINT).div_ceil(monitors);
        if judged > terms.budget_millionths.into() {
            let (judged, tried) = (in_percent(judged), in_percent(terms.budget_millionths.into()));
            return Err(format!(
                "each judge may spend {judged}, and the calibration tried {tried}: calibrate with `--budget {judged}`"
            ));
        }
        Ok(())
    }

    fn keeps_the_budget(&self, calibrated: &Calibrated) -> Result<String, String> {
        let Calibrated { rollouts, false_alarms, rate_millionths_max, .. } = calibrated;
        let recorded = u64::from(*rollouts) * u64::from(calibrated.terms.horizon_seconds);
        if recorded < SECONDS_MIN {
            return Err(format!(
                "the records hold {recorded} s of whole bakes: at least {SECONDS_MIN} s are needed"
            ));
        }
        let chances = self.bakes.len() as u64 * self.error_rates.max(self.latencies).max(1);
        let bound = u64::from(*rate_millionths_max).saturating_mul(chances);
        let budget: u64 = self.bakes.iter().map(|(_, it)| u64::from(it.budget.get())).sum();
        let budget_millionths = budget * MILLIONTHS_PER_BASIS_POINT;
        let found = format!(
            "{false_alarms} of {rollouts} recorded bakes of equal versions would have been rolled back, so at most {} of such rollouts \
             (95 % sure); the budget is {}",
            in_percent(bound.min(MILLION)),
            in_percent(budget_millionths)
        );
        if bound <= budget_millionths {
            Ok(found)
        } else {
            Err(format!("{found}: record more, or state a larger budget"))
        }
    }
}
