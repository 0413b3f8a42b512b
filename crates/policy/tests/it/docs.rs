//! The documentation's tables of policies are those that ship.

use std::fs;
use std::path::PathBuf;

use policy::{Effect, PolicyFile, PolicySet};

const DOCUMENT: &str = "docs/policies.md";
const EXAMPLE: &str = "examples/policies/no-agents-in-production.cedar";

fn text(path: &str) -> String {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    fs::read_to_string(root.join(path)).unwrap()
}

#[test]
fn every_shipped_policy_has_its_row_and_every_row_is_of_a_shipped_policy() {
    let shipped = PolicySet::shipped().unwrap();
    let mut expected: Vec<String> = shipped
        .policies()
        .map(|policy| {
            let (id, title) = (&policy.id, &policy.title);
            match policy.effect {
                Effect::Forbid => {
                    format!("| `{id}` | {title} | {} | {} |", policy.fix, policy.controls.join(", "))
                }
                Effect::Permit => format!("| `{id}` | {title} |"),
            }
        })
        .collect();
    let document = text(DOCUMENT);
    let is_of_policies = |part: &&str| part.starts_with("Controls\n") || part.starts_with("Permissions\n");
    let tables = document.split("\n## ").filter(is_of_policies);
    let mut written: Vec<&str> = tables.flat_map(str::lines).filter(|line| line.starts_with("| `")).collect();
    expected.sort();
    written.sort_unstable();
    assert_eq!(written, expected, "{DOCUMENT}");
}

#[test]
fn the_example_of_an_added_policy_is_accepted_and_is_the_one_in_the_documentation() {
    let example = text(EXAMPLE);
    PolicySet::with_additional(&[PolicyFile { name: EXAMPLE, text: &example }]).unwrap();
    assert!(text(DOCUMENT).contains(&format!("```cedar\n{example}```")), "{DOCUMENT} shows another one");
}
