//! What changed? Ranks changes by how likely they are to have led to a trouble: how near what they changed is to what is
//! in trouble, how short before it they were at work, how risky they were, and what their own watching said.
//!
//! The points are a ranking and no probability. Each comes with its reason, and the points of the reasons add up.
//!
//! Budget: one search over the items that the trouble leans on, at most [`ITEMS_MAX`]; then a look-up for each changed item.

use std::collections::{BTreeSet, HashMap, VecDeque};

use jiff::{SignedDuration, Timestamp};

use crate::catalog::Strength;
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
const SEEN_LATE_MINUTES: i64 = 5;
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
    /// When it was started.
    pub started_at: Timestamp,
    /// When it was done or taken back; nothing while it is under way.
    pub ended_at: Option<Timestamp>,
    /// How risky it was.
    pub risk: Option<(RiskScore, Level)>,
    /// What its own watching said against it, in words.
    pub watched: Option<String>,
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

/// How an item is connected with what is in trouble.
#[derive(Debug, Clone, Copy)]
struct Near<'a> {
    /// What is in trouble.
    of: Ci<'a>,
    distance: u32,
    /// Whether every relation in between is hard.
    hard: bool,
}

/// Ranks `candidates`, the likeliest first. Those that began after the trouble are left out.
pub fn rank(trouble: &Trouble, candidates: &[Candidate], cmdb: &Cmdb) -> Vec<Suspect> {
    let troubled: Vec<Ci<'_>> = trouble.items.iter().filter_map(|name| cmdb.get(name.as_str())).collect();
    let leaned_on = leaned_on(&troubled);
    let callers: HashMap<&str, Ci<'_>> = troubled
        .iter()
        .flat_map(|ci| ci.dependents().map(|link| (link.ci.name(), *ci)))
        .take(ITEMS_MAX)
        .collect();
    let latest = trouble.at.saturating_add(SignedDuration::from_mins(SEEN_LATE_MINUTES));
    let latest = latest.unwrap_or(Timestamp::MAX);
    let mut suspects: Vec<Suspect> = candidates
        .iter()
        .filter(|candidate| candidate.started_at <= latest)
        .map(|candidate| suspect(trouble, candidate, &leaned_on, &callers))
        .collect();
    suspects.sort_by(|one, other| other.points.cmp(&one.points).then(other.change.cmp(&one.change)));
    suspects.truncate(SUSPECTS_MAX);
    suspects
}

/// Everything that the troubled items lean on, each at its shortest distance.
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
            if !found.contains_key(link.ci.name()) {
                let hard = near.hard && link.strength == Strength::Hard;
                found.insert(link.ci.name(), Near { of: near.of, distance: near.distance + 1, hard });
                open.push_back(link.ci);
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
    if let Some(watched) = &candidate.watched {
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
    let ended = candidate.ended_at.filter(|ended| *ended < trouble.at);
    let Some(ended) = ended else {
        if candidate.started_at > trouble.at {
            return (AT_WORK_POINTS / 2, "it began when the trouble was seen".to_owned());
        }
        return (AT_WORK_POINTS, "it was at work when the trouble began".to_owned());
    };
    let minutes = trouble.at.duration_since(ended).as_mins();
    // Halved with every full span, and evenly in between.
    let (spans, rest) = (minutes / HALVED_MINUTES, minutes % HALVED_MINUTES);
    let spans = u32::try_from(spans).unwrap_or(u32::MAX).min(31);
    let rest = u32::try_from(rest * 100 / (2 * HALVED_MINUTES)).unwrap_or(0);
    let points = (AT_WORK_POINTS >> spans) * (100 - rest) / 100;
    let before = match minutes {
        0..120 => format!("{minutes} minutes"),
        120..2_880 => format!("{} hours", minutes / 60),
        _ => format!("{} days", minutes / 1_440),
    };
    (points, format!("it was done {before} before"))
}

/// What the events of a change say against it: the last thing that went wrong, in words.
pub fn watched<'a>(events: impl Iterator<Item = &'a ChangeEvent>) -> Option<String> {
    let mut said = None;
    for event in events {
        if let ChangeEvent::RollbackStarted { cause, .. } = event {
            said = Some(match cause {
                Cause::Breach { condition, monitor, explanation, .. } => {
                    format!("its monitor `{monitor}` breached `{condition}`: {explanation}")
                }
                Cause::StepFailed { step } => format!("its step `{step}` failed"),
                Cause::SnapshotFailed { .. } => "what it would change could not be saved".to_owned(),
                Cause::ValidationFailed => "its result did not pass validation".to_owned(),
                Cause::ValidationDeadline => "its result was not validated in time".to_owned(),
                Cause::RunnerLost => "its runner was lost".to_owned(),
                Cause::Person { .. } => "a person took it back".to_owned(),
            });
        } else if let ChangeEvent::RollbackFailed { .. } = event {
            said = Some("it could not be taken back".to_owned());
        }
    }
    said
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minutes: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_mins(minutes)
    }

    fn names(names: &[&str]) -> BTreeSet<CiName> {
        names.iter().map(|name| name.parse().unwrap()).collect()
    }

    fn candidate(number: u32, item: &str, started: i64, ended: Option<i64>) -> Candidate {
        Candidate {
            change: ChangeId::new(2026, number).unwrap(),
            items: names(&[item]),
            started_at: at(started),
            ended_at: ended.map(at),
            risk: None,
            watched: None,
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
            watched: Some("its monitor breached".to_owned()),
            risk: Some((RiskScore::new(60).unwrap(), Level::Medium)),
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
}
