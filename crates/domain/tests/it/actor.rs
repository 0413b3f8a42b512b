//! Actors, their tokens, and the directory that says who counts as whose side.

use std::collections::BTreeSet;

use domain::Timestamp;
use domain::actor::lifecycle::{LINKS_MAX, LIVE_TOKENS_MAX, Owner, TOKEN_LIFE_SECONDS_MAX};
use domain::actor::{
    Actor, ActorCommand, ActorEvent, ActorKind, ActorRefusal, Directory, Registration, Role, Scope, Token,
    decide, evolve, register,
};
use domain::canonical::Digest;
use domain::id::{ActorId, TokenId};
use domain::text::FreeText;
use jiff::SignedDuration;

fn id(name: &str) -> ActorId {
    ActorId::new(format!("act_{name}")).unwrap()
}

fn token_id(name: &str) -> TokenId {
    TokenId::new(format!("tok_{name}")).unwrap()
}

fn text(words: &str) -> FreeText {
    FreeText::new(words).unwrap()
}

fn now() -> Timestamp {
    "2026-03-02T09:00:00Z".parse().unwrap()
}

fn registration(name: &str, kind: ActorKind) -> Registration {
    Registration {
        name: name.parse().unwrap(),
        kind,
        owner: None,
        alias_of: None,
        roles: BTreeSet::new(),
        teams: BTreeSet::new(),
        may_act_for: BTreeSet::new(),
    }
}

fn owner(kind: ActorKind, active: bool) -> Option<Owner> {
    Some(Owner { id: id("ada"), kind, active })
}

fn registered(registration: Registration) -> Actor {
    let id = id(&registration.name.as_str().replace('-', "_"));
    let events = register(registration).unwrap();
    evolve(None, &id, now(), &events[0]).unwrap()
}

fn human(name: &str) -> Actor {
    registered(registration(name, ActorKind::Human))
}

fn apply(actor: Actor, command: &ActorCommand) -> Result<Actor, ActorRefusal> {
    let events = decide(&actor, command, now())?;
    let id = actor.id.clone();
    Ok(events.iter().fold(actor, |actor, event| evolve(Some(actor), &id, now(), event).unwrap()))
}

/// A token of this name that lives for an hour.
fn token(name: &str) -> Token {
    Token {
        hash: Digest::of_bytes(name.as_bytes()),
        scopes: BTreeSet::from([Scope::Read]),
        expires_at: now() + SignedDuration::from_hours(1),
        label: text("pipeline"),
        revoked: false,
    }
}

fn issue(name: &str) -> ActorCommand {
    ActorCommand::IssueToken { token_id: token_id(name), token: token(name) }
}

fn revoke(name: &str) -> ActorCommand {
    ActorCommand::RevokeToken { token_id: token_id(name) }
}

#[test]
fn agents_and_services_have_an_active_human_owner_and_humans_have_none() {
    for kind in [ActorKind::Agent, ActorKind::Service] {
        let with = |owner| register(Registration { owner, ..registration("bot", kind) });
        assert_eq!(with(None), Err(ActorRefusal::OwnerMissing));
        assert_eq!(with(owner(ActorKind::Agent, true)), Err(ActorRefusal::OwnerUnfit));
        assert_eq!(with(owner(ActorKind::Service, true)), Err(ActorRefusal::OwnerUnfit));
        assert_eq!(with(owner(ActorKind::Human, false)), Err(ActorRefusal::OwnerUnfit));
        assert!(with(owner(ActorKind::Human, true)).is_ok());
    }
    let owned =
        Registration { owner: owner(ActorKind::Human, true), ..registration("bea", ActorKind::Human) };
    assert_eq!(register(owned), Err(ActorRefusal::OwnerOfHuman));
}

#[test]
fn only_humans_hold_the_roles_of_authorities_from_the_start_and_later() {
    for role in Role::ALL {
        for kind in ActorKind::ALL {
            let owner = (*kind != ActorKind::Human).then(|| owner(ActorKind::Human, true)).flatten();
            let plain = Registration { owner, ..registration("one", *kind) };
            let roles = BTreeSet::from([*role]);
            let is_refused = role.is_authority() && *kind != ActorKind::Human;
            let expected = Err(ActorRefusal::AuthorityNotHuman { role: *role });
            let at_once = register(Registration { roles: roles.clone(), ..plain.clone() });
            assert_eq!(at_once.is_err(), is_refused, "{kind} {role}");
            let actor = registered(plain);
            let (teams, may_act_for) = (BTreeSet::new(), BTreeSet::new());
            let later = decide(&actor, &ActorCommand::ChangeRights { roles, teams, may_act_for }, now());
            if is_refused {
                assert_eq!((at_once, later), (expected.clone(), expected));
            } else {
                assert!(later.is_ok(), "{kind} {role}");
            }
        }
    }
}

#[test]
fn rights_are_replaced_as_a_whole_and_bounded() {
    let rights = |count: usize| ActorCommand::ChangeRights {
        roles: BTreeSet::from([Role::TechnicalLead]),
        teams: (0..count).map(|n| format!("team-{n}").parse().unwrap()).collect(),
        may_act_for: BTreeSet::from([id("ben")]),
    };
    let actor = apply(human("ada"), &rights(LINKS_MAX)).unwrap();
    assert_eq!(actor.teams.len(), LINKS_MAX);
    assert_eq!(apply(actor.clone(), &rights(LINKS_MAX + 1)), Err(ActorRefusal::TooManyLinks));
    let none = ActorCommand::ChangeRights {
        roles: BTreeSet::new(),
        teams: BTreeSet::new(),
        may_act_for: BTreeSet::new(),
    };
    let actor = apply(actor, &none).unwrap();
    assert!(actor.roles.is_empty() && actor.teams.is_empty() && actor.may_act_for.is_empty());
}

#[test]
fn an_inactive_actor_gets_no_token_until_it_is_active_again() {
    let off = ActorCommand::Deactivate { reason: text("left the company") };
    let actor = apply(human("ada"), &off).unwrap();
    assert!(!actor.active);
    assert_eq!(apply(actor.clone(), &off), Err(ActorRefusal::AlreadyInactive));
    assert_eq!(apply(actor.clone(), &issue("a")), Err(ActorRefusal::Inactive));
    let actor = apply(actor, &ActorCommand::Reactivate).unwrap();
    assert_eq!(apply(actor.clone(), &ActorCommand::Reactivate), Err(ActorRefusal::AlreadyActive));
    assert!(apply(actor, &issue("a")).is_ok());
}

#[test]
fn a_token_lives_from_a_minute_to_a_year_and_for_something() {
    let with = |token| apply(human("ada"), &ActorCommand::IssueToken { token_id: token_id("a"), token });
    let lives =
        |seconds| with(Token { expires_at: now() + SignedDuration::from_secs(seconds), ..token("a") });
    for seconds in [-1, 0, 59, TOKEN_LIFE_SECONDS_MAX + 1] {
        assert_eq!(lives(seconds), Err(ActorRefusal::TokenLife), "{seconds}");
    }
    for seconds in [60, TOKEN_LIFE_SECONDS_MAX] {
        assert!(lives(seconds).is_ok(), "{seconds}");
    }
    assert_eq!(with(Token { scopes: BTreeSet::new(), ..token("a") }), Err(ActorRefusal::NoScope));
}

#[test]
fn a_token_is_live_until_it_expires_or_is_revoked() {
    let actor = apply(human("ada"), &issue("a")).unwrap();
    let token = &actor.tokens[&token_id("a")];
    assert!(token.is_live(now()) && token.is_live(token.expires_at - SignedDuration::from_micros(1)));
    assert!(!token.is_live(token.expires_at));
    let actor = apply(actor, &revoke("a")).unwrap();
    assert!(!actor.tokens[&token_id("a")].is_live(now()));
    let again = ActorRefusal::NoSuchToken { token_id: token_id("a") };
    assert_eq!(apply(actor.clone(), &revoke("a")), Err(again));
    let unknown = ActorRefusal::NoSuchToken { token_id: token_id("b") };
    assert_eq!(apply(actor, &revoke("b")), Err(unknown));
}

#[test]
fn a_revoked_token_never_comes_to_life_again() {
    let actor = apply(apply(human("ada"), &issue("a")).unwrap(), &revoke("a")).unwrap();
    let expected = ActorRefusal::TokenExists { token_id: token_id("a") };
    assert_eq!(apply(actor, &issue("a")), Err(expected));
}

#[test]
fn live_tokens_are_bounded_and_revoked_ones_do_not_count() {
    let full = (0..LIVE_TOKENS_MAX)
        .fold(human("ada"), |actor, number| apply(actor, &issue(&number.to_string())).unwrap());
    assert_eq!(apply(full.clone(), &issue("more")), Err(ActorRefusal::TooManyTokens));
    assert!(apply(apply(full, &revoke("0")).unwrap(), &issue("more")).is_ok());
}

#[test]
fn a_log_that_contradicts_itself_is_reported() {
    let again = register(registration("ada", ActorKind::Human)).unwrap();
    let ada = human("ada");
    assert!(evolve(Some(ada.clone()), &ada.id, now(), &again[0]).is_err());
    assert!(evolve(None, &ada.id, now(), &ActorEvent::Reactivated).is_err());
    let unheard_of = ActorEvent::TokenRevoked { token_id: token_id("a") };
    let error = evolve(Some(ada.clone()), &ada.id, now(), &unheard_of).unwrap_err().to_string();
    assert!(error.starts_with("event 2 of actor act_ada cannot follow the earlier ones"), "{error}");
}

#[test]
fn the_directory_finds_actors_by_identifier_name_and_token() {
    let mut directory = Directory::default();
    directory.put(human("ben"));
    directory.put(apply(human("ada"), &issue("a")).unwrap());
    assert_eq!(directory.len(), 2);
    for wanted in ["ada", "act_ada"] {
        assert_eq!(directory.find(wanted).unwrap().id, id("ada"), "{wanted}");
    }
    assert!(directory.find("cleo").is_none() && directory.find("act_cleo").is_none());
    let (actor, found, token) = directory.token(&Digest::of_bytes(b"a")).unwrap();
    assert_eq!((&actor.id, found, token.is_live(now())), (&id("ada"), &token_id("a"), true));
    assert!(directory.token(&Digest::of_bytes(b"b")).is_none());
    assert_eq!(directory.name_of(&id("ada")), "ada");
    assert_eq!(directory.name_of(&id("cleo")), "act_cleo");
}

#[test]
fn an_actor_whose_name_was_erased_is_not_found_by_it() {
    let mut directory = Directory::default();
    directory.put(human("ada"));
    let erased: FreeText = serde_json::from_str(r#"{"$erased":"5f"}"#).unwrap();
    directory.put(Actor { name: erased, ..human("ada") });
    assert_eq!(directory.len(), 1);
    assert!(directory.find("ada").is_none());
    assert_eq!(directory.name_of(&id("ada")), "act_ada");
    directory.put(human("ada"));
    assert_eq!(directory.find("ada").unwrap().id, id("ada"));
}

#[test]
fn the_side_of_a_person_is_the_side_of_each_of_its_members() {
    let mut directory = Directory::default();
    let owned = |name: &str, owner: &str| {
        let owner = Some(Owner { id: id(owner), kind: ActorKind::Human, active: true });
        registered(Registration { owner, ..registration(name, ActorKind::Service) })
    };
    let alias =
        registered(Registration { alias_of: Some(id("ada")), ..registration("ada-admin", ActorKind::Human) });
    for actor in [human("ada"), alias, owned("pipeline", "ada_admin"), human("ben"), owned("robot", "ben")] {
        directory.put(actor);
    }
    let side: BTreeSet<_> = ["ada", "ada_admin", "pipeline"].map(id).into();
    for member in &side {
        assert_eq!(directory.side_of(member), side, "{member}");
    }
    assert_eq!(directory.side_of(&id("robot")), ["ben", "robot"].map(id).into());
    assert_eq!(directory.side_of(&id("nobody")), [id("nobody")].into());
}
