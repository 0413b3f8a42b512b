//! Security scans as checks of a validation. A scan that is missing, unfinished or unreadable has not passed.

use std::path::{Path, PathBuf};

use adapters::git::Repository;
use adapters::scan::findings::read_findings;
use adapters::scan::sarif::{Findings, Severity, read_sarif};
use api::command::Check;
use domain::change::FindingSeverity;
use domain::id::NAME_BYTES_MAX;

use crate::failure::Failure;
use crate::repository_file::{FILE_NAME, RepositoryFile};
use crate::shell::Shell;

/// What the files of scanners are called.
const EXTENSION: &str = "sarif";
/// Most files that are looked for in a folder.
const FILES_MAX: usize = 20;
/// Most findings that a check names.
const FINDINGS_SHOWN: usize = 5;
/// What every check of this kind is called.
const CHECK: &str = "security scan";

/// The files to check, and how strictly.
#[derive(Debug)]
pub(super) struct Scans {
    files: Vec<PathBuf>,
    fail_on: Severity,
}

impl Scans {
    /// These files, or those that the repository's file names, or every one in the working folder.
    pub(super) fn find(files: &[PathBuf], fail_on: Severity, shell: &Shell) -> Result<Self, Failure> {
        let folder = shell.environment.working_folder();
        if !files.is_empty() {
            let files: Vec<_> = files.iter().map(|file| shell.environment.path(file)).collect();
            // A mistyped name must not take a change back: nothing is handed in.
            return match files.iter().find(|file| !file.is_file()) {
                Some(missing) => {
                    Err(Failure::new(format!("there is no file `{}`", missing.display()))
                        .next("check the path"))
                }
                None => Ok(Self { files, fail_on }),
            };
        }
        let root =
            Repository::discover(folder).map_or_else(|_| folder.to_owned(), |found| found.root().to_owned());
        let settings = RepositoryFile::read_if_there(&root.join(FILE_NAME))?.unwrap_or_default();
        let files = match settings.security_scans.as_slice() {
            [] => scans_in(folder)?,
            named => named.iter().map(|file| root.join(file)).collect(),
        };
        Ok(Self { files, fail_on })
    }

    /// One check for each file; one that fails where there is no file at all.
    pub(super) fn checks(&self) -> Vec<Check> {
        if self.files.is_empty() {
            let detail = format!(
                "no scan result found: have a scanner write *.{EXTENSION} here, name it in `security_scans` of {FILE_NAME}, \
                 or give it with `--security-scan FILE`"
            );
            return vec![Check { name: CHECK.to_owned(), passed: false, detail }];
        }
        self.files.iter().map(|file| self.check(file)).collect()
    }

    fn check(&self, file: &Path) -> Check {
        let shown = file.file_name().unwrap_or_default().to_string_lossy();
        let mut name = format!("{CHECK} {shown}");
        let end = (0..=NAME_BYTES_MAX).rev().find(|at| name.is_char_boundary(*at)).unwrap_or(0);
        name.truncate(end);
        if file.extension().is_none_or(|extension| extension != EXTENSION) {
            return self.check_any(name, file);
        }
        match read_sarif(file) {
            Ok(findings) => {
                let passed = findings.at_or_above(self.fail_on).next().is_none();
                Check { name, passed, detail: self.detail(&findings) }
            }
            Err(error) => Check { name, passed: false, detail: error.to_string() },
        }
    }

    /// A file in another of the forms that scanners write: CycloneDX with vulnerabilities, osv-scanner, OSV.
    fn check_any(&self, name: String, file: &Path) -> Check {
        let (read, fail_on) = (read_findings(file), self.fail_on.to_string().parse::<FindingSeverity>());
        let (read, fail_on) = match (read, fail_on) {
            (Ok(read), Ok(fail_on)) => (read, fail_on),
            (Err(error), _) => return Check { name, passed: false, detail: error.to_string() },
            (_, Err(error)) => return Check { name, passed: false, detail: error.to_string() },
        };
        let counted: Vec<_> =
            read.findings.iter().filter(|finding| finding.counted_severity() >= fail_on).collect();
        let mut detail = format!(
            "findings at or above {fail_on}: {}; below: {}; suppressed: {}",
            counted.len(),
            read.findings.len() - counted.len(),
            read.suppressed
        );
        for finding in counted.iter().take(FINDINGS_SHOWN) {
            let component = finding.component.as_ref().map(|component| format!(" in {component}"));
            detail += &format!("; {}{}", finding.rule, component.unwrap_or_default());
        }
        Check { name, passed: counted.is_empty(), detail }
    }

    fn detail(&self, findings: &Findings) -> String {
        let counted = findings.at_or_above(self.fail_on).count();
        let mut detail = format!(
            "findings at or above {}: {counted}; below: {}; suppressed: {}; scanned by {}",
            self.fail_on,
            findings.all().len() - counted,
            findings.suppressed(),
            findings.tools().join(", ")
        );
        for finding in findings.at_or_above(self.fail_on).take(FINDINGS_SHOWN) {
            let rule = finding.rule_id.as_deref().unwrap_or("a rule without id");
            let place = finding.path.as_deref().map(|path| format!(" in {path}")).unwrap_or_default();
            let line = finding.line.map(|line| format!(":{line}")).unwrap_or_default();
            detail += &format!("; {rule}{place}{line}: {}", finding.message);
        }
        detail
    }
}

fn scans_in(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let unreadable = |error: std::io::Error| {
        Failure::new(format!("`{}` cannot be read", folder.display())).caused_by(&error)
    };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.extension().is_some_and(|extension| extension == EXTENSION) {
            files.push(path);
        }
    }
    if files.len() > FILES_MAX {
        return Err(Failure::new(format!(
            "{} *.{EXTENSION} files are here, more than {FILES_MAX}",
            files.len()
        ))
        .next(format!("name those that count: `--security-scan FILE`, or `security_scans` in {FILE_NAME}")));
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLEAN: &str = r#"{"version":"2.1.0","runs":[{"tool":{"driver":{"name":"scanner"}},"results":[]}]}"#;
    const FOUND: &str = r#"{"version":"2.1.0","runs":[{"tool":{"driver":{"name":"scanner"}},"results":[
        {"ruleId":"SQLI","level":"error","message":{"text":"query from input"}},
        {"ruleId":"STYLE","level":"note","message":{"text":"long line"}}]}]}"#;

    fn check(text: Option<&str>, fail_on: Severity) -> Check {
        let folder = tempfile::tempdir().unwrap();
        if let Some(text) = text {
            std::fs::write(folder.path().join("a.sarif"), text).unwrap();
        }
        let checks = Scans { files: scans_in(folder.path()).unwrap(), fail_on }.checks();
        assert_eq!(checks.len(), 1);
        checks.into_iter().next().unwrap()
    }

    #[test]
    fn only_a_complete_scan_without_findings_passes() {
        assert!(check(Some(CLEAN), Severity::Low).passed);
        for broken in [None, Some(""), Some("{}"), Some(r#"{"version":"2.1.0","runs":[]}"#)] {
            let check = check(broken, Severity::Critical);
            assert!(!check.passed && !check.detail.is_empty(), "{check:?}");
        }
    }

    #[test]
    fn other_forms_are_read_too() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("bom.json");
        let scans = Scans { files: vec![file.clone()], fail_on: Severity::High };
        for (text, passed, expected) in [
            (
                r#"{"bomFormat":"CycloneDX","vulnerabilities":[{"id":"CVE-1","ratings":[{"severity":"critical"}]}]}"#,
                false,
                "findings at or above high: 1; below: 0; suppressed: 0; CVE-1",
            ),
            (r#"{"bomFormat":"CycloneDX","vulnerabilities":[]}"#, true, "findings at or above high: 0"),
            (r#"{"bomFormat":"CycloneDX"}"#, false, "shows no scan"),
        ] {
            std::fs::write(&file, text).unwrap();
            let [check] = &scans.checks()[..] else { panic!("one check for one file") };
            assert_eq!(check.passed, passed, "{check:?}");
            assert!(check.detail.contains(expected), "{check:?}");
        }
    }

    #[test]
    fn findings_count_from_the_stated_severity_on() {
        assert!(check(Some(FOUND), Severity::Critical).passed);
        let high = check(Some(FOUND), Severity::High);
        assert!(
            !high.passed
                && high
                    .detail
                    .starts_with("findings at or above high: 1; below: 1; suppressed: 0; scanned by scanner")
        );
        assert!(high.detail.contains("SQLI: query from input"), "{}", high.detail);
        assert!(check(Some(FOUND), Severity::Low).detail.starts_with("findings at or above low: 2;"));
    }
}
