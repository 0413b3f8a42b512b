//! What changed? Ranks changes by how likely they are to have led to a trouble: how near what they changed is to what is
//! in trouble, how short before it they were at work, how risky they were, and what their own watching said.
//!
//! The points are a ranking and no probability. Each comes with its reason, and the points of the reasons add up.
//!
//! Budget: one search over the items that the trouble leans on, at most [`ITEMS_MAX`]; then a look-up for each changed item.

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap, VecDeque};

use jiff::{SignedDuration, Timestamp};

use super::Incident;
use crate::calendar;
use crate::catalog::Strength;
use crate::change::Change;
use crate::change::event::ChangeEvent;
use crate::cmdb::{Ci, Cmdb};
use crate::id::{ChangeId, CiName};
use crate::number::RiskScore;
use crate::plan::Cause;
use crate::risk::Level;

/// How far back is looked, in days.
pub const LOOK_BACK_DAYS: i64 = 7;
/// Most items that are looked at around what is in trouble.
pub const ITEMS_MAX: usize = 20_000;
/// Most relations between a changed item and what is in trouble.
pub const DISTANCE_MAX: u32 = 8;
/// Most suspects of an answer.
pub const SUSPECTS_MAX: usize = 20;
/// A change that began later than this after the trouble was seen cannot have led to it: clocks and watchers take time.
const SEEN_LATE: SignedDuration = SignedDuration::from_mins(5);
/// Points of a change to what is in trouble itself.
const NEAR_POINTS: u32 = 40;
/// Points of a change to what uses it: a caller can be the trouble of what it calls.
const CALLER_POINTS: u32 = 10;
/// Points of a change that was at work when the trouble began.
const AT_WORK_POINTS: u32 = 30;
/// Time after which half of those points are left, and half of them again, in minutes.
const HALVED_MINUTES: i64 = 120;
/// Points of the greatest risk.
const RISK_POINTS: u32 = 15;
/// Points of a change whose own watching said that something was wrong.
const WATCHED_POINTS: u32 = 15;

/// What is in trouble, and since when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// What is in trouble, services included.
    pub items: BTreeSet<CiName>,
    /// When it began, as far as is known.
    pub at: Timestamp,
}

/// A change that was carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// The change.
    pub change: ChangeId,
    /// What it changed, services included.
    pub items: BTreeSet<CiName>,
    /// How risky it was.
    pub risk: Option<(RiskScore, Level)>,
    /// What became of it.
    pub course: Course,
}

/// What became of a change, as its events say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Course {
    /// When it was at work, in order.
    spells: Vec<Spell>,
    /// What its own watching said against it: the last thing that went wrong, in words.
    watched: Option<String>,
}

/// A time in which a change was at work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Spell {
    from: Timestamp,
    /// Nothing while it lasts.
    until: Option<Timestamp>,
    /// Whether it was taken back then.
    is_rollback: bool,
}

/// A change that may have led to a trouble.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suspect {
    /// The change.
    pub change: ChangeId,
    /// Out of 100.
    pub points: u32,
    /// Relations between what it changed and what is in trouble; nothing where the CMDB knows no connection.
    pub distance: Option<u32>,
    /// What the points are for, in words, most points first.
    pub reasons: Vec<(u32, String)>,
}

/// What a change must have begun by to have led to a trouble that began then.
pub(super) fn seen_by(began_at: Timestamp) -> Timestamp {
    began_at.saturating_add(SEEN_LATE).unwrap_or(Timestamp::MAX)
}

impl Trouble {
    /// What an incident is about: what whoever reported it named, or else what the change changed that led to it.
    pub fn of(incident: &Incident, change: Option<&Change>) -> Self {
        let items = match change {
            Some(change) if incident.affected.is_empty() => calendar::items(change),
            Some(_) | None => incident.affected.clone(),
        };
        Self { items, at: incident.began_at }
    }

    /// What a change must have begun by to have led to it.
    pub fn latest(&self) -> Timestamp {
        seen_by(self.at)
    }

    /// From when on a change must have been at work.
    pub fn earliest(&self) -> Timestamp {
        let look_back = SignedDuration::from_hours(24 * LOOK_BACK_DAYS);
        self.at.saturating_sub(look_back).unwrap_or(Timestamp::MIN)
    }
}

impl Course {
    /// What the events of a change say.
    pub fn of<'a>(events: impl IntoIterator<Item = (Timestamp, &'a ChangeEvent)>) -> Self {
        let mut course = Self::default();
        for (at, event) in events {
            if let ChangeEvent::ImplementationStarted { .. } = event {
                course.begin(at, false);
            } else if let ChangeEvent::RollbackStarted { cause, .. } = event {
                course.end(at);
                course.begin(at, true);
                course.watched = Some(against(cause));
            } else if let ChangeEvent::RollbackFailed { .. } = event {
                course.end(at);
                course.watched = Some("it could not be taken back".to_owned());
            } else if let ChangeEvent::Implemented { .. } | ChangeEvent::RolledBack = event {
                course.end(at);
            }
        }
        course
    }

    /// When it was first at work; nothing for a change that was not started.
    pub fn began_at(&self) -> Option<Timestamp> {
        self.spells.first().map(|spell| spell.from)
    }

    fn begin(&mut self, from: Timestamp, is_rollback: bool) {
        self.spells.push(Spell { from, until: None, is_rollback });
    }

    fn end(&mut self, at: Timestamp) {
        if let Some(last) = self.spells.last_mut() {
            last.until.get_or_insert(at);
        }
    }

    /// Whether it was at work within the time in which a change can have led to a trouble.
    pub fn is_within(&self, trouble: &Trouble) -> bool {
        let (earliest, latest) = (trouble.earliest(), trouble.latest());
        let is_within =
            |spell: &Spell| spell.from <= latest && spell.until.is_none_or(|until| until >= earliest);
        self.spells.iter().any(is_within)
    }
}

/// How an item is connected with what is in trouble.
#[derive(Debug, Clone, Copy)]
struct Near<'a> {
    /// What is in trouble.
    of: Ci<'a>,
    distance: u32,
    /// Whether every relation in between is hard.
    hard: bool,
}

/// Ranks `candidates`, the likeliest first. Those that were not at work in the days before the trouble are left out.
pub fn rank(trouble: &Trouble, candidates: &[Candidate], cmdb: &Cmdb) -> Vec<Suspect> {
    let troubled: Vec<Ci<'_>> = trouble.items.iter().filter_map(|name| cmdb.get(name.as_str())).collect();
    let leaned_on = leaned_on(&troubled);
    let callers: HashMap<&str, Ci<'_>> = troubled
        .iter()
        .flat_map(|ci| ci.dependents().map(|link| (link.ci.name(), *ci)))
        .take(ITEMS_MAX)
        .collect();
    let mut suspects: Vec<Suspect> = candidates
        .iter()
        .filter(|candidate| candidate.course.is_within(trouble))
        .map(|candidate| suspect(trouble, candidate, &leaned_on, &callers))
        .collect();
    suspects.sort_by(|one, other| other.points.cmp(&one.points).then(other.change.cmp(&one.change)));
    suspects.truncate(SUSPECTS_MAX);
    suspects
}

/// Everything that the troubled items lean on, each at its shortest distance; of several ways as short, by a hard one.
fn leaned_on<'a>(troubled: &[Ci<'a>]) -> HashMap<&'a str, Near<'a>> {
    let mut found: HashMap<&str, Near<'_>> = HashMap::new();
    let mut open = VecDeque::new();
    for ci in troubled {
        found.insert(ci.name(), Near { of: *ci, distance: 0, hard: true });
        open.push_back(*ci);
    }
    while let Some(ci) = open.pop_front() {
        let Some(near) = found.get(ci.name()).copied().filter(|near| near.distance < DISTANCE_MAX) else {
            continue;
        };
        for link in ci.leans_on() {
            if found.len() >= ITEMS_MAX {
                return found;
            }
            let hard = near.hard && link.strength == Strength::Hard;
            let next = Near { of: near.of, distance: near.distance + 1, hard };
            match found.entry(link.ci.name()) {
                Entry::Vacant(place) => {
                    place.insert(next);
                    open.push_back(link.ci);
                }
                // Another way, as short and harder. What lies behind it has not been looked at yet.
                Entry::Occupied(mut known) if known.get().distance == next.distance && hard => {
                    known.insert(next);
                }
                Entry::Occupied(_) => {}
            }
        }
    }
    found
}

fn suspect(
    trouble: &Trouble,
    candidate: &Candidate,
    leaned_on: &HashMap<&str, Near<'_>>,
    callers: &HashMap<&str, Ci<'_>>,
) -> Suspect {
    let (distance, near) = nearness(trouble, candidate, leaned_on, callers);
    let mut reasons = vec![near, at_work(trouble, candidate)];
    if let Some((score, level)) = candidate.risk {
        let points = RISK_POINTS * u32::from(score.get()) / 100;
        reasons.push((points, format!("its risk was {level}, {score} of 100")));
    }
    if let Some(watched) = &candidate.course.watched {
        reasons.push((WATCHED_POINTS, watched.clone()));
    }
    reasons.sort_by_key(|(points, _)| std::cmp::Reverse(*points));
    let points = reasons.iter().map(|(points, _)| points).sum();
    Suspect { change: candidate.change, points, distance, reasons }
}

fn nearness(
    trouble: &Trouble,
    candidate: &Candidate,
    leaned_on: &HashMap<&str, Near<'_>>,
    callers: &HashMap<&str, Ci<'_>>,
) -> (Option<u32>, (u32, String)) {
    if let Some(itself) = candidate.items.iter().find(|item| trouble.items.contains(*item)) {
        return (Some(0), (NEAR_POINTS, format!("it changed `{itself}` itself")));
    }
    let nearest = candidate.items.iter().filter_map(|item| Some((item, *leaned_on.get(item.as_str())?)));
    if let Some((item, Near { of, distance, hard })) =
        nearest.min_by_key(|(_, near)| (near.distance, !near.hard))
    {
        let points = (0..distance).fold(NEAR_POINTS, |points, _| points * 3 / 4);
        let (points, how) = if hard { (points, "") } else { (points / 2, ", not all of them hard") };
        let relations = if distance == 1 { "relation" } else { "relations" };
        let words =
            format!("`{}` leans on `{item}`, which it changed, over {distance} {relations}{how}", of.name());
        return (Some(distance), (points, words));
    }
    let caller = candidate.items.iter().find_map(|item| Some((item, callers.get(item.as_str())?)));
    if let Some((item, called)) = caller {
        return (Some(1), (CALLER_POINTS, format!("it changed `{item}`, which uses `{}`", called.name())));
    }
    (None, (0, "the CMDB knows no connection with what it changed".to_owned()))
}

fn at_work(trouble: &Trouble, candidate: &Candidate) -> (u32, String) {
    let begun = || candidate.course.spells.iter().filter(|spell| spell.from <= trouble.at);
    let under_way = begun().find(|spell| spell.until.is_none_or(|until| until >= trouble.at));
    if let Some(spell) = under_way {
        let what = if spell.is_rollback { "it was being taken back" } else { "it was at work" };
        return (AT_WORK_POINTS, format!("{what} when the trouble began"));
    }
    let last = begun().filter_map(|spell| Some((spell.until?, spell.is_rollback))).max();
    let Some((ended, is_rollback)) = last else {
        return (AT_WORK_POINTS / 2, "it began when the trouble was seen".to_owned());
    };
    let minutes = trouble.at.duration_since(ended).as_mins();
    // Halved with every full span, and evenly in between.
    let (spans, rest) = (minutes / HALVED_MINUTES, minutes % HALVED_MINUTES);
    let spans = u32::try_from(spans).unwrap_or(u32::MAX).min(31);
    let rest = u32::try_from(rest * 100 / (2 * HALVED_MINUTES)).unwrap_or(0);
    let points = (AT_WORK_POINTS >> spans) * (100 - rest) / 100;
    let before = match minutes {
        0 => "less than a minute".to_owned(),
        1 => "a minute".to_owned(),
        2..120 => format!("{minutes} minutes"),
        120..2_880 => format!("{} hours", minutes / 60),
        _ => format!("{} days", minutes / 1_440),
    };
    let what = if is_rollback { "taken back" } else { "done" };
    (points, format!("it was {what} {before} before"))
}

/// What the cause of a rollback says against a change.
fn against(cause: &Cause) -> String {
    match cause {
        Cause::Breach { condition, monitor, explanation, .. } => {
            format!("its monitor `{monitor}` breached `{condition}`: {explanation}")
        }
        Cause::StepFailed { step } => format!("its step `{step}` failed"),
        Cause::SnapshotFailed { .. } => "what it would change could not be saved".to_owned(),
        Cause::ValidationFailed => "its result did not pass validation".to_owned(),
        Cause::ValidationDeadline => "its result was not validated in time".to_owned(),
        Cause::RunnerLost => "its runner was lost".to_owned(),
        Cause::Person { .. } => "a person took it back".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::canonical::Digest;
    use crate::text::FreeText;

    fn at(minutes: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_mins(minutes)
    }

    fn names(names: &[&str]) -> BTreeSet<CiName> {
        names.iter().map(|name| name.parse().unwrap()).collect()
    }

    fn started() -> ChangeEvent {
        ChangeEvent::ImplementationStarted {
            digest: Digest::of_bytes(&[]),
            fencing_token: 1,
            auto_rollback: true,
            holds: false,
        }
    }

    fn finished() -> ChangeEvent {
        ChangeEvent::Implemented { deadline: at(0) }
    }

    fn taken_back() -> ChangeEvent {
        ChangeEvent::RollbackStarted { cause: Cause::ValidationFailed, deadline: at(0) }
    }

    fn course(events: &[(i64, ChangeEvent)]) -> Course {
        Course::of(events.iter().map(|(minutes, event)| (at(*minutes), event)))
    }

    fn candidate(number: u32, item: &str, began: i64, ended: Option<i64>) -> Candidate {
        let ended = ended.map(|ended| (ended, finished()));
        Candidate {
            change: ChangeId::new(2026, number).unwrap(),
            items: names(&[item]),
            risk: None,
            course: course(&[(began, started())].into_iter().chain(ended).collect::<Vec<_>>()),
        }
    }

    fn ranked(candidates: &[Candidate]) -> Vec<(String, u32)> {
        let trouble = Trouble { items: names(&["shop"]), at: at(10_000) };
        let suspects = rank(&trouble, candidates, &Cmdb::default());
        for suspect in &suspects {
            assert_eq!(suspect.points, suspect.reasons.iter().map(|(points, _)| points).sum::<u32>());
        }
        suspects.iter().map(|suspect| (suspect.change.to_string(), suspect.points)).collect()
    }

    #[test]
    fn the_change_at_work_on_what_is_in_trouble_comes_first() {
        let long_ago = candidate(1, "shop", 8_000, Some(8_010));
        let just_done = candidate(2, "shop", 9_900, Some(9_990));
        let at_work = candidate(3, "shop", 9_900, None);
        let elsewhere = candidate(4, "bank", 9_900, None);
        let points = ranked(&[long_ago, just_done, at_work, elsewhere]);
        let order: Vec<_> = points.iter().map(|(change, points)| (change.as_str(), *points)).collect();
        let expected = [
            ("CHG-2026-000003", 70),
            ("CHG-2026-000002", 68),
            ("CHG-2026-000001", 40),
            ("CHG-2026-000004", 30),
        ];
        assert_eq!(order, expected);
    }

    #[test]
    fn what_began_later_is_no_suspect_and_what_was_watched_badly_more_of_one() {
        let later = candidate(1, "shop", 10_006, None);
        let calm = candidate(2, "shop", 9_000, Some(9_500));
        let bad = Candidate {
            change: ChangeId::new(2026, 3).unwrap(),
            risk: Some((RiskScore::new(60).unwrap(), Level::Medium)),
            course: Course { watched: Some("its monitor breached".to_owned()), ..calm.course.clone() },
            ..calm.clone()
        };
        let points = ranked(&[later, calm, bad]);
        assert_eq!(points.len(), 2);
        assert_eq!(points[0].0, "CHG-2026-000003");
        assert_eq!(points[0].1, points[1].1 + WATCHED_POINTS + 9);
    }

    #[test]
    fn points_fall_with_time_and_never_below_zero() {
        let trouble = Trouble { items: names(&["shop"]), at: at(100_000) };
        let points = |ended: i64| at_work(&trouble, &candidate(1, "shop", 0, Some(ended))).0;
        let falling: Vec<_> =
            [99_999, 99_940, 99_880, 99_760, 99_000, 90_000, 10].map(points).into_iter().collect();
        assert_eq!(falling, [30, 22, 15, 7, 0, 0, 0]);
    }

    #[test]
    fn a_change_is_at_work_while_it_is_carried_out_and_while_it_is_taken_back() {
        let day = 1_440;
        let text = FreeText::new("a remark").unwrap();
        let remark = ChangeEvent::Commented { text: text.clone() };
        // Carried out on day 1, taken back on day 3 for an hour, remarked on on day 5.
        let events = [
            (day, started()),
            (day + 10, finished()),
            (3 * day, taken_back()),
            (3 * day + 60, ChangeEvent::RolledBack),
            (5 * day, remark),
        ];
        let change = Candidate { course: course(&events), ..candidate(1, "shop", 0, None) };
        let said = |minutes: i64| {
            let trouble = Trouble { items: names(&["shop"]), at: at(minutes) };
            change.course.is_within(&trouble).then(|| at_work(&trouble, &change).1)
        };
        let expected = [
            (day - 6, None),
            (day - 5, Some("it began when the trouble was seen")),
            (day, Some("it was at work when the trouble began")),
            (day + 40, Some("it was done 30 minutes before")),
            (2 * day + 10, Some("it was done 24 hours before")),
            (3 * day + 30, Some("it was being taken back when the trouble began")),
            (4 * day + 60, Some("it was taken back 24 hours before")),
            (10 * day, Some("it was taken back 6 days before")),
            (10 * day + 61, None),
        ];
        for (minutes, words) in expected {
            assert_eq!(said(minutes).as_deref(), words, "{minutes}");
        }
        let failed = ChangeEvent::RollbackFailed { not_undone: vec![], reason: text };
        let course = course(&[(0, started()), (5, taken_back()), (10, failed)]);
        let trouble = Trouble { items: names(&["shop"]), at: at(40) };
        let failed = Candidate { course, ..change };
        assert_eq!(at_work(&trouble, &failed).1, "it was taken back 30 minutes before");
    }
}
