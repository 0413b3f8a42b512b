//! The house rules hold in this repository, and each of them can object.

mod arrows;
mod dependencies;
mod homes;
mod layout;
mod leftovers;
mod links;
mod modules;
mod purity;
mod size;
mod source;

use std::path::Path;

use anyhow::Result;
use tidy::Repo;
use tidy::rules::{ALL, Rule};

#[test]
fn the_repository_keeps_every_rule() -> Result<()> {
    // Tests run in their package's folder; a path from the build could be that of another checkout with the same target.
    let repo = Repo::read(Path::new("../.."))?;
    let mut report = String::new();
    for (name, rule) in ALL {
        let found = rule(&repo);
        let lines = found.iter().map(|violation| format!("  {violation}\n"));
        if !found.is_empty() {
            report += &format!("{name}:\n{}", lines.collect::<String>());
        }
    }
    assert!(report.is_empty(), "the repository breaks its own rules\n{report}");
    Ok(())
}

/// Checks that a rule finds exactly these violations, as `path:line: start of the message`, in a repository of the
/// given files.
#[track_caller]
fn check(rule: Rule, files: &[(&str, &str)], expected: &[&str]) -> Result<()> {
    let mut found: Vec<String> = rule(&Repo::of(files)?).iter().map(ToString::to_string).collect();
    found.sort();
    let agrees =
        found.len() == expected.len() && found.iter().zip(expected).all(|(is, start)| is.starts_with(start));
    assert!(agrees, "expected {expected:#?}\nfound {found:#?}");
    Ok(())
}
