//! Plans between the form that users write and the domain's.

use std::collections::BTreeSet;

use domain::duration::{format_duration_millis, parse_duration_millis};
use domain::id::{RunnerLabel, StepName};
use domain::plan::definition::STEP_TIMEOUT_SECONDS_DEFAULT;
use domain::plan::strategy::Spread;
use domain::plan::{self, HoldWhen};

use super::source::{credentials, read_credentials};
use super::{
    Alertmanager, Bake, Capture, Check, FindingsFile, Flag, FullHold, FullStep, Hold, Http, HttpRequest,
    ImplementationPlan, Kubernetes, Labels, Monitor, Prometheus, RollbackPlan, Run, Sql, Stage, Status, Step,
    Strategy, Tolerance, Traffic, Undo, UndoKind, UserAcceptance,
};
use crate::field::{FieldError, parse, parse_optional};

/// Timeout of a probe when the plan does not say, in milliseconds.
const PROBE_TIMEOUT_MILLIS_DEFAULT: u64 = 5_000;
/// Pause between two probes when the plan does not say, in milliseconds.
const PROBE_INTERVAL_MILLIS_DEFAULT: u64 = 1_000;

pub(super) fn millis(field: &str, text: Option<&str>, default: u64) -> Result<u64, FieldError> {
    text.map_or(Ok(default), |text| {
        parse_duration_millis(text).map_err(|error| FieldError::new(field, error))
    })
}

fn seconds(field: &str, text: Option<&str>, default: u64) -> Result<u64, FieldError> {
    let millis = millis(field, text, default.saturating_mul(1_000))?;
    if millis % 1_000 != 0 {
        return Err(FieldError::new(field, "expected whole seconds, for example `30s` or `15m`"));
    }
    Ok(millis / 1_000)
}

impl ImplementationPlan {
    /// The plan as a domain value.
    ///
    /// # Errors
    /// When a field does not have the accepted form.
    pub fn to_domain(&self) -> Result<plan::Plan, FieldError> {
        let (strategy, spread) = self.spread()?;
        let estimated = self.estimated_duration.as_deref();
        Ok(plan::Plan {
            strategy,
            steps: spread.steps.into_iter().map(plan::Step::safeguarded).collect(),
            estimated_duration_seconds: estimated
                .map(|text| seconds("estimated_duration", Some(text), 0))
                .transpose()?,
            maintenance_window: self.maintenance_window,
            soak_seconds: seconds("soak", self.soak.as_deref(), 0)?,
            stages: spread.stages,
            tolerance: spread.tolerance,
            runs_on: self.runs_on.as_ref().map_or(Ok(BTreeSet::new()), Labels::to_domain)?,
            user_acceptance: self.user_acceptance.as_ref().map(UserAcceptance::to_domain).transpose()?,
        })
    }

    /// The strategy's word, and every step and stage that runs.
    fn spread(&self) -> Result<(plan::Strategy, Spread), FieldError> {
        let word = match &self.strategy {
            None => plan::Strategy::AllAtOnce,
            Some(Strategy::Word(word)) => parse("strategy", word)?,
            Some(Strategy::Full(_)) if !self.stages.is_empty() => {
                let expected = "expected none with a strategy in full: it says the stages itself";
                return Err(FieldError::new("stages", expected));
            }
            Some(Strategy::Full(_)) if self.tolerance.is_some() => {
                let expected = "expected none with a strategy in full: it has `max_failures`";
                return Err(FieldError::new("tolerance", expected));
            }
            Some(Strategy::Full(full)) => return full.spread(&self.steps),
        };
        let stage = |(at, stage): (usize, &Stage)| {
            stage.to_domain().map_err(|error| error.under(&format!("stages[{at}]")))
        };
        let stages = self.stages.iter().enumerate().map(stage).collect::<Result<_, _>>()?;
        let tolerance = self.tolerance.as_ref().map(Tolerance::to_domain).transpose();
        let tolerance = tolerance.map_err(|error| error.under("tolerance"))?;
        Ok((word, Spread { steps: steps(&self.steps)?, stages, tolerance }))
    }

    /// The plan as users write it.
    pub fn from_domain(plan: &plan::Plan) -> Self {
        Self {
            strategy: Some(Strategy::Word(plan.strategy.as_str().to_owned())),
            steps: plan.steps.iter().map(Step::from_domain).collect(),
            stages: plan.stages.iter().map(Stage::from_domain).collect(),
            tolerance: plan.tolerance.as_ref().map(Tolerance::from_domain),
            estimated_duration: plan.estimated_duration_seconds.map(format_seconds),
            maintenance_window: plan.maintenance_window,
            soak: (plan.soak_seconds > 0).then(|| format_seconds(plan.soak_seconds)),
            runs_on: Labels::from_domain(&plan.runs_on),
            user_acceptance: plan.user_acceptance.as_ref().map(UserAcceptance::from_domain),
        }
    }
}

impl Labels {
    fn to_domain(&self) -> Result<BTreeSet<RunnerLabel>, FieldError> {
        let labels = match self {
            Self::One(label) => std::slice::from_ref(label),
            Self::Several(labels) => labels.as_slice(),
        };
        if labels.is_empty() {
            return Err(FieldError::new("runs_on", "expected at least one label, or leave it out"));
        }
        labels.iter().map(|label| parse("runs_on", label)).collect()
    }

    fn from_domain(labels: &BTreeSet<RunnerLabel>) -> Option<Self> {
        match labels.iter().map(ToString::to_string).collect::<Vec<_>>() {
            none if none.is_empty() => None,
            labels => Some(Self::Several(labels)),
        }
    }
}

impl RollbackPlan {
    /// The rollback plan as a domain value.
    ///
    /// # Errors
    /// When a field does not have the accepted form.
    pub fn to_domain(&self) -> Result<plan::RollbackPlan, FieldError> {
        let limit = self.max_duration.as_deref();
        Ok(plan::RollbackPlan {
            automated: self.automated,
            steps: steps(&self.steps)?,
            max_duration_seconds: limit.map(|text| seconds("max_duration", Some(text), 0)).transpose()?,
            quarantine: steps(&self.quarantine).map_err(|error| error.under("quarantine"))?,
        })
    }

    /// The rollback plan as users write it.
    pub fn from_domain(plan: &plan::RollbackPlan) -> Self {
        Self {
            automated: plan.automated,
            steps: plan.steps.iter().map(Step::from_domain).collect(),
            max_duration: plan.max_duration_seconds.map(format_seconds),
            quarantine: plan.quarantine.iter().map(Step::from_domain).collect(),
        }
    }
}

fn format_seconds(seconds: u64) -> String {
    format_duration_millis(seconds.saturating_mul(1_000))
}

pub(super) fn steps(steps: &[Step]) -> Result<Vec<plan::Step>, FieldError> {
    let convert =
        |(at, step): (usize, &Step)| step.to_domain(at).map_err(|error| error.under(&format!("steps[{at}]")));
    steps.iter().enumerate().map(convert).collect()
}

/// Takes the one of several alternatives that is given.
pub(super) fn exactly_one<T>(
    names: &str,
    given: Vec<Option<Result<T, FieldError>>>,
) -> Result<T, FieldError> {
    let mut given = given.into_iter().flatten();
    match (given.next(), given.next()) {
        (Some(one), None) => one,
        (None, _) => Err(FieldError::new("", format!("expected one of {names}, found none"))),
        (Some(_), Some(_)) => {
            Err(FieldError::new("", format!("expected exactly one of {names}, found several")))
        }
    }
}

impl Step {
    fn to_domain(&self, at: usize) -> Result<plan::Step, FieldError> {
        match self {
            Self::Text(text) => Ok(plan::Step {
                name: StepName::new(format!("step {}", at + 1))
                    .map_err(|error| FieldError::new("", error))?,
                kind: plan::StepKind::Manual { instructions: text.clone() },
                undo: None,
                check: None,
                timeout_seconds: plan::definition::STEP_TIMEOUT_SECONDS_MAX,
                retries: 0,
                retry_delay_millis: 0,
                idempotent: false,
                captures: Vec::new(),
                reversibility: None,
            }),
            Self::Full(step) => step.to_domain(),
        }
    }

    pub(super) fn from_domain(step: &plan::Step) -> Self {
        // What follows from the kind is not repeated.
        let touched = step.kind.touches();
        let puts_back = touched.as_ref().is_some_and(plan::Capture::can_be_put_back);
        let is_implied = |undo: &&plan::StepKind| puts_back && **undo == plan::StepKind::Restore;
        let undo = step.undo.as_ref().filter(|undo| !is_implied(undo));
        let captures = step.captures.iter().filter(|capture| touched.as_ref() != Some(*capture));
        let mut full = FullStep {
            name: step.name.to_string(),
            undo: undo.map(Undo::from_domain),
            verify: step.check.as_ref().map(Check::from_domain),
            timeout: Some(format_seconds(step.timeout_seconds)),
            retries: step.retries,
            retry_delay: (step.retries > 0).then(|| format_duration_millis(step.retry_delay_millis)),
            idempotent: step.idempotent,
            capture: captures.filter_map(Capture::from_domain).collect(),
            reversibility: step.reversibility.map(|class| class.to_string()),
            ..FullStep::default()
        };
        match &step.kind {
            plan::StepKind::Run(command) => {
                full.run = Some(Run::from_argv(&command.argv));
                full.surroundings_of(command);
            }
            plan::StepKind::Http(request) => full.http = Some(Http::from_domain(request)),
            plan::StepKind::Wait { duration_millis } => {
                full.wait = Some(format_duration_millis(*duration_millis))
            }
            plan::StepKind::Check(check) => full.check = Some(Check::from_domain(check)),
            plan::StepKind::Manual { instructions } => full.manual = Some(instructions.clone()),
            plan::StepKind::Traffic(traffic) => {
                full.traffic = Some(Traffic::from_domain(traffic));
                if let plan::Router::Programs { set, .. } = &traffic.router {
                    full.surroundings_of(set);
                }
            }
            plan::StepKind::Flag(flag) => full.flag = Some(Flag::from_domain(flag)),
            plan::StepKind::Kubernetes(step) => full.kubernetes = Some(Kubernetes::from_domain(step)),
            plan::StepKind::Sql(sql) => full.sql = Some(Sql::from_domain(sql, step.undo.as_ref())),
            // Never a step by itself: see its validation.
            plan::StepKind::Restore => {}
            plan::StepKind::Hold(hold) => full.hold = Some(Hold::from_domain(hold)),
            plan::StepKind::Bake(bake) => full.bake = Some(Bake::from_domain(bake)),
        }
        Self::Full(Box::new(full))
    }
}

impl FullStep {
    pub(super) fn to_domain(&self) -> Result<plan::Step, FieldError> {
        let kind = exactly_one(
            "run, http, wait, check, manual, traffic, flag, sql, kubernetes, hold and bake",
            vec![
                self.run.as_ref().map(|run| Ok(plan::StepKind::Run(self.command(run)))),
                self.http.as_ref().map(|http| http.to_domain().map(plan::StepKind::Http)),
                self.wait.as_deref().map(|text| {
                    millis("wait", Some(text), 0)
                        .map(|duration_millis| plan::StepKind::Wait { duration_millis })
                }),
                self.check.as_ref().map(|check| check.to_domain(self).map(plan::StepKind::Check)),
                self.manual.clone().map(|instructions| Ok(plan::StepKind::Manual { instructions })),
                self.traffic.as_ref().map(|traffic| traffic.to_domain(self).map(plan::StepKind::Traffic)),
                self.hold.as_ref().map(|hold| hold.to_domain().map(plan::StepKind::Hold)),
                self.bake.as_ref().map(|bake| bake.to_domain().map(plan::StepKind::Bake)),
                self.flag.as_ref().map(|flag| flag.to_domain().map(plan::StepKind::Flag)),
                self.sql.as_ref().map(|sql| sql.to_domain(self).map(plan::StepKind::Sql)),
                self.kubernetes.as_ref().map(|step| step.to_domain().map(plan::StepKind::Kubernetes)),
            ],
        )?;
        let capture = |(at, capture): (usize, &Capture)| {
            capture.to_domain(self).map_err(|error| error.under(&format!("capture[{at}]")))
        };
        Ok(plan::Step {
            name: parse("name", &self.name)?,
            undo: self.undo.as_ref().map(|undo| undo.to_domain(self)).transpose()?,
            check: self
                .verify
                .as_ref()
                .map(|check| check.to_domain(self).map_err(|error| error.under("verify")))
                .transpose()?,
            timeout_seconds: seconds("timeout", self.timeout.as_deref(), timeout_seconds_default(&kind))?,
            retries: self.retries,
            retry_delay_millis: millis("retry_delay", self.retry_delay.as_deref(), 1_000)?,
            idempotent: self.idempotent,
            captures: self.capture.iter().enumerate().map(capture).collect::<Result<_, _>>()?,
            kind,
            reversibility: parse_optional("reversibility", self.reversibility.as_deref())?,
        })
    }

    fn surroundings_of(&mut self, command: &plan::Command) {
        self.env.clone_from(&command.environment);
        self.pass_env.clone_from(&command.pass_environment);
        self.working_directory.clone_from(&command.working_directory);
    }

    /// A command in this step's environment and folder.
    pub(super) fn command(&self, run: &Run) -> plan::Command {
        plan::Command {
            argv: run.argv(),
            environment: self.env.clone(),
            pass_environment: self.pass_env.clone(),
            working_directory: self.working_directory.clone(),
        }
    }
}

/// Time for an attempt when the plan does not say, in seconds: a watch needs its own, a person may take long.
fn timeout_seconds_default(kind: &plan::StepKind) -> u64 {
    match kind {
        plan::StepKind::Bake(bake) => bake.timeout_seconds(),
        plan::StepKind::Hold(_) => plan::definition::STEP_TIMEOUT_SECONDS_MAX,
        plan::StepKind::Run(_)
        | plan::StepKind::Http(_)
        | plan::StepKind::Wait { .. }
        | plan::StepKind::Check(_)
        | plan::StepKind::Manual { .. }
        | plan::StepKind::Traffic(_)
        | plan::StepKind::Flag(_)
        | plan::StepKind::Sql(_)
        | plan::StepKind::Kubernetes(_)
        | plan::StepKind::Restore => STEP_TIMEOUT_SECONDS_DEFAULT,
    }
}

impl Hold {
    fn to_domain(&self) -> Result<plan::Hold, FieldError> {
        let (instructions, when) = match self {
            Self::Text(instructions) => (instructions, None),
            Self::Full(FullHold { instructions, when }) => (instructions, when.as_deref()),
        };
        let when = parse_optional("hold.when", when)?.unwrap_or(HoldWhen::Always);
        Ok(plan::Hold { instructions: instructions.clone(), when })
    }

    fn from_domain(hold: &plan::Hold) -> Self {
        let (instructions, when) = (hold.instructions.clone(), Some(hold.when.to_string()));
        Self::Full(FullHold { instructions, when })
    }
}

impl Undo {
    fn to_domain(&self, step: &FullStep) -> Result<plan::StepKind, FieldError> {
        match self {
            Self::Line(line) => Ok(plan::StepKind::Run(step.command(&Run::Shell(line.clone())))),
            Self::Full(kind) => exactly_one(
                "run, http, manual, traffic, flag, sql, kubernetes and restore",
                vec![
                    kind.run.as_ref().map(|run| Ok(plan::StepKind::Run(step.command(run)))),
                    kind.http.as_ref().map(|http| http.to_domain().map(plan::StepKind::Http)),
                    kind.manual.clone().map(|instructions| Ok(plan::StepKind::Manual { instructions })),
                    kind.traffic.as_ref().map(|traffic| traffic.to_domain(step).map(plan::StepKind::Traffic)),
                    kind.flag.as_ref().map(|flag| flag.to_domain().map(plan::StepKind::Flag)),
                    kind.sql.as_ref().map(|sql| sql.to_undo(step).map(plan::StepKind::Sql)),
                    kind.kubernetes.as_ref().map(|undo| undo.to_domain().map(plan::StepKind::Kubernetes)),
                    kind.restore.then_some(Ok(plan::StepKind::Restore)),
                ],
            )
            .map_err(|error| error.under("undo")),
        }
    }

    fn from_domain(kind: &plan::StepKind) -> Self {
        let mut undo = UndoKind::default();
        match kind {
            plan::StepKind::Run(command) => undo.run = Some(Run::from_argv(&command.argv)),
            plan::StepKind::Http(request) => undo.http = Some(Http::from_domain(request)),
            plan::StepKind::Manual { instructions } => undo.manual = Some(instructions.clone()),
            plan::StepKind::Traffic(traffic) => undo.traffic = Some(Traffic::from_domain(traffic)),
            plan::StepKind::Flag(flag) => undo.flag = Some(Flag::from_domain(flag)),
            plan::StepKind::Kubernetes(step) => undo.kubernetes = Some(Kubernetes::from_domain(step)),
            plan::StepKind::Sql(sql) => undo.sql = Some(Sql::from_domain(sql, None)),
            plan::StepKind::Restore => undo.restore = true,
            plan::StepKind::Wait { .. }
            | plan::StepKind::Check(_)
            | plan::StepKind::Hold(_)
            | plan::StepKind::Bake(_) => {}
        }
        Self::Full(Box::new(undo))
    }
}

impl Run {
    fn argv(&self) -> Vec<String> {
        match self {
            Self::Shell(line) => vec!["/bin/sh".to_owned(), "-c".to_owned(), line.clone()],
            Self::Argv(argv) => argv.clone(),
        }
    }

    pub(super) fn from_argv(argv: &[String]) -> Self {
        match argv {
            [shell, flag, line] if shell == "/bin/sh" && flag == "-c" => Self::Shell(line.clone()),
            _ => Self::Argv(argv.to_vec()),
        }
    }

    fn command(&self) -> plan::Command {
        FullStep::default().command(self)
    }
}

impl Http {
    pub(super) fn to_domain(&self) -> Result<plan::HttpRequest, FieldError> {
        let request = match self {
            Self::Url(url) => &HttpRequest { url: url.clone(), ..HttpRequest::default() },
            Self::Full(request) => request,
        };
        let expected_status = match &request.expect_status {
            None => (200, 299),
            Some(Status::One(status)) => (*status, *status),
            Some(Status::Range(text)) => {
                let invalid = || FieldError::new("http.expect_status", "expected `200` or `200-299`");
                let (first, last) = text.split_once('-').unwrap_or((text, text));
                let number = |text: &str| text.trim().parse::<u16>().map_err(|_| invalid());
                (number(first)?, number(last)?)
            }
        };
        Ok(plan::HttpRequest {
            method: request.method.as_deref().unwrap_or("GET").to_ascii_uppercase(),
            url: request.url.clone(),
            headers: request.headers.clone(),
            credentials: read_credentials(&request.token_env, &request.user, &request.password_env)
                .map_err(|error| error.under("http"))?,
            header_variables: request.headers_env.clone(),
            body: request.body.clone(),
            expected_status,
        })
    }

    pub(super) fn from_domain(request: &plan::HttpRequest) -> Self {
        let (first, last) = request.expected_status;
        let (token_env, user, password_env) = credentials(request.credentials.as_ref());
        Self::Full(HttpRequest {
            url: request.url.clone(),
            method: Some(request.method.clone()),
            headers: request.headers.clone(),
            token_env,
            user,
            password_env,
            headers_env: request.header_variables.clone(),
            body: request.body.clone(),
            expect_status: Some(Status::Range(format!("{first}-{last}"))),
        })
    }
}

/// What is asked, in whichever of the ways.
struct Asks<'a> {
    http: Option<&'a Http>,
    command: Option<plan::Command>,
    prometheus: Option<&'a Prometheus>,
    alertmanager: Option<&'a Alertmanager>,
    findings: Option<&'a FindingsFile>,
    timeout: Option<&'a str>,
}

impl Asks<'_> {
    fn probe(self) -> Result<plan::Probe, FieldError> {
        let timeout_millis = millis("timeout", self.timeout, PROBE_TIMEOUT_MILLIS_DEFAULT)?;
        let under = |name: &'static str| move |error: FieldError| error.under(name);
        exactly_one(
            "http, run, prometheus, alertmanager and findings",
            vec![
                self.http.map(|http| Ok(plan::Probe::Http { request: http.to_domain()?, timeout_millis })),
                self.command.map(|command| Ok(plan::Probe::Command { command, timeout_millis })),
                self.prometheus.map(|question| {
                    question
                        .to_domain(timeout_millis)
                        .map(plan::Probe::Prometheus)
                        .map_err(under("prometheus"))
                }),
                self.alertmanager.map(|question| {
                    question
                        .to_domain(timeout_millis)
                        .map(plan::Probe::Alertmanager)
                        .map_err(under("alertmanager"))
                }),
                self.findings.map(|question| {
                    question.to_domain().map(plan::Probe::Findings).map_err(under("findings"))
                }),
            ],
        )
    }
}

impl Check {
    fn to_domain(&self, step: &FullStep) -> Result<plan::Check, FieldError> {
        let asks = Asks {
            http: self.http.as_ref(),
            command: self.run.as_ref().map(|run| step.command(run)),
            prometheus: self.prometheus.as_deref(),
            alertmanager: self.alertmanager.as_deref(),
            findings: self.findings.as_ref(),
            timeout: self.timeout.as_deref(),
        };
        Ok(plan::Check {
            probe: asks.probe().map_err(|error| error.under("check"))?,
            interval_millis: millis(
                "check.interval",
                self.interval.as_deref(),
                PROBE_INTERVAL_MILLIS_DEFAULT,
            )?,
            successes: self.successes.unwrap_or(1),
        })
    }

    fn from_domain(check: &plan::Check) -> Self {
        let Monitor { http, run, prometheus, alertmanager, findings, timeout, .. } =
            Monitor::asking(&check.probe);
        Self {
            http,
            run,
            prometheus,
            alertmanager,
            findings,
            timeout,
            interval: Some(format_duration_millis(check.interval_millis)),
            successes: Some(check.successes),
        }
    }
}

impl Monitor {
    /// The monitor as a domain value.
    ///
    /// # Errors
    /// When a field does not have the accepted form.
    pub fn to_domain(&self) -> Result<plan::Monitor, FieldError> {
        let asks = Asks {
            http: self.http.as_ref(),
            command: self.run.as_ref().map(Run::command),
            prometheus: self.prometheus.as_deref(),
            alertmanager: self.alertmanager.as_deref(),
            findings: self.findings.as_ref(),
            timeout: self.timeout.as_deref(),
        };
        Ok(plan::Monitor {
            name: parse("name", &self.name)?,
            probe: asks.probe()?,
            interval_millis: millis("interval", self.interval.as_deref(), PROBE_INTERVAL_MILLIS_DEFAULT)?,
        })
    }

    /// The monitor as users write it.
    pub fn from_domain(monitor: &plan::Monitor) -> Self {
        Self {
            name: monitor.name.to_string(),
            interval: Some(format_duration_millis(monitor.interval_millis)),
            ..Self::asking(&monitor.probe)
        }
    }

    /// Only what is asked.
    fn asking(probe: &plan::Probe) -> Self {
        let timeout = Some(format_duration_millis(probe.timeout_millis()));
        let asked = Self { timeout, ..Self::default() };
        match probe {
            plan::Probe::Http { request, .. } => Self { http: Some(Http::from_domain(request)), ..asked },
            plan::Probe::Command { command, .. } => {
                Self { run: Some(Run::from_argv(&command.argv)), ..asked }
            }
            plan::Probe::Prometheus(question) => {
                Self { prometheus: Some(Box::new(Prometheus::from_domain(question))), ..asked }
            }
            plan::Probe::Alertmanager(question) => {
                Self { alertmanager: Some(Box::new(Alertmanager::from_domain(question))), ..asked }
            }
            plan::Probe::Findings(question) => {
                Self { findings: Some(FindingsFile::from_domain(question)), timeout: None, ..asked }
            }
        }
    }
}

impl Capture {
    fn to_domain(&self, step: &FullStep) -> Result<plan::Capture, FieldError> {
        let timeout_millis = millis("timeout", self.timeout.as_deref(), PROBE_TIMEOUT_MILLIS_DEFAULT)?;
        exactly_one(
            "file and run",
            vec![
                self.file.clone().map(|path| Ok(plan::Capture::File { path })),
                self.run
                    .as_ref()
                    .map(|run| Ok(plan::Capture::Command { command: step.command(run), timeout_millis })),
            ],
        )
    }

    /// The capture as users write it; nothing for one that only follows from a step's kind.
    fn from_domain(capture: &plan::Capture) -> Option<Self> {
        match capture {
            plan::Capture::File { path } => Some(Self { file: Some(path.clone()), ..Self::default() }),
            plan::Capture::Command { command, timeout_millis } => Some(Self {
                run: Some(Run::from_argv(&command.argv)),
                timeout: Some(format_duration_millis(*timeout_millis)),
                ..Self::default()
            }),
            plan::Capture::Weights { .. } | plan::Capture::Objects { .. } | plan::Capture::Answer { .. } => {
                None
            }
        }
    }
}
