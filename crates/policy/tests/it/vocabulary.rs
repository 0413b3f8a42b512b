//! The schema's closed sets are those of the domain, so that a new word cannot be forgotten in either.

use cedar_policy::SchemaFragment;
use domain::actor::{Role, Scope};
use domain::change::{Category, ChangeType, CommandName, Outcome, ReviewFinding, StateName};
use domain::plan::Reversibility;
use domain::risk::Level;
use policy::{Action, PrincipalKind};
use serde_json::{Value, json};

fn schema() -> Value {
    let text = include_str!("../../policies/schema.cedarschema");
    let (fragment, _) = SchemaFragment::from_cedarschema_str(text).unwrap();
    fragment.to_json_value().unwrap()
}

fn words<T: Copy>(all: &[T], as_str: fn(T) -> &'static str) -> Value {
    all.iter().map(|value| as_str(*value)).collect()
}

#[test]
fn enumerated_entities_have_exactly_the_words_of_the_domain() {
    let schema = schema();
    for (entity, words) in [
        ("Category", words(Category::ALL, Category::as_str)),
        ("ChangeType", words(ChangeType::ALL, ChangeType::as_str)),
        ("Finding", words(ReviewFinding::ALL, ReviewFinding::as_str)),
        ("Kind", words(PrincipalKind::ALL, PrincipalKind::as_str)),
        ("Level", words(Level::ALL, Level::as_str)),
        ("Outcome", words(Outcome::ALL, Outcome::as_str)),
        ("Reversibility", words(Reversibility::ALL, Reversibility::as_str)),
        ("Role", words(Role::ALL, Role::as_str)),
        ("Scope", words(Scope::ALL, Scope::as_str)),
        ("State", words(StateName::ALL, StateName::as_str)),
    ] {
        assert_eq!(schema[""]["entityTypes"][entity]["enum"], words, "{entity}");
    }
}

#[test]
fn the_schema_declares_exactly_the_actions_and_no_groups() {
    let schema = schema();
    let declared = schema[""]["actions"].as_object().unwrap();
    let mut expected: Vec<&str> = Action::ALL.iter().map(|action| action.as_str()).collect();
    let mut names: Vec<&str> = declared.keys().map(String::as_str).collect();
    expected.sort_unstable();
    names.sort_unstable();
    assert_eq!(names, expected);
    for (name, action) in declared {
        // Splitting the policies by action relies on this.
        assert!(
            action.get("memberOf").is_none_or(|groups| *groups == json!([])),
            "`{name}` belongs to a group"
        );
    }
}

#[test]
fn a_command_is_the_action_of_its_name_but_for_a_few() {
    for (change_type, approves) in [
        (ChangeType::Standard, "approve"),
        (ChangeType::Normal, "approve"),
        (ChangeType::Emergency, "authorise_emergency"),
    ] {
        let renamed = [
            (CommandName::Approve, approves),
            (CommandName::RecordAssessment, "assess"),
            (CommandName::Override, "override_decision"),
            (CommandName::Observe, "progress"),
            (CommandName::DecideStep, "confirm_step"),
            (CommandName::RollBack, "rollback"),
        ];
        for command in CommandName::ALL.iter().copied() {
            let renamed = renamed.iter().find(|(renamed, _)| *renamed == command);
            let expected = renamed.map_or(command.as_str(), |(_, name)| name);
            assert_eq!(Action::of(command, change_type).as_str(), expected, "{command} {change_type}");
        }
    }
}
