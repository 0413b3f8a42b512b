//! Which changes get in each other's way, and which times are free.

use std::collections::BTreeSet;

use domain::Timestamp;
use domain::calendar::{
    Booking, Bookings, ConflictSettings, Found, Obstacle, ObstacleKind, Occurrence, Planned, SLOTS_MAX,
    Stage, Treatment, Wanted, earliest,
};
use domain::catalog::Strength;
use domain::change::{ChangeType, Window};
use domain::cmdb::{CiEvent, CiType, Cmdb, Description, Relation, RelationType, SourceName};
use domain::id::{ChangeId, CiName};
use domain::text::FreeText;
use jiff::SignedDuration;
use proptest::prelude::*;

fn at(minute: i64) -> Timestamp {
    "2026-03-02T09:00:00Z".parse::<Timestamp>().unwrap() + SignedDuration::from_mins(minute)
}

fn span(from: i64, to: i64) -> Occurrence {
    Occurrence { start: at(from), end: at(to) }
}

fn id(number: u32) -> ChangeId {
    ChangeId::new(2026, number).unwrap()
}

fn items(names: &[&str]) -> BTreeSet<CiName> {
    names.iter().map(|name| CiName::new(*name).unwrap()).collect()
}

/// A shop: a front end that leans on a cart, which leans on a database; cart and reports run on one node, the database
/// on another one. The front end also leans, softly, on reports.
fn shop() -> Cmdb {
    use RelationType::{DependsOn, RunsOn};
    let mut cmdb = Cmdb::default();
    let mut describe = |name: &str, ci_type: CiType, relations: &[(RelationType, &str, Strength)]| {
        let relations = relations.iter().map(|(relation_type, to, strength)| Relation {
            relation_type: *relation_type,
            to: CiName::new(*to).unwrap(),
            strength: *strength,
            because: None,
        });
        let relations = relations.collect();
        let description = Description { relations, ..Description::new(SourceName::manual(), ci_type) };
        cmdb.evolve(&CiName::new(name).unwrap(), &CiEvent::Described { description }, at(0));
    };
    let hard = Strength::Hard;
    describe("node-1", CiType::Host, &[]);
    describe("node-2", CiType::Host, &[]);
    describe("front", CiType::Service, &[(DependsOn, "cart", hard), (DependsOn, "reports", Strength::Soft)]);
    describe("cart", CiType::Service, &[(DependsOn, "database", hard), (DependsOn, "cart-pod", hard)]);
    describe("cart-pod", CiType::Workload, &[(RunsOn, "node-1", hard)]);
    describe("reports", CiType::Service, &[(RunsOn, "node-1", hard)]);
    describe("database", CiType::Database, &[(RunsOn, "node-2", hard)]);
    cmdb
}

fn booking(number: u32, stage: Stage, window: Option<(i64, i64)>, names: &[&str]) -> Booking {
    Booking {
        change: id(number),
        version: 1,
        updated_at: at(0),
        stage,
        change_type: ChangeType::Normal,
        title: FreeText::new("a change").unwrap(),
        risk: None,
        started_at: (stage == Stage::Running).then(|| at(-10)),
        window: window.map(|(start, end)| Window { start: at(start), end: at(end) }),
        estimated: None,
        items: items(names),
        environment: None,
    }
}

/// What the conflicts of change 5 on some items are with one other change, from minute 60 to 120, as seen at minute 0.
fn check(other: Booking, names: &[&str], expected: &[&str]) {
    let settings = ConflictSettings { distance: 2, ..ConflictSettings::default() };
    let mut bookings = Bookings::new(settings);
    bookings.book(other);
    let items = items(names);
    let planned = Planned { change: Some(id(5)), items: &items, environment: None, span: span(60, 120) };
    let told = bookings.conflicts(&shop(), &planned, at(0)).into_iter().map(|conflict| {
        let holds = if conflict.holds(id(5)) { "holds" } else { "is told" };
        let minute = |instant: Timestamp| instant.duration_since(at(0)).as_mins();
        format!(
            "{} {} {}-{} {holds}",
            conflict.sentence(),
            conflict.treatment,
            minute(conflict.start),
            minute(conflict.end)
        )
    });
    assert_eq!(told.collect::<Vec<_>>(), expected);
}

#[test]
fn the_same_item_is_denied_and_the_older_change_goes_first() {
    let approved = |number, names| booking(number, Stage::Approved, Some((90, 200)), names);
    let told = ["CHG-2026-000003, approved, changes `cart` too deny 90-120 holds"];
    check(approved(3, &["cart"]), &["cart", "front"], &told);
    check(
        approved(7, &["cart"]),
        &["cart"],
        &["CHG-2026-000007, approved, changes `cart` too deny 90-120 is told"],
    );
    let proposed = booking(3, Stage::Proposed, Some((0, 61)), &["cart"]);
    check(proposed, &["cart"], &["CHG-2026-000003, proposed, changes `cart` too deny 60-61 is told"]);
    // One that ends when the other one begins is in nobody's way.
    check(booking(3, Stage::Approved, Some((0, 60)), &["cart"]), &["cart"], &[]);
    check(booking(3, Stage::Approved, Some((120, 180)), &["cart"]), &["cart"], &[]);
    // Nothing is in its own way.
    check(approved(5, &["cart"]), &["cart"], &[]);
}

#[test]
fn what_leans_on_an_item_or_on_what_it_leans_on_waits_while_the_other_one_is_under_way() {
    let running = |names| booking(7, Stage::Running, Some((0, 100)), names);
    let leans = ["CHG-2026-000007, running, changes `database`, on which `front` leans wait 60-100 holds"];
    check(running(&["database"]), &["front"], &leans);
    let dependent =
        ["CHG-2026-000007, running, changes `front`, which leans on `database` wait 60-100 holds"];
    check(running(&["front"]), &["database"], &dependent);
    let planned = booking(3, Stage::Approved, Some((0, 100)), &["database"]);
    let told = ["CHG-2026-000003, approved, changes `database`, on which `cart` leans wait 60-100 is told"];
    check(planned, &["cart"], &told);
    // What only works poorer without it goes on.
    check(booking(7, Stage::Running, Some((0, 100)), &["reports"]), &["front"], &[]);
}

#[test]
fn a_shared_host_is_told() {
    let other = booking(3, Stage::Approved, Some((0, 100)), &["reports"]);
    let told = [
        "CHG-2026-000003, approved, changes `reports`, which runs on the host `node-1` like `cart` ignore 60-100 is told",
    ];
    check(other, &["cart"], &told);
    check(booking(3, Stage::Approved, Some((0, 100)), &["database"]), &["reports"], &[]);
}

#[test]
fn one_under_way_without_a_window_goes_on_for_an_hour_as_far_as_is_known() {
    check(booking(7, Stage::Running, None, &["cart"]), &["cart"], &[]);
    let mut long = booking(7, Stage::Running, None, &["cart"]);
    long.estimated = Some(SignedDuration::from_mins(90));
    check(long, &["cart"], &["CHG-2026-000007, running, changes `cart` too deny 60-90 holds"]);
    // When its window is over it still is under way.
    let mut late = booking(7, Stage::Running, Some((-60, -30)), &["cart"]);
    late.estimated = Some(SignedDuration::from_mins(61));
    check(late, &["cart"], &["CHG-2026-000007, running, changes `cart` too deny 60-61 holds"]);
}

#[test]
fn changes_in_different_places_meet_only_where_a_place_is_not_known() {
    let place = |name: &str| Some(name.parse().unwrap());
    let mut bookings = Bookings::default();
    for (number, environment) in [(1, place("production")), (2, place("staging")), (3, None)] {
        let booking = booking(number, Stage::Approved, Some((60, 120)), &["cart"]);
        bookings.book(Booking { environment, ..booking });
    }
    let items = items(&["cart"]);
    let met = |environment: Option<&str>| {
        let environment = environment.and_then(place);
        let environment = environment.as_ref();
        let planned = Planned { change: None, items: &items, environment, span: span(60, 120) };
        let met = bookings.conflicts(&Cmdb::default(), &planned, at(0));
        met.iter().map(|conflict| conflict.other.number()).collect::<Vec<_>>()
    };
    assert_eq!(met(Some("production")), [1, 3]);
    assert_eq!(met(None), [1, 2, 3]);
}

#[test]
fn settings_are_read_strictly() {
    let read = |text: &str| serde_json::from_str::<ConflictSettings>(text);
    let settings = read(r#"{"same_item": "wait", "distance": 3}"#).unwrap();
    assert_eq!(
        (settings.same_item, settings.related, settings.distance),
        (Treatment::Wait, Treatment::Wait, 3)
    );
    for wrong in
        [r#"{"same_item": "allow"}"#, r#"{"distance": 0}"#, r#"{"distance": 4}"#, r#"{"hosts": "wait"}"#]
    {
        assert!(read(wrong).is_err(), "{wrong}");
    }
}

fn freeze(from: i64, to: i64) -> Obstacle {
    Obstacle { span: span(from, to), what: ObstacleKind::Freeze("one".parse().unwrap()) }
}

proptest! {
    /// Every free time is free, none is missed before it, and together with what was passed over nothing is left out.
    #[test]
    fn free_times_are_free_and_the_earliest(
        blocked in prop::collection::vec((0_i64..300, 1_i64..60), 0..12),
        length in 1_i64..50,
        most in 1_usize..6,
    ) {
        let obstacles: Vec<_> = blocked.iter().map(|(from, takes)| freeze(*from, from + takes)).collect();
        let wanted = Wanted { from: at(0), until: at(300), length: SignedDuration::from_mins(length), most };
        let Found { slots, passed_over } = earliest(&obstacles, &wanted);
        let is_free = |from: i64, to: i64| obstacles.iter().all(|one| one.span.start >= at(to) || one.span.end <= at(from));
        let minute = |instant: Timestamp| instant.duration_since(at(0)).as_mins();
        prop_assert!(slots.len() <= most && most <= SLOTS_MAX);
        for slot in &slots {
            let (from, to) = (minute(slot.start), minute(slot.free_until));
            prop_assert!(to - from >= length && is_free(from, to), "{slot:?}");
        }
        for passed in &passed_over {
            let (from, until) = (minute(passed.from), minute(passed.obstacle.span.end));
            prop_assert!((from..until).all(|start| !is_free(start, start + length)), "{passed:?}");
        }
        let first = (0..300).find(|from| is_free(*from, from + length));
        prop_assert_eq!(slots.first().map(|slot| minute(slot.start)), first);
    }
}
