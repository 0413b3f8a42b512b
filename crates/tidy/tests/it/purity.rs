use anyhow::Result;
use tidy::rules::purity::the_core_is_pure;

use crate::check;

#[test]
fn code_of_the_core_that_reaches_outside_is_found() -> Result<()> {
    let impure = [
        ("async fn a() {}", "`async`"),
        ("fn a() { b.await }", "`await`"),
        ("fn a() { Timestamp::now() }", "a clock"),
        ("fn a() { x.unwrap_or_else(Zoned::now) }", "a clock"),
        ("use std::fs;", "`std::fs`"),
        ("use std::{collections::BTreeMap, net::TcpStream};", "`std::net`"),
        ("fn a() { std::env::args() }", "`std::env`"),
        ("fn a() { rand::random() }", "`rand`"),
        ("fn a() { getrandom::fill(b) }", "`getrandom`"),
        ("proptest! { fn a() { std::process::exit(1) } }", "`std::process`"),
    ];
    for (code, what) in impure {
        for name in ["audit", "domain", "policy"] {
            let path = format!("crates/{name}/src/part.rs");
            check(the_core_is_pure, &[(&path, code)], &[&format!("{path}:1: {what} in a pure crate")])?;
        }
        check(
            the_core_is_pure,
            &[("crates/server/src/part.rs", code), ("crates/domain/tests/it/main.rs", code)],
            &[],
        )?;
    }
    Ok(())
}

#[test]
fn words_that_only_look_impure_pass() -> Result<()> {
    let code = "//! No async here, and std::fs is not used.\nuse std::{collections::{BTreeMap, fs}, fmt};\n\
                fn decide(now: Timestamp) -> &'static str { let _ = facts.now; \"Timestamp::now() /* await */\" }";
    check(the_core_is_pure, &[("crates/domain/src/lib.rs", code)], &[])
}
