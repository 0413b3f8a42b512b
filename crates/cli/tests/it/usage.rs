//! Command lines that are wrong: each ends with status 2 and says what would be right.

use crate::program::Place;

fn check(arguments: &[&str], expected: &[&str]) {
    let ran = Place::with_server("http://127.0.0.1:1").run(arguments).ended_with(2).said(expected);
    assert_eq!(ran.stdout, "", "{arguments:?}");
}

#[test]
fn wrong_arguments_are_named_with_the_accepted_form() {
    check(&["frobnicate"], &["unrecognized subcommand 'frobnicate'"]);
    check(&["show", "CHG-26-1"], &["`CHG-26-1` is not a change id", "a form like CHG-2026-000123"]);
    check(&["show"], &["<ID>"]);
    check(&["wait", "CHG-2026-000001", "--timeout", "soon"], &["`soon` is not a duration", "`15m`"]);
    check(&["create", "--type", "urgent"], &["invalid value 'urgent'", "standard, normal, emergency"]);
    check(&["create", "--service", "a b"], &["`a b` is not a service name", "letters, digits"]);
    check(&["create", "--window", "tonight"], &["two instants with a slash between them"]);
    check(&["create", "--artefact", "cart"], &["a name and a digest, such as `cart=sha256:1a2b…`"]);
    check(&["close", "CHG-2026-000001", "--status", "done"], &["success", "rolled_back"]);
    check(&["close", "CHG-2026-000001"], &["--status"]);
    check(&["decide", "CHG-2026-000001", "deploy", "maybe"], &["done, redo, give_up"]);
    check(
        &["validate", "CHG-2026-000001", "--fail-on", "bad"],
        &["`bad` is not a severity", "critical, high (or error)"],
    );
    check(&["approve", "CHG-2026-000001", "--digest", "123"], &["`123` is not a SHA-256 digest"]);
    check(&["list", "--limit", "0"], &["1..=500"]);
    check(&["list", "--sort", "size"], &["-risk"]);
    check(&["incident", "open", "--title", "x", "slow"], &["--service"]);
    check(&["incident", "link", "INC-2026-000001"], &["--change"]);
    check(&["incident", "update", "INC-2026-000001"], &["--state"]);
    check(&["incident", "update", "INC-2026-000001", "--cause", "x"], &["--remedy"]);
    check(&["actor", "rights", "bob"], &["--none"]);
    check(&["token", "issue", "bob", "--label", "x"], &["--scope"]);
    check(
        &["token", "issue", "bob", "--label", "x", "--scope", "read", "--expires-in", "soon"],
        &["`soon` is not a duration"],
    );
    check(&["audit", "verify", "--offline", "bundle.json"], &["--key"]);
    check(
        &["audit", "verify", "--offline", "b", "--key", "k"],
        &["`k` is not a verifier key", "name+hash+base64"],
    );
    check(&["--log", "server=loud", "whoami"], &["`server=loud` is not a filter of log lines"]);
    check(&["amend", "CHG-2026-000001"], &["nothing to amend was given"]);
}
