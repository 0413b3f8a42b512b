use anyhow::Result;
use tidy::rules::layout::{invariants_are_stated, one_integration_binary};

use crate::check;

#[test]
fn a_second_integration_binary_is_found() -> Result<()> {
    let files = [
        ("crates/a/Cargo.toml", "[package]\nname = \"a\"\n[[test]]\nname = \"other\""),
        ("crates/a/tests/it/main.rs", ""),
        ("crates/a/tests/it/part.rs", ""),
        ("crates/a/tests/loose.rs", ""),
        ("crates/a/tests/two/main.rs", ""),
    ];
    let expected = [
        "crates/a/Cargo.toml:1: a `[[test]]` target",
        "crates/a/tests/loose.rs:1: a second",
        "crates/a/tests/two/main.rs:1: a second",
    ];
    check(one_integration_binary, &files, &expected)
}

#[test]
fn a_crate_without_an_invariant_is_found() -> Result<()> {
    let files = [
        ("crates/a/Cargo.toml", "[package]\nname = \"a\""),
        ("crates/a/src/lib.rs", "//! About.\n//!\n//! Invariant: it is pure."),
        ("crates/b/Cargo.toml", "[package]\nname = \"b\""),
        ("crates/b/src/lib.rs", "//! Invariant:  \n// //! Invariant: hidden"),
        ("crates/b/src/main.rs", "//! Invariant: the program's."),
        ("crates/c/Cargo.toml", "[package]\nname = \"c\""),
        ("crates/d/Cargo.toml", "[package]\nname = \"d\""),
        ("crates/d/src/main.rs", "//! Invariant: the program's."),
    ];
    let expected = ["crates/b/src/lib.rs:1: the crate does not say", "crates/c/Cargo.toml:1: neither"];
    check(invariants_are_stated, &files, &expected)
}
