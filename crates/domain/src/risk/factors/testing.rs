//! Testing coverage: the covered share of the changed lines, halved unless the tests are known to have passed.

use super::{Contribution, FactorValue, Weighed};
use crate::change::{CoverageBasis, Evidence};
use crate::risk::missing::{Fact, MissingFact};

pub(super) fn weigh(evidence: &Evidence) -> Weighed {
    let mut missing = Vec::new();
    let coverage = coverage(evidence, &mut missing);
    let results = results(evidence, coverage.tenths, &mut missing);
    Weighed { factor: FactorValue::of([Some(coverage), results].into_iter().flatten().collect()), missing }
}

fn coverage(evidence: &Evidence, missing: &mut Vec<MissingFact>) -> Contribution {
    let Some(coverage) = evidence.coverage else {
        let sentence = "test coverage is not known: counted as none; hand over a report with `--coverage`";
        missing.push(MissingFact::of_request(Fact::Coverage, sentence));
        return Contribution::new("coverage", 0, "test coverage is not known");
    };
    let of_what = match coverage.basis {
        CoverageBasis::ChangedLines => "of the changed lines are covered",
        CoverageBasis::WholeProject => "of the project is covered; no changed line can be executed",
        CoverageBasis::Declared => "of the changed lines are covered, as the requester declares",
    };
    let tenths = i16::try_from(coverage.share.get() / 100).unwrap_or(0);
    Contribution::new("coverage", tenths, format!("{} {of_what}", coverage.share))
}

fn results(
    evidence: &Evidence,
    coverage_tenths: i16,
    missing: &mut Vec<MissingFact>,
) -> Option<Contribution> {
    let kept = coverage_tenths / 2;
    let halved = |sentence: String| Some(Contribution::new("test_results", kept - coverage_tenths, sentence));
    match evidence.tests {
        Some(tests) if tests.all_passed() => None,
        Some(tests) if tests.failed > 0 => halved(format!("halved: failed tests: {}", tests.failed)),
        Some(_) => halved("halved: no test was run".to_owned()),
        None => {
            let sentence =
                "how the tests ended is not known: coverage counts half; hand over `--test-results`";
            missing.push(MissingFact::of_request(Fact::Tests, sentence));
            halved("halved: how the tests ended is not known".to_owned())
        }
    }
}
