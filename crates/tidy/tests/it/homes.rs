use anyhow::Result;
use tidy::rules::homes::{libraries_stay_home, sql_stays_home};

use crate::check;

#[test]
fn a_driver_outside_the_store_is_found() -> Result<()> {
    for driver in ["rusqlite", "postgres", "tokio-postgres", "tokio-postgres-rustls"] {
        let manifest =
            |name, kind| format!("[package]\nname = \"{name}\"\n[{kind}]\n{driver}.workspace = true");
        let files = [
            ("crates/server/Cargo.toml", &*manifest("server", "dependencies")),
            ("crates/cli/Cargo.toml", &manifest("cortex-change", "dev-dependencies")),
            ("crates/store/Cargo.toml", &manifest("store", "dependencies")),
        ];
        let expected = [
            "crates/cli/Cargo.toml:1: `cortex-change` must not",
            "crates/server/Cargo.toml:1: `server` must not",
        ];
        check(libraries_stay_home, &files, &expected)?;
    }
    Ok(())
}

#[test]
fn cedar_and_http_clients_outside_their_crates_are_found() -> Result<()> {
    let server = "[package]\nname = \"server\"\n[dependencies]\ncedar-policy.workspace = true\nreqwest.workspace = true";
    let expected = [
        "crates/server/Cargo.toml:1: `server` must not use `cedar-policy`: it belongs to the code of [policy, prover]",
        "crates/server/Cargo.toml:1: `server` must not use `reqwest`: it belongs to the code of [adapters, client]",
    ];
    check(libraries_stay_home, &[("crates/server/Cargo.toml", server)], &expected)
}

#[test]
fn a_browser_driver_is_for_tests_only() -> Result<()> {
    let manifest = |kind| format!("[package]\nname = \"server\"\n[{kind}]\nthirtyfour.workspace = true");
    check(libraries_stay_home, &[("crates/server/Cargo.toml", &manifest("dev-dependencies"))], &[])?;
    let expected = ["crates/server/Cargo.toml:1: `server` must not use `thirtyfour`"];
    check(libraries_stay_home, &[("crates/server/Cargo.toml", &manifest("dependencies"))], &expected)
}

#[test]
fn statements_outside_the_store_are_found() -> Result<()> {
    let code = [
        "const A: &str = \"SELECT id FROM change\";",
        "const B: &str = r#\"\n    INSERT INTO change VALUES (1)\"#;",
        "const C: &str = \"\\nUPDATE change SET id = 1\";",
        "const D: &str = \"SELECT one of these\";",
        "// SELECT id FROM change",
        "const E: &str = \"Update the change and SET it\";",
    ];
    let code = code.join("\n");
    let files = [
        ("crates/server/src/lib.rs", &*code),
        ("crates/store/src/lib.rs", &code),
        ("crates/server/one.sql", ""),
        ("crates/store/migrations/one.sql", ""),
    ];
    let expected = [
        "crates/server/one.sql:1: SQL outside",
        "crates/server/src/lib.rs:1: a statement",
        "crates/server/src/lib.rs:2: a statement",
        "crates/server/src/lib.rs:4: a statement",
    ];
    check(sql_stays_home, &files, &expected)
}
