//! Stops: what they cover, and how their events fold.

use std::collections::BTreeSet;

use domain::Timestamp;
use domain::catalog::Tier;
use domain::change::ChangeType;
use domain::id::{ActorId, ServiceName};
use domain::stop::{LIFTED_KEPT_MAX, STOPS_MAX, StopEvent, StopId, StopRefusal, StopScope, Stoppable, Stops};
use domain::text::FreeText;

fn by() -> ActorId {
    ActorId::new("act_maya").unwrap()
}

fn why() -> FreeText {
    FreeText::new("something is wrong").unwrap()
}

fn set(stops: &mut Stops, scope: StopScope, except_emergency: bool) -> StopId {
    let id = stops.next_id();
    let event = stops.set(scope, why(), except_emergency).unwrap();
    stops.evolve(stops.version() + 1, Timestamp::UNIX_EPOCH, &by(), &event);
    id
}

fn lift(stops: &mut Stops, id: StopId) {
    let event = stops.lift(id, why()).unwrap();
    stops.evolve(stops.version() + 1, Timestamp::UNIX_EPOCH, &by(), &event);
}

/// Whether a stop of `scope` covers a change by `actor` to `service` of `tier`.
fn covers(scope: StopScope, actor: &str, by_agent: bool, service: &str, tier: Option<Tier>) -> bool {
    let mut stops = Stops::default();
    set(&mut stops, scope, true);
    let actors = BTreeSet::from([ActorId::new(actor).unwrap()]);
    let services = BTreeSet::from([ServiceName::new(service).unwrap()]);
    let tiers: BTreeSet<_> = tier.into_iter().collect();
    let what = Stoppable {
        change_type: ChangeType::Normal,
        actors: &actors,
        by_agent,
        services: &services,
        tiers: &tiers,
        tier_unknown: tier.is_none(),
    };
    !stops.covering(&what).is_empty()
}

#[test]
fn a_stop_covers_its_scope_and_what_is_unknown_counts_as_covered() {
    let check = |scope: StopScope, expected: [bool; 3]| {
        let people = covers(scope.clone(), "act_ann", false, "cart", Some(Tier::One));
        let agents = covers(scope.clone(), "act_bot", true, "mail", Some(Tier::Zero));
        let unknown = covers(scope.clone(), "act_bob", false, "new", None);
        assert_eq!([people, agents, unknown], expected, "{scope:?}");
    };
    check(StopScope::Everything, [true, true, true]);
    check(StopScope::Agents, [false, true, false]);
    check(StopScope::Actor { actor: ActorId::new("act_ann").unwrap() }, [true, false, false]);
    check(StopScope::Service { service: ServiceName::new("mail").unwrap() }, [false, true, false]);
    check(StopScope::Tier { tier: Tier::One }, [true, false, true]);
}

#[test]
fn only_the_excepted_emergencies_go_on() {
    let nothing = BTreeSet::new();
    let (services, tiers) = (BTreeSet::new(), BTreeSet::new());
    for change_type in ChangeType::ALL.iter().copied() {
        let what = Stoppable {
            change_type,
            actors: &nothing,
            by_agent: false,
            services: &services,
            tiers: &tiers,
            tier_unknown: false,
        };
        let mut stops = Stops::default();
        set(&mut stops, StopScope::Everything, true);
        assert_eq!(stops.covering(&what).is_empty(), change_type == ChangeType::Emergency, "{change_type}");
        set(&mut stops, StopScope::Everything, false);
        assert!(!stops.covering(&what).is_empty(), "{change_type}");
    }
}

#[test]
fn events_fold_once_and_in_bounds() {
    let mut stops = Stops::default();
    let first = set(&mut stops, StopScope::Everything, true);
    assert_eq!(first.to_string(), "STOP-1");
    let event = StopEvent::Set { scope: StopScope::Agents, reason: why(), except_emergency: true };
    stops.evolve(1, Timestamp::UNIX_EPOCH, &by(), &event);
    assert_eq!(stops.in_force().count(), 1, "told twice, known once");
    lift(&mut stops, first);
    assert_eq!(stops.lift(first, why()), Err(StopRefusal::NotInForce { id: first }));
    for _ in 0..STOPS_MAX {
        set(&mut stops, StopScope::Agents, true);
    }
    assert_eq!(stops.set(StopScope::Agents, why(), true), Err(StopRefusal::TooMany));
    let ids: Vec<_> = stops.in_force().map(|stop| stop.id).collect();
    ids.into_iter().for_each(|id| lift(&mut stops, id));
    assert!(stops.is_empty());
    assert_eq!(stops.lifted().count(), LIFTED_KEPT_MAX);
    assert!(stops.lifted().all(|lifted| lifted.stop.id != first), "the oldest is forgotten first");
}

#[test]
fn identifiers_are_exactly_of_their_form() {
    assert_eq!("STOP-12".parse::<StopId>().unwrap().to_string(), "STOP-12");
    for text in ["", "STOP-", "STOP-0", "STOP-01", "STOP-+1", "stop-1", "12", "STOP-99999999999999999999"] {
        assert!(text.parse::<StopId>().is_err(), "{text}");
    }
}

#[test]
fn events_are_stored_as_they_always_were() {
    let set = StopEvent::Set {
        scope: StopScope::Tier { tier: Tier::Zero },
        reason: why(),
        except_emergency: false,
    };
    let lifted = StopEvent::Lifted { stop: "STOP-1".parse().unwrap(), reason: why() };
    for (event, json) in [
        (
            set,
            r#"{"type":"stop.set","data":{"scope":{"kind":"tier","tier":0},"reason":{"$text":"something is wrong"},"except_emergency":false}}"#,
        ),
        (
            lifted,
            r#"{"type":"stop.lifted","data":{"stop":"STOP-1","reason":{"$text":"something is wrong"}}}"#,
        ),
    ] {
        assert_eq!(serde_json::from_str::<StopEvent>(json).unwrap(), event);
        assert_eq!(serde_json::to_string(&event).unwrap(), json);
    }
}
