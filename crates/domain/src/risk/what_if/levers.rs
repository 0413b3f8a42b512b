//! What a requester can bring about, and how much effort that is.

use jiff::Timestamp;

use super::{Alteration, SupposedRollback};
use crate::change::{Content, TestResults, Window};
use crate::number::Share;
use crate::risk::in_range;

/// Shares of covered lines that are tried, in basis points.
const COVERAGES: [u16; 6] = [5_000, 6_000, 7_000, 8_000, 9_000, 10_000];
/// Most services of which each is tried to be left out.
const LEFT_OUT_MAX: usize = 5;
/// Most services and items for which each is tried to get a change of its own.
const SPLIT_MAX: usize = 20;
/// Into how many changes the lines are tried to be divided.
const PARTS: [u64; 3] = [2, 4, 8];

/// What is altered. Of one kind, a suggestion takes one alternative.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Facts,
    Window,
    Tests,
    Monitor,
    Time,
    Coverage,
    Rollback,
    Plan,
    Findings,
    Scope,
    Size,
}

/// Other times that a requester may choose.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OtherTimes {
    /// Moments at which the change may be handed in.
    pub handed_in: Vec<Timestamp>,
    /// A time that is free to carry it out, where another change has the one that it asks for.
    pub window: Option<Window>,
}

/// Something that a requester can bring about.
#[derive(Debug, Clone)]
pub(super) struct Lever {
    pub(super) kind: Kind,
    /// How much work it is, against the others: 1 is a word in the request.
    pub(super) effort: u32,
    pub(super) alterations: Vec<Alteration>,
}

fn one(kind: Kind, effort: u32, alteration: Alteration) -> Lever {
    Lever { kind, effort, alterations: vec![alteration] }
}

/// Everything that a requester can bring about.
pub(super) fn levers(content: &Content, times: &OtherTimes) -> Vec<Lever> {
    let evidence = &content.evidence;
    let mut levers: Vec<Lever> = facts(content).into_iter().collect();
    levers.extend(times.window.map(|window| one(Kind::Window, 1, Alteration::Window(window))));
    if !evidence.tests.is_some_and(TestResults::all_passed) {
        levers.push(one(Kind::Tests, 2, Alteration::Tests { passed: true }));
    }
    if content.monitors.is_empty() {
        levers.push(one(Kind::Monitor, 2, Alteration::Monitored));
    }
    levers.extend(times.handed_in.iter().map(|at| one(Kind::Time, 2, Alteration::HandedIn(*at))));
    let covered = evidence.coverage.map_or(0, |coverage| coverage.share.get());
    levers.extend(COVERAGES.into_iter().filter(|share| *share > covered).map(|share| {
        // A word in the request for the report, and one more for each ten points to be gained.
        let effort = 1 + u32::from((share - covered).div_ceil(1_000));
        let share = in_range(Share::new(i64::from(share)));
        one(Kind::Coverage, effort, Alteration::Coverage(share))
    }));
    levers.push(one(Kind::Rollback, 3, Alteration::Rollback(SupposedRollback::Automated)));
    levers.push(one(Kind::Plan, 4, Alteration::PlanAutomated));
    if !evidence.findings.is_empty() || !evidence.policy_findings.is_empty() {
        levers.push(one(Kind::Findings, 4, Alteration::FindingsResolved));
    }
    levers.extend(scope(content));
    let lines = evidence.churn.map_or(0, |churn| churn.lines);
    levers.extend(
        (4..)
            .zip(PARTS)
            .filter(|(_, parts)| lines >= *parts)
            .map(|(effort, parts)| one(Kind::Size, effort, Alteration::Parts(parts))),
    );
    levers
}

/// What the request does not say and, if it is so, could say: that neither a setting nor a schema is changed.
fn facts(content: &Content) -> Option<Lever> {
    let evidence = &content.evidence;
    let settings = evidence.configuration_change.is_none().then_some(Alteration::Settings(false));
    let schema = evidence.schema_change.is_none().then_some(Alteration::Schema(false));
    let alterations: Vec<_> = [settings, schema].into_iter().flatten().collect();
    (!alterations.is_empty()).then_some(Lever { kind: Kind::Facts, effort: 1, alterations })
}

fn scope(content: &Content) -> Vec<Lever> {
    let (services, items) = (&content.affected_services, &content.affected_cis);
    let things = services.len().saturating_add(items.len());
    let mut levers = Vec::new();
    if services.len() > 1 {
        let left_out = services.iter().take(LEFT_OUT_MAX);
        levers.extend(left_out.map(|name| one(Kind::Scope, 5, Alteration::WithoutService(name.clone()))));
    }
    if (2..=SPLIT_MAX).contains(&things) {
        levers.push(one(Kind::Scope, 6, Alteration::OneItemEach));
    }
    levers
}
