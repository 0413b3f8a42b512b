//! What waits for approval, and authority that is lent.

use api::approval as wire;
use domain::Timestamp;
use domain::actor::{Actor, Delegation};
use domain::canonical::NotCanonical;
use domain::change::State;
use domain::change::content::DIGEST_LABEL;
use domain::id::DelegationId;

use super::approval::{open_stage, roles};
use super::blocker::blockers;
use super::{change, texts, time};
use crate::deciders::Say;
use crate::known::Known;
use crate::project::priority;
use crate::use_cases::queue::Waiting;
use crate::work::ChangeWork;

/// A change that waits for authorities; nothing of one that does not.
pub(crate) fn waiting(known: &Known, waiting: &Waiting, now: Timestamp) -> Option<wire::WaitingApproval> {
    let Waiting { change, says } = waiting;
    let State::AwaitingApproval(awaiting) = &change.state else { return None };
    let content = &change.content;
    let requester = change.on_behalf_of.as_ref().unwrap_or(&change.created_by);
    Some(wire::WaitingApproval {
        change_id: change.id.to_string(),
        change_type: content.change_type.to_string(),
        title: content.title.to_string(),
        requested_by: known.directory.name_of(requester),
        risk: change.assessment().map(|assessment| api::change::RiskSummary {
            score: assessment.score.get(),
            level: assessment.level.to_string(),
        }),
        priority: priority(change).to_string(),
        affected_services: texts(&content.affected_services),
        environment: content.environment.as_ref().map(ToString::to_string),
        digest: change.digest.to_string(),
        deadline: time(awaiting.deadline),
        stage: open_stage(awaiting, change.digest),
        outstanding: super::approval::in_turn(awaiting, change.digest),
        escalated_to: roles(&super::approval::escalated_to(awaiting, change.digest)),
        yours: says.iter().map(|one| say(known, one)).collect(),
        blockers: blockers(known, change, now),
    })
}

fn say(known: &Known, say: &Say) -> wire::Say {
    wire::Say {
        role: say.role.to_string(),
        in_place_of: say.in_place_of.as_ref().map(|other| known.directory.name_of(other)),
    }
}

/// Everything that an approver must have seen.
///
/// # Errors
/// When the content has no canonical form, which no recorded one lacks.
pub(crate) fn approval_sheet(
    known: &Known,
    work: &ChangeWork,
    says: &[Say],
) -> Result<wire::ApprovalSheet, NotCanonical> {
    Ok(wire::ApprovalSheet {
        canonical: work.change.content.canonical()?,
        digest_label: DIGEST_LABEL.to_owned(),
        digest: work.change.digest.to_string(),
        yours: says.iter().map(|one| say(known, one)).collect(),
        overridden_by: work.change.requirements().map(|required| required.overridden_by().to_string()),
        change: change(known, &work.change, &work.trail, work.now),
    })
}

/// Authority that is lent.
pub(crate) fn delegation(
    known: &Known,
    lender: &Actor,
    id: &DelegationId,
    delegation: &Delegation,
    now: Timestamp,
) -> wire::Delegation {
    let Delegation { to, from, until, scope, away, reason, ended } = delegation;
    let state = match (ended, delegation.is_in_force(now)) {
        (true, _) => "ended",
        (false, true) => "in_force",
        (false, false) if now < *from => "to_come",
        (false, false) => "over",
    };
    wire::Delegation {
        delegation_id: id.to_string(),
        by: known.directory.name_of(&lender.id),
        roles: texts(lender.authorities()),
        to: known.directory.name_of(to),
        from: time(*from),
        until: time(*until),
        reason: reason.to_string(),
        away: *away,
        services: texts(&scope.services),
        levels: texts(&scope.levels),
        state: state.to_owned(),
    }
}
