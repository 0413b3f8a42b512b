//! The change advisory board: who is on it, what it decides and has decided.

use api::cab as wire;
use domain::Timestamp;
use domain::actor::Role;
use domain::board::{
    Closing, Constitution, Convened, Item, Meeting, Member, Minutes, Standing, StandingId, Verdict, Vote,
};
use domain::calendar::{Schedule, ZoneName};

use super::calendar::duration;
use super::{names, texts, time};
use crate::known::Known;
use crate::use_cases::board::{Awaiting, Candidate};

/// Meetings to come that are told.
const NEXT_MEETINGS_TOLD: usize = 4;
/// Meetings that were held and are told.
const HELD_TOLD: usize = 10;

/// The board as it is now.
pub(crate) fn board(known: &Known, zone: &ZoneName, now: Timestamp) -> wire::Board {
    let board = &known.board;
    let constitution = board.constitution(zone);
    let (mut roles, mut actors) = (Vec::new(), Vec::new());
    for member in &constitution.members {
        match member {
            Member::Role(role) => roles.push(role.to_string()),
            Member::Actor(id) => actors.push(known.directory.name_of(id)),
        }
    }
    wire::Board {
        settled: board.is_settled(),
        roles,
        actors,
        seats: seats(known, &constitution),
        meets: meets(&constitution.meets),
        quorum: constitution.quorum.get(),
        cut_off: duration(constitution.cut_off_minutes),
        next_meetings: board.meetings(zone, now, NEXT_MEETINGS_TOLD).iter().map(convened).collect(),
        open_meeting: board.meeting().map(|open| meeting(known, open)),
        held: board.held().take(HELD_TOLD).map(held).collect(),
    }
}

fn seats(known: &Known, constitution: &Constitution) -> Vec<wire::Seat> {
    let members = known.directory.iter().filter(|actor| constitution.has_member(actor));
    let mut seats: Vec<_> = members
        .map(|actor| wire::Seat {
            actor: known.directory.name_of(&actor.id),
            votes: actor.roles.contains(&Role::CabMember),
        })
        .collect();
    seats.sort_by(|one, other| one.actor.cmp(&other.actor));
    seats
}

fn meets(schedule: &Schedule) -> wire::Meets {
    wire::Meets {
        starts: schedule.starts.to_string(),
        zone: schedule.zone.to_string(),
        duration: duration(schedule.minutes),
        rule: schedule.rule.as_ref().map(ToString::to_string),
        until: schedule.until.map(time),
    }
}

fn convened(meeting: &Convened) -> wire::Convened {
    wire::Convened {
        start: time(meeting.occurrence.start),
        end: time(meeting.occurrence.end),
        cut_off: time(meeting.cut_off),
    }
}

fn held(meeting: &Meeting) -> wire::Held {
    let approved = |item: &&Item| {
        item.decided
            .as_ref()
            .is_some_and(|decided| decided.verdict == Verdict::Approved && decided.hindrance.is_none())
    };
    let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    wire::Held {
        meeting_id: meeting.id.to_string(),
        opened_at: time(meeting.opened_at),
        closed_at: meeting.closing.as_ref().map(|closing| time(closing.at)),
        items: count(meeting.items.len()),
        approved: count(meeting.items.iter().filter(approved).count()),
        minutes: meeting.closing.as_ref().map(|closing| closing.minutes.to_string()),
    }
}

/// What the next meeting decides, what is for a later one, and what the board is told of.
pub(crate) fn agenda(known: &Known, zone: &ZoneName, awaiting: &Awaiting, now: Timestamp) -> wire::Agenda {
    let next = known.board.meetings(zone, now, 1).first().copied();
    let entry = |candidate: &Candidate| agenda_entry(known, candidate, next);
    let is_late = |one: &Candidate| next.is_none_or(|next| one.requested_at > next.cut_off);
    let of = |wanted: fn(bool, bool) -> bool| {
        let candidates = awaiting.candidates.iter();
        let chosen = candidates.filter(|one| wanted(one.for_information, is_late(one)));
        chosen.filter_map(entry).collect()
    };
    wire::Agenda {
        meeting: next.as_ref().map(convened),
        items: of(|for_information, is_late| !for_information && !is_late),
        for_later: of(|for_information, is_late| !for_information && is_late),
        for_information: of(|for_information, _| for_information),
        truncated: awaiting.truncated,
    }
}

fn agenda_entry(known: &Known, one: &Candidate, next: Option<Convened>) -> Option<wire::AgendaEntry> {
    let change = &one.change;
    let assessment = change.assessment()?;
    let requester = change.on_behalf_of.as_ref().unwrap_or(&change.created_by);
    Some(wire::AgendaEntry {
        change_id: change.id.to_string(),
        title: change.content.title.to_string(),
        requester: known.directory.name_of(requester),
        services: texts(&change.content.affected_services),
        level: assessment.level.to_string(),
        score: assessment.score.get(),
        digest: change.digest.to_string(),
        requested_at: time(one.requested_at),
        deadline: time(one.deadline),
        waits_for_others: one.waits_for_others,
        // The time that runs is that of the open stage.
        expires_before: !one.waits_for_others
            && next.is_some_and(|next| one.deadline <= next.occurrence.start),
    })
}

/// A meeting, as its minutes say.
pub(crate) fn meeting(known: &Known, meeting: &Meeting) -> wire::Meeting {
    wire::Meeting {
        meeting_id: meeting.id.to_string(),
        scheduled: meeting.scheduled.map(time),
        reason: meeting.reason.as_ref().map(ToString::to_string),
        opened_by: known.directory.name_of(&meeting.opened_by),
        opened_at: time(meeting.opened_at),
        quorum: meeting.quorum.get(),
        items: meeting.items.iter().map(|one| item(known, one)).collect(),
        closed: meeting.closing.as_ref().map(|closing| closed(known, meeting, closing)),
    }
}

fn closed(known: &Known, meeting: &Meeting, closing: &Closing) -> wire::MeetingClosed {
    let digest = Minutes::of(meeting).digest();
    wire::MeetingClosed {
        by: known.directory.name_of(&closing.by),
        at: time(closing.at),
        minutes: closing.minutes.to_string(),
        verified: digest.is_ok_and(|digest| digest == closing.minutes),
    }
}

fn item(known: &Known, item: &Item) -> wire::MeetingItem {
    let subject = &item.subject;
    wire::MeetingItem {
        change_id: subject.change.to_string(),
        title: subject.title.to_string(),
        level: subject.level.to_string(),
        score: subject.score.get(),
        digest: subject.digest.to_string(),
        requested_at: time(subject.requested_at),
        votes: item.votes.iter().map(|one| vote(known, one)).collect(),
        verdict: item.decided.as_ref().map(|decided| decided.verdict.to_string()),
        hindrance: item
            .decided
            .as_ref()
            .and_then(|decided| decided.hindrance.as_ref())
            .map(ToString::to_string),
    }
}

fn vote(known: &Known, vote: &Vote) -> wire::MeetingVote {
    wire::MeetingVote {
        by: known.directory.name_of(&vote.by),
        at: time(vote.at),
        digest: vote.digest.to_string(),
        vote: vote.ballot.to_string(),
        conditions: texts(&vote.conditions),
        rationale: vote.rationale.to_string(),
    }
}

/// The standing decisions and proposals whose time is not over, the oldest first.
pub(crate) fn standing(known: &Known, now: Timestamp) -> Vec<wire::Standing> {
    let live = known.board.standing().filter(|standing| now < standing.terms.expires_at);
    live.map(|one| told(known, one, now)).collect()
}

/// A standing decision in half a sentence.
pub(crate) fn standing_in_words(known: &Known, id: StandingId) -> String {
    match known.board.standing().find(|standing| standing.id == id) {
        Some(standing) => format!("the standing decision {id} of the CAB: {}", standing.terms.title),
        None => format!("the standing decision {id} of the CAB"),
    }
}

fn told(known: &Known, standing: &Standing, now: Timestamp) -> wire::Standing {
    let terms = &standing.terms;
    wire::Standing {
        standing_id: standing.id.to_string(),
        state: if standing.holds(now) { "in_force" } else { "proposed" }.to_owned(),
        title: terms.title.to_string(),
        categories: texts(&terms.categories),
        services: texts(&terms.services),
        environments: texts(&terms.environments),
        level_max: terms.level_max.to_string(),
        score_max: terms.score_max.get(),
        conditions: texts(&terms.conditions),
        expires_at: time(terms.expires_at),
        supporters: names(known, &standing.supporters),
        quorum: standing.quorum.get(),
    }
}
