//! Evidence from reports: coverage, test results and findings of scanners.

use std::path::{Path, PathBuf};

use adapters::scan::coverage::{CoverageBasis, CoveredShare, read_coverage};
use adapters::scan::findings::{MostSevere, read_findings};
use adapters::scan::junit::{TestResults, read_junit};
use api::evidence::{Evidence, ReportedFinding, Tests};
use api::request::ChangeRequest;

use super::checkout::Checkout;
use crate::failure::Failure;
use crate::repository_file::RepositoryFile;

/// Most files of findings of one request.
const FINDINGS_FILES_MAX: usize = 20;

/// Which reports to read.
#[derive(Debug, Default)]
pub(super) struct Reports {
    pub(super) coverage: Option<PathBuf>,
    pub(super) test_results: Vec<PathBuf>,
    pub(super) findings: Vec<PathBuf>,
}

impl Reports {
    /// These reports, or where none was named the ones that the repository's file expects the build to leave behind.
    /// One that is not there stays unknown, which counts as untested: no build has to have run before a request.
    pub(super) fn or_left_behind(
        mut self,
        root: &Path,
        settings: Option<&RepositoryFile>,
        notes: &mut Vec<String>,
    ) -> Self {
        let Some(settings) = settings else { return self };
        let mut there = |path: &PathBuf| {
            let path = root.join(path);
            let exists = path.exists();
            if !exists {
                notes
                    .push(format!("`{}` is not there: what it would show counts as unknown", path.display()));
            }
            exists.then_some(path)
        };
        if self.coverage.is_none() {
            self.coverage = settings.coverage.as_ref().and_then(&mut there);
        }
        if self.test_results.is_empty() {
            let found: Option<Vec<_>> = settings.test_results.iter().map(&mut there).collect();
            // A part of the results could hide the failures in the rest.
            self.test_results = found.unwrap_or_default();
        }
        self
    }

    /// Reads the reports into the request's evidence. One that cannot be used is an error, never a number.
    pub(super) fn fill(
        &self,
        request: &mut ChangeRequest,
        checkout: Option<&Checkout>,
        notes: &mut Vec<String>,
    ) -> Result<(), Failure> {
        if let Some(path) = &self.coverage {
            let share = covered_share(path, checkout)?;
            let evidence = request.evidence.get_or_insert_with(Evidence::default);
            evidence.coverage_percent = Some(f64::from(share.basis_points()) / 100.0);
            evidence.coverage_basis = Some(basis(share.basis()).to_owned());
        }
        let mut results: Option<TestResults> = None;
        for path in &self.test_results {
            let read = read_junit(path).map_err(|error| Failure::of(&error))?;
            results = Some(results.map_or(read, |earlier| earlier.merged(read)));
        }
        if let Some(results) = results {
            let evidence = request.evidence.get_or_insert_with(Evidence::default);
            evidence.tests = Some(Tests {
                passed: results.passed(),
                failed: results.failed().saturating_add(results.errored()),
                skipped: results.skipped(),
            });
        }
        self.fill_findings(request, notes)
    }

    /// What scanners found replaces what a former request said they had found; the most severe ones are listed.
    fn fill_findings(&self, request: &mut ChangeRequest, notes: &mut Vec<String>) -> Result<(), Failure> {
        if self.findings.is_empty() {
            return Ok(());
        }
        if self.findings.len() > FINDINGS_FILES_MAX {
            let given = self.findings.len();
            return Err(Failure::usage(format!(
                "{given} files of findings are more than the {FINDINGS_FILES_MAX} accepted"
            )));
        }
        let (mut all, mut suppressed) = (Vec::new(), 0);
        for path in &self.findings {
            let read = read_findings(path).map_err(|error| Failure::of(&error))?;
            all.extend(read.findings);
            suppressed += read.suppressed;
        }
        let MostSevere { listed, unlisted } = MostSevere::of(all);
        if unlisted > 0 {
            let listed = listed.len();
            notes.push(format!(
                "the {listed} most severe findings are handed in, {unlisted} more are counted"
            ));
        }
        if suppressed > 0 {
            notes
                .push(format!("findings that somebody marked as no problem are not handed in: {suppressed}"));
        }
        let evidence = request.evidence.get_or_insert_with(Evidence::default);
        evidence.findings = listed.iter().map(ReportedFinding::from_domain).collect();
        evidence.findings_unlisted = Some(unlisted).filter(|count| *count > 0);
        Ok(())
    }
}

/// The share of the changed lines where git knows them, or else of the whole project.
fn covered_share(path: &Path, checkout: Option<&Checkout>) -> Result<CoveredShare, Failure> {
    let coverage = read_coverage(path).map_err(|error| Failure::of(&error))?;
    let changed =
        checkout.map(Checkout::changed_lines).transpose().map_err(|error| Failure::of(&error))?.flatten();
    match changed {
        Some(changed) => coverage.of_changed_lines(&changed).map_err(|error| Failure::of(&error)),
        None => Ok(coverage.of_whole_project()),
    }
}

fn basis(basis: CoverageBasis) -> &'static str {
    match basis {
        CoverageBasis::ChangedLines => "changed_lines",
        CoverageBasis::WholeProject => "whole_project",
    }
}
