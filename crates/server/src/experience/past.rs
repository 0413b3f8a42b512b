//! Past changes as they were handed in, and what came of them.

use domain::Timestamp;
use domain::actor::{ActorKind, Directory};
use domain::change::{Change, ChangedFiles, Evidence, Found, Outcome, ReviewFinding, State};
use domain::history::{
    ChangedBy, ExternalId, FILES_MAX, HistoryEvent, PastChange, RequesterKey, SourceSystem,
};
use domain::risk::{Assessment, Circumstances, Factors, HealthState};
use prediction::{Correction, Known, Submission};

use super::Said;
use crate::known::has_failed;

/// For so many seconds after a change was closed, a failure may still show. Only then its outcome teaches.
pub(crate) const WAITING_SECONDS: i64 = 86_400;
/// Tenths of the automation factor that each of its parts adds.
const AUTOMATION_PARTS: [&str; 3] = ["implementation", "rollback", "validation"];

/// A past change.
#[derive(Debug, Clone)]
pub(crate) struct Past {
    /// Its id; of an imported change its source and its id there.
    pub reference: String,
    /// What was known when it was handed in.
    pub submission: Submission,
    /// What came of it, and when that was known.
    pub known: Known,
    /// How it ended.
    pub outcome: Outcome,
    /// What the last review that said so found of that.
    pub finding: Option<ReviewFinding>,
    /// What was said of it; nothing of a change of another system.
    pub said: Option<Said>,
}

impl Past {
    /// A change of ours that was closed after it had been started; nothing for any other one.
    pub(crate) fn of(change: &Change, directory: &Directory) -> Option<Self> {
        let State::Closed(closed) = &change.state else { return None };
        // What it was judged by is what teaches: an amended change was handed in anew.
        let (assessment, at) = (change.assessment()?, change.assessed_at?);
        let known_at = closed.at.as_second().saturating_add(WAITING_SECONDS);
        let found = |found: &Found| Correction {
            at: found.at.as_second(),
            failed: has_failed(closed.outcome, Some(found.finding)),
        };
        let known = Known {
            known_at,
            failed: has_failed(closed.outcome, None),
            corrections: change.findings.iter().map(found).collect(),
        };
        let failed = known.has_failed();
        Some(Self {
            reference: change.id.to_string(),
            submission: submission(change, assessment, directory, at),
            known,
            outcome: closed.outcome,
            finding: change.found().map(|found| found.finding),
            said: Some(Said::of(change.id, &assessment.failure, change.created_at, (known_at, failed))),
        })
    }

    /// The change of another system that an event of imported history tells of.
    pub(crate) fn told_by(event: &HistoryEvent) -> Option<Self> {
        match event {
            HistoryEvent::SourceAdded { .. } => None,
            HistoryEvent::Imported { source, external_id, requester_key, change } => {
                Self::imported(source, external_id, requester_key.as_ref(), change)
            }
        }
    }

    fn imported(
        source: &SourceSystem,
        id: &ExternalId,
        requester: Option<&RequesterKey>,
        change: &PastChange,
    ) -> Option<Self> {
        // What was given up before it began says nothing about failing.
        let failed = change.failed()?;
        let text = |text: &Option<domain::text::FreeText>| {
            text.as_ref().map_or_else(String::new, |text| text.as_str().to_owned())
        };
        let churn = change.churn;
        let submission = Submission {
            at: change.submitted_at.as_second(),
            change_type: change.change_type.to_string(),
            category: change.category.to_string(),
            requester: requester.map_or_else(String::new, |key| format!("{source}/{key}")),
            services: change.services.iter().map(ToString::to_string).collect(),
            cis: change.cis.iter().map(ToString::to_string).collect(),
            files: change.files.iter().map(|path| (path.to_string(), 0)).collect(),
            lines: churn.lines(),
            files_changed: churn.files,
            folders_changed: churn.directories,
            cis_changed: churn.cis,
            coverage_permille: change.coverage.map(|share| share.get() / 10),
            tests_passed: change.tests_passed,
            by_agent: change.by.map(|by| by == ChangedBy::Agent),
            is_fix: change.is_fix,
            is_revert: change.is_revert,
            title: text(&change.title),
            description: text(&change.description),
            ..Submission::default()
        };
        Some(Self {
            reference: format!("{source}/{id}"),
            submission,
            known: Known::new(change.outcome_known_at.as_second(), failed),
            outcome: change.outcome,
            finding: None,
            said: None,
        })
    }
}

/// What is known of a change at the moment at which it is handed in.
pub(crate) fn submission(
    change: &Change,
    assessment: &Assessment,
    directory: &Directory,
    at: Timestamp,
) -> Submission {
    let content = &change.content;
    let requester = change.on_behalf_of.as_ref().unwrap_or(&change.created_by);
    let kind = directory.get(&change.created_by).map(|actor| actor.kind);
    let evidence = &content.evidence;
    Submission {
        at: at.as_second(),
        change_type: content.change_type.to_string(),
        category: content.category.to_string(),
        requester: requester.to_string(),
        services: content.affected_services.iter().map(ToString::to_string).collect(),
        cis: content.affected_cis.iter().map(ToString::to_string).collect(),
        files: files(evidence),
        tier: Some(assessment.blast_radius.highest_tier.number()),
        dependents: Some(u64::from(assessment.blast_radius.dependents_count)),
        lines: evidence.churn.map(|churn| churn.lines),
        files_changed: evidence.churn.map(|churn| churn.files),
        folders_changed: evidence.churn.map(|churn| churn.directories),
        cis_changed: u64::try_from(content.affected_cis.len()).ok(),
        changes_configuration: evidence.configuration_change,
        changes_schema: evidence.schema_change,
        coverage_permille: evidence.coverage.map(|coverage| coverage.share.get() / 10),
        tests_passed: evidence.tests.map(domain::change::TestResults::all_passed),
        automated: automated(&assessment.factors).map(Some),
        by_agent: kind.map(|kind| kind == ActorKind::Agent),
        is_fix: evidence.is_fix,
        is_revert: evidence.is_revert,
        system_health_permille: health(&assessment.circumstances),
        recent_incidents: Some(assessment.circumstances.incidents.anywhere),
        title: content.title.as_str().to_owned(),
        description: content.description.as_ref().map_or_else(String::new, |text| text.as_str().to_owned()),
    }
}

/// The share of queries that say that the system is healthy; nothing where none is asked.
fn health(circumstances: &Circumstances) -> Option<u16> {
    let readings = &circumstances.health;
    let healthy = readings.iter().filter(|reading| reading.state == HealthState::Healthy).count();
    u16::try_from((healthy * 1_000).checked_div(readings.len())?).ok()
}

/// As many files as imported changes name, so that what is learned from those holds for ours.
fn files(evidence: &Evidence) -> Vec<(String, u64)> {
    let listed = evidence.files.iter().flat_map(ChangedFiles::listed).take(FILES_MAX);
    listed.map(|(path, lines)| (path.to_owned(), lines)).collect()
}

/// Whether it is carried out, taken back and checked without hands, as the assessment found.
fn automated(factors: &Factors) -> [bool; 3] {
    AUTOMATION_PARTS.map(|part| {
        let parts = &factors.automation_level.contributions;
        parts.iter().any(|contribution| contribution.source.contains(part) && contribution.tenths > 0)
    })
}
