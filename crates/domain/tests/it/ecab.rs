//! The emergency board: whose turn it is, who covers it, and what a gap means.

use std::collections::BTreeSet;

use domain::Timestamp;
use domain::ecab::{Roster, RosterEvent, RosterRefusal, Rotation, Shift, ShiftId};
use domain::id::{ActorId, RotationName};
use domain::text::FreeText;
use proptest::prelude::*;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn actor(name: &str) -> ActorId {
    ActorId::new(format!("act_{name}")).unwrap()
}

fn lead() -> RotationName {
    "lead".parse().unwrap()
}

fn why() -> FreeText {
    FreeText::new("because").unwrap()
}

fn rotation(members: &[&str], starts: &str, zone: &str, rule: &str) -> Rotation {
    Rotation {
        members: members.iter().map(|name| actor(name)).collect(),
        starts: starts.parse().unwrap(),
        zone: zone.parse().unwrap(),
        rule: rule.parse().unwrap(),
    }
}

fn then(roster: &mut Roster, event: &RosterEvent) {
    roster.evolve(roster.version() + 1, Timestamp::UNIX_EPOCH, event);
}

/// A roster with one weekly rotation, handed over on Mondays at nine in Berlin.
fn weekly() -> Roster {
    let mut roster = Roster::default();
    let turns = rotation(&["ann", "bob", "cy"], "2026-01-05T09:00", "Europe/Berlin", "FREQ=WEEKLY;BYDAY=MO");
    let event = roster.set_rotation(lead(), turns).unwrap();
    then(&mut roster, &event);
    roster
}

/// Who is on call, and until when.
fn check(roster: &Roster, when: &str, expected: &[&str]) {
    let told: Vec<_> = roster
        .on_call(at(when))
        .into_iter()
        .map(|one| {
            let until = one.until.map_or_else(String::new, |until| format!(" until {until}"));
            format!("{}{until}", one.actor.as_str().trim_start_matches("act_"))
        })
        .collect();
    assert_eq!(told, expected, "{when}");
}

#[test]
fn turns_follow_each_other_at_the_hour_of_the_wall_clock() {
    let roster = weekly();
    check(&roster, "2026-01-05T07:59:59Z", &[]);
    check(&roster, "2026-01-05T08:00:00Z", &["ann until 2026-01-12T08:00:00Z"]);
    check(&roster, "2026-01-12T08:00:00Z", &["bob until 2026-01-19T08:00:00Z"]);
    check(&roster, "2026-01-25T23:00:00Z", &["cy until 2026-01-26T08:00:00Z"]);
    check(&roster, "2026-01-26T08:00:00Z", &["ann until 2026-02-02T08:00:00Z"]);
    // Twelve weeks on the clocks have changed, and it is still nine in Berlin.
    check(&roster, "2026-03-30T06:59:59Z", &["cy until 2026-03-30T07:00:00Z"]);
    check(&roster, "2026-03-30T07:00:00Z", &["ann until 2026-04-06T07:00:00Z"]);
}

#[test]
fn a_cover_replaces_the_turn_of_its_rotation_and_another_shift_stands_beside() {
    let mut roster = weekly();
    let (from, to) = (at("2026-01-06T00:00:00Z"), at("2026-01-07T00:00:00Z"));
    let cover = Shift { actor: actor("bob"), from, to, instead_of: Some(lead()), reason: why() };
    let beside =
        Shift { actor: actor("dee"), from, to: at("2026-01-06T12:00:00Z"), instead_of: None, reason: why() };
    for shift in [cover, beside] {
        let event = roster.set_shift(shift, from).unwrap();
        then(&mut roster, &event);
    }
    check(
        &roster,
        "2026-01-06T06:00:00Z",
        &["bob until 2026-01-07T00:00:00Z", "dee until 2026-01-06T12:00:00Z"],
    );
    assert_eq!(roster.changes_after(at("2026-01-06T06:00:00Z")), Some(at("2026-01-06T12:00:00Z")));
    check(&roster, "2026-01-07T00:00:00Z", &["ann until 2026-01-12T08:00:00Z"]);
    let first: ShiftId = "SHIFT-2".parse().unwrap();
    let event = roster.remove_shift(first, why()).unwrap();
    then(&mut roster, &event);
    check(&roster, "2026-01-06T13:00:00Z", &["ann until 2026-01-12T08:00:00Z"]);
    assert_eq!(roster.remove_shift(first, why()), Err(RosterRefusal::NoSuchShift(first)));
    let event = roster.remove_rotation(lead(), why()).unwrap();
    then(&mut roster, &event);
    check(&roster, "2026-01-06T13:00:00Z", &[]);
}

#[test]
fn only_who_is_on_call_may_answer_unless_nobody_on_call_can() {
    let roster = weekly();
    let when = at("2026-01-06T00:00:00Z");
    let is_on_call = |name: &str, able: &[&str]| {
        let records = BTreeSet::from([actor(name)]);
        roster.has_on_call(&records, |id| able.iter().any(|one| actor(one) == *id), when)
    };
    assert!(is_on_call("ann", &["ann", "bob"]));
    assert!(!is_on_call("bob", &["ann", "bob"]));
    assert!(is_on_call("bob", &["bob"]), "ann cannot answer, and an emergency waits for nobody");
    let nobody = Roster::default();
    assert!(nobody.has_on_call(&BTreeSet::from([actor("bob")]), |_| true, when));
}

#[test]
fn a_roster_that_makes_no_sense_is_refused() {
    let roster = weekly();
    let twice = rotation(&["ann", "ann"], "2026-01-05T09:00", "UTC", "FREQ=DAILY");
    assert_eq!(roster.set_rotation(lead(), twice), Err(RosterRefusal::Members));
    let empty = rotation(&[], "2026-01-05T09:00", "UTC", "FREQ=DAILY");
    assert_eq!(roster.set_rotation(lead(), empty), Err(RosterRefusal::Members));
    let now = at("2026-01-06T00:00:00Z");
    let shift = |from: &str, to: &str| Shift {
        actor: actor("bob"),
        from: at(from),
        to: at(to),
        instead_of: None,
        reason: why(),
    };
    for (from, to) in [
        ("2026-01-07T00:00:00Z", "2026-01-07T00:00:00Z"),
        ("2026-01-01T00:00:00Z", "2026-01-06T00:00:00Z"),
        ("2026-01-07T00:00:00Z", "2027-06-07T00:00:00Z"),
    ] {
        assert_eq!(roster.set_shift(shift(from, to), now), Err(RosterRefusal::ShiftTime), "{from} {to}");
    }
    let unknown = Shift {
        instead_of: Some("nights".parse().unwrap()),
        ..shift("2026-01-07T00:00:00Z", "2026-01-08T00:00:00Z")
    };
    assert!(matches!(roster.set_shift(unknown, now), Err(RosterRefusal::NoSuchRotation(_))));
}

proptest! {
    /// However far away, a daily turn is the one that counting days gives.
    #[test]
    fn a_daily_turn_is_the_day_modulo_the_members(days in 0_i64..4_000, second in 0_i64..86_400) {
        let mut roster = Roster::default();
        let event = roster.set_rotation(lead(), rotation(&["a", "b", "c", "d", "e"], "2026-01-01T00:00", "UTC", "FREQ=DAILY")).unwrap();
        then(&mut roster, &event);
        let when = at("2026-01-01T00:00:00Z") + jiff::SignedDuration::from_secs(days * 86_400 + second);
        let expected = ["a", "b", "c", "d", "e"][usize::try_from(days % 5).unwrap()];
        prop_assert_eq!(&roster.on_call(when)[0].actor, &actor(expected));
    }
}
