use adapters::git::{ChangedFile, Churn, CommitFacts, FileKind, Intent, Remote, branch_name};

use super::{ANN, BOB, Checkout, paths};

#[test]
fn a_commit_has_author_message_time_branch_and_parent() {
    let checkout = Checkout::new();
    checkout.write("a.txt", "one\n");
    let first = checkout.commit("First");
    checkout.write("a.txt", "one\ntwo\n");
    let second = checkout.commit_as(
        "Zoë Ünal",
        "zoe@example.org",
        "Add two\nto the list\n\nBecause it was\nmissing.\n\nRefs #7",
    );
    let facts = checkout.facts();
    assert_eq!(facts.commit, second);
    assert_eq!(facts.parents, [first]);
    assert_eq!(facts.title, "Add two to the list");
    assert_eq!(facts.description, "Because it was\nmissing.\n\nRefs #7");
    assert_eq!((facts.author_name.as_str(), facts.author_email.as_str()), ("Zoë Ünal", "zoe@example.org"));
    assert_eq!(facts.committed_at.to_string(), "2026-02-03T04:05:06Z");
    assert_eq!(facts.branch.as_deref(), Some("main"));
    assert_eq!(facts.intent, Intent::Unstated);
    assert_eq!(facts.repository_name, "shop");
    assert_eq!(facts.remote, None);
    assert!(!facts.history_truncated);
    assert!(facts.working_tree.is_clean() && facts.working_tree.holds(&facts.commit));
}

#[test]
fn only_the_start_of_a_long_message_is_kept() {
    let checkout = Checkout::new();
    checkout.commit(&format!("{}\n\n{}", "t".repeat(2_000), "ü".repeat(20_000)));
    let facts = checkout.facts();
    assert_eq!(facts.title.chars().count(), CommitFacts::MAX_TITLE_CHARS);
    assert_eq!(facts.description.chars().count(), CommitFacts::MAX_DESCRIPTION_CHARS);
}

#[test]
fn a_root_commit_adds_all_its_files() {
    let checkout = Checkout::new();
    checkout.write("src/main.rs", "fn main() {}\n");
    checkout.write("src/lib.rs", "//! x\n\n");
    checkout.write("README.md", "# shop\n");
    checkout.commit("First");
    let facts = checkout.facts();
    let changes = facts.changes.unwrap();
    assert_eq!(paths(&changes), ["README.md", "src/lib.rs", "src/main.rs"]);
    assert_eq!(changes.churn(), Churn { lines_added: 4, lines_deleted: 0, files: 3, directories: 2 });
    assert!(facts.parents.is_empty());
    assert_eq!((facts.experience.commits, facts.experience.is_lower_bound), (0, false));
}

#[test]
fn changes_removals_renames_and_binaries_are_told_apart() {
    let checkout = Checkout::new();
    let long: String = (1..=20).map(|line| format!("line {line}\n")).collect();
    checkout.write("changed.txt", "one\ntwo\n");
    checkout.write("removed.txt", "gone\n");
    checkout.write("old name.txt", &long);
    checkout.write("image.bin", b"\0\x01\x02");
    checkout.commit("First");
    checkout.write("changed.txt", "one\n2\n3\n");
    checkout.git(&["rm", "--quiet", "removed.txt"]);
    checkout.git(&["mv", "old name.txt", "new\tnämé \"x\".txt"]);
    checkout.write("image.bin", b"\0\x03");
    checkout.commit("Second");
    let changes = checkout.facts().changes.unwrap();
    let file = |path: &str, previous: Option<&str>, lines_added, lines_deleted, is_binary| ChangedFile {
        path: path.to_owned(),
        previous_path: previous.map(str::to_owned),
        lines_added,
        lines_deleted,
        is_binary,
        kind: FileKind::Other,
    };
    assert_eq!(
        changes.files(),
        [
            file("changed.txt", None, 2, 1, false),
            file("image.bin", None, 0, 0, true),
            file("new\tnämé \"x\".txt", Some("old name.txt"), 0, 0, false),
            file("removed.txt", None, 0, 1, false),
        ]
    );
    assert_eq!(changes.churn().lines(), 4);
}

#[test]
fn a_merge_counts_as_what_it_brings_to_its_first_parent() {
    let checkout = Checkout::new();
    checkout.write("a.txt", "one\n");
    checkout.commit("First");
    checkout.git(&["checkout", "--quiet", "-b", "topic"]);
    checkout.write("topic.txt", "1\n2\n");
    checkout.commit("Topic");
    checkout.git(&["checkout", "--quiet", "main"]);
    checkout.write("main.txt", "m\n");
    checkout.commit("Main goes on");
    checkout.git(&["merge", "--quiet", "--no-ff", "--message", "Merge topic", "topic"]);
    let facts = checkout.facts();
    assert_eq!(facts.parents.len(), 2);
    assert_eq!(paths(&facts.changes.unwrap()), ["topic.txt"]);
    assert_eq!(facts.experience.commits, 2, "the merged branch is not experience of its own merge");
}

#[test]
fn an_empty_commit_changes_nothing() {
    let checkout = Checkout::new();
    checkout.write("a.txt", "one\n");
    checkout.commit("First");
    checkout.commit("");
    let facts = checkout.facts();
    assert_eq!(facts.changes.unwrap().churn(), Churn::default());
    assert_eq!((facts.title.as_str(), facts.description.as_str()), ("", ""));
    assert_eq!(facts.experience.commits_to_same_files, 0);
}

#[test]
fn experience_is_earlier_commits_by_the_same_address() {
    let checkout = Checkout::new();
    checkout.write("a.txt", "1\n");
    checkout.commit("By Ann");
    checkout.write("b.txt", "1\n");
    checkout.commit_as("Ann Other", "Ann@Example.org", "By Ann with capitals");
    checkout.write("a.txt", "2\n");
    checkout.commit_as("Bob", BOB, "By Bob");
    checkout.write("a.txt", "3\n");
    checkout.commit_as("Joann", "joann@example.org", "By somebody whose address ends alike");
    checkout.write("a.txt", "4\n");
    checkout.commit_as("ann@example.org", "impostor@example.org", "By somebody whose name is the address");
    checkout.write("a.txt", "5\n");
    checkout.commit_as("Ann", ANN, "By Ann again");
    let experience = checkout.facts().experience;
    assert_eq!(
        (experience.commits, experience.commits_to_same_files, experience.is_lower_bound),
        (2, 1, false)
    );
    let bobs = checkout.repository().facts(Some("HEAD~3")).unwrap();
    assert_eq!((bobs.author_email.as_str(), bobs.experience.commits), (BOB, 0));
}

#[test]
fn in_a_shallow_clone_what_is_missing_is_said() {
    let checkout = Checkout::new();
    for number in 1..=4 {
        checkout.write("a.txt", format!("{number}\n"));
        checkout.commit(&format!("Commit {number}"));
    }
    let two = checkout.shallow_clone(2).facts();
    assert!(two.history_truncated);
    assert_eq!(two.changes.unwrap().churn().lines(), 2);
    assert_eq!((two.experience.commits, two.experience.is_lower_bound), (1, true));

    let clone = checkout.shallow_clone(1);
    let one = clone.facts();
    assert_eq!((one.title.as_str(), one.parents.len(), one.history_truncated), ("Commit 4", 1, true));
    assert_eq!(one.changes, None, "without its parent, a commit is not a change of all files");
    assert_eq!((one.experience.commits, one.experience.is_lower_bound), (0, true));
    assert_eq!(clone.repository().changed_lines(&one.commit).unwrap(), None);
    assert_eq!(clone.repository().root(), clone.root);
}

#[test]
fn differences_of_the_working_tree_are_counted_and_named() {
    let checkout = Checkout::new();
    checkout.write("a.txt", "1\n");
    checkout.write("b.txt", "1\n");
    let first = checkout.commit("First");
    checkout.write("a.txt", "2\n");
    let second = checkout.commit("Second");
    let clean = checkout.repository().working_tree().unwrap();
    assert!(clean.is_clean() && clean.holds(&second) && !clean.holds(&first));

    checkout.write("coverage/lcov.info", "TN:\n");
    let built = checkout.repository().working_tree().unwrap();
    assert_eq!((built.modified_files, built.untracked_files), (0, 1));
    assert!(
        !built.is_clean() && built.holds(&second),
        "the outputs of a build do not change the commit's files"
    );

    checkout.git(&["mv", "b.txt", "c.txt"]);
    checkout.write("a.txt", "3\n");
    let modified = checkout.repository().working_tree().unwrap();
    assert_eq!((modified.modified_files, modified.untracked_files), (3, 1));
    assert_eq!(modified.examples, ["a.txt", "b.txt", "c.txt", "coverage/"]);
    assert!(!modified.holds(&second));
}

#[test]
fn settings_of_the_repository_do_not_change_the_facts() {
    let checkout = Checkout::new();
    checkout.write("sub/ä.txt", "1\n");
    checkout.commit("First");
    checkout.write("sub/ä.txt", "1\n2\n");
    let commit = checkout.commit("Second");
    let plain = checkout.facts();
    let lines = checkout.repository().changed_lines(&commit).unwrap();
    for setting in [
        ["core.quotepath", "on"],
        ["color.ui", "always"],
        ["diff.noprefix", "true"],
        ["diff.mnemonicPrefix", "true"],
        ["diff.external", "false"],
        ["diff.relative", "true"],
        ["diff.context", "9"],
        ["diff.interHunkContext", "9"],
        ["log.showSignature", "true"],
        ["log.date", "relative"],
        ["i18n.logOutputEncoding", "UTF-16"],
        ["status.showUntrackedFiles", "no"],
        ["core.fsmonitor", "touch fsmonitor-ran; false"],
    ] {
        checkout.git(&[["config"].as_slice(), &setting].concat());
    }
    assert_eq!(checkout.facts(), plain);
    let inside = adapters::git::Repository::discover(&checkout.root.join("sub")).unwrap();
    assert_eq!(inside.facts(None).unwrap(), plain);
    assert_eq!(inside.changed_lines(&commit).unwrap(), lines);
}

#[test]
fn the_remote_names_the_repository_and_loses_its_credentials() {
    let checkout = Checkout::new();
    checkout.commit("First");
    checkout.git(&["remote", "add", "backup", "https://backup.example.org/other.git"]);
    assert_eq!(checkout.facts().repository_name, "other");
    checkout.git(&["remote", "add", "origin", "https://bot:s3cret@git.example.org/acme/shop.git"]);
    let facts = checkout.facts();
    assert_eq!(facts.repository_name, "acme/shop");
    assert_eq!(facts.remote.as_ref().unwrap().address(), "https://git.example.org/acme/shop.git");
    assert!(!format!("{facts:?}").contains("s3cret"));
}

#[test]
fn addresses_of_remotes_are_read() {
    for (address, shown, name) in [
        ("https://git.example.org/acme/shop", "https://git.example.org/acme/shop", "acme/shop"),
        (
            "https://token@host:8443/group/sub/shop.git/",
            "https://host:8443/group/sub/shop.git/",
            "group/sub/shop",
        ),
        ("https://host/acme/shop?access_token=x#y", "https://host/acme/shop", "acme/shop"),
        ("ssh://git@host/acme/shop.git", "ssh://host/acme/shop.git", "acme/shop"),
        ("git@host:acme/shop.git", "host:acme/shop.git", "acme/shop"),
        ("/srv/git/shop.git", "/srv/git/shop.git", "shop"),
        ("../shop", "../shop", "shop"),
        ("file:///srv/git/shop.git", "file:///srv/git/shop.git", "shop"),
        ("https://host", "https://host/", ""),
        ("", "", ""),
    ] {
        let remote = Remote::parse(address);
        assert_eq!((remote.address(), remote.name()), (shown, name), "{address}");
    }
}

#[test]
fn branches_are_named_as_people_say_them() {
    for (reference, name) in [
        ("refs/heads/main", "main"),
        ("refs/heads/feature/cart", "feature/cart"),
        ("refs/remotes/origin/main", "main"),
        ("main", "main"),
        ("refs/pull/7/merge", "refs/pull/7/merge"),
    ] {
        assert_eq!(branch_name(reference), name);
    }
}
