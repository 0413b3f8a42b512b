use adapters::git::ChangedLines;
use adapters::scan::MAX_REPORT_BYTES;
use adapters::scan::coverage::{Coverage, CoverageBasis, CoveredShare, read_coverage};

use super::{Written, message};

const LCOV: &str = "\
TN:unit
SF:/build/shop/src/cart.rs
FN:1,add
FNDA:3,add
DA:1,3
DA:2,3
DA:3,0,c2hlY2tzdW0
LF:3
LH:2
end_of_record
SF:/build/shop/src/price.rs
DA:10,0
end_of_record
";

const COBERTURA: &str = r#"<?xml version="1.0" ?>
<!DOCTYPE coverage SYSTEM "http://cobertura.sourceforge.net/xml/coverage-04.dtd">
<coverage line-rate="0.9" version="7.6">
  <sources><source>/build/shop/src</source></sources>
  <packages><package name="shop"><classes>
    <class name="cart" filename="cart.py">
      <methods><method name="add"><lines><line number="1" hits="3"/></lines></method></methods>
      <lines><line number="1" hits="3"/><line number="2" hits="3"/><line number="3" hits="0" branch="false"/></lines>
    </class>
    <class name="price &amp; tax" filename="price.py"><methods/><lines><line number="10" hits="0"/></lines></class>
  </classes></package></packages>
</coverage>
"#;

fn coverage(content: &str) -> Coverage {
    let report = Written::new("report", content);
    read_coverage(&report.path).unwrap()
}

/// The lines `first..=last` of one file changed, in a repository that holds these other files as well.
fn changed(path: &str, first: u64, last: u64, others: &[&str]) -> ChangedLines {
    let others = others.iter().map(|path| (*path).to_owned());
    ChangedLines::new([(path.to_owned(), vec![first..=last])], others)
}

fn figures(share: CoveredShare) -> (u64, u64, CoverageBasis) {
    (share.covered(), share.executable(), share.basis())
}

/// The error that a report is refused with.
fn refusal(content: impl AsRef<[u8]>) -> String {
    let report = Written::new("report", content);
    message(&read_coverage(&report.path).unwrap_err(), &report.path)
}

#[test]
fn both_formats_give_the_share_of_the_changed_executable_lines() {
    for (content, path) in [(LCOV, "src/cart.rs"), (COBERTURA, "src/cart.py")] {
        let coverage = coverage(content);
        let of = |first, last| coverage.of_changed_lines(&changed(path, first, last, &[])).unwrap();
        assert_eq!(figures(of(1, 2)), (2, 2, CoverageBasis::ChangedLines));
        assert_eq!(of(1, 2).basis_points(), 10_000);
        assert_eq!(figures(of(2, 9)), (1, 2, CoverageBasis::ChangedLines));
        assert_eq!(of(2, 9).basis_points(), 5_000);
        assert_eq!(figures(of(3, 3)), (0, 1, CoverageBasis::ChangedLines));
        assert_eq!(of(3, 3).basis_points(), 0);
        assert_eq!(figures(of(4, 9)), (2, 4, CoverageBasis::WholeProject), "nothing executable was changed");
        assert_eq!(figures(coverage.of_whole_project()), (2, 4, CoverageBasis::WholeProject));
    }
}

#[test]
fn shares_are_rounded_down() {
    let hits: String = (1..=20_001).map(|line| format!("DA:{line},{}\n", u8::from(line != 7))).collect();
    let nearly = coverage(&format!("SF:a.c\n{hits}end_of_record\n")).of_whole_project();
    assert_eq!((nearly.covered(), nearly.executable(), nearly.basis_points()), (20_000, 20_001, 9_999));
}

#[test]
fn a_line_reported_repeatedly_counts_once_and_is_covered_if_it_ever_was() {
    let coverage =
        coverage("SF:a.c\nDA:1,0\nend_of_record\nTN:other\nSF:a.c\nDA:1,4\nDA:1,2\nend_of_record\n");
    assert_eq!(figures(coverage.of_whole_project()), (1, 1, CoverageBasis::WholeProject));
    let (path, lines) = coverage.files().next().unwrap();
    assert_eq!((path, lines.get(&1)), ("a.c", Some(&4)));
}

#[test]
fn windows_line_ends_byte_order_marks_comments_and_later_records_are_read() {
    let coverage = coverage(
        "\u{feff}# made by hand\r\nVER:2\r\nSF:a.c\r\nMCDC:1,2,t,1,0,x\r\nDA:1,1\r\nend_of_record\r\n",
    );
    assert_eq!(coverage.of_whole_project().basis_points(), 10_000);
}

/// One report with one covered line 1 of `reported`, against the change of line 1 of `path`.
fn matched(reported: &str, path: &str, others: &[&str]) -> Result<CoverageBasis, String> {
    let report = Written::new("report", format!("SF:{reported}\nDA:1,1\nend_of_record\n"));
    let share = read_coverage(&report.path).unwrap().of_changed_lines(&changed(path, 1, 1, others));
    share.map(CoveredShare::basis).map_err(|error| message(&error, &report.path))
}

#[test]
fn a_path_belongs_to_the_repository_file_with_the_longest_common_ending() {
    let ours = Ok(CoverageBasis::ChangedLines);
    let foreign = Ok(CoverageBasis::WholeProject);
    for (reported, path, others, expected) in [
        ("src/a.rs", "src/a.rs", &[][..], &ours),
        ("/build/shop/src/a.rs", "src/a.rs", &[], &ours),
        ("./src/../src/a.rs", "src/a.rs", &[], &ours),
        (r"C:\build\shop\src\a.rs", "src/a.rs", &[], &ours),
        ("a.rs", "src/a.rs", &[], &ours),
        ("src/a.rs", "crates/shop/src/a.rs", &[], &ours),
        ("other/a.rs", "src/a.rs", &[], &foreign),
        ("xsrc/a.rs", "src/a.rs", &[], &foreign),
        ("/build/crates/shop/src/a.rs", "src/a.rs", &["crates/shop/src/a.rs"], &foreign),
        ("/build/crates/shop/src/a.rs", "crates/shop/src/a.rs", &["src/a.rs"], &ours),
        ("src/a.rs", "src/a.rs", &["crates/shop/src/a.rs"], &ours),
    ] {
        assert_eq!(&matched(reported, path, others), expected, "{reported} against {path} and {others:?}");
    }
}

#[test]
fn a_path_that_could_be_several_files_is_refused_when_one_of_them_changed() {
    let refused = matched("src/a.rs", "one/src/a.rs", &["two/src/a.rs", "three/a.rs"]);
    let expected = "`report`: `src/a.rs` could be any of `one/src/a.rs`, `two/src/a.rs` in the repository; \
                    write paths relative to the repository root";
    assert_eq!(refused, Err(expected.to_owned()));
    let unconcerned = matched("src/a.rs", "three/a.rs", &["one/src/a.rs", "two/src/a.rs"]);
    assert_eq!(unconcerned, Ok(CoverageBasis::WholeProject));
}

#[test]
fn paths_outside_the_checkout_are_foreign_when_the_checkout_is_known() {
    let content = "SF:/registry/dep/src/lib.rs\nDA:1,1\nend_of_record\nSF:/build/shop/src/lib.rs\nDA:1,0\nend_of_record\n";
    let report = Written::new("report", content);
    let coverage = read_coverage(&report.path).unwrap();
    let change = changed("src/lib.rs", 1, 1, &[]);
    assert_eq!(
        message(&coverage.of_changed_lines(&change).unwrap_err(), &report.path),
        "`report`: both `/build/shop/src/lib.rs` and `/registry/dep/src/lib.rs` match `src/lib.rs` in the repository; \
         leave foreign files out of the report"
    );
    let share = coverage.of_changed_lines(&change.clone().checked_out_at("/build/shop")).unwrap();
    assert_eq!(figures(share), (0, 1, CoverageBasis::ChangedLines));
    let elsewhere = coverage.of_changed_lines(&change.checked_out_at("/elsewhere/shop"));
    assert!(elsewhere.is_err(), "a report of another machine names nothing inside this checkout");
}

#[test]
fn cobertura_source_folders_tell_files_of_the_same_name_apart() {
    let content = COBERTURA.replace("<sources>", "<sources><source>/build/shop/lib</source>");
    let change = changed("src/cart.py", 1, 2, &["tests/cart.py"]);
    let share = coverage(&content).of_changed_lines(&change).unwrap();
    assert_eq!(figures(share), (2, 2, CoverageBasis::ChangedLines));
}

#[test]
fn bad_lcov_is_refused_with_line_and_accepted_form() {
    let range = "it must be a whole number from";
    let top = u64::MAX;
    for (content, expected) in [
        ("", "`report` holds no executable line, so it says nothing about coverage".to_owned()),
        (" \n\t\n", "`report` holds no executable line".to_owned()),
        ("TN:\nSF:a.c\nend_of_record\n", "`report` holds no executable line".to_owned()),
        (
            "{\"type\":\"json\"}",
            "`report` line 1: found `{\"type\":\"json\"}`, which is not a known".to_owned(),
        ),
        (
            "mode: set\n",
            "`report` line 1: found `mode: set`, which is not a known coverage report; accepted are lcov"
                .to_owned(),
        ),
        (
            "SF:a.c\nDA:1,1\n",
            "`report` line 1: the file ends before `end_of_record`; it is truncated".to_owned(),
        ),
        (
            "SF:a.c\nDA:1,1\nSF:b.c\nDA:1,1\nend_of_record\n",
            "`report` line 1: the file ends before".to_owned(),
        ),
        (
            "SF:a.c\nDA:1\nend_of_record\n",
            "`report` line 2: `DA:1` is incomplete; it must be `DA:line,hits`".to_owned(),
        ),
        (
            "SF:a.c\nDA:1,1\ngarbage\n",
            "`report` line 3: `garbage` is not an lcov record (`KEY:value`)".to_owned(),
        ),
        (
            "SF:\nDA:1,1\nend_of_record\n",
            "`report` line 1: `SF:` names no source file (`SF:path`)".to_owned(),
        ),
        (
            "DA:1,1\n",
            "`report` line 1: `DA:1,1` stands outside a source file; `SF:path` must come first".to_owned(),
        ),
        ("TN:\nend_of_record\n", "`report` line 2: `end_of_record` stands outside a source file".to_owned()),
        ("SF:a.c\nDA:1,-1\n", format!("`report` line 2: the hit count is `-1`; {range} 0 to {top}")),
        ("SF:a.c\nDA:1,NaN\n", format!("`report` line 2: the hit count is `NaN`; {range} 0 to {top}")),
        ("SF:a.c\nDA:1,+1\n", format!("`report` line 2: the hit count is `+1`; {range} 0 to {top}")),
        ("SF:a.c\nDA:1,1e9\n", format!("`report` line 2: the hit count is `1e9`; {range}")),
        (
            "SF:a.c\nDA:1,18446744073709551616\n",
            format!("line 2: the hit count is `18446744073709551616`; {range}"),
        ),
        ("SF:a.c\nDA:0,1\n", format!("`report` line 2: the line number is `0`; {range} 1 to {top}")),
        ("SF:a.c\nDA:,1\n", format!("`report` line 2: the line number is ``; {range} 1 to {top}")),
    ] {
        let refused = refusal(content);
        assert!(refused.contains(&expected), "{content:?}: {refused}");
    }
}

#[test]
fn bad_cobertura_is_refused_with_line_and_accepted_form() {
    let line = |attributes: &str| {
        format!("<coverage>\n<class filename=\"a.py\">\n<line {attributes}/>\n</class></coverage>")
    };
    let deep = format!("<coverage>{}", "<x>".repeat(100_000));
    for (content, expected) in [
        ("<coverage/>".to_owned(), "`report` holds no executable line"),
        (
            "<report><class/></report>".to_owned(),
            "`report` line 1: found `<report>`, which is not a known coverage report; accepted are lcov",
        ),
        (
            "<coverage clover=\"4\">\n<project/></coverage>".to_owned(),
            "`report` line 2: found `<project>`, which is not",
        ),
        (
            COBERTURA.split_inclusive('\n').take(8).collect(),
            "`report` line 9: the file ends before `</class>`; it is truncated",
        ),
        (
            "<coverage><class filename=\"a".to_owned(),
            "`report` line 1: not well-formed XML; have the tool write the report again: syntax error",
        ),
        ("<coverage>\n</class>".to_owned(), "`report` line 2: not well-formed XML"),
        (
            "<coverage><class/></coverage>".to_owned(),
            "`report` line 1: `<class>` has no `filename`; the report is incomplete",
        ),
        (line("number=\"1\""), "`report` line 3: `<line>` has no `hits`; the report is incomplete"),
        (
            line("number=\"1\" hits=\"-1\""),
            "`report` line 3: hits is `-1`; it must be a whole number from 0 to",
        ),
        (
            line("number=\"1\" hits=\"NaN\""),
            "`report` line 3: hits is `NaN`; it must be a whole number from 0 to",
        ),
        (
            line("number=\"0\" hits=\"1\""),
            "`report` line 3: number is `0`; it must be a whole number from 1 to",
        ),
        (line("number=\"1\" hits=\"1\" hits=\"2\""), "`report` line 3: not well-formed XML"),
        (line("number=\"1\" hits=\"&nine;\""), "`report` line 3: not well-formed XML"),
        ("<coverage/>\n<coverage/>".to_owned(), "`report` line 2: content outside the outermost element"),
        ("<coverage/>\ntrailing".to_owned(), "`report` line 1: content outside the outermost element"),
        ("<!-- nothing -->".to_owned(), "`report` holds no XML element"),
        (
            "<coverage>&unknown;</coverage>".to_owned(),
            "`report` line 1: unknown entity `&unknown;`; only amp, lt",
        ),
        (deep, "`report` line 1: elements nest deeper than 64"),
    ] {
        let refused = refusal(&content);
        assert!(refused.contains(expected), "{}: {refused}", content.chars().take(200).collect::<String>());
    }
}

#[test]
fn declarations_that_could_expand_without_bound_are_refused() {
    let laughs = "<?xml version=\"1.0\"?>\n<!DOCTYPE coverage [\n<!ENTITY a \"ha\">\n<!ENTITY b \"&a;&a;&a;&a;\">\n]>\n<coverage>&b;</coverage>";
    assert_eq!(
        refusal(laughs),
        "`report` line 2: the document type declares entities or elements, which is refused; remove the part in `[…]`"
    );
    let external = "<!DOCTYPE coverage [<!ENTITY a SYSTEM \"file:///etc/passwd\">]><coverage>&a;</coverage>";
    assert!(refusal(external).contains("declares entities or elements, which is refused"));
}

#[test]
fn files_that_are_not_text_or_too_large_or_missing_are_refused() {
    assert_eq!(
        refusal(b"SF:a.c\nDA:1,1\nSF:\xff\xfe\n"),
        "`report` line 3 is not UTF-8; write the report as UTF-8 text"
    );
    let large = Written::new("report", "SF:a.c\n");
    std::fs::File::options().write(true).open(&large.path).unwrap().set_len(MAX_REPORT_BYTES + 1).unwrap();
    assert_eq!(
        message(&read_coverage(&large.path).unwrap_err(), &large.path),
        "`report` is larger than 64 MiB; split the report or leave generated and foreign files out of it"
    );
    let missing = large.path.with_file_name("missing");
    assert_eq!(
        message(&read_coverage(&missing).unwrap_err(), &missing),
        "cannot read `missing`; check the path and its permissions: No such file or directory (os error 2)"
    );
}

#[test]
fn every_cut_of_a_report_is_refused_or_says_the_same_about_what_it_still_holds() {
    for content in [LCOV, COBERTURA] {
        let whole = content.trim_end().len();
        for length in 0..whole {
            let report = Written::new("report", content.get(..length).unwrap());
            let share = read_coverage(&report.path).map(|coverage| coverage.of_whole_project());
            let first_section_only =
                share.as_ref().is_ok_and(|share| (share.covered(), share.executable()) == (2, 3));
            assert!(share.is_err() || first_section_only, "{length} bytes: {share:?}");
        }
    }
}
