use adapters::git::Intent;

use super::Checkout;

#[test]
fn messages_say_whether_they_fix_or_revert() {
    let revert_of = |of: Option<&str>| Intent::Revert { of: of.map(str::to_owned) };
    for (subject, body, expected) in [
        ("Add a cart", "", Intent::Unstated),
        ("Add prefixes", "We fix nothing here.", Intent::Unstated),
        ("Suffix the id", "", Intent::Unstated),
        ("fix(cart): sum up", "", Intent::Fix),
        ("fix!: sum up", "", Intent::Fix),
        ("Hotfix for the cart", "", Intent::Fix),
        ("Cart: Fixed the sum", "", Intent::Fix),
        ("Sum up again", "Because of a race.\n\nFixes #12", Intent::Fix),
        ("Sum up again", "Fixes: 1a2b3c4d5e6f (\"Sum up\")", Intent::Fix),
        ("Sum up again", "Fixes nothing", Intent::Unstated),
        ("Revert \"Add a cart\"", "", revert_of(None)),
        ("revert: add a cart", "", revert_of(None)),
        ("revert(cart)!: add", "", revert_of(None)),
        ("Take the cart back", "This reverts commit 1a2b3c4d.", revert_of(Some("1a2b3c4d"))),
        ("Take the cart back", "This reverts commit of yesterday.", revert_of(None)),
        ("Reverting is hard", "", Intent::Unstated),
        ("Revert \"fix: sum\"", "", revert_of(None)),
    ] {
        assert_eq!(Intent::of(subject, body), expected, "{subject} / {body}");
    }
}

#[test]
fn a_revert_made_by_git_names_the_reverted_commit() {
    let checkout = Checkout::new();
    checkout.write("a.txt", "1\n");
    checkout.commit("First");
    checkout.write("a.txt", "2\n");
    let second = checkout.commit("Second");
    checkout.git(&["revert", "--no-edit", "HEAD"]);
    let facts = checkout.facts();
    assert_eq!(facts.title, "Revert \"Second\"");
    assert_eq!(facts.intent, Intent::Revert { of: Some(second.to_string()) });
}
