//! Opening problems, adding to them and moving them on.

use domain::id::IncidentId;
use domain::problem::{Link, ProblemCommand, ProblemEvent, ProblemId, Problems};
use domain::text::FreeText;
use policy::{Action, IncidentResource, Resource};
use store::{NewIdempotency, StreamAppend, StreamName};

use crate::app::{App, SharedApp};
use crate::ask::{self, Ruling};
use crate::caller::Caller;
use crate::commit::{decided, single};
use crate::failure::Failure;
use crate::load;
use crate::record::{Envelope, Recorded, encode};
use crate::work::{self, actor_guard};

/// What somebody wants of the problems.
#[derive(Debug, Clone)]
pub(crate) enum Wanted {
    /// A new one.
    Open {
        /// The incident that it was seen in.
        incident: IncidentId,
        /// One line.
        title: FreeText,
        /// What is known so far.
        text: FreeText,
    },
    /// Something of one that there is, one after the other.
    Update {
        /// Which one.
        id: ProblemId,
        /// What.
        commands: Vec<ProblemCommand>,
    },
}

/// The stream of the problems.
///
/// # Errors
/// Never, as long as the name is a stream name.
pub(crate) fn stream() -> Result<StreamName, Failure> {
    StreamName::new("problems").map_err(|error| Failure::Internal(error.to_string()))
}

/// Does what is wanted, in one append. `keep` makes of the problem's identifier what is kept of the answer.
///
/// # Errors
/// When policy refuses, there is no such problem, incident or change, the problem refuses, or the store fails.
pub(crate) async fn change(
    app: &SharedApp,
    caller: &Caller,
    wanted: Wanted,
    keep: impl Fn(ProblemId) -> Option<NewIdempotency> + Send + Sync + 'static,
) -> Result<ProblemId, Failure> {
    let (shared, caller) = (app.clone(), caller.clone());
    app.owned(async move {
        let about = (Action::UpdateIncident, "problems");
        let (shared, wanted, keep) = (&shared, &wanted, &keep);
        decided(
            shared,
            caller,
            about,
            move |caller| async move { attempt(shared, &caller, wanted, keep).await },
        )
        .await
    })
    .await
}

async fn attempt(
    app: &App,
    caller: &Caller,
    wanted: &Wanted,
    keep: &(impl Fn(ProblemId) -> Option<NewIdempotency> + Sync),
) -> Result<ProblemId, Failure> {
    let mut problems = app.known().problems.as_ref().clone();
    let (id, seen_in) = match wanted {
        Wanted::Open { incident, .. } => (problems.next_id(), *incident),
        Wanted::Update { id, .. } => (*id, problems.get(*id)?.seen_in),
    };
    // Whoever may work on the incident may work on what lies behind it.
    let ruling = permitted(app, caller, seen_in).await?;
    let at = app.clock.now().max(problems.updated_at());
    let envelope = Envelope { at, actor: caller.id(), on_behalf_of: None, decided_by: ruling.decided_by() };
    let before = problems.version();
    let decided = decide(app, caller, &mut problems, wanted, &envelope).await?;
    let events = decided.iter().map(|event| encode(&envelope, event)).collect();
    let part = StreamAppend { stream: stream()?, expected_version: before, events };
    let mut append = single(part, actor_guard(caller)?.into_iter().collect());
    append.idempotency = keep(id);
    let appended = app.append(append).await?;
    let mut known = app.known_mut();
    for (offset, event) in (0_u64..).zip(decided) {
        let (version, index) = (before + 1 + offset, appended.indexes.start + offset);
        let envelope = envelope.clone();
        known.apply_problem(&Recorded::<ProblemEvent> { envelope, event, version, index, told: None });
    }
    Ok(id)
}

/// Asks whether the caller may work on an incident.
async fn permitted(app: &App, caller: &Caller, id: IncidentId) -> Result<Ruling, Failure> {
    let change = load::incident(app, id).await?.change;
    let resource = Resource::Incident(IncidentResource { id, change });
    ask::about(app, caller, Action::UpdateIncident, &resource)
}

/// Decides one command after the other, each on what the ones before have led to.
async fn decide(
    app: &App,
    caller: &Caller,
    problems: &mut Problems,
    wanted: &Wanted,
    envelope: &Envelope,
) -> Result<Vec<ProblemEvent>, Failure> {
    let mut decided = Vec::new();
    match wanted.clone() {
        Wanted::Open { incident, title, text } => decided.push(problems.open(incident, title, text)?),
        Wanted::Update { id, commands } => {
            for command in commands {
                match command {
                    ProblemCommand::Link(Link::Incident(id)) => drop(permitted(app, caller, id).await?),
                    ProblemCommand::Link(Link::Change(id)) => drop(work::load(app, id).await?),
                    ProblemCommand::Note(_)
                    | ProblemCommand::RecordKnownError { .. }
                    | ProblemCommand::MoveTo { .. } => {}
                }
                if let Some(event) = problems.decide(id, command)? {
                    problems.evolve(problems.version() + 1, envelope.at, &envelope.actor, &event);
                    decided.push(event);
                }
            }
        }
    }
    if decided.is_empty() {
        return Err(api::FieldError::new(".", "everything is so already").into());
    }
    Ok(decided)
}
