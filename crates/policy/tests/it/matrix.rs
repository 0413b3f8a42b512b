//! Who may do what: every action × kind × role × side, as the real engine answers about a change that passes every
//! control. Read the snapshot before accepting it; it is the permission table of the product.

use std::collections::{BTreeMap, BTreeSet};

use domain::actor::Role;
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

#[test]
fn every_action_is_permitted_to_somebody() {
    let mut never: BTreeSet<Action> = Action::ALL.iter().copied().collect();
    never.retain(|action| !table(*action).contains("\n  +"));
    // The right to act for somebody is granted per actor, not by role.
    assert_eq!(never, BTreeSet::from([Action::ActOnBehalf]));
}
