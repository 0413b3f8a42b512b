//! `.cortex-change.yaml`: what a repository says about how it is deployed, watched and rolled back.

use std::io;
use std::path::{Path, PathBuf};

use api::on_close::OnClose;
use api::plan::{ImplementationPlan, Monitor, RollbackPlan};
use api::read;
use api::request::{ChangeRequest, RollbackConditions};
use serde::Deserialize;

use crate::failure::Failure;
use crate::files::read_file_up_to;

/// The file's name in the root of a repository.
pub(crate) const FILE_NAME: &str = ".cortex-change.yaml";

/// What `cortex-change init` writes.
pub(crate) const TEMPLATE: &str = include_str!("repository_file.yaml");

/// The file's content, in the words of a request.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RepositoryFile {
    #[serde(default)]
    pub(crate) affected_services: Vec<String>,
    #[serde(default)]
    pub(crate) affected_cis: Vec<String>,
    #[serde(default)]
    pub(crate) environment: Option<String>,
    #[serde(default)]
    pub(crate) implementation_plan: Option<ImplementationPlan>,
    #[serde(default)]
    pub(crate) rollback_plan: Option<RollbackPlan>,
    #[serde(default)]
    pub(crate) monitors: Vec<Monitor>,
    #[serde(default)]
    pub(crate) rollback_conditions: Option<RollbackConditions>,
    #[serde(default)]
    pub(crate) on_close: Option<OnClose>,
    /// A coverage report that the build leaves behind, relative to the file's folder.
    #[serde(default)]
    pub(crate) coverage: Option<PathBuf>,
    /// Test reports that the build leaves behind.
    #[serde(default)]
    pub(crate) test_results: Vec<PathBuf>,
    /// Results of security scans, for `validate --security-scan`.
    #[serde(default)]
    pub(crate) security_scans: Vec<PathBuf>,
}

impl RepositoryFile {
    /// Reads a file that must be there.
    pub(crate) fn read(path: &Path) -> Result<Self, Failure> {
        Self::read_if_there(path)?.ok_or_else(|| {
            Failure::new(format!("there is no `{}`", path.display()))
                .accepted(format!("a file like {FILE_NAME}"))
                .next("`cortex-change init` writes one with comments")
        })
    }

    /// Reads a file; nothing when there is none.
    pub(crate) fn read_if_there(path: &Path) -> Result<Option<Self>, Failure> {
        let bytes = match read_file_up_to(path, read::FILE_BYTES_MAX) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => {
                return Err(Failure::new(format!("`{}` cannot be read", path.display()))
                    .caused_by(&error)
                    .next("check the path and its permissions"));
            }
        };
        let shown = path.display().to_string();
        let read: Self = read::yaml(&bytes).map_err(|error| Failure::unreadable(&shown, error))?;
        read.check().map_err(|error| {
            Failure::new(format!("`{shown}` cannot be used"))
                .at(format!("{shown}: {}", error.field), error.message)
        })?;
        Ok(Some(read))
    }

    /// Fields of the right type may still have a wrong form, such as a duration of `5x`.
    fn check(&self) -> Result<(), api::FieldError> {
        // What a file need not say takes a value that is always accepted.
        let mut request = ChangeRequest {
            change_type: "normal".to_owned(),
            category: "deployment".to_owned(),
            title: "-".to_owned(),
            ..ChangeRequest::default()
        };
        self.clone().fill(&mut request);
        let content = request.to_domain()?;
        content.validate().map_err(|error| api::FieldError::new("plan", error))
    }

    /// Puts what the file says where the request says nothing.
    pub(crate) fn fill(self, request: &mut ChangeRequest) {
        if request.affected_services.is_empty() && request.affected_cis.is_empty() {
            request.affected_services = self.affected_services;
            request.affected_cis = self.affected_cis;
        }
        request.environment = request.environment.take().or(self.environment);
        request.implementation_plan = request.implementation_plan.take().or(self.implementation_plan);
        request.rollback_plan = request.rollback_plan.take().or(self.rollback_plan);
        request.rollback_conditions = request.rollback_conditions.take().or(self.rollback_conditions);
        request.on_close = request.on_close.take().or(self.on_close);
        if request.monitors.is_empty() {
            request.monitors = self.monitors;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[&str]) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE_NAME);
        std::fs::write(&path, text).unwrap();
        let failure =
            RepositoryFile::read(&path).unwrap_err().render(crate::shell::Paint::without_color(true));
        for part in expected {
            assert!(failure.contains(part), "`{part}` is not in:\n{failure}");
        }
    }

    #[test]
    fn the_template_is_a_valid_file_with_every_part() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE_NAME);
        std::fs::write(&path, TEMPLATE).unwrap();
        let file = RepositoryFile::read(&path).unwrap();
        assert!(file.implementation_plan.is_some_and(|plan| !plan.steps.is_empty()));
        assert!(file.rollback_plan.is_some_and(|plan| plan.automated));
        assert!(!file.monitors.is_empty());
        assert!(file.rollback_conditions.is_some_and(|conditions| conditions.error_rate.is_some()));
    }

    #[test]
    fn what_is_wrong_is_named_with_its_place() {
        check("implementation_plan:\n  steps: [\n", &["cannot be used", "line "]);
        check("implementation_pan:\n  steps: []\n", &["unknown field", "implementation_pan", "line 1"]);
        check("coverage: a\ncoverage: b\n", &["duplicate", "coverage", "line 2"]);
        check(
            "implementation_plan:\n  steps:\n    - name: deploy\n      run: ./deploy\n      timeout: 5x\n",
            &["implementation_plan.steps[0].timeout", "`5x` is not a duration"],
        );
        check(
            "implementation_plan:\n  steps:\n    - name: deploy\n      run: ./deploy\n      wait: 5s\n",
            &["steps[0]", "exactly one of run, http, wait, check, manual, traffic"],
        );
        check("implementation_plan:\n  steps: []\n", &["steps", "plan"]);
        check(
            "rollback_conditions:\n  error_rate: {threshold: 500%, window: 5m, action: immediate_rollback}\n",
            &["rollback_conditions.error_rate.threshold"],
        );
    }

    #[test]
    fn the_file_fills_gaps_and_overrides_nothing() {
        let file = RepositoryFile {
            affected_services: vec!["cart".to_owned()],
            environment: Some("production".to_owned()),
            ..RepositoryFile::default()
        };
        let mut request =
            ChangeRequest { affected_cis: vec!["REDIS".to_owned()], ..ChangeRequest::default() };
        file.fill(&mut request);
        assert!(request.affected_services.is_empty(), "the request already says what is affected");
        assert_eq!(request.environment.as_deref(), Some("production"));
    }
}
