//! Changes, in lists and in full.

use api::change as wire;
use api::request::ChangeRequest;
use domain::Timestamp;
use domain::change::{Change, ChangeEvent, Retrospective, State};
use store::ChangeRow;

use super::approval::approval;
use super::blocker::blockers;
use super::calibration::comparison;
use super::rehearsal::rehearsal;
use super::run::implementation;
use super::runner::awaits_runner;
use super::{risk, texts, time, trail_entry};
use crate::known::Known;
use crate::project::priority;
use crate::record::Recorded;

/// A change in full, with what stands between it and its start at `now`.
pub(crate) fn change(
    known: &Known,
    change: &Change,
    trail: &[Recorded<ChangeEvent>],
    now: Timestamp,
) -> wire::Change {
    wire::Change {
        change_id: change.id.to_string(),
        state: change.state_name().to_string(),
        outcome: change.outcome().map(|outcome| outcome.to_string()),
        found: change.found().map(|found| wire::ReviewFinding {
            finding: found.finding.to_string(),
            by: known.directory.name_of(&found.by),
            at: time(found.at),
        }),
        rejection: rejection(change),
        version: change.version,
        created_at: time(change.created_at),
        created_by: known.directory.name_of(&change.created_by),
        on_behalf_of: change.on_behalf_of.as_ref().map(|other| known.directory.name_of(other)),
        updated_at: time(change.updated_at),
        digest: change.digest.to_string(),
        priority: Some(priority(change).to_string()),
        external_id: change.content.external_id.as_ref().map(ToString::to_string),
        request: request(known, change),
        risk: change.assessment().map(risk),
        approval: approval(known, change),
        blockers: blockers(known, change, now),
        awaits_runner: awaits_runner(known, change, now),
        comparison: comparison(known, change),
        implementation: implementation(known, change, trail),
        rehearsal: rehearsal(known, change),
        retrospective: retrospective(&change.retrospective, now),
        incidents: texts(&change.incidents),
        follow_up: follow_up(change),
        audit_trail: trail.iter().map(|recorded| trail_entry(known, recorded)).collect(),
    }
}

/// A change in a list.
pub(crate) fn summary(known: &Known, row: &ChangeRow) -> wire::ChangeSummary {
    let requester = row.on_behalf_of.as_ref().unwrap_or(&row.requester);
    wire::ChangeSummary {
        change_id: row.change_id.to_string(),
        state: row.state.to_string(),
        change_type: row.change_type.to_string(),
        category: row.category.to_string(),
        title: row.title.clone(),
        requested_by: known.directory.name_of(requester),
        risk: row
            .risk
            .map(|risk| wire::RiskSummary { score: risk.score.get(), level: risk.level.to_string() }),
        priority: Some(row.priority.to_string()),
        affected_services: texts(&row.services),
        environment: row.environment.as_ref().map(ToString::to_string),
        created_at: time(row.created_at),
        updated_at: time(row.updated_at),
        deadline: row.deadline.map(time),
        runs_on: texts(&row.runs_on),
        version: row.version,
    }
}

/// What was asked for, in the fields of the request.
fn request(known: &Known, change: &Change) -> ChangeRequest {
    let requester = change.on_behalf_of.as_ref().unwrap_or(&change.created_by);
    ChangeRequest {
        requested_by: Some(known.directory.name_of(requester)),
        draft: matches!(change.state, State::Draft),
        ..ChangeRequest::from_domain(&change.content)
    }
}

fn rejection(change: &Change) -> Option<String> {
    match &change.state {
        State::Rejected(rejected) => Some(rejected.reason.to_string()),
        State::Draft
        | State::Assessing(_)
        | State::AwaitingApproval(_)
        | State::Approved(_)
        | State::Implementing(_)
        | State::Interrupted(_)
        | State::Validating(_)
        | State::Implemented(_)
        | State::RollingBack(_)
        | State::RolledBack(_)
        | State::Failed(_)
        | State::Closed(_)
        | State::Cancelled => None,
    }
}

fn follow_up(change: &Change) -> Option<String> {
    match &change.state {
        State::Closed(closed) => closed.follow_up.map(|id| id.to_string()),
        State::Draft
        | State::Assessing(_)
        | State::AwaitingApproval(_)
        | State::Approved(_)
        | State::Implementing(_)
        | State::Interrupted(_)
        | State::Validating(_)
        | State::Implemented(_)
        | State::RollingBack(_)
        | State::RolledBack(_)
        | State::Failed(_)
        | State::Rejected(_)
        | State::Cancelled => None,
    }
}

fn retrospective(retrospective: &Retrospective, now: Timestamp) -> Option<wire::Retrospective> {
    match retrospective {
        Retrospective::NotRequired => None,
        Retrospective::Due { by, overdue } => {
            let state = if *overdue || *by <= now { "overdue" } else { "due" };
            Some(wire::Retrospective { state: state.to_owned(), at: time(*by) })
        }
        Retrospective::Done { at, .. } => {
            Some(wire::Retrospective { state: "done".to_owned(), at: time(*at) })
        }
    }
}

#[cfg(test)]
mod tests {
    use domain::change::RejectionReason;
    use domain::plan::{Cause, Observation, Outcome, Part};
    use domain::risk::Level;
    use serde_json::{Value, json};

    use super::*;
    use crate::view::fixture::{self, Story, at, deployer, text};

    fn told(story: &Story, now: Timestamp) -> wire::Change {
        change(&fixture::known(), &story.change(), &story.trail, now)
    }

    #[test]
    fn a_change_is_told_in_the_specifications_fields_and_reads_back() {
        let story = Story::awaiting(Level::Medium, |_| {});
        let told = told(&story, at(60));
        let json = serde_json::to_value(&told).unwrap();
        let field = |pointer: &str| json.pointer(pointer).cloned().unwrap_or(Value::Null);
        for (pointer, expected) in [
            ("/change_id", json!("CHG-2025-001234")),
            ("/created_at", json!("2025-12-30T18:00:01Z")),
            ("/created_by", json!("cortex-orchestrator")),
            ("/requested_by", json!("cortex-orchestrator")),
            ("/state", json!("awaiting_approval")),
            ("/type", json!("normal")),
            ("/category", json!("deployment")),
            ("/priority", json!("P4")),
            ("/risk/score", json!(45)),
            ("/risk/level", json!("medium")),
            ("/approval/outstanding", json!([{ "role": "technical_lead", "count": 1 }])),
            ("/affected_services", json!(["cortex-chat-backend", "youtube-ingestion"])),
            ("/implementation_plan/steps/0/name", json!("deploy")),
            ("/audit_trail/0/action", json!("created")),
            ("/audit_trail/2/log_index", json!(30)),
        ] {
            assert_eq!(field(pointer), expected, "{pointer}");
        }
        assert_eq!(serde_json::from_value::<wire::Change>(json).unwrap(), told);
    }

    #[test]
    fn an_implementation_is_told_step_by_step_on_both_ways() {
        let running = Story::started().executed(500, Part::Step, "deploy", Outcome::Succeeded);
        let run = told(&running, at(600)).implementation.unwrap();
        assert_eq!((run.done, run.total, run.phase.as_str()), (1, 2, "forward"));
        assert_eq!(run.runner.as_deref(), Some("cortex-deployer"));
        assert_eq!(run.current.as_deref(), Some("step `smoke test`"));
        let cause = Cause::Person { by: fixture::lead(), reason: Some(text("users complain")) };
        let asked = Observation::RollbackRequested { cause: cause.clone() };
        let back = running
            .then(&fixture::lead(), 700, ChangeEvent::RollbackStarted { cause, deadline: at(9_000) })
            .observed(700, asked);
        let run = told(&back, at(800)).implementation.unwrap();
        assert_eq!(run.phase, "rolling_back");
        assert_eq!(run.rollback_cause.as_deref(), Some("tech-lead@cortex.ai asked for it: users complain"));
        let steps: Vec<_> =
            run.steps.iter().map(|step| format!("{} {} {}", step.part, step.name, step.status)).collect();
        assert_eq!(
            steps,
            ["step deploy undoing", "step smoke test pending", "rollback_step flush cache pending"]
        );
    }

    #[test]
    fn a_refusal_says_who_refused() {
        let rejected =
            ChangeEvent::Rejected { reason: RejectionReason::Expired, text: text("nobody decided in time") };
        let story = Story::awaiting(Level::Medium, |_| {}).then(&deployer(), 20_000, rejected);
        let told = told(&story, at(20_000));
        assert_eq!((told.state.as_str(), told.rejection.as_deref()), ("rejected", Some("expired")));
        assert!(told.blockers.is_empty() && told.approval.is_none() && told.risk.is_some());
    }

    #[test]
    fn a_review_is_overdue_as_soon_as_its_deadline_has_passed() {
        let due = Retrospective::Due { by: at(100), overdue: false };
        let state = |now| retrospective(&due, now).unwrap().state;
        assert_eq!((state(at(99)).as_str(), state(at(100)).as_str()), ("due", "overdue"));
        assert_eq!(retrospective(&Retrospective::NotRequired, at(0)), None);
    }
}
