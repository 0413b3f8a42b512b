//! Closing a meeting of the board: counting the votes on each item, and telling the changes.
//!
//! Whoever voted for a change approves it under the digest they voted on, through the same question to policy and the same
//! command as every approval; the change and the board's record of it are one append. What the change or policy refuses is
//! recorded with the item and leaves the change as it is.

use std::sync::Arc;

use domain::actor::Role;
use domain::approval::outstanding;
use domain::board::{Ballot, Board, BoardRefusal, Item, MeetingId, Verdict, Vote};
use domain::change::{Change, Command, State};
use domain::text::{FreeText, TEXT_BYTES_MAX};
use policy::{Action, Resource};
use store::NewIdempotency;

use super::board::{Step, now, part, record};
use crate::app::{App, SharedApp};
use crate::ask::{self, Particulars, Ruling};
use crate::caller::Caller;
use crate::commit::{Extras, commit, decided};
use crate::failure::Failure;
use crate::http::problem;
use crate::known::Known;
use crate::record::{Envelope, Recorded};
use crate::work::ChangeWork;

/// Closes the open meeting: decides every item that is not decided yet, and records the digest of the minutes.
///
/// # Errors
/// When policy refuses, another meeting is open or none, or the store fails. What was decided by then stays so, and
/// closing goes on from there.
pub(crate) async fn close(
    app: &SharedApp,
    caller: &Caller,
    id: MeetingId,
    kept: Option<NewIdempotency>,
) -> Result<(), Failure> {
    let (shared, caller) = (app.clone(), caller.clone());
    app.owned(async move {
        let resource = id.to_string();
        let about = (Action::RunMeeting, resource.as_str());
        let (shared, kept) = (&shared, &kept);
        decided(shared, caller, about, move |caller| async move {
            attempt(shared, &caller, id, kept.clone()).await
        })
        .await
    })
    .await
}

async fn attempt(
    app: &App,
    caller: &Caller,
    id: MeetingId,
    kept: Option<NewIdempotency>,
) -> Result<(), Failure> {
    let ruling = ask::about(app, caller, Action::RunMeeting, &Resource::System)?;
    loop {
        let board = app.known().board.clone();
        let meeting = board.meeting().filter(|meeting| meeting.id == id).ok_or(BoardRefusal::NotOpen)?;
        let Some(item) = meeting.items.iter().find(|item| item.decided.is_none()) else {
            let (at, event) = (now(app, &board), board.close()?);
            let step = Step { at, ruling: ruling.clone(), event, guards: Vec::new() };
            return record(app, caller, &board, step, kept).await;
        };
        decide(app, caller, &board, &ruling, item).await?;
    }
}

/// Why a change could not be told what was decided, in a sentence.
#[derive(Debug)]
struct Hindrance(String);

impl From<Failure> for Hindrance {
    fn from(failure: Failure) -> Self {
        Self(problem(&failure).detail)
    }
}

/// Counts the votes on an item and tells the change.
async fn decide(
    app: &App,
    caller: &Caller,
    board: &Board,
    ruling: &Ruling,
    item: &Item,
) -> Result<(), Failure> {
    let meeting = board.meeting().ok_or(BoardRefusal::NotOpen)?;
    let mut work = ChangeWork::load(app, item.subject.change).await?;
    let verdict = item.tally(meeting.quorum, work.change.digest).verdict;
    let told = match verdict {
        Verdict::Approved => approve(app, &app.known(), &mut work, meeting.id, item),
        Verdict::Rejected => reject(app, &app.known(), &mut work, meeting.id, item),
        Verdict::Deferred | Verdict::NoQuorum => Ok(()),
    };
    let hindrance = match told {
        Ok(()) => None,
        Err(Hindrance(text)) => {
            work = ChangeWork::load(app, item.subject.change).await?;
            Some(FreeText::new(text).map_err(|error| Failure::Internal(error.to_string()))?)
        }
    };
    let event = board.decided(item.subject.change, verdict, hindrance)?;
    let at = now(app, board).max(work.now);
    let envelope = Envelope { at, actor: caller.id(), on_behalf_of: None, decided_by: ruling.decided_by() };
    if work.is_unchanged() {
        let step = Step { at, ruling: ruling.clone(), event, guards: vec![work.unmoved()] };
        return record(app, caller, board, step, None).await;
    }
    let beside = Some(part(board, &envelope, &event)?);
    commit(app, &mut work, Extras { beside, ..Extras::default() }).await?;
    app.known_mut().apply_board(&Recorded {
        envelope,
        event,
        version: board.version() + 1,
        index: 0,
        told: None,
    });
    Ok(())
}

/// Gives the approvals of those who voted for it, as far as the change asks the board for some.
fn approve(
    app: &App,
    known: &Known,
    work: &mut ChangeWork,
    meeting: MeetingId,
    item: &Item,
) -> Result<(), Hindrance> {
    let digest = work.change.digest;
    if work.change.authorization().is_none() && !is_awaiting(&work.change) {
        return Err(Hindrance(format!("it is {} by now", work.change.state_name())));
    }
    let mut voters: Vec<&Vote> =
        item.votes.iter().filter(|vote| vote.digest == digest && is_for(vote)).collect();
    // Those with conditions first: their conditions must hold even where fewer approvals are asked for than votes were cast.
    voters.sort_by_key(|vote| vote.ballot != Ballot::ApproveWithConditions);
    let mut left: Vec<FreeText> = voters.iter().flat_map(|vote| vote.conditions.clone()).collect();
    let mut refused = None;
    for vote in voters {
        let missing = missing(&work.change);
        if missing == 0 {
            break;
        }
        let Some(voter) = voter(known, vote) else { continue };
        // The last approval that is asked for carries what is left of the conditions.
        let own = if missing == 1 { left.len() } else { vote.conditions.len() };
        let conditions: Vec<_> = left.drain(..own.min(left.len())).collect();
        let command = Command::Approve {
            role: Role::CabMember,
            digest,
            conditions: conditions.clone(),
            comment: Some(said(meeting, [vote])?),
        };
        let authority = Some(Role::CabMember);
        let particulars = Particulars { authority, digest: Some(digest), ..Particulars::default() };
        if let Err(failure) = work.command(app, &voter, Action::Approve, particulars, &command) {
            left.splice(..0, conditions);
            refused = Some(failure);
        }
    }
    match (missing(&work.change), refused) {
        (0, _) => Ok(()),
        (_, Some(failure)) => Err(failure.into()),
        (count, None) => {
            Err(Hindrance(format!("approvals that it asks CAB members for are missing: {count}")))
        }
    }
}

/// Refuses the change as the first of those who voted against it, with the reasons of all.
fn reject(
    app: &App,
    known: &Known,
    work: &mut ChangeWork,
    meeting: MeetingId,
    item: &Item,
) -> Result<(), Hindrance> {
    let digest = work.change.digest;
    let against = |vote: &&Vote| vote.digest == digest && vote.ballot == Ballot::Reject;
    let votes: Vec<&Vote> = item.votes.iter().filter(against).collect();
    let reason = said(meeting, votes.iter().copied())?;
    let mut refused = None;
    for voter in votes.into_iter().filter_map(|vote| voter(known, vote)) {
        let particulars = Particulars { authority: Some(Role::CabMember), ..Particulars::default() };
        let command = Command::Reject { role: Role::CabMember, reason: reason.clone() };
        match work.command(app, &voter, Action::Reject, particulars, &command) {
            Ok(()) => return Ok(()),
            Err(failure) => refused = Some(failure),
        }
    }
    let nobody = || Hindrance("none of those who voted against it is active any more".to_owned());
    Err(refused.map_or_else(nobody, Hindrance::from))
}

fn is_for(vote: &Vote) -> bool {
    matches!(vote.ballot, Ballot::Approve | Ballot::ApproveWithConditions)
}

fn is_awaiting(change: &Change) -> bool {
    matches!(change.state, State::AwaitingApproval(_))
}

/// How many approvals of board members the change still asks for.
fn missing(change: &Change) -> u8 {
    let State::AwaitingApproval(awaiting) = &change.state else { return 0 };
    let open = outstanding(&awaiting.requirements, &awaiting.approvals, change.digest);
    open.iter().find(|gate| gate.role == Role::CabMember).map_or(0, |gate| gate.missing)
}

/// Whoever voted, as they are now. They were asked for a token when they voted.
fn voter(known: &Known, vote: &Vote) -> Option<Caller> {
    let actor = known.directory.get(&vote.by).filter(|actor| actor.active)?;
    Some(Caller::Vouched { actor: Arc::new(actor.clone()) })
}

/// What was said in the meeting, as far as it fits.
fn said<'a>(meeting: MeetingId, votes: impl IntoIterator<Item = &'a Vote>) -> Result<FreeText, Failure> {
    let reasons: Vec<&str> = votes.into_iter().map(|vote| vote.rationale.as_str()).collect();
    let mut text = format!("{meeting}: {}", reasons.join("; "));
    text.truncate(text.floor_char_boundary(TEXT_BYTES_MAX));
    FreeText::new(text).map_err(|error| Failure::Internal(error.to_string()))
}
