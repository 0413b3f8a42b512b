//! What asking for a change makes of it: created, submitted, amended, assessed, cancelled.

use std::collections::BTreeSet;

use super::{Misfit, Recorded};
use crate::approval::Requirements;
use crate::canonical::Digest;
use crate::change::content::Content;
use crate::change::event::ChangeEvent;
use crate::change::state::{Assessing, Change, Rehearsed, Retrospective, State};
use crate::change::transition::CommandName;
use crate::id::ChangeId;
use crate::plan::Rehearsal;
use crate::risk::Assessment;

pub(super) fn created(id: ChangeId, recorded: Recorded<'_>, event: &ChangeEvent) -> Result<Change, String> {
    let ChangeEvent::Created { content, digest, draft } = event else {
        return Err("the first event does not create the change".to_owned());
    };
    Ok(Change {
        id,
        version: 1,
        created_at: recorded.at,
        created_by: recorded.by.clone(),
        on_behalf_of: recorded.on_behalf_of.cloned(),
        updated_at: recorded.at,
        content: content.as_ref().clone(),
        digest: *digest,
        amendments: 0,
        amended_by: BTreeSet::new(),
        state: if *draft { State::Draft } else { State::Assessing(Assessing::Gathering) },
        assessed_at: None,
        retrospective: Retrospective::NotRequired,
        rehearsed: None,
        incidents: Vec::new(),
        reviews: 0,
        findings: Vec::new(),
        overrides: Vec::new(),
    })
}

pub(super) fn submitted(state: &State) -> Result<State, Misfit> {
    require(state, CommandName::Submit)?;
    Ok(State::Assessing(Assessing::Gathering))
}

/// Approvals are void, and with them the duty to review what they allowed.
pub(super) fn amended(
    change: &mut Change,
    state: &State,
    recorded: Recorded<'_>,
    content: &Content,
    digest: Digest,
) -> Result<State, Misfit> {
    require(state, CommandName::Amend)?;
    change.content = content.clone();
    change.digest = digest;
    change.amendments += 1;
    change.amended_by.extend([recorded.by].into_iter().chain(recorded.on_behalf_of).cloned());
    change.overrides.clear();
    change.retrospective = Retrospective::NotRequired;
    let is_draft = matches!(state, State::Draft);
    Ok(if is_draft { State::Draft } else { State::Assessing(Assessing::Gathering) })
}

pub(super) fn assessed(
    change: &mut Change,
    state: &State,
    recorded: Recorded<'_>,
    assessment: &Assessment,
    requirements: &Requirements,
) -> Result<State, Misfit> {
    require(state, CommandName::RecordAssessment)?;
    change.assessed_at = Some(recorded.at);
    let (assessment, requirements) = (Box::new(assessment.clone()), requirements.clone());
    Ok(State::Assessing(Assessing::Assessed { assessment, requirements }))
}

/// The newest one counts.
pub(super) fn rehearsed(
    change: &mut Change,
    state: State,
    recorded: Recorded<'_>,
    rehearsal: &Rehearsal,
) -> Result<State, Misfit> {
    require(&state, CommandName::Rehearse)?;
    let (by, at, rehearsal) = (recorded.by.clone(), recorded.at, rehearsal.clone());
    change.rehearsed = Some(Box::new(Rehearsed { by, at, rehearsal }));
    Ok(state)
}

pub(super) fn cancelled(change: &mut Change, state: &State) -> Result<State, Misfit> {
    require(state, CommandName::Cancel)?;
    change.retrospective = Retrospective::NotRequired;
    Ok(State::Cancelled)
}

/// The event comes from one command only, so it happens where that command is legal.
fn require(state: &State, command: CommandName) -> Result<(), Misfit> {
    if command.is_legal_in(state.name()) { Ok(()) } else { Err(Misfit::State) }
}
