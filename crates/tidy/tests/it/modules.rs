use anyhow::Result;
use tidy::rules::modules::every_file_is_reached;

use crate::check;

const MANIFEST: (&str, &str) = ("crates/a/Cargo.toml", "[package]\nname = \"a\"");

#[test]
fn files_that_mod_lines_lead_to_pass() -> Result<()> {
    let files = [
        MANIFEST,
        ("crates/a/build.rs", ""),
        ("crates/a/src/lib.rs", "pub mod one;\nmod two;\nmod inline { pub(crate) mod three; }"),
        ("crates/a/src/one.rs", "#[path = \"odd.rs\"]\nmod strange;\nmod nested;"),
        ("crates/a/src/one/nested.rs", "include!(\"table.rs\");"),
        ("crates/a/src/one/table.rs", ""),
        ("crates/a/src/odd.rs", ""),
        ("crates/a/src/two/mod.rs", "mod child;"),
        ("crates/a/src/two/child.rs", ""),
        ("crates/a/src/inline/three.rs", ""),
        ("crates/a/src/bin/tool.rs", ""),
        ("crates/a/tests/it/main.rs", "mod story;"),
        ("crates/a/tests/it/story.rs", ""),
    ];
    check(every_file_is_reached, &files, &[])
}

#[test]
fn files_that_nothing_leads_to_are_found() -> Result<()> {
    let files = [
        MANIFEST,
        (
            "crates/a/src/lib.rs",
            "// mod dead;\nconst A: &str = \"mod quoted;\";\nmod inline { mod child; }\nmod own {}",
        ),
        ("crates/a/src/child.rs", ""),
        ("crates/a/src/dead.rs", "mod island;"),
        ("crates/a/src/dead/island.rs", ""),
        ("crates/a/src/own.rs", ""),
        ("crates/a/src/quoted.rs", ""),
        ("crates/a/tests/it/main.rs", ""),
        ("crates/a/tests/it/story.rs", ""),
        ("tools/loose.rs", ""),
    ];
    let dead = [
        "src/child.rs",
        "src/dead.rs",
        "src/dead/island.rs",
        "src/own.rs",
        "src/quoted.rs",
        "tests/it/story.rs",
    ];
    let mut expected: Vec<String> =
        dead.iter().map(|path| format!("crates/a/{path}:1: no `mod` line")).collect();
    expected.push("tools/loose.rs:1: no `mod` line".to_owned());
    check(every_file_is_reached, &files, &expected.iter().map(String::as_str).collect::<Vec<_>>())
}

#[test]
fn a_target_that_the_manifest_names_is_a_root() -> Result<()> {
    let manifest = "[package]\nname = \"a\"\n[[bin]]\nname = \"a\"\npath = \"program/start.rs\"";
    let files = [
        ("crates/a/Cargo.toml", manifest),
        ("crates/a/program/start.rs", "mod part;"),
        ("crates/a/program/part.rs", ""),
    ];
    check(every_file_is_reached, &files, &[])
}
