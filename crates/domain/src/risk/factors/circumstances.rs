//! What is wrong around a change, as a part of the factor probability. It only ever raises it.

use super::Contribution;
use crate::risk::circumstances::{
    ActiveAlerts, Circumstances, HealthReading, HealthState, INCIDENT_WINDOW_DAYS, RecentIncidents,
    RuleViolation,
};
use crate::risk::counted;
use crate::risk::log10::tenths_of_log10;
use crate::risk::missing::{Fact, MissingFact};

/// What each recent incident of what is changed adds, and again when it is not resolved; and the most that they add.
const INCIDENT_TENTHS: u32 = 5;
const INCIDENTS_TENTHS_MAX: u32 = 25;
/// Most that the incidents of the whole system add; reached at ten.
const SYSTEM_TENTHS_MAX: i16 = 10;
/// What a query of the system's health adds.
const UNHEALTHY_TENTHS: i16 = 20;
const UNKNOWN_TENTHS: i16 = 10;
/// What each active alert adds, and each critical one on top; and the most that they add.
const ALERT_TENTHS: u32 = 10;
const CRITICAL_ALERT_TENTHS: u32 = 10;
const ALERTS_TENTHS_MAX: u32 = 30;
/// What a broken rule of the organisation adds, and the most that their number adds; reached at ten.
const RULE_TENTHS: i16 = 10;
const RULES_TENTHS_MAX: i16 = 10;

pub(super) fn contributions(circumstances: &Circumstances) -> Vec<Contribution> {
    // Other changes at the same time are a matter of when, not of how risky.
    let Circumstances { incidents, health: readings, alerts, rules, conflicts: _, version_withdrawn: _ } =
        circumstances;
    let mut contributions: Vec<_> = incidents_here(incidents).into_iter().collect();
    contributions.extend(incidents_anywhere(incidents));
    contributions.extend(readings.iter().map(health));
    contributions.extend(active(alerts));
    contributions.extend(broken(rules));
    contributions
}

fn broken(rules: &[RuleViolation]) -> Option<Contribution> {
    let (first, more) = (rules.first()?, rules.len() - 1);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let tenths = RULE_TENTHS + tenths_of_log10(rules.len() as u64).min(RULES_TENTHS_MAX);
    let sentence = format!("rules of the organisation that are broken: `{}`{more}", first.rule);
    Some(Contribution::new("broken_rules", tenths, sentence))
}

pub(super) fn missing(circumstances: &Circumstances) -> Option<MissingFact> {
    let unknown = circumstances.unknown_health();
    if unknown.is_empty() {
        return None;
    }
    let sentence = format!(
        "the health of the system is not known by {}, which counts in part as unhealthy; see `health` in the server's \
         settings",
        counted(unknown.len(), "query").replace("querys", "queries"),
    );
    Some(MissingFact::of_names(Fact::SystemHealth, &unknown, sentence))
}

fn at_most(tenths: u32, max: u32) -> i16 {
    i16::try_from(tenths.min(max)).unwrap_or(i16::MAX)
}

fn incidents_here(incidents: &RecentIncidents) -> Option<Contribution> {
    let RecentIncidents { here, open_here, anywhere: _, named } = incidents;
    if *here == 0 {
        return None;
    }
    let named: Vec<_> = named.iter().map(ToString::to_string).collect();
    let sentence = format!(
        "incidents of what is changed in the last {INCIDENT_WINDOW_DAYS} days: {here}, not resolved: {open_here} ({})",
        named.join(", ")
    );
    let tenths = here.saturating_add(*open_here).saturating_mul(INCIDENT_TENTHS);
    Some(Contribution::new("recent_incidents", at_most(tenths, INCIDENTS_TENTHS_MAX), sentence))
}

fn incidents_anywhere(incidents: &RecentIncidents) -> Option<Contribution> {
    let elsewhere = incidents.anywhere.saturating_sub(incidents.here);
    let tenths = tenths_of_log10(u64::from(elsewhere)).min(SYSTEM_TENTHS_MAX);
    let sentence = format!("incidents of anything else in the last {INCIDENT_WINDOW_DAYS} days: {elsewhere}");
    (elsewhere > 0).then(|| Contribution::new("incidents_elsewhere", tenths, sentence))
}

fn health(reading: &HealthReading) -> Contribution {
    let tenths = match reading.state {
        HealthState::Healthy => 0,
        HealthState::Unhealthy => UNHEALTHY_TENTHS,
        HealthState::Unknown => UNKNOWN_TENTHS,
    };
    let read = reading.at.map(|at| format!(", read at {at}")).unwrap_or_default();
    let sentence = format!("`{}` is {}: {}{read}", reading.name, reading.state, reading.sentence);
    Contribution::new("system_health", tenths, sentence)
}

fn active(alerts: &ActiveAlerts) -> Option<Contribution> {
    let ActiveAlerts { count, critical, named } = alerts;
    if *count == 0 {
        return None;
    }
    let named: Vec<_> = named
        .iter()
        .map(|alert| format!("`{}` on `{}` since {}", alert.name, alert.on, alert.since))
        .collect();
    let sentence =
        format!("active alerts on what is changed: {count}, critical: {critical} ({})", named.join(", "));
    let tenths =
        count.saturating_mul(ALERT_TENTHS).saturating_add(critical.saturating_mul(CRITICAL_ALERT_TENTHS));
    Some(Contribution::new("alerts", at_most(tenths, ALERTS_TENTHS_MAX), sentence))
}
