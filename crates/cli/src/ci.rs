//! The pipeline that this process may be part of: which run it is, and how a change's id reaches the steps that follow.

use std::fs::{self, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use domain::canonical::{Digest, NotCanonical};
use domain::id::ChangeId;

use crate::environment::Environment;

/// The name under which following steps find the change's id.
const VARIABLE: &str = "change_id";
/// The file for GitLab, which the job declares as `artifacts: reports: dotenv:`.
const DOTENV_FILE: &str = "cortex-change.env";
/// Largest dotenv file that is extended, in bytes.
const DOTENV_BYTES_MAX: u64 = 1024 * 1024;
/// Separates these digests from all others.
const KEY_LABEL: &str = "cortex-change/idempotency-key/v1";

/// Variables that together name one run of one job, by provider. The first one decides whether it is this provider.
const RUNS: [&[&str]; 2] =
    [&["GITHUB_RUN_ID", "GITHUB_RUN_ATTEMPT", "GITHUB_JOB"], &["CI_PIPELINE_ID", "CI_JOB_ID"]];
/// Variables that name the repository.
const REPOSITORIES: [&str; 2] = ["GITHUB_REPOSITORY", "CI_PROJECT_PATH"];
/// Files of GitHub to which `NAME=value` lines are appended: variables of later steps, and outputs of this one.
const GITHUB_FILES: [&str; 2] = ["GITHUB_ENV", "GITHUB_OUTPUT"];

/// The change's id could not be handed to the following steps.
#[derive(Debug, thiserror::Error)]
#[error("`{}` cannot be written", path.display())]
pub(crate) struct HandOverError {
    path: PathBuf,
    source: io::Error,
}

/// The repository as the pipeline names it.
pub(crate) fn repository(environment: &Environment) -> Option<&str> {
    REPOSITORIES.into_iter().find_map(|name| environment.variable(name))
}

/// What makes two requests of one run of a job the same request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sameness<'a> {
    pub(crate) repository: Option<&'a str>,
    pub(crate) commit: Option<&'a str>,
    pub(crate) services: &'a [String],
    /// One run may deploy the same commit of a service to several environments.
    pub(crate) environment: Option<&'a str>,
}

/// The key by which the server knows a repeated request of this run; nothing outside a pipeline, where a repeated
/// command is meant.
pub(crate) fn idempotency_key(
    environment: &Environment,
    same: Sameness<'_>,
) -> Result<Option<String>, NotCanonical> {
    let Some(run) = RUNS.into_iter().find(|names| is_run(environment, names)) else { return Ok(None) };
    let run: Vec<_> = run.iter().map(|name| environment.variable(name)).collect();
    let mut services = same.services.to_vec();
    services.sort_unstable();
    let parts = (run, same.repository, same.commit, services, same.environment);
    Digest::of(KEY_LABEL, &parts).map(|digest| Some(format!("pipeline-{digest}")))
}

fn is_run(environment: &Environment, names: &[&str]) -> bool {
    names.first().is_some_and(|name| environment.variable(name).is_some())
}

/// Hands the change's id to the following steps: appends it to GitHub's files, and writes it to `dotenv`, or to a file
/// in the working folder when this is GitLab. Returns the files.
pub(crate) fn hand_over(
    environment: &Environment,
    dotenv: Option<&Path>,
    id: ChangeId,
) -> Result<Vec<PathBuf>, HandOverError> {
    let line = format!("{VARIABLE}={id}\n");
    let mut written = Vec::new();
    for path in GITHUB_FILES.into_iter().filter_map(|name| environment.path_variable(name)) {
        append(&path, &line).map_err(|source| HandOverError { path: path.clone(), source })?;
        written.push(path);
    }
    let is_gitlab = environment.variable("GITLAB_CI").is_some();
    if let Some(path) = dotenv.or(is_gitlab.then_some(Path::new(DOTENV_FILE))) {
        let path = environment.path(path);
        replace(&path, &line).map_err(|source| HandOverError { path: path.clone(), source })?;
        written.push(path);
    }
    Ok(written)
}

/// Appends a line, on a line of its own even where the file does not end in a line feed.
fn append(path: &Path, line: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().create(true).read(true).append(true).open(path)?;
    let mut last = [b'\n'];
    if file.metadata()?.len() > 0 {
        file.seek(SeekFrom::End(-1))?;
        file.read_exact(&mut last)?;
    }
    let separator = if last == [b'\n'] { "" } else { "\n" };
    file.write_all(format!("{separator}{line}").as_bytes())
}

/// Writes the line in place of an earlier one for the same variable, which a kept working folder may hold.
fn replace(path: &Path, line: &str) -> io::Result<()> {
    let earlier = match fs::metadata(path) {
        Ok(metadata) if metadata.len() > DOTENV_BYTES_MAX => {
            return Err(io::Error::other(format!(
                "more than {DOTENV_BYTES_MAX} bytes: this is no dotenv file"
            )));
        }
        Ok(_) => fs::read_to_string(path)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(error),
    };
    let is_other = |kept: &&str| kept.split_once('=').is_none_or(|(name, _)| name.trim() != VARIABLE);
    let mut text: String = earlier.lines().filter(is_other).flat_map(|kept| [kept, "\n"]).collect();
    text.push_str(line);
    fs::write(path, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAME: Sameness<'_> =
        Sameness { repository: Some("shop/cart"), commit: Some("1a2b"), services: &[], environment: None };

    fn key(variables: &[(&str, &str)], same: Sameness<'_>) -> Option<String> {
        idempotency_key(&Environment::of(Path::new("/"), variables), same).unwrap()
    }

    #[test]
    fn the_same_request_of_a_run_has_the_same_key_and_every_part_counts() {
        let github = [("GITHUB_RUN_ID", "7"), ("GITHUB_RUN_ATTEMPT", "1"), ("GITHUB_JOB", "deploy")];
        let first = key(&github, SAME).unwrap();
        assert_eq!(key(&github, SAME).as_ref(), Some(&first));

        let again = [("GITHUB_RUN_ID", "7"), ("GITHUB_RUN_ATTEMPT", "2"), ("GITHUB_JOB", "deploy")];
        let services = ["cart".to_owned(), "web".to_owned()];
        let turned = ["web".to_owned(), "cart".to_owned()];
        let others = [
            key(&again, SAME),
            key(&[("CI_PIPELINE_ID", "7"), ("CI_JOB_ID", "1")], SAME),
            key(&github, Sameness { repository: None, ..SAME }),
            key(&github, Sameness { commit: Some("3c4d"), ..SAME }),
            key(&github, Sameness { services: &services, ..SAME }),
            key(&github, Sameness { environment: Some("production"), ..SAME }),
        ];
        for other in &others {
            assert_ne!(other.as_ref().unwrap(), &first);
        }
        let order = key(&github, Sameness { services: &turned, ..SAME });
        assert_eq!(order, key(&github, Sameness { services: &services, ..SAME }));
    }

    #[test]
    fn outside_a_pipeline_there_is_no_key() {
        assert_eq!(key(&[], SAME), None);
        assert_eq!(key(&[("GITHUB_RUN_ID", ""), ("GITHUB_JOB", "deploy")], SAME), None);
    }

    fn check(earlier: Option<&str>, expected: &str, write: fn(&Path, &str) -> io::Result<()>) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        earlier.into_iter().for_each(|text| fs::write(&path, text).unwrap());
        write(&path, "change_id=CHG-2026-000001\n").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), expected);
    }

    #[test]
    fn lines_are_appended_whatever_the_file_held() {
        check(None, "change_id=CHG-2026-000001\n", append);
        check(Some("A=1\n"), "A=1\nchange_id=CHG-2026-000001\n", append);
        check(Some("A=1"), "A=1\nchange_id=CHG-2026-000001\n", append);
    }

    #[test]
    fn a_dotenv_file_has_one_line_for_the_change() {
        check(None, "change_id=CHG-2026-000001\n", replace);
        check(Some("A=1\nchange_id=CHG-2025-000009\nB=2"), "A=1\nB=2\nchange_id=CHG-2026-000001\n", replace);
    }

    #[test]
    fn a_file_is_written_for_each_provider_that_asks_for_one() {
        let folder = tempfile::tempdir().unwrap();
        let id = "CHG-2026-000001".parse().unwrap();
        let env = folder.path().join("env");
        let none = hand_over(&Environment::of(folder.path(), &[]), None, id).unwrap();
        assert!(none.is_empty());
        let github =
            Environment::of(folder.path(), &[("GITHUB_ENV", env.to_str().unwrap()), ("GITHUB_OUTPUT", "")]);
        assert_eq!(hand_over(&github, None, id).unwrap(), [env]);
        let gitlab = Environment::of(folder.path(), &[("GITLAB_CI", "true")]);
        assert_eq!(hand_over(&gitlab, None, id).unwrap(), [folder.path().join(DOTENV_FILE)]);
        assert_eq!(
            hand_over(&gitlab, Some(Path::new("other.env")), id).unwrap(),
            [folder.path().join("other.env")]
        );
    }
}
