use std::ops::RangeInclusive;

use adapters::git::ChangedLines;
use adapters::scan::coverage::{CoverageBasis, read_coverage};

use super::Checkout;

/// The changed lines of the last commit.
fn changed(checkout: &Checkout) -> ChangedLines {
    let repository = checkout.repository();
    repository.changed_lines(&repository.resolve("HEAD").unwrap()).unwrap().unwrap()
}

fn ranges<'a>(changed: &'a ChangedLines, path: &str) -> &'a [RangeInclusive<u64>] {
    changed.files().find(|(file, _)| *file == path).map(|(_, ranges)| ranges).unwrap()
}

fn numbered(lines: RangeInclusive<u32>) -> Vec<String> {
    lines.map(|line| format!("line {line}")).collect()
}

fn text(lines: &[String]) -> String {
    lines.iter().map(|line| format!("{line}\n")).collect()
}

#[test]
fn added_and_rewritten_lines_are_ranges_of_the_new_side() {
    let checkout = Checkout::new();
    let mut lines = numbered(1..=30);
    checkout.write("a.txt", text(&lines));
    checkout.write("only-shrinks.txt", "1\n2\n");
    checkout.write("removed.txt", "1\n");
    checkout.commit("First");
    lines[1] = "rewritten".to_owned();
    lines.splice(9..9, ["new 10".to_owned(), "new 11".to_owned()]);
    lines.remove(25);
    lines.push("last".to_owned());
    checkout.write("a.txt", text(&lines));
    checkout.write("only-shrinks.txt", "2\n");
    checkout.git(&["rm", "--quiet", "removed.txt"]);
    checkout.write("new.txt", "no line end");
    checkout.write("binary.bin", b"\0\x01");
    checkout.commit("Second");
    let changed = changed(&checkout);
    assert_eq!(ranges(&changed, "a.txt"), [2..=2, 10..=11, 32..=32]);
    assert_eq!(ranges(&changed, "new.txt"), [1..=1]);
    assert_eq!(ranges(&changed, "only-shrinks.txt"), []);
    assert!(!changed.includes_file("removed.txt"));
    let in_a: Vec<u64> = (0..50).filter(|line| changed.includes_line("a.txt", *line)).collect();
    assert_eq!(in_a, [2, 10, 11, 32]);
    assert!(!changed.includes_line("unchanged.txt", 1));
}

#[test]
fn lines_that_look_like_a_patch_do_not_confuse() {
    let checkout = Checkout::new();
    checkout.write("a.patch", "-- a/x\n++ b/x\n@@ -1 +1 @@\n");
    checkout.commit("First");
    checkout.write("a.patch", "++ b/other.txt\n@@ -1,9 +1,9 @@\n++ b/y\r\n\\ No newline\ndiff --git a/z b/z");
    checkout.commit("Second");
    let changed = changed(&checkout);
    assert_eq!(changed.files().map(|(path, _)| path).collect::<Vec<_>>(), ["a.patch"]);
    assert_eq!(ranges(&changed, "a.patch"), [1..=5]);
}

#[test]
fn renamed_and_strangely_named_files_are_followed() {
    let checkout = Checkout::new();
    let mut lines = numbered(1..=20);
    checkout.write("old.txt", text(&lines));
    checkout.commit("First");
    checkout.git(&["rm", "--quiet", "old.txt"]);
    lines[4] = "rewritten".to_owned();
    let names = ["dir with space/näme.txt", "tab\there.txt", "quote\"and\\back.txt", "line\nend.txt"];
    checkout.write(names[0], text(&lines));
    for name in &names[1..] {
        checkout.write(name, "1\n");
    }
    checkout.commit("Second");
    let changed = changed(&checkout);
    assert_eq!(ranges(&changed, names[0]), [5..=5]);
    for name in &names[1..] {
        assert_eq!(ranges(&changed, name), [1..=1]);
    }
}

#[test]
fn coverage_of_a_real_change_is_taken_of_its_own_file() {
    let checkout = Checkout::new();
    checkout.write("src/lib.rs", text(&numbered(1..=4)));
    checkout.write("tools/src/lib.rs", text(&numbered(1..=4)));
    checkout.commit("First");
    checkout.write("src/lib.rs", text(&numbered(1..=6)));
    checkout.commit("Second");
    let report = format!(
        "SF:{root}/src/lib.rs\nDA:1,0\nDA:5,1\nDA:6,0\nend_of_record\n\
         SF:{root}/tools/src/lib.rs\nDA:5,1\nDA:6,1\nend_of_record\n\
         SF:/registry/dep/src/lib.rs\nDA:5,9\nDA:6,9\nend_of_record\n",
        root = checkout.root.display()
    );
    checkout.write("lcov.info", report);
    let coverage = read_coverage(&checkout.root.join("lcov.info")).unwrap();
    let share = coverage.of_changed_lines(&changed(&checkout)).unwrap();
    assert_eq!((share.covered(), share.executable(), share.basis()), (1, 2, CoverageBasis::ChangedLines));
}
