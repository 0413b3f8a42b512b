//! The change advisory board: settling who it is, opening and closing meetings, votes, standing decisions.

use std::collections::BTreeSet;

use domain::Timestamp;
use domain::actor::Role;
use domain::approval::outstanding;
use domain::board::{
    AGENDA_MAX, AgendaItem, Board, BoardEvent, BoardRefusal, Constitution, Convened, Meeting, MeetingId,
    StandingId, StandingTerms, Voting,
};
use domain::change::{Change, ChangeEvent, CommandName, Refusal, State, StateName};
use domain::id::ActorId;
use domain::risk::Level;
use domain::text::FreeText;
use policy::{Action, Resource};
use store::{ChangeFilter, ChangeOrder, ChangeQuery, ChangeSort, Guard, NewIdempotency, StreamAppend};

use crate::app::{App, SharedApp};
use crate::ask::{self, Particulars, Ruling};
use crate::caller::Caller;
use crate::commit::{decided, single};
use crate::failure::Failure;
use crate::gates::board_stream;
use crate::record::{Envelope, Recorded, decode, encode};
use crate::work::{self, ChangeWork, actor_guard};

/// Most changes that are looked at for an agenda, the highest risk first.
const CANDIDATES_MAX: usize = 200;

/// What somebody wants of the board, beside closing a meeting.
#[derive(Debug, Clone)]
pub(crate) enum Wanted {
    /// Who is on it and when it meets.
    Set(Box<Constitution>),
    /// A meeting: the next one, or an extraordinary one for a reason.
    Open(Option<FreeText>),
    /// A vote.
    Vote(Voting),
    /// A standing decision.
    Propose(Box<StandingTerms>),
    /// Their support of one.
    Support(StandingId),
    /// One less.
    Revoke {
        /// Which.
        decision: StandingId,
        /// Why.
        reason: FreeText,
    },
}

impl Wanted {
    fn action(&self) -> Action {
        match self {
            Self::Set(_) => Action::ManageBoard,
            Self::Open(_) => Action::RunMeeting,
            Self::Vote(_) => Action::Vote,
            Self::Propose(_) | Self::Support(_) | Self::Revoke { .. } => Action::DecideStanding,
        }
    }

    fn resource(&self) -> String {
        match self {
            Self::Vote(voting) => voting.change.to_string(),
            Self::Support(decision) | Self::Revoke { decision, .. } => decision.to_string(),
            Self::Set(_) | Self::Open(_) | Self::Propose(_) => "cab".to_owned(),
        }
    }
}

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Done {
    /// The board is as was wanted.
    Set,
    /// A meeting has moved on.
    Meeting(MeetingId),
    /// A standing decision has.
    Standing(StandingId),
}

/// Decides what is wanted of the board and records it. `keep` makes of what came of it what is kept of the answer.
///
/// # Errors
/// When policy or the board refuses, there is no such change, or the store fails.
pub(crate) async fn change(
    app: &SharedApp,
    caller: &Caller,
    wanted: Wanted,
    keep: impl Fn(Done) -> Option<NewIdempotency> + Send + Sync + 'static,
) -> Result<Done, Failure> {
    let (shared, caller) = (app.clone(), caller.clone());
    app.owned(async move {
        let resource = wanted.resource();
        let about = (wanted.action(), resource.as_str());
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
    keep: &(impl Fn(Done) -> Option<NewIdempotency> + Sync),
) -> Result<Done, Failure> {
    let (board, seat) = (app.known().board.clone(), Seat::of(app, caller));
    let (at, zone) = (now(app, &board), &app.config.boards.zone);
    let mut guards = Vec::new();
    let (ruling, event) = match wanted.clone() {
        Wanted::Set(constitution) => {
            let ruling = ask::about(app, caller, Action::ManageBoard, &Resource::System)?;
            (ruling, board.set(*constitution)?)
        }
        Wanted::Open(reason) => {
            let ruling = ask::about(app, caller, Action::RunMeeting, &Resource::System)?;
            let convened = board.convenes(zone, at, reason.is_some())?;
            let agenda = on_agenda(&awaiting(app).await?.candidates, convened);
            (ruling, board.open(zone, convened, reason, agenda))
        }
        Wanted::Vote(voting) => {
            let work = ChangeWork::load(app, voting.change).await?;
            let particulars = Particulars { board_member: Some(seat.is_member), ..Particulars::default() };
            let ruling = work.permitted_with(app, caller, Action::Vote, particulars)?;
            let event = board.vote(voting, &seat.other_records, work.change.digest)?;
            if work.change.state_name() != StateName::AwaitingApproval {
                let (state, command) = (work.change.state_name(), CommandName::Approve);
                return Err(Refusal::IllegalTransition { state, command }.into());
            }
            guards.push(work.unmoved());
            (ruling, event)
        }
        Wanted::Propose(terms) => {
            let ruling = ask::about_standing(app, caller, seat.is_member)?;
            (ruling, board.propose(zone, *terms, at)?)
        }
        Wanted::Support(decision) => {
            let ruling = ask::about_standing(app, caller, seat.is_member)?;
            (ruling, board.support(decision, &seat.records, at)?)
        }
        Wanted::Revoke { decision, reason } => {
            let ruling = ask::about_standing(app, caller, seat.is_member)?;
            (ruling, board.revoke(decision, reason)?)
        }
    };
    let done = done(wanted, &board)?;
    record(app, caller, &board, Step { at, ruling, event, guards }, keep(done)).await?;
    Ok(done)
}

fn done(wanted: &Wanted, board: &Board) -> Result<Done, BoardRefusal> {
    Ok(match wanted {
        Wanted::Set(_) => Done::Set,
        Wanted::Open(_) => Done::Meeting(board.next_meeting_id()),
        Wanted::Vote(_) => Done::Meeting(board.meeting().ok_or(BoardRefusal::NotOpen)?.id),
        Wanted::Propose(_) => Done::Standing(board.next_standing_id()),
        Wanted::Support(decision) | Wanted::Revoke { decision, .. } => Done::Standing(*decision),
    })
}

/// The current time, which never runs backwards within the stream.
pub(super) fn now(app: &App, board: &Board) -> Timestamp {
    app.clock.now().max(board.updated_at())
}

/// Something that is about to be recorded of the board.
#[derive(Debug)]
pub(super) struct Step {
    /// When.
    pub at: Timestamp,
    /// What permits it.
    pub ruling: Ruling,
    /// What happens.
    pub event: BoardEvent,
    /// What it rests on.
    pub guards: Vec<Guard>,
}

/// Records what happened to the board, which is as it was read.
pub(super) async fn record(
    app: &App,
    caller: &Caller,
    board: &Board,
    step: Step,
    kept: Option<NewIdempotency>,
) -> Result<(), Failure> {
    let Step { at, ruling, event, mut guards } = step;
    guards.extend(actor_guard(caller)?);
    let envelope = Envelope { at, actor: caller.id(), on_behalf_of: None, decided_by: ruling.decided_by() };
    let mut append = single(part(board, &envelope, &event)?, guards);
    append.idempotency = kept;
    let index = app.append(append).await?.indexes.start;
    app.known_mut().apply_board(&Recorded {
        envelope,
        event,
        version: board.version() + 1,
        index,
        told: None,
    });
    Ok(())
}

/// An event of the board as a part of an append.
pub(super) fn part(board: &Board, envelope: &Envelope, event: &BoardEvent) -> Result<StreamAppend, Failure> {
    let events = vec![encode(envelope, event)];
    Ok(StreamAppend { stream: board_stream()?, expected_version: board.version(), events })
}

/// Whether a caller is on the board, and under which records.
#[derive(Debug, Default)]
struct Seat {
    is_member: bool,
    records: BTreeSet<ActorId>,
    other_records: BTreeSet<ActorId>,
}

impl Seat {
    fn of(app: &App, caller: &Caller) -> Self {
        let known = app.known();
        let Some(actor) = caller.actor() else { return Self::default() };
        let records = known.directory.records_of(&actor.id);
        let other_records = records.iter().filter(|id| **id != actor.id).cloned().collect();
        let is_member = known.board.constitution(&app.config.boards.zone).has_member(actor);
        Self { is_member, records, other_records }
    }
}

/// A change that waits for the board, or of which it is told.
#[derive(Debug, Clone)]
pub(crate) struct Candidate {
    /// The change.
    pub change: Change,
    /// When the authorities were asked.
    pub requested_at: Timestamp,
    /// Until when they may decide.
    pub deadline: Timestamp,
    /// Whether the board is only told of it.
    pub for_information: bool,
    /// Whether others have to decide first, in an earlier stage.
    pub waits_for_others: bool,
}

/// What could be on an agenda, the highest risk first.
#[derive(Debug, Clone, Default)]
pub(crate) struct Awaiting {
    /// The changes.
    pub candidates: Vec<Candidate>,
    /// Whether there are more.
    pub truncated: bool,
}

/// The changes that wait for the board, and behind them those of which it is told.
///
/// # Errors
/// When the store or the log fails.
pub(crate) async fn awaiting(app: &App) -> Result<Awaiting, Failure> {
    let mut found = Awaiting::default();
    for levels in [vec![Level::Critical, Level::High], vec![Level::Medium, Level::Low]] {
        let states = vec![StateName::AwaitingApproval];
        let filter = ChangeFilter { states, levels, ..ChangeFilter::default() };
        let order = ChangeOrder { by: ChangeSort::Risk, descending: true };
        let query = ChangeQuery { filter, order, after: None, limit: CANDIDATES_MAX };
        let page = app.store.list_changes(query).await?;
        found.truncated |= page.next.is_some();
        for row in &page.rows {
            let (change, trail) = work::load(app, row.change_id).await?;
            found.candidates.extend(candidate(change, &trail));
        }
    }
    // The level counts first: a matrix may have put a change higher than its score.
    let key = |one: &Candidate| one.change.assessment().map(|of| (of.level, of.raw_thousandths));
    found.candidates.sort_by_key(|one| (one.for_information, std::cmp::Reverse(key(one)), one.change.id));
    Ok(found)
}

/// A change that waits for the board, or of which it is told; nothing for any other one.
fn candidate(change: Change, trail: &[Recorded<ChangeEvent>]) -> Option<Candidate> {
    let State::AwaitingApproval(awaiting) = &change.state else { return None };
    let open = outstanding(&awaiting.requirements, &awaiting.approvals, change.digest);
    let is_asked = open.iter().any(|gate| gate.role == Role::CabMember);
    if !is_asked && !awaiting.requirements.inform.contains(&Role::CabMember) {
        return None;
    }
    let asks = |event: &ChangeEvent| matches!(event, ChangeEvent::ApprovalRequested { .. });
    let request = trail.iter().rev().find(|recorded| asks(&recorded.event))?;
    let (requested_at, deadline) = (request.envelope.at, awaiting.deadline);
    let waits_for_others =
        is_asked && open.iter().all(|gate| gate.role != Role::CabMember || gate.stage > awaiting.stage);
    Some(Candidate { change, requested_at, deadline, for_information: !is_asked, waits_for_others })
}

/// What a meeting decides: what waited for it before its cut-off. An extraordinary one has everything that waits.
pub(crate) fn on_agenda(candidates: &[Candidate], convened: Option<Convened>) -> Vec<AgendaItem> {
    let is_in_time = |one: &&Candidate| convened.is_none_or(|convened| one.requested_at <= convened.cut_off);
    let decided = candidates.iter().filter(|one| !one.for_information).filter(is_in_time);
    let item = |one: &Candidate| {
        let assessment = one.change.assessment()?;
        Some(AgendaItem {
            change: one.change.id,
            digest: one.change.digest,
            title: one.change.content.title.clone(),
            level: assessment.level,
            score: assessment.score,
            requested_at: one.requested_at,
        })
    };
    decided.filter_map(item).take(AGENDA_MAX).collect()
}

/// A meeting as its events say, however long ago it was held.
///
/// # Errors
/// When there is none, or the log fails.
pub(crate) async fn meeting(app: &App, id: MeetingId) -> Result<Meeting, Failure> {
    let missing = || Failure::NotFound { what: "meeting", name: id.to_string() };
    if id.version() > app.known().board.version() {
        return Err(missing());
    }
    let mut events = app.store.read_stream(&board_stream()?, id.version()).await?.into_iter();
    let first = decode::<BoardEvent>(events.next().ok_or_else(missing)?)?;
    let opened = Meeting::opened(first.version, first.envelope.at, &first.envelope.actor, &first.event);
    let mut meeting = opened.ok_or_else(missing)?;
    for stored in events {
        let Recorded { envelope, event, version, .. } = decode::<BoardEvent>(stored)?;
        meeting.evolve(version, envelope.at, &envelope.actor, &event);
        if meeting.closing.is_some() {
            break;
        }
    }
    Ok(meeting)
}
