//! Test results as JUnit XML, the form that nearly every test runner can write.
//!
//! The test cases are counted; what a suite says about itself in attributes is only compared. A runner that crashed, or
//! a report that was cut and closed by hand, shows as a difference and is refused.

use std::path::Path;

use super::report::{Place, Report, ReportError};
use super::xml::{Element, Node, XmlError, XmlReader};

/// How many test cases one report may hold.
pub const MAX_TEST_CASES: u64 = 1_000_000;

/// The states by which GoogleTest and CTest mark a test case that was not run.
const NOT_RUN: &[&str] = &["notrun", "disabled"];

/// Why a report of test results could not be used.
#[derive(Debug, thiserror::Error)]
pub enum JunitError {
    /// Not a readable, bounded text file.
    #[error(transparent)]
    Report(#[from] ReportError),
    /// Not usable XML.
    #[error(transparent)]
    Xml(#[from] XmlError),
    /// Another document.
    #[error(
        "{place}: the outermost element is `<{found}>`; it must be `<testsuites>` or `<testsuite>` of JUnit XML"
    )]
    NotJunit {
        /// Where it stands.
        place: Place,
        /// The element.
        found: String,
    },
    /// An element where JUnit XML has none.
    #[error(
        "{place}: `<{element}>` stands inside {inside}; the report is damaged, have the tool write it again"
    )]
    Misplaced {
        /// Where it stands.
        place: Place,
        /// The element.
        element: String,
        /// What it stands in.
        inside: &'static str,
    },
    /// A suite's own numbers contradict its test cases.
    #[error(
        "{place}: the suite says `{attribute}=\"{declared}\"`, but its test cases show {counted}; \
         the report is incomplete, have the tool write it again"
    )]
    Disagreement {
        /// The suite.
        place: Place,
        /// Which number.
        attribute: &'static str,
        /// What the attribute says.
        declared: u64,
        /// What was counted.
        counted: u64,
    },
    /// More than [`MAX_TEST_CASES`].
    #[error("{place}: more than {MAX_TEST_CASES} test cases; split the report")]
    TooMany {
        /// The first test case too many.
        place: Place,
    },
    /// Not one test case.
    #[error(
        "{place} holds no test case, so it says nothing about the tests; run them and give the report of that run"
    )]
    NoTestCases {
        /// The file.
        place: Place,
    },
}

/// What a set of test results amounts to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TestOutcome {
    /// At least one test ran, and all that ran passed.
    Passed,
    /// At least one test failed or could not be completed.
    Failed,
    /// Every test was skipped. This is not a pass.
    NoTests,
}

/// How many test cases ended in which way. Each is counted once.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TestResults {
    passed: u64,
    failed: u64,
    errored: u64,
    skipped: u64,
}

impl TestResults {
    /// Test cases that ran without a complaint.
    pub fn passed(self) -> u64 {
        self.passed
    }

    /// Test cases with a failed expectation, and no error.
    pub fn failed(self) -> u64 {
        self.failed
    }

    /// Test cases that could not be completed.
    pub fn errored(self) -> u64 {
        self.errored
    }

    /// Test cases that were not run.
    pub fn skipped(self) -> u64 {
        self.skipped
    }

    /// How many were run, however they ended.
    pub fn executed(self) -> u64 {
        self.passed + self.failed + self.errored
    }

    /// How many there are, run or not.
    pub fn total(self) -> u64 {
        self.executed() + self.skipped
    }

    /// What they amount to.
    pub fn outcome(self) -> TestOutcome {
        if self.failed + self.errored > 0 {
            TestOutcome::Failed
        } else if self.passed > 0 {
            TestOutcome::Passed
        } else {
            TestOutcome::NoTests
        }
    }

    /// These results and those of another report together.
    #[must_use]
    pub fn merged(self, other: Self) -> Self {
        Self {
            passed: self.passed + other.passed,
            failed: self.failed + other.failed,
            errored: self.errored + other.errored,
            skipped: self.skipped + other.skipped,
        }
    }
}

/// Reads one report of test results. Reports of several runs are combined with [`TestResults::merged`].
pub fn read_junit(path: &Path) -> Result<TestResults, JunitError> {
    let report = Report::read(path)?;
    let mut xml = XmlReader::new(&report);
    let mut counter = Counter::default();
    loop {
        match xml.next()? {
            Node::Open(element) => counter.open(&element)?,
            Node::Close(name) => counter.close(&report, &name)?,
            Node::Text(_) => {}
            Node::End => break,
        }
    }
    if counter.results.total() == 0 {
        return Err(JunitError::NoTestCases { place: report.whole() });
    }
    Ok(counter.results)
}

/// Test cases counted the way suites count them: one with a failure and an error is in both numbers.
#[derive(Clone, Copy, Default)]
struct Tally {
    cases: u64,
    failures: u64,
    errors: u64,
    skipped: u64,
}

impl Tally {
    fn add(&mut self, other: Self) {
        self.cases += other.cases;
        self.failures += other.failures;
        self.errors += other.errors;
        self.skipped += other.skipped;
    }
}

/// A suite that is being read.
struct Suite {
    line: u64,
    declared: Declared,
    counted: Tally,
}

/// What a suite says about itself.
struct Declared {
    tests: Option<u64>,
    failures: Option<u64>,
    errors: Option<u64>,
    skipped: Option<u64>,
    disabled: Option<u64>,
}

impl Suite {
    fn of(element: &Element<'_>) -> Result<Self, XmlError> {
        let declared = Declared {
            tests: element.count("tests")?,
            failures: element.count("failures")?,
            errors: element.count("errors")?,
            skipped: element.count("skipped")?,
            disabled: element.count("disabled")?,
        };
        Ok(Self { line: element.line(), declared, counted: Tally::default() })
    }

    /// Numbers that a suite does not give are not compared. Disabled test cases are marked like skipped ones.
    fn check(&self, report: &Report) -> Result<(), JunitError> {
        let declared = &self.declared;
        let not_run = declared.skipped.map(|skipped| skipped.saturating_add(declared.disabled.unwrap_or(0)));
        let pairs = [
            ("tests", declared.tests, self.counted.cases),
            ("failures", declared.failures, self.counted.failures),
            ("errors", declared.errors, self.counted.errors),
            ("skipped", not_run, self.counted.skipped),
        ];
        for (attribute, declared, counted) in pairs {
            if let Some(declared) = declared.filter(|declared| *declared != counted) {
                return Err(JunitError::Disagreement {
                    place: report.at(self.line),
                    attribute,
                    declared,
                    counted,
                });
            }
        }
        Ok(())
    }
}

/// A test case that is being read.
#[derive(Default)]
struct Case {
    failure: bool,
    error: bool,
    skipped: bool,
}

#[derive(Default)]
struct Counter {
    suites: Vec<Suite>,
    case: Option<Case>,
    results: TestResults,
}

impl Counter {
    fn open(&mut self, element: &Element<'_>) -> Result<(), JunitError> {
        let name = element.name();
        let misplaced =
            |inside| JunitError::Misplaced { place: element.place(), element: element.name(), inside };
        match (name.as_str(), &mut self.case) {
            ("testsuites" | "testsuite", None) => self.suites.push(Suite::of(element)?),
            (_, None) if self.suites.is_empty() => {
                return Err(JunitError::NotJunit { place: element.place(), found: name });
            }
            ("testsuites" | "testsuite" | "testcase", Some(_)) => return Err(misplaced("a test case")),
            ("testcase", None) => {
                if self.results.total() >= MAX_TEST_CASES {
                    return Err(JunitError::TooMany { place: element.place() });
                }
                let status = element.attribute("status")?.unwrap_or_default();
                let skipped = NOT_RUN.contains(&status.as_str());
                self.case = Some(Case { skipped, ..Case::default() });
            }
            ("failure", Some(case)) => case.failure = true,
            ("error", Some(case)) => case.error = true,
            ("skipped", Some(case)) => case.skipped = true,
            ("failure" | "error", None) => return Err(misplaced("a suite")),
            _ => {}
        }
        Ok(())
    }

    fn close(&mut self, report: &Report, name: &str) -> Result<(), JunitError> {
        match name {
            "testsuites" | "testsuite" => {
                if let Some(suite) = self.suites.pop() {
                    suite.check(report)?;
                    if let Some(outer) = self.suites.last_mut() {
                        outer.counted.add(suite.counted);
                    }
                }
            }
            "testcase" => {
                if let (Some(case), Some(suite)) = (self.case.take(), self.suites.last_mut()) {
                    suite.counted.add(case.tally());
                    self.results = self.results.merged(case.result());
                }
            }
            _ => {}
        }
        Ok(())
    }
}

impl Case {
    fn tally(&self) -> Tally {
        Tally {
            cases: 1,
            failures: u64::from(self.failure),
            errors: u64::from(self.error),
            skipped: u64::from(self.skipped),
        }
    }

    /// The worst of what is said about it.
    fn result(&self) -> TestResults {
        let none = TestResults::default();
        match self {
            Self { error: true, .. } => TestResults { errored: 1, ..none },
            Self { failure: true, .. } => TestResults { failed: 1, ..none },
            Self { skipped: true, .. } => TestResults { skipped: 1, ..none },
            Self { failure: false, error: false, skipped: false } => TestResults { passed: 1, ..none },
        }
    }
}
