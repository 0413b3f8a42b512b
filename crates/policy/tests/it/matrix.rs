//! Who may do what: every action × kind × role × side, as the real engine answers about a change that passes every
//! control. Read the snapshot before accepting it; it is the permission table of the product.

use std::collections::{BTreeMap, BTreeSet};

use domain::actor::Role;
use domain::change::{ChangeType, CommandName};
use policy::{Action, PrincipalKind};

use crate::asked::{ANN, Asked, BOB, SHIPPED, ask};

/// The question of someone of this kind, on this side, with this role only.
fn asked(action: Action, kind: PrincipalKind, by: &str, role: Option<Role>) -> Asked {
    let asked = if kind == PrincipalKind::System {
        ask(action).by_the_system()
    } else {
        ask(action).by(by).kind(kind)
    };
    match role {
        Some(role) if role.is_authority() => asked.authority(role),
        Some(role) => asked.role(role),
        None => asked,
    }
}

/// The table of one action: who is answered what. Roles that are answered alike share a line, so do sides and kinds.
fn table(action: Action) -> String {
    let mut lines = BTreeMap::<(String, Vec<&str>), Vec<String>>::new();
    for kind in PrincipalKind::ALL.iter().copied() {
        let sides: &[(&str, &str)] =
            if kind == PrincipalKind::System { &[("", BOB)] } else { &[(" outsider", BOB), (" party", ANN)] };
        for (side, by) in sides {
            let mut answers = BTreeMap::<String, Vec<&str>>::new();
            let roles = Role::ALL.iter().copied().map(Some).filter(|_| kind != PrincipalKind::System);
            for role in std::iter::once(None).chain(roles) {
                let answer = asked(action, kind, by, role).verdict(&SHIPPED);
                answers.entry(answer).or_default().push(role.map_or("none", Role::as_str));
            }
            for (answer, roles) in answers {
                lines.entry((answer, roles)).or_default().push(format!("{}{side}", kind.as_str()));
            }
        }
    }
    let every = Role::ALL.len() + 1;
    let line = |((answer, roles), who): ((String, Vec<&str>), Vec<String>)| {
        let roles = if roles.len() == every { "any role".to_owned() } else { roles.join(", ") };
        format!("  {answer}\n      {}: {roles}\n", who.join(", "))
    };
    lines.into_iter().map(line).fold(format!("{action}\n"), |table, line| table + &line)
}

#[test]
fn the_permission_table_is_as_reviewed() {
    let tables: Vec<String> = Action::ALL.iter().map(|action| table(*action)).collect();
    insta::assert_snapshot!(tables.join("\n"));
}

/// Who may give a command in a state in which it is legal: roles of a person on nobody's side, the requester without a
/// role, and the system. A state in which it is not legal has no line; states that are alike share one.
fn by_state(command: CommandName, change_type: ChangeType) -> String {
    let action = Action::of(command, change_type);
    let mut lines = Vec::<(String, Vec<&str>)>::new();
    for state in command.legal_in().iter().copied() {
        let permits = |asked: Asked| {
            let asked = asked.change(|change| (change.state, change.change_type) = (state, change_type));
            asked.verdict(&SHIPPED).starts_with('+')
        };
        let mut who: Vec<&str> = Role::ALL
            .iter()
            .filter(|role| permits(asked(action, PrincipalKind::Human, BOB, Some(**role))))
            .map(|role| role.as_str())
            .collect();
        let besides = [
            ("anybody", asked(action, PrincipalKind::Human, BOB, None)),
            ("the requester", asked(action, PrincipalKind::Human, ANN, None)),
            ("the system", asked(action, PrincipalKind::System, BOB, None)),
        ];
        who.extend(besides.into_iter().filter(|(_, asked)| permits(asked.clone())).map(|(who, _)| who));
        let who = if who.is_empty() { "nobody".to_owned() } else { who.join(", ") };
        match lines.iter_mut().find(|(others, _)| *others == who) {
            Some((_, states)) => states.push(state.as_str()),
            None => lines.push((who, vec![state.as_str()])),
        }
    }
    let line = |(who, states): (String, Vec<&str>)| format!("  {}\n      {who}\n", states.join(", "));
    lines.into_iter().map(line).fold(format!("{action}\n"), |table, line| table + &line)
}

#[test]
fn who_may_do_what_in_which_state_is_as_reviewed() {
    let normal = CommandName::ALL.iter().map(|command| by_state(*command, ChangeType::Normal));
    let tables: Vec<String> = normal.chain([by_state(CommandName::Approve, ChangeType::Emergency)]).collect();
    insta::assert_snapshot!(tables.join("\n"));
}

#[test]
fn every_action_is_permitted_to_somebody() {
    let mut never: BTreeSet<Action> = Action::ALL.iter().copied().collect();
    never.retain(|action| !table(*action).contains("\n  +"));
    // The right to act for somebody is granted per actor, not by role.
    assert_eq!(never, BTreeSet::from([Action::ActOnBehalf]));
}
