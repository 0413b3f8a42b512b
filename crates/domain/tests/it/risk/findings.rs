//! What scanners and policies object to raises a risk and never lowers one.

use domain::change::{Content, Evidence, FindingSeverity, PolicyFinding, ReportedFinding};
use domain::risk::{Assessment, FindingRule, Level};
use domain::text::FreeText;
use proptest::prelude::*;

use super::fixture::{assess_new, small_tested_change};
use super::{explain, one_of_each_tier};

pub(crate) fn finding(rule: &str, severity: Option<FindingSeverity>) -> ReportedFinding {
    ReportedFinding {
        rule: rule.parse().unwrap(),
        tool: "trivy".parse().unwrap(),
        severity,
        component: Some("openssl@3.0.1".parse().unwrap()),
        location: None,
        title: Some(FreeText::title("heap overflow").unwrap()),
    }
}

fn policy_finding(rule: &str, control: Option<&str>) -> PolicyFinding {
    PolicyFinding {
        rule: rule.parse().unwrap(),
        field: Some("spec.replicas".parse().unwrap()),
        value: Some(FreeText::new("1").unwrap()),
        control: control.map(|control| control.parse().unwrap()),
    }
}

fn with(change: impl FnOnce(&mut Evidence)) -> Content {
    let mut content = small_tested_change("t3");
    change(&mut content.evidence);
    content
}

fn assessed(content: &Content) -> Assessment {
    assess_new(content, &one_of_each_tier())
}

fn rules(assessment: &Assessment) -> Vec<FindingRule> {
    assessment.findings.iter().map(|finding| finding.rule).collect()
}

#[test]
fn the_worst_finding_decides_and_says_who_found_it() {
    use FindingSeverity::{Critical, High, Low, Medium};
    let clean = assessed(&with(|_| {}));
    assert_eq!((clean.level, clean.findings.len()), (Level::Low, 0));
    for (severity, tenths, level, is_refused) in [
        (Some(Low), 2, Level::Low, false),
        (Some(Medium), 10, Level::Low, true),
        (Some(High), 20, Level::Medium, true),
        (None, 20, Level::Medium, true),
        (Some(Critical), 30, Level::High, true),
    ] {
        let found = assessed(&with(|evidence| evidence.findings = vec![finding("CVE-1", severity)]));
        let part = found.factors.probability.contributions.last().unwrap();
        assert_eq!((part.source.as_str(), part.tenths), ("findings", tenths), "{severity:?}");
        assert!(part.sentence.contains("found by `trivy`; the worst is `CVE-1` in `openssl@3.0.1`"));
        assert!(found.raw_thousandths > clean.raw_thousandths, "{severity:?}");
        assert_eq!(found.level, level, "{severity:?}");
        assert_eq!(rules(&found).contains(&FindingRule::VulnerabilitiesReported), is_refused, "{severity:?}");
    }
}

#[test]
fn the_whole_explanation_of_a_change_with_findings() {
    let content = with(|evidence| {
        evidence.findings = vec![
            finding("CVE-2024-1", Some(FindingSeverity::Critical)),
            ReportedFinding { tool: "semgrep".parse().unwrap(), component: None, ..finding("SQLI", None) },
        ];
        evidence.findings_unlisted = 40;
        evidence.policy_findings = vec![
            policy_finding("two-replicas", Some("PCI-DSS:6.4")),
            policy_finding("no-latest", None),
            policy_finding("owner-label", Some("SOC2:CC8.1")),
            policy_finding("limits", Some("PCI-DSS:6.4")),
        ];
    });
    insta::assert_snapshot!(explain(&assessed(&content)));
}

#[test]
fn what_a_field_holds_is_not_copied_into_the_assessment() {
    let content = with(|evidence| {
        let value = Some(FreeText::new("Ada's password").unwrap());
        evidence.policy_findings = vec![PolicyFinding { value, ..policy_finding("no-secrets", None) }];
    });
    let stored = serde_json::to_string(&assessed(&content)).unwrap();
    assert!(stored.contains("no-secrets") && !stored.contains("password"), "{stored}");
}

#[test]
fn too_many_findings_are_refused_with_what_to_do() {
    let refused = |change: fn(&mut Evidence)| with(change).validate().unwrap_err().to_string();
    let crowded = refused(|evidence| evidence.findings = vec![finding("CVE-1", None); 101]);
    assert!(
        crowded.starts_with("101 findings are more than the 100 accepted: list the most severe"),
        "{crowded}"
    );
    let crowded = refused(|evidence| evidence.policy_findings = vec![policy_finding("a", None); 51]);
    assert!(crowded.starts_with("51 policy findings are more than the 50 accepted"), "{crowded}");
    let long = refused(|evidence| evidence.findings = vec![finding(&"x".repeat(200), None); 90]);
    assert!(long.contains("have 19620 bytes together, at most 12288 are accepted"), "{long}");
    let counted = refused(|evidence| evidence.findings_unlisted = 3);
    assert!(counted.starts_with("3 findings are counted and none is listed"), "{counted}");
}

proptest! {
    #[test]
    fn more_findings_never_lower_a_risk(
        severities in prop::collection::vec(prop::option::of(prop::sample::select(FindingSeverity::ALL)), 0..6),
        policies in 0_usize..3,
        more in prop::option::of(prop::sample::select(FindingSeverity::ALL)),
        unlisted in 0_u64..1_000,
    ) {
        let few = with(|evidence| {
            evidence.findings = severities.iter().map(|severity| finding("A", *severity)).collect();
            evidence.policy_findings = vec![policy_finding("p", None); policies];
        });
        let mut many = few.clone();
        many.evidence.findings.push(finding("B", more));
        many.evidence.findings_unlisted = unlisted;
        let (none, few, many) = (assessed(&with(|_| {})), assessed(&few), assessed(&many));
        prop_assert!(none.raw_thousandths <= few.raw_thousandths && few.raw_thousandths <= many.raw_thousandths);
        prop_assert!(none.level <= few.level && few.level <= many.level);
        prop_assert!(few.findings.len() <= many.findings.len());
    }
}
