use anyhow::Result;
use tidy::rules::size::{FILE_LINES_MAX, FUNCTION_LINES_MAX, RATCHET, functions_and_files_are_small};

use crate::check;

const FILE: &str = "crates/a/src/lib.rs";

/// A function of so many lines.
fn function(lines: usize) -> String {
    format!("fn long() {{\n{}}}\n", "    // {\n".repeat(lines - 2))
}

#[test]
fn what_is_as_long_as_allowed_passes() -> Result<()> {
    let blank = "\n".repeat(FILE_LINES_MAX - FUNCTION_LINES_MAX);
    check(functions_and_files_are_small, &[(FILE, &(function(FUNCTION_LINES_MAX) + &blank))], &[])
}

#[test]
fn what_is_longer_is_found_where_it_begins() -> Result<()> {
    let code = format!("\n\n{}{}", function(FUNCTION_LINES_MAX + 1), "\n".repeat(FILE_LINES_MAX));
    let expected = [
        "crates/a/src/lib.rs:1: `crates/a/src/lib.rs` has 673 lines, 600 are allowed",
        "crates/a/src/lib.rs:3: `crates/a/src/lib.rs::long` has 71 lines, 70 are allowed",
    ];
    check(functions_and_files_are_small, &[(FILE, &code)], &expected)
}

#[test]
fn files_that_are_data_may_be_long() -> Result<()> {
    let long = "\n".repeat(FILE_LINES_MAX + 1);
    let files = [("openapi.json", &*long), ("docs/guide.md", &long), ("crates/a/migrations/one.sql", &long)];
    check(functions_and_files_are_small, &files, &["crates/a/migrations/one.sql:1: "])
}

#[test]
fn the_ratchet_holds_exactly_what_is_listed() -> Result<()> {
    let entry = |lines: usize| format!("[functions]\n\"{FILE}::long\" = {lines}\n");
    let listed = |lines: usize, ratchet: usize, expected: &[&str]| {
        check(
            functions_and_files_are_small,
            &[(FILE, &function(lines)), (RATCHET, &entry(ratchet))],
            expected,
        )
    };
    listed(80, 80, &[])?;
    listed(81, 80, &["crates/a/src/lib.rs:1: `crates/a/src/lib.rs::long` grew from 80 to 81"])?;
    listed(79, 80, &["crates/tidy/ratchet.toml:1: `crates/a/src/lib.rs::long` shrank from 80 to 79"])?;
    listed(70, 80, &["crates/tidy/ratchet.toml:1: `crates/a/src/lib.rs::long` is within 70 lines"])
}

#[test]
fn a_long_function_does_not_hide_behind_its_namesake() -> Result<()> {
    let code = function(80) + &function(75);
    let ratchet = format!("[functions]\n\"{FILE}::long\" = 80\n");
    let expected = ["crates/a/src/lib.rs:1: `crates/a/src/lib.rs::long` grew from 80 to 155"];
    check(functions_and_files_are_small, &[(FILE, &code), (RATCHET, &ratchet)], &expected)
}

#[test]
fn an_entry_of_a_file_that_is_gone_and_an_unreadable_ratchet_are_found() -> Result<()> {
    let gone = "[files]\n\"crates/a/src/gone.rs\" = 700\n";
    let expected = ["crates/tidy/ratchet.toml:1: `crates/a/src/gone.rs` is within 600 lines"];
    check(functions_and_files_are_small, &[(RATCHET, gone)], &expected)?;
    check(
        functions_and_files_are_small,
        &[(RATCHET, "[file]\n")],
        &["crates/tidy/ratchet.toml:1: not a list"],
    )
}
