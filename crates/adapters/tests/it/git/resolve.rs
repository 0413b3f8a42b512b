use std::fs;

use adapters::git::{CommitId, Repository};

use super::{Checkout, refusal};

#[test]
fn branches_tags_references_and_short_ids_are_resolved() {
    let checkout = Checkout::new();
    let first = checkout.commit("First");
    checkout.git(&["tag", "--annotate", "--message", "one", "v1"]);
    let second = checkout.commit("Second");
    checkout.git(&["checkout", "--quiet", "-b", "topic"]);
    let third = checkout.commit("Third");
    let short = first.as_str().get(..10).unwrap();
    for (revision, commit, branch) in [
        ("HEAD", &third, Some("topic")),
        ("topic", &third, Some("topic")),
        (third.as_str(), &third, Some("topic")),
        ("main", &second, Some("main")),
        ("refs/heads/main", &second, Some("main")),
        (second.as_str(), &second, None),
        ("HEAD~1", &second, None),
        ("v1", &first, None),
        ("refs/tags/v1", &first, None),
        (short, &first, None),
    ] {
        let facts = checkout.repository().facts(Some(revision)).unwrap();
        assert_eq!((&facts.commit, facts.branch.as_deref()), (commit, branch), "{revision}");
    }
    checkout.git(&["checkout", "--quiet", "--detach"]);
    assert_eq!(checkout.facts().branch, None);
}

#[test]
fn repositories_with_sha256_ids_are_read() {
    let checkout = Checkout::empty_folder();
    checkout.git(&["init", "--quiet", "--object-format=sha256"]);
    checkout.write("a.txt", "1\n");
    let commit = checkout.commit("First");
    assert_eq!(commit.as_str().len(), 64);
    let facts = checkout.facts();
    assert_eq!((&facts.commit, facts.changes.unwrap().churn().lines()), (&commit, 1));
}

#[test]
fn only_full_ids_in_lower_case_are_commit_ids() {
    let digits = "0123456789abcdef0123456789abcdef01234567";
    assert_eq!(CommitId::parse(digits).unwrap().to_string(), digits);
    for text in ["", "0123456", &digits.to_uppercase(), &digits.replace('0', "g"), &format!("{digits}\n")] {
        assert_eq!(CommitId::parse(text), None, "{text:?}");
    }
}

#[test]
fn unknown_and_dangerous_revisions_are_refused() {
    let checkout = Checkout::new();
    checkout.write("a.txt", "1\n");
    checkout.commit("First");
    let blob = checkout.git(&["rev-parse", "HEAD:a.txt"]);
    let unknown = "names no commit in this repository; give a commit id, a branch or a tag that exists, and fetch it first";
    for revision in ["nowhere", "refs/heads/nowhere", "deadbeef", &"0".repeat(40), &blob, "HEAD~9", "a.txt"] {
        assert_eq!(refusal(&checkout.root, revision), format!("`{revision}` {unknown}"));
    }
    let invalid = "is not a revision; give a commit id, a branch or a tag";
    for revision in ["", "--all", "-x", "HEAD..main", "HEAD --output=x", "a\nb", "a\0b", &"x".repeat(257)] {
        assert_eq!(refusal(&checkout.root, revision), format!("`{revision}` {invalid}"));
    }
}

#[test]
fn an_ambiguous_short_id_asks_for_more_digits() {
    let checkout = Checkout::new();
    let mut starts = std::collections::BTreeSet::new();
    // Among 65,536 possible starts of four digits, two soon coincide.
    let start = (0..)
        .map(|number| {
            let tree = checkout.git(&["hash-object", "-t", "tree", "-w", "/dev/null"]);
            let commit = checkout.git(&["commit-tree", "-m", &format!("Commit {number}"), &tree]);
            commit.get(..4).unwrap().to_owned()
        })
        .find(|start| !starts.insert(start.clone()))
        .unwrap();
    checkout.commit("First");
    assert_eq!(
        refusal(&checkout.root, &start),
        format!("`{start}` is the start of several ids in this repository; give more digits")
    );
}

#[test]
fn places_without_a_commit_or_a_checkout_are_refused() {
    let empty = Checkout::new();
    assert_eq!(
        refusal(&empty.root, "HEAD"),
        "`HEAD` names no commit in this repository; give a commit id, a branch or a tag that exists, and fetch it first"
    );
    let bare = Checkout::empty_folder();
    bare.git(&["init", "--quiet", "--bare"]);
    let plain = Checkout::empty_folder();
    let missing = plain.root.join("missing");
    for folder in [&bare.root, &plain.root, &missing] {
        assert_eq!(
            Repository::discover(folder).unwrap_err().to_string(),
            format!(
                "`{}` is not inside the working tree of a git repository; run this in a checkout",
                folder.display()
            )
        );
    }
}

#[test]
fn a_damaged_repository_is_an_error() {
    let checkout = Checkout::new();
    checkout.write("a.txt", "1\n");
    let commit = checkout.commit("First");
    let tree = checkout.git(&["rev-parse", "HEAD^{tree}"]);
    let (folder, file) = tree.split_at(2);
    fs::remove_file(checkout.root.join(".git/objects").join(folder).join(file)).unwrap();
    let error = checkout.repository().changed_lines(&commit).unwrap_err().to_string();
    assert!(
        error.starts_with("`git diff-tree` failed (exit status: 128): fatal: unable to read tree"),
        "{error}"
    );
}
