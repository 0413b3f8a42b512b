//! Recording refused attempts in a stream of their own, so that probing is seen and the change stays untouched.

use domain::change::Refusal;
use domain::id::PolicyId;
use domain::security::SecurityEvent;
use policy::Action;
use store::{StreamAppend, StreamName};

use crate::app::App;
use crate::caller::Caller;
use crate::commit::single;
use crate::failure::Failure;
use crate::record::{DecidedBy, Envelope, encode};

/// Records the refusal of an attempt to approve, implement, close or override. Others are not recorded. A failing
/// store is logged only: the refusal stands either way.
pub(crate) async fn note(app: &App, caller: &Caller, action: Action, resource: &str, failure: &Failure) {
    let Some(rules) = rules(failure).filter(|_| matters(action)) else {
        return;
    };
    let now = app.clock.now();
    if !app.admits_refusal(&caller.id(), now) {
        return;
    }
    record(app, caller, action, resource, rules).await;
}

/// Records an attempt of somebody who could not show who they are. Nobody is known to have made it, so it stands in the
/// product's own name, and as many are recorded as of one actor.
pub(crate) async fn note_forged(app: &App, action: Action, resource: &str, rule: &str) {
    let caller = Caller::System;
    let rules: Vec<_> = PolicyId::new(rule).into_iter().collect();
    if app.admits_refusal(&caller.id(), app.clock.now()) {
        record(app, &caller, action, resource, rules).await;
    }
}

async fn record(app: &App, caller: &Caller, action: Action, resource: &str, rules: Vec<PolicyId>) {
    let event =
        SecurityEvent::Refused { action: action.as_str().to_owned(), resource: resource.to_owned(), rules };
    let envelope = Envelope {
        at: app.clock.now(),
        actor: caller.id(),
        on_behalf_of: None,
        decided_by: DecidedBy::default(),
    };
    if let Err(error) = append(app, caller, &envelope, &event).await {
        tracing::error!(error = %error, "a refused attempt could not be recorded");
    }
}

async fn append(
    app: &App,
    caller: &Caller,
    envelope: &Envelope,
    event: &SecurityEvent,
) -> Result<(), Failure> {
    let internal = |error: &dyn std::fmt::Display| Failure::Internal(error.to_string());
    let stream = StreamName::new(format!("security/{}", caller.id())).map_err(|error| internal(&error))?;
    for _ in 0..3 {
        let expected_version = app.store.stream_version(&stream).await?;
        let events = vec![encode(envelope, event)];
        let part = StreamAppend { stream: stream.clone(), expected_version, events };
        match app.append(single(part, Vec::new())).await {
            Err(store::AppendError::VersionConflict { .. }) => {}
            other => return Ok(other.map(|_| ())?),
        }
    }
    Err(Failure::Contended)
}

/// Whether a refused attempt at this is worth a record.
fn matters(action: Action) -> bool {
    match action {
        Action::Approve
        | Action::AuthoriseEmergency
        | Action::Reject
        | Action::WithdrawApproval
        | Action::SatisfyCondition
        | Action::OverrideDecision
        | Action::DelegateAuthority
        | Action::EndDelegation
        | Action::Start
        | Action::TakeOver
        | Action::Finish
        | Action::ConfirmStep
        | Action::Validate
        | Action::Rollback
        | Action::Close
        | Action::Review
        | Action::ManageActors
        | Action::ManageModels
        | Action::ManageNotifications
        | Action::IssueToken
        | Action::RevokeToken
        | Action::EditCmdb
        | Action::ImportHistory
        | Action::ReportAlerts
        | Action::StopLine
        | Action::LiftStop
        | Action::ManageCalendar
        | Action::Calibrate
        | Action::OverrideFreeze
        | Action::ManageBoard
        | Action::RunMeeting
        | Action::Vote
        | Action::DecideStanding
        | Action::ActOnBehalf
        | Action::Create => true,
        Action::Read
        | Action::Submit
        | Action::Amend
        | Action::Comment
        | Action::Cancel
        | Action::Rehearse
        | Action::Assess
        | Action::PreApprove
        | Action::TakeStanding
        | Action::PromoteUnattended
        | Action::RequestApproval
        | Action::Progress
        | Action::Pause
        | Action::Resume
        | Action::Interrupt
        | Action::Expire
        | Action::OpenIncident
        | Action::LinkIncident
        | Action::UpdateIncident
        | Action::ReadAudit
        | Action::AnnounceRunner
        | Action::ReadCalendar => false,
    }
}

/// The rules that refused, where the failure is a refusal on the grounds of who asks or of what is approved.
fn rules(failure: &Failure) -> Option<Vec<PolicyId>> {
    match failure {
        Failure::Denied(violations) | Failure::Refused(Refusal::Policy { violations }) => {
            Some(violations.iter().map(|violation| violation.rule.clone()).collect())
        }
        Failure::Refused(
            refusal @ (Refusal::SegregationOfDuties
            | Refusal::HumanGate
            | Refusal::RoleNotHeld { .. }
            | Refusal::NotDelegated { .. }
            | Refusal::StageNotOpen { .. }
            | Refusal::DigestMismatch { .. }
            | Refusal::CommitMismatch { .. }
            | Refusal::ApprovalsOutstanding { .. }
            | Refusal::ConditionsUnmet { .. }
            | Refusal::OutsideWindow { .. }
            | Refusal::DeadlinePassed { .. }),
        ) => PolicyId::new(refusal.rule()).ok().map(|rule| vec![rule]),
        _ => None,
    }
}
