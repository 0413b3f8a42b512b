use anyhow::Result;
use tidy::rules::leftovers::{no_machine_is_named, no_test_is_ignored, nothing_is_left_open};

use crate::check;

#[test]
fn notes_to_oneself_are_found_in_every_kind_of_file() -> Result<()> {
    let note = concat!("one\n# TO", "DO later\n(FIX", "ME)\nTO", "DOS and _FIX", "ME_ are other words\n");
    let files = [("README.md", note), ("scripts/test", note)];
    let expected = ["README.md:2: a", "README.md:3: a", "scripts/test:2: a", "scripts/test:3: a"];
    check(nothing_is_left_open, &files, &expected)
}

#[test]
fn code_that_is_not_there_is_found() -> Result<()> {
    let code = "fn a() { todo!() }\nfn b() { std::unimplemented!(\"b\") }\n// todo!() in a comment\nlet todo = \"todo!()\";";
    let expected = ["crates/a/src/lib.rs:1: `todo!`", "crates/a/src/lib.rs:2: `unimplemented!`"];
    check(nothing_is_left_open, &[("crates/a/src/lib.rs", code)], &expected)
}

#[test]
fn ignored_tests_and_examples_are_found() -> Result<()> {
    let code = [
        "#[ignore]",
        "#[ignore = \"slow\"]",
        "#[cfg_attr(not(unix), ignore)]",
        "#[arg(ignore_case = true)] #[serde(skip)] fn ignore() { ignore() }",
        concat!("/// ```", "ignore"),
        "fn a() {}",
    ];
    let lines = ["lib.rs:1:", "lib.rs:2:", "lib.rs:3:", "lib.rs:5:"]
        .map(|at| format!("crates/a/src/{at} an ignored"));
    let expected: Vec<&str> = lines.iter().map(String::as_str).collect();
    check(no_test_is_ignored, &[("crates/a/src/lib.rs", &code.join("\n"))], &expected)
}

#[test]
fn folders_of_one_machine_are_found() -> Result<()> {
    let text = [
        concat!("cd /wo", "rk/main"),
        concat!("\"/ro", "ot/.cache\""),
        concat!("`/ho", "me/me/x`"),
        concat!("https://example.org/wo", "rk/1"),
        concat!("~/wo", "rk/x, ../wo", "rk/y, ${DIR}/wo", "rk/z"),
        concat!("PATH=/Us", "ers/me/bin"),
    ];
    let expected = ["README.md:1:", "README.md:2:", "README.md:3:", "README.md:6:"];
    check(no_machine_is_named, &[("README.md", &text.join("\n"))], &expected)
}
