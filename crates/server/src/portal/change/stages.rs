//! The way of a change through its life: what lies behind it, where it is, what lies ahead.

use domain::Timestamp;
use domain::change::{Change, ChangeEvent, Overridden, StateName};
use maud::{Markup, html};

use crate::portal::format;
use crate::portal::icon::Icon;
use crate::record::Recorded;

/// One stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stage {
    name: &'static str,
    place: Place,
}

/// Where a stage lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Behind(Timestamp),
    Here,
    Ahead,
    /// The way ended before its goal.
    End(Timestamp),
}

/// When each stage was reached, as far as it still holds.
#[derive(Debug, Clone, Copy, Default)]
struct Reached {
    requested: Option<Timestamp>,
    assessed: Option<Timestamp>,
    approved: Option<Timestamp>,
    started: Option<Timestamp>,
    implemented: Option<Timestamp>,
    validated: Option<Timestamp>,
    turned_round: Option<Timestamp>,
    rolled_back: Option<Timestamp>,
    closed: Option<Timestamp>,
    given_up: Option<Timestamp>,
}

impl Reached {
    fn note(&mut self, event: &ChangeEvent, at: Timestamp) {
        match event {
            ChangeEvent::Created { .. } => self.requested = Some(at),
            ChangeEvent::Amended { .. } => (self.assessed, self.approved) = (None, None),
            ChangeEvent::RiskAssessed { .. } => self.assessed = Some(at),
            ChangeEvent::Approved { complete, .. } => self.approved = complete.then_some(at),
            ChangeEvent::ApprovalWithdrawn { .. } | ChangeEvent::WindowMissed { .. } => self.approved = None,
            ChangeEvent::DecisionOverridden { overridden, .. } => match overridden {
                Overridden::PreApproval => {}
                Overridden::Rejection { .. } => self.given_up = None,
                Overridden::Level { .. } => self.approved = None,
            },
            ChangeEvent::ImplementationStarted { .. } => self.started = Some(at),
            ChangeEvent::Implemented { .. } => self.implemented = Some(at),
            ChangeEvent::Validated { .. } => self.validated = Some(at),
            ChangeEvent::RollbackStarted { .. } => (self.turned_round, self.rolled_back) = (Some(at), None),
            ChangeEvent::RolledBack => self.rolled_back = Some(at),
            ChangeEvent::Closed { .. } => self.closed = Some(at),
            ChangeEvent::Rejected { .. } | ChangeEvent::Cancelled { .. } => self.given_up = Some(at),
            ChangeEvent::Submitted
            | ChangeEvent::Commented { .. }
            | ChangeEvent::ApprovalRequested { .. }
            | ChangeEvent::StageOpened { .. }
            | ChangeEvent::ApprovalEscalated { .. }
            | ChangeEvent::ConditionSatisfied { .. }
            | ChangeEvent::Rehearsed { .. }
            | ChangeEvent::TakenOver { .. }
            | ChangeEvent::Progressed { .. }
            | ChangeEvent::Interrupted { .. }
            | ChangeEvent::ValidationFailed { .. }
            | ChangeEvent::RollbackFailed { .. }
            | ChangeEvent::Reviewed { .. }
            | ChangeEvent::RetrospectiveOverdue
            | ChangeEvent::AttentionNeeded { .. }
            | ChangeEvent::ResultAccepted { .. }
            | ChangeEvent::IncidentLinked { .. } => {}
        }
    }
}

/// The stages of a change, in order.
pub(super) fn of(change: &Change, trail: &[Recorded<ChangeEvent>]) -> Vec<Stage> {
    let mut reached = Reached::default();
    for recorded in trail {
        reached.note(&recorded.event, recorded.envelope.at);
    }
    let mut way = vec![
        ("Requested", reached.requested),
        ("Assessed", reached.assessed),
        ("Approved", reached.approved),
    ];
    if let Some(at) = reached.given_up {
        let name = if change.state_name() == StateName::Cancelled { "Cancelled" } else { "Rejected" };
        way.retain(|(_, at)| at.is_some());
        let mut stages = placed(&way);
        stages.push(Stage { name, place: Place::End(at) });
        return stages;
    }
    way.push(("Started", reached.started));
    match reached.turned_round {
        Some(_) => way.push(("Rolled back", reached.rolled_back)),
        None => way.extend([("Implemented", reached.implemented), ("Validated", reached.validated)]),
    }
    way.push(("Closed", reached.closed));
    placed(&way)
}

/// The first stage that is not reached is where the change is; stages that were left out on the way count as behind.
fn placed(way: &[(&'static str, Option<Timestamp>)]) -> Vec<Stage> {
    let last = way.iter().rposition(|(_, at)| at.is_some());
    let here = last.map_or(0, |last| last + 1);
    let stages = way.iter().enumerate().filter(|(at, (_, reached))| *at >= here || reached.is_some());
    let stages = stages.map(|(at, (name, reached))| Stage {
        name,
        place: match reached {
            Some(reached) => Place::Behind(*reached),
            None if at == here => Place::Here,
            None => Place::Ahead,
        },
    });
    stages.collect()
}

/// The stages as a list.
pub(super) fn list(stages: &[Stage], now: Timestamp) -> Markup {
    html! {
        ol.stages aria-label="Stages" {
            @for Stage { name, place } in stages {
                @match place {
                    Place::Behind(at) => li.behind {
                        (Icon::Done.mark()) b { (name) } small { (format::instant(*at, &format::short(*at, now))) }
                    },
                    Place::Here => li.here aria-current="step" {
                        (Icon::Run.mark()) b { (name) } small { "Next" }
                    },
                    Place::Ahead => li.ahead { (Icon::Blank.mark()) b { (name) } small { "Ahead" } },
                    Place::End(at) => li.end {
                        (Icon::Refused.mark()) b { (name) } small { (format::instant(*at, &format::short(*at, now))) }
                    },
                }
            }
        }
    }
}
