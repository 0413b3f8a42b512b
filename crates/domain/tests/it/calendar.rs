//! The calendar: when entries take place, across changes of the clocks, and how that stands to a change.

use std::collections::BTreeSet;

use domain::Timestamp;
use domain::calendar::{
    Calendar, CalendarRefusal, Entry, EntryKind, EntryScope, InvalidSchedule, OCCURRENCES_MAX, Rule,
    Schedule, Touched, ZoneName,
};
use domain::catalog::Tier;
use domain::id::{ActorId, ChangeId, EntryName, EnvironmentName, ServiceName};
use domain::text::FreeText;
use jiff::SignedDuration;
use proptest::prelude::*;

fn schedule(starts: &str, zone: &str, minutes: u32, rule: Option<&str>) -> Schedule {
    Schedule {
        starts: starts.parse().unwrap(),
        zone: zone.parse().unwrap(),
        minutes,
        rule: rule.map(|rule| rule.parse().unwrap()),
        until: None,
    }
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// The beginnings and ends between two instants.
fn check(schedule: &Schedule, from: &str, until: &str, expected: &[&str]) {
    schedule.check().unwrap();
    let found = schedule.occurrences(at(from), at(until), OCCURRENCES_MAX);
    let found: Vec<_> = found.iter().map(|one| format!("{}/{}", one.start, one.end)).collect();
    assert_eq!(found, expected);
}

#[test]
fn a_window_stays_at_its_hour_when_the_clocks_change_in_europe() {
    let weekly = schedule("2026-03-14T22:00", "Europe/Berlin", 120, Some("FREQ=WEEKLY;BYDAY=SA"));
    check(
        &weekly,
        "2026-03-20T00:00:00Z",
        "2026-04-05T00:00:00Z",
        &[
            "2026-03-21T21:00:00Z/2026-03-21T23:00:00Z",
            "2026-03-28T21:00:00Z/2026-03-28T23:00:00Z",
            "2026-04-04T20:00:00Z/2026-04-04T22:00:00Z",
        ],
    );
    // 02:30 does not exist on 29 March, and comes twice on 25 October: an hour later, and the first of the two.
    let daily = schedule("2026-03-01T02:30", "Europe/Berlin", 60, Some("FREQ=DAILY"));
    check(
        &daily,
        "2026-03-28T12:00:00Z",
        "2026-03-30T12:00:00Z",
        &["2026-03-29T01:30:00Z/2026-03-29T02:30:00Z", "2026-03-30T00:30:00Z/2026-03-30T01:30:00Z"],
    );
    check(
        &daily,
        "2026-10-24T12:00:00Z",
        "2026-10-26T12:00:00Z",
        &["2026-10-25T00:30:00Z/2026-10-25T01:30:00Z", "2026-10-26T01:30:00Z/2026-10-26T02:30:00Z"],
    );
}

#[test]
fn a_window_stays_at_its_hour_when_the_clocks_change_in_america() {
    let monthly = schedule("2026-01-01T23:30", "America/New_York", 90, Some("FREQ=MONTHLY;BYDAY=1SU,2SU"));
    check(
        &monthly,
        "2026-03-01T12:00:00Z",
        "2026-03-10T00:00:00Z",
        &["2026-03-02T04:30:00Z/2026-03-02T06:00:00Z", "2026-03-09T03:30:00Z/2026-03-09T05:00:00Z"],
    );
    let daily = schedule("2025-06-01T01:15", "America/New_York", 30, Some("RRULE:freq=daily;interval=1"));
    check(
        &daily,
        "2026-10-31T12:00:00Z",
        "2026-11-02T12:00:00Z",
        &["2026-11-01T05:15:00Z/2026-11-01T05:45:00Z", "2026-11-02T06:15:00Z/2026-11-02T06:45:00Z"],
    );
}

#[test]
fn what_takes_place_once_or_a_number_of_times_ends() {
    let once = schedule("2026-12-20T00:00", "UTC", 12 * 24 * 60, None);
    check(
        &once,
        "2026-12-25T00:00:00Z",
        "2026-12-25T00:01:00Z",
        &["2026-12-20T00:00:00Z/2027-01-01T00:00:00Z"],
    );
    check(&once, "2027-01-01T00:00:00Z", "2028-01-01T00:00:00Z", &[]);
    let twice = schedule("2026-01-31T10:00", "UTC", 60, Some("FREQ=MONTHLY;BYMONTHDAY=-1;COUNT=2"));
    let ends = ["2026-01-31T10:00:00Z/2026-01-31T11:00:00Z", "2026-02-28T10:00:00Z/2026-02-28T11:00:00Z"];
    check(&twice, "2020-01-01T00:00:00Z", "2030-01-01T00:00:00Z", &ends);
    let until = Schedule { until: Some(at("2026-02-01T00:00:00Z")), ..twice };
    check(&until, "2020-01-01T00:00:00Z", "2030-01-01T00:00:00Z", &ends[..1]);
}

#[test]
fn what_is_no_schedule_is_refused_with_the_accepted_form() {
    for rule in [
        "",
        "FREQ=HOURLY",
        "FREQ=SECONDLY",
        "FREQ=DAILY;UNTIL=20270101T000000Z",
        "FREQ=DAILY;BYHOUR=1,2,3",
        "FREQ=WEEKLY;BYDAY=XX",
        "FREQ=DAILY;INTERVAL=x",
        "COUNT=3",
        "FREQ=DAILY;;",
        &format!("FREQ=DAILY;BYMONTH={}", "1,".repeat(200)),
    ] {
        let error = rule.parse::<Rule>().unwrap_err().to_string();
        assert!(error.contains("FREQ=WEEKLY;BYDAY=SA"), "{rule}: {error}");
    }
    for zone in ["", "Berlin", "Europe/Atlantis", "../etc/passwd", "+02:00"] {
        let error = zone.parse::<ZoneName>().unwrap_err().to_string();
        assert!(error.contains("Europe/Berlin"), "{zone}: {error}");
    }
    let never = schedule("2026-01-01T00:00", "UTC", 60, Some("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30"));
    assert_eq!(never.check(), Err(InvalidSchedule::Never));
    assert!(matches!(
        schedule("2026-01-01T00:00", "UTC", 0, None).check(),
        Err(InvalidSchedule::Duration(0))
    ));
}

fn rules() -> impl Strategy<Value = String> {
    let days = prop::sample::subsequence(vec!["MO", "TU", "WE", "TH", "FR", "SA", "SU"], 1..=7);
    prop_oneof![
        (1_u8..40).prop_map(|interval| format!("FREQ=DAILY;INTERVAL={interval}")),
        (1_u8..9, days).prop_map(|(n, days)| format!("FREQ=WEEKLY;INTERVAL={n};BYDAY={}", days.join(","))),
        (1_u8..9, 1_i8..29).prop_map(|(n, day)| format!("FREQ=MONTHLY;INTERVAL={n};BYMONTHDAY={day}")),
        (1_i8..5).prop_map(|nth| format!("FREQ=MONTHLY;BYDAY={nth}FR")),
        (1_u8..13, 1_i8..29).prop_map(|(month, day)| format!("FREQ=YEARLY;BYMONTH={month};BYMONTHDAY={day}")),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn a_later_question_is_answered_like_the_same_part_of_an_earlier_one(
        rule in rules(),
        zone in prop::sample::select(vec!["Europe/Berlin", "America/New_York", "UTC", "Pacific/Apia"]),
        hour in 0_i8..24,
        minutes in 1_u32..3_000,
        after_days in 0_i64..900,
        days in 1_i64..60,
    ) {
        let starts = jiff::civil::date(2024, 1, 1).at(hour, 30, 0, 0);
        let starts = starts.to_string();
        let one = schedule(&starts, zone, minutes, Some(&rule));
        let begin = at("2023-12-30T00:00:00Z");
        let from = begin.saturating_add(SignedDuration::from_hours(after_days * 24)).unwrap();
        let until = from.saturating_add(SignedDuration::from_hours(days * 24)).unwrap();
        let all = one.occurrences(begin, until, OCCURRENCES_MAX);
        prop_assume!(all.len() < OCCURRENCES_MAX);
        let expected: Vec<_> = all.into_iter().filter(|occurrence| occurrence.end > from).collect();
        let found = one.occurrences(from, until, OCCURRENCES_MAX);
        prop_assert!(found.is_sorted());
        prop_assert_eq!(&found, &expected);
        for occurrence in &found {
            let length = occurrence.end.duration_since(occurrence.start);
            prop_assert_eq!(length, SignedDuration::from_mins(i64::from(minutes)));
            prop_assert!(one.at(occurrence.start).is_some());
        }
        // What takes place at an instant is what is found around it.
        prop_assert_eq!(one.at(from).is_some(), found.iter().any(|occurrence| occurrence.contains(from)));
    }
}

struct World {
    calendar: Calendar,
    services: BTreeSet<ServiceName>,
    tiers: BTreeSet<Tier>,
    place: EnvironmentName,
}

fn change() -> ChangeId {
    "CHG-2026-000001".parse().unwrap()
}

fn name(text: &str) -> EntryName {
    text.parse().unwrap()
}

fn why() -> FreeText {
    FreeText::new("because").unwrap()
}

impl World {
    fn new() -> Self {
        Self {
            calendar: Calendar::default(),
            services: BTreeSet::from(["cart".parse().unwrap()]),
            tiers: BTreeSet::from([Tier::One]),
            place: "production".parse().unwrap(),
        }
    }

    fn add(&mut self, entry: &str, kind: EntryKind, schedule: Schedule, scope: EntryScope) {
        let entry_value = Entry { kind, title: why(), schedule, scope };
        let event = self.calendar.add(name(entry), entry_value).unwrap();
        self.evolve(&event);
    }

    fn evolve(&mut self, event: &domain::calendar::CalendarEvent) {
        let by = ActorId::new("act_maya").unwrap();
        self.calendar.evolve(self.calendar.version() + 1, at("2026-01-01T00:00:00Z"), &by, event);
    }

    /// The freezes that are on, the windows that are closed, and until when.
    fn check(&self, now: &str, freezes: &[&str], closed: &[&str], until: &str) {
        let what = Touched {
            services: &self.services,
            tiers: &self.tiers,
            tier_unknown: false,
            environment: Some(&self.place),
        };
        let standing = self.calendar.standing(change(), &what, at(now));
        let on: Vec<_> = standing.freezes.iter().map(|(name, _)| name.as_str()).collect();
        let shut: Vec<_> = standing.closed_windows.iter().map(EntryName::as_str).collect();
        assert_eq!((on.as_slice(), shut.as_slice()), (freezes, closed), "{now}");
        assert_eq!(standing.until.unwrap().to_string(), until, "{now}");
    }
}

#[test]
fn a_freeze_is_on_from_its_first_instant_to_its_last_and_an_exception_ends() {
    let mut world = World::new();
    let days = 24 * 60;
    world.add(
        "year-end",
        EntryKind::Freeze,
        schedule("2026-12-20T00:00", "UTC", days, None),
        EntryScope::default(),
    );
    world.check("2026-12-19T23:59:59Z", &[], &[], "2026-12-20T00:00:00Z");
    world.check("2026-12-20T00:00:00Z", &["year-end"], &[], "2026-12-21T00:00:00Z");
    world.check("2026-12-21T00:00:00Z", &[], &[], "2026-12-22T00:00:00Z");
    let (now, until) = (at("2026-12-20T06:00:00Z"), at("2026-12-20T08:00:00Z"));
    let except = |freeze: &str, until| world.calendar.except(name(freeze), change(), why(), until, now);
    assert!(matches!(except("easter", until), Err(CalendarRefusal::Unknown { .. })));
    assert_eq!(except("year-end", now), Err(CalendarRefusal::OverrideTime));
    assert_eq!(except("year-end", at("2026-12-27T06:00:01Z")), Err(CalendarRefusal::OverrideTime));
    let event = except("year-end", until).unwrap();
    world.evolve(&event);
    world.check("2026-12-20T07:59:59Z", &[], &[], "2026-12-20T08:00:00Z");
    world.check("2026-12-20T08:00:00Z", &["year-end"], &[], "2026-12-21T00:00:00Z");
    let removed = world.calendar.remove(name("year-end"), why()).unwrap();
    world.evolve(&removed);
    world.check("2026-12-20T08:00:00Z", &[], &[], "2026-12-21T08:00:00Z");
}

#[test]
fn a_window_is_asked_for_where_one_is_defined_and_any_open_one_will_do() {
    let mut world = World::new();
    let of = |service: &str| EntryScope {
        services: BTreeSet::from([service.parse().unwrap()]),
        ..EntryScope::default()
    };
    let saturdays = schedule("2026-01-03T22:00", "UTC", 120, Some("FREQ=WEEKLY"));
    world.add("others", EntryKind::Maintenance, saturdays.clone(), of("mail"));
    world.check("2026-02-02T12:00:00Z", &[], &[], "2026-02-03T12:00:00Z");
    world.add("saturdays", EntryKind::Maintenance, saturdays, of("cart"));
    world.check("2026-02-02T12:00:00Z", &[], &["saturdays"], "2026-02-03T12:00:00Z");
    world.check("2026-02-07T22:30:00Z", &[], &[], "2026-02-08T00:00:00Z");
    let tuesdays = schedule("2026-01-06T22:00", "UTC", 60, Some("FREQ=WEEKLY"));
    let over = Schedule { until: Some(at("2026-03-01T00:00:00Z")), ..tuesdays };
    let tier = EntryScope { tiers: BTreeSet::from([Tier::One]), ..EntryScope::default() };
    world.add("tuesdays", EntryKind::Maintenance, over, tier);
    world.check("2026-02-03T22:00:00Z", &[], &[], "2026-02-03T23:00:00Z");
    world.check("2026-02-07T22:30:00Z", &[], &[], "2026-02-08T00:00:00Z");
    world.check("2026-03-02T00:00:00Z", &[], &["saturdays"], "2026-03-03T00:00:00Z");
}

#[test]
fn a_scope_covers_what_it_names_and_what_is_not_known() {
    let services = BTreeSet::from(["cart".parse().unwrap()]);
    let tiers = BTreeSet::from([Tier::One]);
    let place = "production".parse().unwrap();
    let known =
        Touched { services: &services, tiers: &tiers, tier_unknown: false, environment: Some(&place) };
    let unknown = Touched { tier_unknown: true, environment: None, ..known };
    let scope = |tier: Option<Tier>, place: Option<&str>| EntryScope {
        services: BTreeSet::new(),
        tiers: tier.into_iter().collect(),
        environments: place.map(|place| place.parse().unwrap()).into_iter().collect(),
    };
    for (scope, expected) in [
        (scope(None, None), [true, true]),
        (scope(Some(Tier::One), Some("production")), [true, true]),
        (scope(Some(Tier::Zero), Some("production")), [false, true]),
        (scope(Some(Tier::One), Some("staging")), [false, true]),
    ] {
        assert_eq!([scope.covers(&known), scope.covers(&unknown)], expected, "{scope:?}");
    }
}
