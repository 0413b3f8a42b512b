//! Why a command did not do what it was asked, as a person reads it: what, where, the accepted form, the next step.

use std::error::Error;
use std::fmt::Write as _;

use api::read::ReadError;
use api::{ErrorItem, Problem};
use client::ClientError;

use crate::exit::ExitStatus;
use crate::login_file::LoginFileError;
use crate::shell::{Paint, plain};

/// Most causes that are told.
const CAUSES_MAX: usize = 8;
/// Gates before the start of a change, which are kept by the domain itself. Every other rule that forbids is a policy.
const GATES: [&str; 5] =
    ["valid-approvals", "conditions", "window", "deadline", "what-was-approved-is-what-runs"];

/// A failure as it is printed. Boxed, as it is part of nearly every result.
#[derive(Debug)]
pub(crate) struct Failure(Box<Report>);

#[derive(Debug)]
struct Report {
    status: ExitStatus,
    what: String,
    causes: Vec<String>,
    places: Vec<Place>,
    accepted: Option<String>,
    rule: Option<String>,
    next_step: Option<String>,
    request_id: Option<String>,
}

/// One place where something is wrong.
#[derive(Debug)]
struct Place {
    at: String,
    message: String,
    next_step: Option<String>,
}

impl Failure {
    /// An error, in a sentence without full stop.
    pub(crate) fn new(what: impl Into<String>) -> Self {
        Self(Box::new(Report {
            status: ExitStatus::Error,
            what: what.into(),
            causes: Vec::new(),
            places: Vec::new(),
            accepted: None,
            rule: None,
            next_step: None,
            request_id: None,
        }))
    }

    /// A command line that is wrong.
    pub(crate) fn usage(what: impl Into<String>) -> Self {
        Self::new(what).with_status(ExitStatus::Usage)
    }

    /// An error of ours or of a library, with its causes.
    pub(crate) fn of(error: &dyn Error) -> Self {
        let failure = Self::new(error.to_string());
        error.source().into_iter().fold(failure, Failure::caused_by)
    }

    /// Adds an error and its causes as the reason.
    #[must_use]
    pub(crate) fn caused_by(mut self, error: &dyn Error) -> Self {
        let mut cause = Some(error);
        while let Some(error) = cause.filter(|_| self.0.causes.len() < CAUSES_MAX) {
            self.0.causes.push(error.to_string());
            cause = error.source();
        }
        self
    }

    /// Adds a place.
    #[must_use]
    pub(crate) fn at(mut self, at: impl Into<String>, message: impl Into<String>) -> Self {
        self.0.places.push(Place { at: at.into(), message: message.into(), next_step: None });
        self
    }

    /// Says what would have been accepted.
    #[must_use]
    pub(crate) fn accepted(mut self, form: impl Into<String>) -> Self {
        self.0.accepted = Some(form.into());
        self
    }

    /// Says what to do next.
    #[must_use]
    pub(crate) fn next(mut self, step: impl Into<String>) -> Self {
        self.0.next_step = Some(step.into());
        self
    }

    /// Ends with another status than "error".
    #[must_use]
    pub(crate) fn with_status(mut self, status: ExitStatus) -> Self {
        self.0.status = status;
        self
    }

    /// With which status the program ends.
    pub(crate) fn status(&self) -> ExitStatus {
        self.0.status
    }

    /// The text for standard error, ended by a line feed.
    pub(crate) fn render(&self, paint: Paint) -> String {
        let mut text = format!("{} {}\n", paint.bad("error:"), plain(&self.0.what));
        let mut line = |label: &str, value: &str| {
            // Writing to a string cannot fail.
            let _infallible =
                writeln!(text, "  {} {}", paint.dim(label), plain(value).replace('\n', "\n    "));
        };
        for cause in &self.0.causes {
            line("because:", cause);
        }
        for place in &self.0.places {
            line(&format!("at {}:", plain(&place.at)), &place.message);
            place.next_step.iter().for_each(|step| line("  next:", step));
        }
        self.0.accepted.iter().for_each(|form| line("accepted:", form));
        self.0.rule.iter().for_each(|rule| line("rule:", rule));
        self.0.next_step.iter().for_each(|step| line("next:", step));
        self.0.request_id.iter().for_each(|id| line("request:", id));
        text
    }
}

/// Whether a rule about what may happen refuses, as opposed to a mistake or a moment's state.
fn is_by_policy(problem: &Problem) -> bool {
    match (problem.status, problem.rule.as_deref()) {
        (403, Some(_)) => true,
        (409, Some(rule)) => GATES.contains(&rule),
        _ => false,
    }
}

/// A refusal of the server.
impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        let mut failure = Self::new(problem.detail.clone());
        if is_by_policy(&problem) {
            failure.0.status = ExitStatus::Refused;
        }
        // A single error that only repeats the problem is no further place.
        let is_news =
            |item: &ErrorItem| item.message != problem.detail || item.next_step != problem.next_step;
        failure.0.places = problem
            .errors
            .into_iter()
            .filter(is_news)
            .map(|item| Place { at: item.at, message: item.message, next_step: item.next_step })
            .collect();
        failure.0.rule = problem.rule;
        failure.0.next_step = problem.next_step;
        failure.0.request_id = problem.request_id;
        failure
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        match error {
            ClientError::Problem(problem) => Self::from(*problem),
            other => Self::of(&other),
        }
    }
}

impl From<LoginFileError> for Failure {
    fn from(error: LoginFileError) -> Self {
        Self::of(&error)
    }
}

impl From<api::FieldError> for Failure {
    fn from(error: api::FieldError) -> Self {
        Self::new("the request does not have the accepted form").at(error.field, error.message)
    }
}

impl Failure {
    /// A file that cannot be read as what it should be.
    pub(crate) fn unreadable(file: &str, error: ReadError) -> Self {
        let failure = Self::new(format!("`{file}` cannot be used"));
        match error {
            ReadError::Form { field, message } if field == "." => failure.at(file, message),
            ReadError::Form { field, message } => failure.at(format!("{file}: {field}"), message),
            other @ (ReadError::Encoding { .. } | ReadError::TooLarge { .. } | ReadError::TooDeep { .. }) => {
                failure.at(file, other.to_string())
            }
        }
    }
}
