use adapters::scan::junit::{TestOutcome, TestResults, read_junit};

use super::{Written, message};

fn results(content: &str) -> TestResults {
    let report = Written::new("junit.xml", content);
    read_junit(&report.path).unwrap()
}

/// Passed, failed, errored, skipped.
fn figures(results: TestResults) -> [u64; 4] {
    [results.passed(), results.failed(), results.errored(), results.skipped()]
}

fn refusal(content: impl AsRef<[u8]>) -> String {
    let report = Written::new("junit.xml", content);
    message(&read_junit(&report.path).unwrap_err(), &report.path)
}

const MIXED: &str = r#"<?xml version="1.0" encoding="utf-8"?>
<testsuites tests="6" failures="2" errors="2">
  <testsuite name="outer" tests="6" failures="2" errors="2" skipped="1">
    <properties><property name="seed" value="7"/></properties>
    <testcase name="passes" time="0.01"><system-out>1 &lt; 2 &#10; <![CDATA[<failure/>]]></system-out></testcase>
    <testsuite name="inner" tests="2" failures="1" errors="1" skipped="0">
      <testcase name="fails"><failure message="1 &lt; 0">trace</failure><failure/></testcase>
      <testcase name="breaks"><error/></testcase>
    </testsuite>
    <testcase name="fails and breaks"><failure/><error/></testcase>
    <testcase name="skipped"><skipped/></testcase>
    <testcase name="flaky"><flakyFailure/></testcase>
  </testsuite>
</testsuites>
"#;

#[test]
fn each_test_case_is_counted_once_by_the_worst_that_is_said_about_it() {
    let mixed = results(MIXED);
    assert_eq!(figures(mixed), [2, 1, 2, 1]);
    assert_eq!((mixed.executed(), mixed.total(), mixed.outcome()), (5, 6, TestOutcome::Failed));
}

#[test]
fn suites_without_numbers_and_a_single_suite_are_read() {
    let plain = results("<testsuite><testcase/><testcase><skipped/></testcase></testsuite>");
    assert_eq!((figures(plain), plain.outcome()), ([1, 0, 0, 1], TestOutcome::Passed));
}

#[test]
fn test_cases_that_googletest_and_ctest_did_not_run_are_not_passes() {
    let disabled = r#"<testsuite tests="2" failures="0" disabled="1" skipped="1" errors="0">
        <testcase name="DISABLED_a" status="notrun" result="suppressed"/>
        <testcase name="b" status="run" result="skipped"><skipped message=""/></testcase>
    </testsuite>"#;
    let disabled = results(disabled);
    assert_eq!((figures(disabled), disabled.outcome()), ([0, 0, 0, 2], TestOutcome::NoTests));
}

#[test]
fn results_of_several_runs_are_merged() {
    let passed = results("<testsuite><testcase/></testsuite>");
    let skipped = results("<testsuite><testcase><skipped/></testcase></testsuite>");
    let failed = results("<testsuite><testcase><failure/></testcase></testsuite>");
    assert_eq!(passed.merged(skipped).outcome(), TestOutcome::Passed);
    assert_eq!(skipped.merged(skipped).outcome(), TestOutcome::NoTests);
    assert_eq!(figures(passed.merged(skipped).merged(failed)), [1, 1, 0, 1]);
    assert_eq!(passed.merged(failed).outcome(), TestOutcome::Failed);
    assert_eq!(TestResults::default().outcome(), TestOutcome::NoTests);
}

#[test]
fn suites_that_contradict_their_test_cases_are_refused() {
    let suite = |attributes: &str| {
        format!("<testsuites>\n<testsuite {attributes}><testcase/></testsuite></testsuites>")
    };
    for (attributes, says, show) in [
        ("tests=\"2\"", "tests=\"2\"", 1),
        ("tests=\"0\"", "tests=\"0\"", 1),
        ("failures=\"1\"", "failures=\"1\"", 0),
        ("errors=\"1\"", "errors=\"1\"", 0),
        ("skipped=\"1\"", "skipped=\"1\"", 0),
        ("skipped=\"0\" disabled=\"3\"", "skipped=\"3\"", 0),
    ] {
        assert_eq!(
            refusal(suite(attributes)),
            format!(
                "`junit.xml` line 2: the suite says `{says}`, but its test cases show {show}; \
                 the report is incomplete, have the tool write it again"
            )
        );
    }
    let total = MIXED.replacen("tests=\"6\"", "tests=\"7\"", 1);
    assert!(
        refusal(total)
            .starts_with("`junit.xml` line 2: the suite says `tests=\"7\"`, but its test cases show 6;")
    );
}

#[test]
fn bad_reports_are_refused_with_line_and_accepted_form() {
    for (content, expected) in [
        ("", "`junit.xml` holds no XML element"),
        ("ok 1 - a test\n", "`junit.xml` line 1: content outside the outermost element"),
        (
            "<coverage/>",
            "`junit.xml` line 1: the outermost element is `<coverage>`; it must be `<testsuites>` or `<testsuite>`",
        ),
        ("<testcase/>", "`junit.xml` line 1: the outermost element is `<testcase>`"),
        ("<testsuites/>", "`junit.xml` holds no test case, so it says nothing about the tests; run them"),
        ("<testsuite tests=\"0\"></testsuite>", "`junit.xml` holds no test case"),
        (
            "<testsuite>\n<testcase>",
            "`junit.xml` line 2: the file ends before `</testcase>`; it is truncated",
        ),
        ("<testsuite>\n<testcase/>\n", "`junit.xml` line 3: the file ends before `</testsuite>`"),
        (
            "<testsuite><testcase><testcase/></testcase></testsuite>",
            "`<testcase>` stands inside a test case; the report is damaged",
        ),
        (
            "<testsuite><testcase/><failure/></testsuite>",
            "`<failure>` stands inside a suite; the report is damaged",
        ),
        (
            "<testsuite tests=\"-1\"/>",
            "`junit.xml` line 1: tests is `-1`; it must be a whole number from 0 to 18446744073709551615",
        ),
        ("<testsuite tests=\"NaN\"/>", "line 1: tests is `NaN`; it must be a whole number"),
        ("<testsuite tests=\"1.0\"/>", "line 1: tests is `1.0`; it must be a whole number"),
        (
            "<testsuite errors=\"99999999999999999999\"/>",
            "line 1: errors is `99999999999999999999`; it must be a whole number",
        ),
        ("<!DOCTYPE t [<!ENTITY x \"y\">]><testsuite/>", "declares entities or elements, which is refused"),
    ] {
        let refused = refusal(content);
        assert!(refused.contains(expected), "{content:?}: {refused}");
    }
    assert!(refusal(b"<testsuite>\n\xc3\x28").contains("`junit.xml` line 2 is not UTF-8"));
}

#[test]
fn every_cut_of_a_report_is_refused() {
    let whole = MIXED.trim_end().len();
    for length in 0..whole {
        let report = Written::new("junit.xml", MIXED.get(..length).unwrap());
        assert!(read_junit(&report.path).is_err(), "{length} bytes");
    }
}
