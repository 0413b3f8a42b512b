//! When something takes place: once, or again and again by a recurrence rule (RFC 5545) in a named zone.
//!
//! A rule is expanded on the wall clock of its zone, and each local time becomes an instant only then. So an entry at
//! 22:00 is at 22:00 before and after the clocks change; a time that the clocks skip is moved on by as much as they
//! skip, and one that comes twice is its first.

use std::fmt;
use std::str::FromStr;

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{TimeZone, TimeZoneDatabase};
use jiff::{SignedDuration, Timestamp, ToSpan};
use rrule::{Frequency, RRule, RRuleSet, Tz, Unvalidated};
use serde::{Deserialize, Serialize};

/// Longest occurrence, in minutes: a leap year.
pub const OCCURRENCE_MINUTES_MAX: u32 = 366 * 24 * 60;
/// Most occurrences that are told at once.
pub const OCCURRENCES_MAX: usize = 1_000;
/// Longest rule, in bytes.
const RULE_BYTES_MAX: usize = 200;
/// Days in which a rule must occur at least once.
const FIRST_WITHIN_DAYS: i64 = 5 * 366;
/// What a rule may say. Nothing finer than days: an entry occurs at most once a day.
const PARTS: [&str; 10] = [
    "FREQ",
    "INTERVAL",
    "COUNT",
    "BYMONTH",
    "BYMONTHDAY",
    "BYDAY",
    "BYSETPOS",
    "BYYEARDAY",
    "BYWEEKNO",
    "WKST",
];
/// How often a rule may occur.
const FREQUENCIES: [&str; 4] = ["DAILY", "WEEKLY", "MONTHLY", "YEARLY"];

/// Why something is no schedule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSchedule {
    /// The zone is not known.
    #[error("`{0}` is not a time zone: expected a name such as Europe/Berlin or UTC")]
    Zone(String),
    /// The rule is not one that is accepted.
    #[error(
        "`{given}` is not an accepted recurrence rule: {why}; expected a form like FREQ=WEEKLY;BYDAY=SA, with FREQ=DAILY, WEEKLY, MONTHLY or YEARLY"
    )]
    Rule {
        /// The rule.
        given: String,
        /// What is wrong with it.
        why: String,
    },
    /// It takes no time, or too long.
    #[error("{0} minutes are out of range: expected 1 to {OCCURRENCE_MINUTES_MAX}, which is 366 days")]
    Duration(u32),
    /// It never takes place.
    #[error(
        "it never takes place: the rule does not fit the time of the first occurrence, or ends before it"
    )]
    Never,
}

/// The name of a time zone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ZoneName(String);

impl ZoneName {
    /// Coordinated universal time.
    pub fn utc() -> Self {
        Self("UTC".to_owned())
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn zone(&self) -> TimeZone {
        TimeZoneDatabase::bundled().get(&self.0).unwrap_or(TimeZone::UTC)
    }
}

impl FromStr for ZoneName {
    type Err = InvalidSchedule;

    /// The zones are those that the program brings along, so that every machine means the same by a name.
    fn from_str(text: &str) -> Result<Self, InvalidSchedule> {
        let shown = || text.chars().filter(|c| !c.is_control()).take(80).collect();
        let zone = TimeZoneDatabase::bundled().get(text).map_err(|_| InvalidSchedule::Zone(shown()))?;
        Ok(Self(zone.iana_name().unwrap_or("UTC").to_owned()))
    }
}

/// A recurrence rule, as RFC 5545 writes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Rule(String);

impl Rule {
    /// The rule as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn parsed(&self) -> Result<RRule<Unvalidated>, InvalidSchedule> {
        self.0.parse().map_err(|error: rrule::RRuleError| self.refused(&error.to_string()))
    }

    fn refused(&self, why: &str) -> InvalidSchedule {
        InvalidSchedule::Rule { given: self.0.clone(), why: why.to_owned() }
    }
}

impl FromStr for Rule {
    type Err = InvalidSchedule;

    fn from_str(text: &str) -> Result<Self, InvalidSchedule> {
        let upper = text.trim().to_ascii_uppercase();
        let rule = upper.strip_prefix("RRULE:").unwrap_or(&upper);
        let shown: String = rule.chars().filter(|c| !c.is_control()).take(RULE_BYTES_MAX).collect();
        let refuse = |why: String| InvalidSchedule::Rule { given: shown.clone(), why };
        if rule.len() > RULE_BYTES_MAX || !rule.is_ascii() {
            return Err(refuse(format!("it is longer than {RULE_BYTES_MAX} bytes or not ASCII")));
        }
        for part in rule.split(';') {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            if name == "UNTIL" {
                return Err(refuse("say until when with `until` beside the rule".to_owned()));
            }
            if !PARTS.contains(&name) {
                return Err(refuse(format!("`{name}` is not one of {}", PARTS.join(", "))));
            }
            if name == "FREQ" && !FREQUENCIES.contains(&value) {
                return Err(refuse("it occurs more often than once a day".to_owned()));
            }
        }
        let rule = Self(rule.to_owned());
        rule.parsed()?;
        Ok(rule)
    }
}

macro_rules! as_text {
    ($name:ident) => {
        impl TryFrom<String> for $name {
            type Error = InvalidSchedule;

            fn try_from(text: String) -> Result<Self, InvalidSchedule> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(value: $name) -> Self {
                value.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}
as_text!(ZoneName);
as_text!(Rule);

/// When something takes place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Schedule {
    /// When it first begins, on the wall clock of its zone.
    pub starts: DateTime,
    /// The zone.
    pub zone: ZoneName,
    /// How long each occurrence takes, in minutes that pass, whatever the wall clock does meanwhile.
    pub minutes: u32,
    /// How it recurs; once where there is no rule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<Rule>,
    /// No occurrence begins at or after this instant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

/// One time at which something takes place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Occurrence {
    /// First instant.
    pub start: Timestamp,
    /// First instant after it.
    pub end: Timestamp,
}

impl Occurrence {
    /// Whether `at` lies in it.
    pub fn contains(&self, at: Timestamp) -> bool {
        self.start <= at && at < self.end
    }
}

impl Schedule {
    /// Checks that it takes place at all, and takes an acceptable time.
    ///
    /// # Errors
    /// When it does not.
    pub fn check(&self) -> Result<(), InvalidSchedule> {
        if self.minutes == 0 || self.minutes > OCCURRENCE_MINUTES_MAX {
            return Err(InvalidSchedule::Duration(self.minutes));
        }
        self.rule.iter().try_for_each(|rule| rule_set(rule, self.starts).map(|_| ()))?;
        let first = self.instant(self.starts);
        let within = first
            .saturating_add(SignedDuration::from_hours(FIRST_WITHIN_DAYS * 24))
            .unwrap_or(Timestamp::MAX);
        match self.occurrences(first, within, 1).first() {
            Some(_) => Ok(()),
            None => Err(InvalidSchedule::Never),
        }
    }

    /// The occurrences that are not over before `from` and begin before `until`, in order, at most `most`.
    pub fn occurrences(&self, from: Timestamp, until: Timestamp, most: usize) -> Vec<Occurrence> {
        let until = self.until.map_or(until, |end| end.min(until));
        let (most, zone) = (most.min(OCCURRENCES_MAX), self.zone.zone());
        let found = |local: DateTime| self.occurrence(&zone, local);
        let is_wanted = |occurrence: &Occurrence| occurrence.end > from && occurrence.start < until;
        let Some(rule) = &self.rule else {
            return Some(found(self.starts)).filter(is_wanted).into_iter().take(most).collect();
        };
        // A day more on both sides: the zone may be ahead or behind, and the clocks may change.
        let margin = SignedDuration::from_hours(24);
        let length = SignedDuration::from_mins(i64::from(self.minutes));
        let earliest = from.saturating_sub(length + margin).unwrap_or(Timestamp::MIN);
        let earliest = zone.to_datetime(earliest);
        let latest = zone.to_datetime(until.saturating_add(margin).unwrap_or(Timestamp::MAX));
        let Ok(set) = rule_set(rule, forwarded(rule, self.starts, earliest)) else { return Vec::new() };
        // The iterator itself knows no end: it has to be left.
        let set = set.limit();
        let local = set.into_iter().map_while(|local| civil(&local)).take_while(|local| *local <= latest);
        local.filter(|local| *local >= earliest).map(found).filter(is_wanted).take(most).collect()
    }

    /// The occurrence in which `at` lies; of several the one that lasts longest.
    pub fn at(&self, at: Timestamp) -> Option<Occurrence> {
        let next = at.saturating_add(SignedDuration::from_micros(1)).unwrap_or(Timestamp::MAX);
        let around = self.occurrences(at, next, OCCURRENCES_MAX);
        around
            .into_iter()
            .filter(|occurrence| occurrence.contains(at))
            .max_by_key(|occurrence| occurrence.end)
    }

    fn instant(&self, local: DateTime) -> Timestamp {
        self.occurrence(&self.zone.zone(), local).start
    }

    fn occurrence(&self, zone: &TimeZone, local: DateTime) -> Occurrence {
        let start = zone.to_ambiguous_timestamp(local).compatible().unwrap_or(Timestamp::MAX);
        let length = SignedDuration::from_mins(i64::from(self.minutes));
        Occurrence { start, end: start.saturating_add(length).unwrap_or(Timestamp::MAX) }
    }
}

fn rule_set(rule: &Rule, starts: DateTime) -> Result<RRuleSet, InvalidSchedule> {
    let starts = floating(starts).ok_or(InvalidSchedule::Never)?;
    let validated = rule.parsed()?.validate(starts).map_err(|error| rule.refused(&error.to_string()))?;
    Ok(RRuleSet::new(starts).rrule(validated))
}

/// A later start by which the rule has the same occurrences from `to` on, so that old entries cost no more than new
/// ones. Months and years are few enough to be walked through, and a counted rule must be.
fn forwarded(rule: &Rule, starts: DateTime, to: DateTime) -> DateTime {
    let Ok(parsed) = rule.parsed() else { return starts };
    let days = match parsed.get_freq() {
        Frequency::Daily => 1,
        Frequency::Weekly => 7,
        Frequency::Yearly
        | Frequency::Monthly
        | Frequency::Hourly
        | Frequency::Minutely
        | Frequency::Secondly => {
            return starts;
        }
    };
    if parsed.get_count().is_some() || to <= starts {
        return starts;
    }
    let step = days * i64::from(parsed.get_interval()).max(1);
    let ahead = to.duration_since(starts).as_hours() / 24 / step;
    // One step less than would be possible: a week may begin in the one before.
    let skipped = (ahead - 1).max(0) * step;
    starts.checked_add(skipped.days()).unwrap_or(starts)
}

/// A time of the wall clock, as one that knows no zone.
fn floating(local: DateTime) -> Option<chrono::DateTime<Tz>> {
    let (date, time) = (local.date(), local.time());
    let unsigned = |part: i8| u32::try_from(part).ok();
    let date = chrono::NaiveDate::from_ymd_opt(
        i32::from(date.year()),
        unsigned(date.month())?,
        unsigned(date.day())?,
    )?;
    let time =
        date.and_hms_opt(unsigned(time.hour())?, unsigned(time.minute())?, unsigned(time.second())?)?;
    Some(time.and_utc().with_timezone(&Tz::UTC))
}

fn civil(floating: &chrono::DateTime<Tz>) -> Option<DateTime> {
    use chrono::{Datelike as _, Timelike as _};
    let part = |part: u32| i8::try_from(part).ok();
    let year = i16::try_from(floating.year()).ok()?;
    let date = Date::new(year, part(floating.month())?, part(floating.day())?).ok()?;
    let time =
        Time::new(part(floating.hour())?, part(floating.minute())?, part(floating.second())?, 0).ok()?;
    Some(DateTime::from_parts(date, time))
}
