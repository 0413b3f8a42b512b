use anyhow::Result;
use tidy::rules::dependencies::{
    dependencies_are_inherited, dependencies_are_used, dependencies_say_why, lints_are_inherited,
};

use crate::check;

#[test]
fn a_crate_without_the_lints_is_found() -> Result<()> {
    let files = [
        ("crates/a/Cargo.toml", "[package]\nname = \"a\"\n[lints]\nworkspace = true"),
        ("crates/b/Cargo.toml", "[package]\nname = \"b\""),
        ("crates/c/Cargo.toml", "[package]\nname = \"c\"\n[lints.rust]\nunsafe_code = \"allow\""),
    ];
    let expected =
        ["crates/b/Cargo.toml:1: the workspace's lints do not", "crates/c/Cargo.toml:1: the workspace's"];
    check(lints_are_inherited, &files, &expected)
}

#[test]
fn a_dependency_without_a_reason_is_found() -> Result<()> {
    let root = "[workspace.dependencies]\nours = { path = \"crates/ours\" }\n\n# others\n\
                anyhow = \"1\" # errors\nhex = \"0.4\"\nserde = { version = \"1\", features = [\"#\"] }\ntoml = \"1\" #\n\n\
                [workspace.lints.rust]\nx = \"warn\"\n";
    let expected =
        ["Cargo.toml:6: `hex` does not", "Cargo.toml:7: `serde` does not", "Cargo.toml:8: `toml` does not"];
    check(dependencies_say_why, &[("Cargo.toml", root)], &expected)
}

#[test]
fn a_dependency_out_of_order_or_over_several_lines_is_found() -> Result<()> {
    let root = "[workspace.dependencies]\nserde = \"1\" # data\nhex = \"0.4\" # text\nurl = { version = \"2\", features = [\n  \"std\",\n] } # addresses\n";
    let expected = [
        "Cargo.toml:3: `hex` belongs before `serde`",
        "Cargo.toml:4: not one",
        "Cargo.toml:5: not one",
        "Cargo.toml:6: not one",
    ];
    check(dependencies_say_why, &[("Cargo.toml", root)], &expected)
}

#[test]
fn a_version_of_a_crates_own_is_found() -> Result<()> {
    let manifest = "[package]\nname = \"a\"\n[dependencies]\nhex = \"0.4\"\nurl.workspace = true\n\
                    serde = { workspace = true, features = [\"rc\"] }\n[dev-dependencies]\ninsta = { version = \"1\" }";
    let expected = ["crates/a/Cargo.toml:1: `hex` has its own", "crates/a/Cargo.toml:1: `insta` has its own"];
    check(dependencies_are_inherited, &[("crates/a/Cargo.toml", manifest)], &expected)
}

#[test]
fn a_workspace_dependency_that_no_crate_takes_is_found() -> Result<()> {
    let files = [
        ("Cargo.toml", "[workspace.dependencies]\nhex = \"0.4\"\nurl = \"2\""),
        ("crates/a/Cargo.toml", "[package]\nname = \"a\"\n[dependencies]\nurl.workspace = true"),
        ("crates/a/src/lib.rs", "use url::Url;"),
    ];
    check(dependencies_are_used, &files, &["Cargo.toml:1: no crate uses `hex`"])
}

#[test]
fn a_dependency_that_no_code_names_is_found() -> Result<()> {
    let manifest = "[package]\nname = \"a\"\n[dependencies]\nhex.workspace = true\nserde-saphyr.workspace = true\n\
                    sha2.workspace = true\ntoml.workspace = true\n[dev-dependencies]\ninsta.workspace = true\n\
                    proptest.workspace = true";
    let files = [
        ("crates/a/Cargo.toml", manifest),
        (
            "crates/a/src/lib.rs",
            "//! About toml.\n#[serde(with = \"hex::serde\")] const A: u8 = serde_saphyr::X; // sha2",
        ),
        ("crates/a/tests/it/main.rs", "use proptest::prelude::*; use toml::Value;"),
    ];
    let expected = [
        "crates/a/Cargo.toml:1: no code under src names `sha2`",
        "crates/a/Cargo.toml:1: no code under src names `toml`",
        "crates/a/Cargo.toml:1: no test names `insta`",
    ];
    check(dependencies_are_used, &files, &expected)
}
