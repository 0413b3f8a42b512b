//! What a request lacks for its level, and what others found wrong with it: each finding names the rule, says it in a
//! sentence and offers the next step.
//! A change with a finding is never approved without a person.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::circumstances::{Circumstances, RuleViolation, VersionWithdrawn};
use super::factors::{broken, has_way_back, summary, worst};
use super::level::{Level, TestingRequirement};
use crate::calendar::{Conflict, Stage, Treatment};
use crate::change::kind::words;
use crate::change::{ChangeType, Content, Evidence, FindingSeverity, Line};

words!(
    /// A rule that a request can fall short of.
    FindingRule, "finding", {
        /// There is nothing that could be approved and run.
        PlanMissing = "plan-missing",
        /// The level demands a way back.
        RollbackPlanMissing = "rollback-plan-missing",
        /// The level demands tests.
        TestEvidenceMissing = "test-evidence-missing",
        /// Tests failed, or none was run.
        TestsNotPassed = "tests-not-passed",
        /// Only a standard change model makes a change standard.
        StandardModelMissing = "standard-model-missing",
        /// Scanners found something of at least medium severity.
        VulnerabilitiesReported = "vulnerabilities-reported",
        /// Another change has the time, and this one is not to be started in it.
        ConflictingChange = "conflicting-change",
        /// The same version led to an incident before.
        VersionWithdrawn = "version-withdrawn",
        /// Somebody's policy objects.
        PolicyViolated = "policy-violated",
    }
);

/// One rule that the request falls short of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Finding {
    /// The rule.
    pub rule: FindingRule,
    /// What is wrong, in a sentence.
    pub sentence: String,
    /// What to do about it.
    pub next_step: String,
    /// The controls that ask for it, for example `SOC2:CC8.1`.
    pub controls: Vec<String>,
}

/// What `content` lacks at `level`, and what others found. A standard change that a model covers lacks nothing: the model
/// vouches for it; but no model vouches for a vulnerability.
pub(super) fn findings(
    content: &Content,
    routed_as: ChangeType,
    level: Level,
    circumstances: &Circumstances,
) -> Vec<Finding> {
    let lacking = match routed_as {
        ChangeType::Standard => Vec::new(),
        ChangeType::Normal | ChangeType::Emergency => vec![
            standard_model(content),
            plan(content),
            rollback_plan(content, level),
            test_evidence(content, level.testing()),
            tests_passed(content),
        ],
    };
    let reported = [vulnerabilities(&content.evidence), policies(&content.evidence)];
    let taken = circumstances.conflicts.iter().filter_map(taken_time);
    let withdrawn = circumstances.version_withdrawn.as_ref().and_then(withdrawn_version);
    let broken = circumstances.rules.iter().map(broken_rule);
    lacking.into_iter().chain(reported).flatten().chain(taken).chain(withdrawn).chain(broken).collect()
}

/// Another change that is to be made way for.
fn taken_time(conflict: &Conflict) -> Option<Finding> {
    let has_the_time = match (conflict.treatment, conflict.stage) {
        (Treatment::Deny, Stage::Approved | Stage::Running) => true,
        (Treatment::Deny, Stage::Proposed) | (Treatment::Ignore | Treatment::Wait, _) => false,
    };
    if !has_the_time {
        return None;
    }
    let Conflict { start, end, .. } = conflict;
    finding(
        FindingRule::ConflictingChange,
        format!("another change has the time from {start} to {end}: {}", conflict.sentence()),
        "ask `cortex-change calendar slot` for a free time, and amend the window",
        &["SOC2:CC8.1", "ISO27001:A.8.32"],
    )
}

/// What was taken back, or hurt, is not rolled out again unless somebody decides so anew.
fn withdrawn_version(before: &VersionWithdrawn) -> Option<Finding> {
    finding(
        FindingRule::VersionWithdrawn,
        before.sentence(),
        "roll out a corrected version, or have a person decide that this one may be rolled out again",
        &["SOC2:CC8.1", "ISO27001:A.8.32"],
    )
}

fn finding(
    rule: FindingRule,
    sentence: impl Into<String>,
    next_step: &str,
    controls: &[&str],
) -> Option<Finding> {
    let controls = controls.iter().map(|control| (*control).to_owned()).collect();
    Some(Finding { rule, sentence: sentence.into(), next_step: next_step.to_owned(), controls })
}

/// Called for changes that no standard change model covers.
fn standard_model(content: &Content) -> Option<Finding> {
    if content.change_type != ChangeType::Standard {
        return None;
    }
    finding(
        FindingRule::StandardModelMissing,
        "no standard change model covers this request: it is treated as a normal change",
        "submit it as a normal change, or name a model and keep within its limits",
        &["SOC2:CC8.1"],
    )
}

fn plan(content: &Content) -> Option<Finding> {
    if content.plan.as_ref().is_some_and(|plan| !plan.steps.is_empty()) {
        return None;
    }
    finding(
        FindingRule::PlanMissing,
        "there is no implementation plan: nothing says what would run",
        "write `.cortex-change.yaml` with `cortex-change init`, or hand a plan over with `--plan`",
        &["SOC2:CC8.1", "ISO27001:A.8.32"],
    )
}

fn rollback_plan(content: &Content, level: Level) -> Option<Finding> {
    if level == Level::Low || has_way_back(content) {
        return None;
    }
    finding(
        FindingRule::RollbackPlanMissing,
        format!("{level} risk requires a rollback plan, and there is none"),
        "add a `rollback_plan` with steps, or an `undo` to every step of the plan",
        &["SOC2:CC8.1", "ISO27001:A.8.32"],
    )
}

fn test_evidence(content: &Content, required: TestingRequirement) -> Option<Finding> {
    if content.evidence.tests.is_some() {
        return None;
    }
    let tests = match required {
        TestingRequirement::NotApplicable => return None,
        TestingRequirement::Unit => "unit tests",
        TestingRequirement::UnitAndSmoke => "unit and smoke tests",
        TestingRequirement::Integration => "integration tests",
        TestingRequirement::FullStaging => "full tests in staging",
    };
    finding(
        FindingRule::TestEvidenceMissing,
        format!("{tests} are required, and no results came with the request"),
        "hand the results over with `--test-results`",
        &["SOC2:CC8.1", "ISO27001:A.8.29"],
    )
}

fn tests_passed(content: &Content) -> Option<Finding> {
    let tests = content.evidence.tests.filter(|tests| !tests.all_passed())?;
    let sentence = if tests.failed > 0 {
        format!("tests failed: {}", tests.failed)
    } else {
        "no test was run".to_owned()
    };
    let next_step = "make the tests pass, then amend the change with their results";
    finding(FindingRule::TestsNotPassed, sentence, next_step, &["SOC2:CC8.1", "ISO27001:A.8.29"])
}

fn vulnerabilities(evidence: &Evidence) -> Option<Finding> {
    let worst =
        worst(&evidence.findings).filter(|worst| worst.counted_severity() >= FindingSeverity::Medium)?;
    finding(
        FindingRule::VulnerabilitiesReported,
        format!("scanners object: {}", summary(evidence, worst)),
        "repair them and amend the change with the new scan, or ask the authorities to accept them",
        &["SOC2:CC7.1", "ISO27001:A.8.8"],
    )
}

fn broken_rule(violation: &RuleViolation) -> Finding {
    Finding {
        rule: FindingRule::PolicyViolated,
        sentence: violation.told(),
        next_step: violation.next_step.clone(),
        controls: violation.controls.clone(),
    }
}

fn policies(evidence: &Evidence) -> Option<Finding> {
    let policies = &evidence.policy_findings;
    if policies.is_empty() {
        return None;
    }
    let controls: BTreeSet<&str> =
        policies.iter().filter_map(|one| one.control.as_ref()).map(Line::as_str).collect();
    let controls: Vec<&str> = controls.into_iter().collect();
    finding(
        FindingRule::PolicyViolated,
        format!("policies object: {}", broken(policies)),
        "correct what they name and amend the change, or ask the authorities to accept it",
        &controls,
    )
}
