//! A request for a change, put together from what was typed, a file, the repository's own file, git and reports.
//!
//! What was typed counts most, then the file given with `--file`, then `.cortex-change.yaml`, then git. A fact that no
//! source gives stays absent: the assessment names it and takes it cautiously.

mod checkout;
mod reports;
mod window;

use std::path::{Path, PathBuf};

use api::read::{self, FILE_BYTES_MAX};
use api::request::{ChangeRequest, Source};
use domain::canonical::Digest;
use domain::change::cause::Cause;
use domain::change::{Category, ChangeType};
use domain::id::{ActorName, CiName, EnvironmentName, ServiceName};

use crate::args::word;
use crate::ci;
use crate::failure::Failure;
use crate::repository_file::{FILE_NAME, RepositoryFile};
use crate::shell::Shell;
use checkout::Checkout;
use reports::Reports;
pub(crate) use window::WindowArg;

/// Accepted impact and urgency.
const MAGNITUDES: [&str; 4] = ["critical", "high", "medium", "low"];

/// What a request may be made of.
#[derive(Debug, Clone, Default, PartialEq, clap::Args)]
pub(crate) struct RequestArgs {
    /// ITIL change type
    #[arg(long = "type", value_name = "TYPE", value_parser = word(ChangeType::ALL))]
    change_type: Option<ChangeType>,
    /// What kind of thing is changed
    #[arg(long, value_parser = word(Category::ALL))]
    category: Option<Category>,
    /// A service that is changed; repeat for each
    #[arg(long = "service", value_name = "NAME")]
    services: Vec<ServiceName>,
    /// A configuration item that is changed; repeat for each
    #[arg(long = "ci", value_name = "ID")]
    cis: Vec<CiName>,
    /// Branch or tag that is rolled out; also as `refs/heads/main`
    #[arg(long, value_name = "REF")]
    branch: Option<String>,
    /// Commit that is rolled out; the one that is checked out when absent
    #[arg(long)]
    commit: Option<String>,
    /// An artefact that is rolled out, with its digest; repeat for each
    #[arg(long = "artefact", value_name = "NAME=DIGEST", value_parser = artefact)]
    artefacts: Vec<(String, String)>,
    /// One line; the commit's subject when absent
    #[arg(long, value_name = "TEXT")]
    title: Option<String>,
    /// What is done; the commit's message when absent
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// Why it is done
    #[arg(long, value_name = "TEXT")]
    justification: Option<String>,
    /// What it may affect, in words
    #[arg(long, value_name = "TEXT")]
    impact_assessment: Option<String>,
    /// How it was and will be tested, in words
    #[arg(long, value_name = "TEXT")]
    testing_strategy: Option<String>,
    /// How much depends on it
    #[arg(long, value_name = "SIZE", value_parser = MAGNITUDES)]
    impact: Option<String>,
    /// How soon it is needed
    #[arg(long, value_name = "SIZE", value_parser = MAGNITUDES)]
    urgency: Option<String>,
    /// Where it is changed
    #[arg(long, value_name = "NAME")]
    environment: Option<EnvironmentName>,
    /// When it may be started, as `2026-01-31T14:00:00Z/2026-01-31T16:00:00Z`
    #[arg(long, value_name = "START/END")]
    window: Option<WindowArg>,
    /// File with plan, rollback plan and monitors, in the form of `.cortex-change.yaml`, which is read when absent
    #[arg(long, value_name = "FILE")]
    plan: Option<PathBuf>,
    /// Coverage report: lcov or Cobertura
    #[arg(long, value_name = "FILE")]
    coverage: Option<PathBuf>,
    /// Test reports: JUnit
    #[arg(long, value_name = "FILE", num_args = 1..)]
    test_results: Vec<PathBuf>,
    /// Findings of a scanner: SARIF, CycloneDX, osv-scanner or OSV as JSON; repeat for each. They never lower the risk
    #[arg(long, value_name = "FILE")]
    findings: Vec<PathBuf>,
    /// What led to it: a change, an incident, or `task:` and an identifier of your own
    #[arg(long, value_name = "CAUSE")]
    caused_by: Option<Cause>,
    /// Report of a check that data stay encrypted at rest and in transit: a file, of which name and digest are kept, or a link
    #[arg(long, value_name = "REPORT")]
    encryption_check: Option<String>,
    /// In whose name it is asked for, when not in one's own
    #[arg(long, value_name = "NAME")]
    requested_by: Option<ActorName>,
    /// A whole request as JSON or YAML, `-` for standard input; git is then asked only with --commit or --branch
    #[arg(long, value_name = "FILE")]
    file: Option<String>,
}

/// A request, and what should be said about how it came about.
#[derive(Debug)]
pub(crate) struct Assembled {
    pub(crate) request: ChangeRequest,
    pub(crate) notes: Vec<String>,
}

impl RequestArgs {
    /// A new request from every source. What no source gives is named, all of it at once.
    pub(crate) fn assemble(&self, shell: &Shell) -> Result<Assembled, Failure> {
        let base = self.file.as_deref().map(|file| read_request(shell, file)).transpose()?;
        let asks_git = base.is_none() || self.commit.is_some() || self.branch.is_some();
        let reads_repository_file = base.is_none();
        let assembled = self.complete(base.unwrap_or_default(), shell, asks_git, reads_repository_file)?;
        self.check_complete(&assembled.request)?;
        check_form(&assembled.request)?;
        Ok(assembled)
    }

    /// Whether nothing was typed.
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// An existing request with what was typed put in its place. Git is asked only about another commit.
    pub(crate) fn amend(&self, current: ChangeRequest, shell: &Shell) -> Result<Assembled, Failure> {
        let mut base = match self.file.as_deref() {
            Some(file) => read_request(shell, file)?,
            None => current,
        };
        let is_another_commit = self.commit.is_some() || self.branch.is_some();
        if is_another_commit {
            // What is known of the former commit says nothing about this one.
            (base.source, base.evidence) = (None, None);
        }
        // Coverage is a share of the lines that the commit changed.
        let asks_git = is_another_commit || self.coverage.is_some();
        if self.plan.is_some() {
            (base.implementation_plan, base.rollback_plan, base.rollback_conditions) = (None, None, None);
            (base.on_close, base.monitors) = (None, Vec::new());
        }
        let assembled = self.complete(base, shell, asks_git, false)?;
        check_form(&assembled.request)?;
        Ok(assembled)
    }

    fn complete(
        &self,
        mut request: ChangeRequest,
        shell: &Shell,
        asks_git: bool,
        reads_repository_file: bool,
    ) -> Result<Assembled, Failure> {
        let environment = &shell.environment;
        let mut notes = Vec::new();
        let known_commit = request.source.as_ref().and_then(|source| source.commit.as_deref());
        let revision = self.commit.as_deref().or(self.branch.as_deref()).or(known_commit);
        let checkout =
            if asks_git { Checkout::find(environment.working_folder(), revision, &mut notes)? } else { None };
        let root = checkout.as_ref().map_or(environment.working_folder(), Checkout::root);
        let settings = match &self.plan {
            Some(path) => Some(RepositoryFile::read(&environment.path(path))?),
            None if reads_repository_file => RepositoryFile::read_if_there(&root.join(FILE_NAME))?,
            None => None,
        };
        let reports = Reports {
            coverage: self.coverage.as_ref().map(|path| environment.path(path)),
            test_results: self.test_results.iter().map(|path| environment.path(path)).collect(),
            findings: self.findings.iter().map(|path| environment.path(path)).collect(),
        };
        let reports = reports.or_left_behind(root, settings.as_ref(), &mut notes);

        self.overlay(&mut request);
        if let Some(settings) = settings {
            settings.fill(&mut request);
        }
        match &checkout {
            Some(checkout) => checkout.fill(&mut request),
            None => {
                if let Some(source) = &mut request.source {
                    source.repository =
                        source.repository.take().or(ci::repository(environment).map(str::to_owned));
                }
            }
        }
        reports.fill(&mut request, checkout.as_ref(), &mut notes)?;
        if let Some(report) = &self.encryption_check {
            let evidence = request.evidence.get_or_insert_default();
            evidence.encryption_check = Some(named_report(shell, report)?);
        }
        Ok(Assembled { request, notes })
    }

    /// Puts what was typed in its place.
    fn overlay(&self, request: &mut ChangeRequest) {
        fn put<T: ToString>(slot: &mut Option<String>, typed: Option<&T>) {
            if let Some(typed) = typed {
                *slot = Some(typed.to_string());
            }
        }
        self.change_type.iter().for_each(|typed| request.change_type = typed.to_string());
        self.category.iter().for_each(|typed| request.category = typed.to_string());
        self.title.iter().for_each(|typed| request.title.clone_from(typed));
        put(&mut request.description, self.description.as_ref());
        put(&mut request.justification, self.justification.as_ref());
        put(&mut request.impact_assessment, self.impact_assessment.as_ref());
        put(&mut request.testing_strategy, self.testing_strategy.as_ref());
        put(&mut request.impact, self.impact.as_ref());
        put(&mut request.urgency, self.urgency.as_ref());
        put(&mut request.caused_by, self.caused_by.as_ref());
        put(&mut request.environment, self.environment.as_ref());
        put(&mut request.requested_by, self.requested_by.as_ref());
        if let Some(window) = &self.window {
            request.window = Some(window.to_wire());
        }
        if !self.services.is_empty() {
            request.affected_services = self.services.iter().map(ToString::to_string).collect();
        }
        if !self.cis.is_empty() {
            request.affected_cis = self.cis.iter().map(ToString::to_string).collect();
        }
        if self.branch.is_some() || self.commit.is_some() || !self.artefacts.is_empty() {
            let source = request.source.get_or_insert_with(Source::default);
            put(&mut source.commit, self.commit.as_ref());
            put(
                &mut source.branch,
                self.branch.as_deref().map(adapters::git::branch_name).map(str::to_owned).as_ref(),
            );
            source.artefacts.extend(self.artefacts.iter().cloned());
        }
    }

    /// Names everything that is missing, each with its accepted form.
    fn check_complete(&self, request: &ChangeRequest) -> Result<(), Failure> {
        let words = |all: Vec<String>| format!("one of {}", all.join(", "));
        let mut missing = Vec::new();
        if request.change_type.is_empty() {
            missing.push(("--type TYPE", words(ChangeType::ALL.iter().map(ToString::to_string).collect())));
        }
        if request.category.is_empty() {
            missing.push((
                "--category CATEGORY",
                words(Category::ALL.iter().map(ToString::to_string).collect()),
            ));
        }
        if request.title.is_empty() {
            missing.push(("--title TEXT", "one line; no commit is here to take it from".to_owned()));
        }
        // A file is a request as another system wrote it, which may leave to the assessment what it does not know.
        if request.affected_services.is_empty() && request.affected_cis.is_empty() && self.file.is_none() {
            missing.push(("--service NAME or --ci ID", "what is changed, repeated for each".to_owned()));
        }
        if missing.is_empty() {
            return Ok(());
        }
        let failure = Failure::usage("the request is not complete");
        let failure = missing.into_iter().fold(failure, |failure, (flag, form)| failure.at(flag, form));
        Err(failure.next(format!("give these, or run it in a git checkout with a `{FILE_NAME}`")))
    }
}

/// Checks the form here, so that a mistake is found without a server and before anything is written.
fn check_form(request: &ChangeRequest) -> Result<(), Failure> {
    let content = request.to_domain()?;
    content.validate().map_err(|error| Failure::of(&error).next("correct the plan and try again"))
}

fn read_request(shell: &Shell, file: &str) -> Result<ChangeRequest, Failure> {
    let bytes = shell.read_input(file)?;
    let extension = Path::new(file).extension().and_then(|extension| extension.to_str());
    let is_json = match extension {
        Some("json") => true,
        Some("yaml" | "yml") => false,
        Some(_) | None => bytes.trim_ascii_start().first() == Some(&b'{'),
    };
    let result = if is_json { read::json(&bytes, FILE_BYTES_MAX) } else { read::yaml(&bytes) };
    result.map_err(|error| Failure::unreadable(if file == "-" { "standard input" } else { file }, error))
}

/// How a request names a report: a link as it is, a file by its name and the digest of what is in it.
fn named_report(shell: &Shell, report: &str) -> Result<String, Failure> {
    if report.contains("://") {
        return Ok(report.to_owned());
    }
    let digest = Digest::of_bytes(&shell.read_input(report)?);
    let name = Path::new(report).file_name().unwrap_or_default().to_string_lossy();
    Ok(format!("{name} sha256:{digest}"))
}

fn artefact(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, digest)) if !name.is_empty() && !digest.is_empty() => {
            Ok((name.to_owned(), digest.to_owned()))
        }
        Some(_) | None => Err("expected a name and a digest, such as `cart=sha256:1a2b…`".to_owned()),
    }
}
