use anyhow::Result;
use tidy::source::{Function, Source};

/// Checks the functions found in a text, as `(name, line, lines)`.
#[track_caller]
fn check(text: &str, expected: &[(&str, usize, usize)]) -> Result<()> {
    let found = Source::lex("a.rs", text)?.functions();
    let expected = expected.iter().map(|(name, line, lines)| Function {
        name: (*name).to_owned(),
        line: *line,
        lines: *lines,
    });
    assert_eq!(found, expected.collect::<Vec<_>>(), "in:\n{text}");
    Ok(())
}

#[test]
fn braces_in_strings_characters_and_comments_do_not_count() -> Result<()> {
    let text = "fn a<'a>() -> char {\n    // }\n    /* } /* } */ */\n    let b = \"}\\\"}\";\n    let c = r##\"}\"# }\"##;\n    '}'\n}\nfn d() {}\n";
    check(text, &[("a", 1, 7), ("d", 8, 1)])
}

#[test]
fn signatures_over_several_lines_count() -> Result<()> {
    let text = "#[test]\npub(crate) async fn a<T>(\n    b: [u8; { 1 + 1 }],\n) -> Array<{ N }>\nwhere\n    T: Copy,\n{\n    c\n}\n";
    check(text, &[("a", 2, 8)])
}

#[test]
fn functions_in_macros_traits_and_functions_are_found() -> Result<()> {
    let text = "trait T {\n    fn declared(&self) -> fn(u8) -> u8;\n    fn defaulted(&self) {\n        fn inner() {\n        }\n    }\n}\nproptest! {\n    fn property(a in 0..9) {\n    }\n}\ntype F = fn(u8);\n";
    check(text, &[("defaulted", 3, 4), ("inner", 4, 2), ("property", 9, 2)])
}

#[test]
fn text_that_is_not_rust_is_refused_with_its_line() {
    let error = Source::lex("a.rs", "fn a() {\n    (\n}\n").map(drop).map_err(|error| error.to_string());
    assert!(error.as_ref().is_err_and(|text| text.starts_with("line ")), "{error:?}");
}
