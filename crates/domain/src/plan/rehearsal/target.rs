//! Where a rehearsal goes: what stands in the place of what the plan names.
//!
//! Nothing is guessed: whatever could reach production must be sent elsewhere by the target, or be named as something
//! that may be done as it stands. What is neither is refused before anything runs.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::Rehearsable;
use crate::change::Line;
use crate::id::StepName;
use crate::plan::definition::{
    Capture, Check, Command, HttpRequest, Plan, Probe, RollbackPlan, Step, StepKind,
};
use crate::plan::kinds::{
    Cluster, Flag, Kubernetes, KubernetesAction, Objects, ReadBack, Router, Script, Sql, Traffic,
};
use crate::plan::task::{Part, Task};

/// Most texts that a target replaces, and most variables that it gives.
pub const REPLACEMENTS_MAX: usize = 100;

/// What stands in the place of production.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Its name.
    pub name: Line,
    /// Text to the text that stands in its place, in programs, addresses, paths, statements and bodies.
    pub replace: BTreeMap<String, String>,
    /// Variable that a step takes from the runner's environment to the variable whose value it gets instead.
    pub variables: BTreeMap<String, String>,
    /// The cluster in the place of every cluster.
    pub kubernetes: Option<Somewhere>,
    /// Steps that may be done as they stand, apart from what is replaced in them.
    pub as_is: BTreeSet<StepName>,
    /// Texts of which none may be left in anything that is done.
    pub never: BTreeSet<String>,
}

/// Another cluster, or another place in one.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Somewhere {
    /// The kubeconfig file.
    pub kubeconfig: Option<String>,
    /// The context of the kubeconfig.
    pub context: Option<String>,
    /// The namespace.
    pub namespace: Option<String>,
}

/// Something that would be done where it counts.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{task}: {what}")]
pub struct NotElsewhere {
    /// The task.
    pub task: Task,
    /// What would be done there, and what to say about it.
    pub what: String,
}

impl Target {
    /// What is rehearsed, with everything sent to this target.
    ///
    /// # Errors
    /// Everything that would still be done where it counts.
    pub fn send(
        &self,
        plan: &Plan,
        rollback_plan: Option<&RollbackPlan>,
    ) -> Result<Rehearsable, Vec<NotElsewhere>> {
        let Rehearsable { mut plan, mut rollback_plan, left_out } = Rehearsable::of(plan, rollback_plan);
        let mut faults = Vec::new();
        let mut sent = |steps: &mut Vec<Step>, part| {
            for step in steps {
                let before = std::mem::replace(step, self.step(step));
                faults.extend(self.faults(part, &before, step));
            }
        };
        sent(&mut plan.steps, Part::Step);
        sent(&mut rollback_plan.steps, Part::RollbackStep);
        let is_known =
            |name: &StepName| plan.steps.iter().chain(&rollback_plan.steps).any(|step| step.name == *name);
        faults.extend(self.as_is.iter().filter(|name| !is_known(name)).map(|name| NotElsewhere {
            task: Task::new(Part::Step, name.clone()),
            what: "`as_is` names it, and the plan has no such step to rehearse".to_owned(),
        }));
        if faults.is_empty() { Ok(Rehearsable { plan, rollback_plan, left_out }) } else { Err(faults) }
    }

    /// What is wrong with a step as it would be done.
    fn faults(&self, part: Part, before: &Step, after: &Step) -> Vec<NotElsewhere> {
        let mut faults = Vec::new();
        let is_as_is = self.as_is.contains(&before.name);
        let undo = before.undo.as_ref().zip(after.undo.as_ref());
        let kinds = [(part, Some((&before.kind, &after.kind))), (Part::Undo, undo)];
        for (part, (before_kind, after_kind)) in kinds.into_iter().filter_map(|(part, it)| Some((part, it?)))
        {
            let task = Task::new(part, before.name.clone());
            let mut fault = |what: String| faults.push(NotElsewhere { task: task.clone(), what });
            if !is_as_is && !self.is_elsewhere(before_kind, after_kind) {
                fault(
                    "it would be done where it counts: have the target `replace` what it names, or name the step under \
                     `as_is` if it touches nothing of production"
                        .to_owned(),
                );
            }
            for variable in
                variables(after_kind).into_iter().filter(|name| !self.variables.contains_key(*name))
            {
                fault(format!(
                    "it takes `{variable}` from the runner's environment: say under `variables` which variable it gets"
                ));
            }
            for text in self.never.iter().filter(|text| says(after_kind, text)) {
                fault(format!("`{text}` is left in it, which must never be"));
            }
        }
        let captures = before.captures.iter().zip(&after.captures);
        let here = captures.filter(|(before, after)| !is_as_is && !self.saves_elsewhere(before, after));
        let task = Task::new(part, before.name.clone());
        faults.extend(here.map(|(before, _)| NotElsewhere {
            task: task.clone(),
            what: format!("it saves {} where it counts: have the target `replace` it", captured(before)),
        }));
        faults
    }

    fn step(&self, step: &Step) -> Step {
        Step {
            kind: self.kind(&step.kind),
            undo: step.undo.as_ref().map(|undo| self.kind(undo)),
            // Nobody is lost in a rehearsal, so nobody asks.
            check: None,
            captures: step.captures.iter().map(|capture| self.capture(capture)).collect(),
            ..step.clone()
        }
    }

    fn kind(&self, kind: &StepKind) -> StepKind {
        match kind {
            StepKind::Run(command) => StepKind::Run(self.command(command)),
            StepKind::Http(request) => StepKind::Http(self.request(request)),
            StepKind::Check(check) => {
                StepKind::Check(Check { probe: self.probe(&check.probe), ..check.clone() })
            }
            StepKind::Traffic(Traffic { router, weights }) => {
                StepKind::Traffic(Traffic { router: self.router(router), weights: weights.clone() })
            }
            StepKind::Flag(flag) => StepKind::Flag(self.flag(flag)),
            StepKind::Sql(sql) => StepKind::Sql(self.sql(sql)),
            StepKind::Kubernetes(Kubernetes { cluster, action }) => StepKind::Kubernetes(Kubernetes {
                cluster: self.cluster(cluster),
                action: self.action(action),
            }),
            StepKind::Wait { .. }
            | StepKind::Manual { .. }
            | StepKind::Restore
            | StepKind::Hold(_)
            | StepKind::Bake(_) => kind.clone(),
        }
    }

    fn command(&self, command: &Command) -> Command {
        let value = |(name, value): (&String, &String)| (name.clone(), self.text(value));
        Command {
            argv: command.argv.iter().map(|argument| self.text(argument)).collect(),
            environment: command.environment.iter().map(value).collect(),
            pass_environment: command.pass_environment.clone(),
            working_directory: command.working_directory.as_ref().map(|path| self.text(path)),
        }
    }

    fn request(&self, request: &HttpRequest) -> HttpRequest {
        let header = |(name, value): (&String, &String)| (name.clone(), self.text(value));
        HttpRequest {
            method: request.method.clone(),
            url: self.text(&request.url),
            headers: request.headers.iter().map(header).collect(),
            credentials: request.credentials.clone(),
            header_variables: request.header_variables.clone(),
            body: request.body.as_ref().map(|body| self.text(body)),
            expected_status: request.expected_status,
        }
    }

    fn probe(&self, probe: &Probe) -> Probe {
        match probe {
            Probe::Http { request, timeout_millis } => {
                Probe::Http { request: self.request(request), timeout_millis: *timeout_millis }
            }
            Probe::Command { command, timeout_millis } => {
                Probe::Command { command: self.command(command), timeout_millis: *timeout_millis }
            }
            Probe::Prometheus(_) | Probe::Alertmanager(_) | Probe::Findings(_) => probe.clone(),
        }
    }

    fn router(&self, router: &Router) -> Router {
        match router {
            Router::Haproxy { address, backend } => {
                Router::Haproxy { address: self.text(address), backend: self.text(backend) }
            }
            Router::GatewayRoute { cluster, route, rule } => {
                let (cluster, route) = (self.cluster(cluster), self.text(route));
                Router::GatewayRoute { cluster, route, rule: *rule }
            }
            Router::Programs { set, read, timeout_millis } => {
                let (set, read) = (self.command(set), self.command(read));
                Router::Programs { set, read, timeout_millis: *timeout_millis }
            }
        }
    }

    fn flag(&self, flag: &Flag) -> Flag {
        match flag {
            Flag::File { path, flag, enabled, variant } => Flag::File {
                path: self.text(path),
                flag: flag.clone(),
                enabled: *enabled,
                variant: variant.clone(),
            },
            Flag::Service { set, read, expected } => Flag::Service {
                set: Box::new(self.request(set)),
                read: Box::new(self.read_back(read)),
                expected: expected.clone(),
            },
        }
    }

    fn read_back(&self, read: &ReadBack) -> ReadBack {
        ReadBack { request: self.request(&read.request), pointer: read.pointer.clone() }
    }

    fn sql(&self, sql: &Sql) -> Sql {
        Sql {
            script: self.script(&sql.script),
            database: sql.database.clone(),
            tried_undo: sql.tried_undo.as_ref().map(|undo| self.script(undo)),
        }
    }

    fn script(&self, script: &Script) -> Script {
        match script {
            Script::Inline { statements } => Script::Inline { statements: self.text(statements) },
            Script::File { path } => Script::File { path: self.text(path) },
        }
    }

    fn cluster(&self, cluster: &Cluster) -> Cluster {
        let elsewhere = self.kubernetes.clone().unwrap_or_default();
        let replaced = |text: &Option<String>| text.as_ref().map(|text| self.text(text));
        Cluster {
            kubeconfig: elsewhere.kubeconfig.or_else(|| replaced(&cluster.kubeconfig)),
            context: elsewhere.context.or_else(|| replaced(&cluster.context)),
            namespace: elsewhere.namespace.unwrap_or_else(|| self.text(&cluster.namespace)),
        }
    }

    fn action(&self, action: &KubernetesAction) -> KubernetesAction {
        match action {
            KubernetesAction::Apply { file, force } => {
                KubernetesAction::Apply { file: self.text(file), force: *force }
            }
            KubernetesAction::Scale { .. }
            | KubernetesAction::Restart { .. }
            | KubernetesAction::Wait { .. } => action.clone(),
        }
    }

    fn capture(&self, capture: &Capture) -> Capture {
        match capture {
            Capture::File { path } => Capture::File { path: self.text(path) },
            Capture::Command { command, timeout_millis } => {
                Capture::Command { command: self.command(command), timeout_millis: *timeout_millis }
            }
            Capture::Weights { router, targets } => {
                Capture::Weights { router: self.router(router), targets: targets.clone() }
            }
            Capture::Objects { cluster, objects } => {
                let objects = match objects {
                    Objects::Manifests { file } => Objects::Manifests { file: self.text(file) },
                    Objects::Workload { .. } => objects.clone(),
                };
                Capture::Objects { cluster: self.cluster(cluster), objects }
            }
            Capture::Answer { read } => Capture::Answer { read: self.read_back(read) },
        }
    }

    /// A text with everything replaced, once: what was put in is not looked at again. The longest that fits counts.
    fn text(&self, text: &str) -> String {
        let mut replaced = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            let fitting = self.replace.iter().filter(|(from, _)| !from.is_empty());
            let fitting = fitting.filter_map(|(from, to)| Some((rest.strip_prefix(from.as_str())?, to)));
            match fitting.min_by_key(|(behind, _)| behind.len()) {
                Some((behind, to)) => {
                    replaced.push_str(to);
                    rest = behind;
                }
                None => {
                    replaced.push(first);
                    rest = rest.strip_prefix(first).unwrap_or_default();
                }
            }
        }
        replaced
    }

    /// Whether what is done reaches something else than before.
    fn is_elsewhere(&self, before: &StepKind, after: &StepKind) -> bool {
        match (before, after) {
            (StepKind::Run(before), StepKind::Run(after)) => self.runs_elsewhere(before, after),
            (StepKind::Http(before), StepKind::Http(after)) => before.url != after.url,
            (StepKind::Check(before), StepKind::Check(after)) => match (&before.probe, &after.probe) {
                (Probe::Http { request: before, .. }, Probe::Http { request: after, .. }) => {
                    before.url != after.url
                }
                (Probe::Command { command: before, .. }, Probe::Command { command: after, .. }) => {
                    self.runs_elsewhere(before, after)
                }
                _ => false,
            },
            (StepKind::Traffic(before), StepKind::Traffic(after)) => {
                self.routes_elsewhere(&before.router, &after.router)
            }
            (StepKind::Flag(before), StepKind::Flag(after)) => match (before, after) {
                (Flag::File { path: before, .. }, Flag::File { path: after, .. }) => {
                    is_file_elsewhere(before, after)
                }
                (Flag::Service { set: before, .. }, Flag::Service { set: after, .. }) => {
                    before.url != after.url
                }
                _ => false,
            },
            (StepKind::Sql(before), StepKind::Sql(_)) => self.gets_another(&before.database),
            (StepKind::Kubernetes(before), StepKind::Kubernetes(after)) => {
                let is_apply = matches!(before.action, KubernetesAction::Apply { .. });
                is_cluster_elsewhere(&before.cluster, &after.cluster, is_apply)
            }
            // They reach nothing by themselves. What is restored is what was saved.
            (StepKind::Wait { .. } | StepKind::Restore, _) => true,
            _ => false,
        }
    }

    fn saves_elsewhere(&self, before: &Capture, after: &Capture) -> bool {
        match (before, after) {
            (Capture::File { path: before }, Capture::File { path: after }) => {
                is_file_elsewhere(before, after)
            }
            (Capture::Command { command: before, .. }, Capture::Command { command: after, .. }) => {
                self.runs_elsewhere(before, after)
            }
            (Capture::Weights { router: before, .. }, Capture::Weights { router: after, .. }) => {
                self.routes_elsewhere(before, after)
            }
            (Capture::Objects { cluster: before, objects }, Capture::Objects { cluster: after, .. }) => {
                let is_apply = matches!(objects, Objects::Manifests { .. });
                is_cluster_elsewhere(before, after, is_apply)
            }
            (Capture::Answer { read: before }, Capture::Answer { read: after }) => {
                before.request.url != after.request.url
            }
            _ => false,
        }
    }

    /// A program reaches something else when it is told something else, or gets another variable.
    fn runs_elsewhere(&self, before: &Command, after: &Command) -> bool {
        before != after || before.pass_environment.iter().any(|name| self.gets_another(name))
    }

    fn routes_elsewhere(&self, before: &Router, after: &Router) -> bool {
        match (before, after) {
            (Router::Haproxy { address: before, .. }, Router::Haproxy { address: after, .. }) => {
                before != after
            }
            (Router::GatewayRoute { cluster: before, .. }, Router::GatewayRoute { cluster: after, .. }) => {
                is_cluster_elsewhere(before, after, false)
            }
            (
                Router::Programs { set: before, read: read_before, .. },
                Router::Programs { set: after, read: read_after, .. },
            ) => self.runs_elsewhere(before, after) && self.runs_elsewhere(read_before, read_after),
            _ => false,
        }
    }

    fn gets_another(&self, variable: &str) -> bool {
        self.variables.get(variable).is_some_and(|other| other != variable)
    }
}

/// Manifests name namespaces of their own, so only another cluster is elsewhere for them.
fn is_cluster_elsewhere(before: &Cluster, after: &Cluster, has_manifests: bool) -> bool {
    let is_other = before.kubeconfig != after.kubeconfig || before.context != after.context;
    is_other || (!has_manifests && before.namespace != after.namespace)
}

/// A rehearsal has a working folder of its own, so a path in it is elsewhere; another one must have been replaced.
fn is_file_elsewhere(before: &str, after: &str) -> bool {
    let is_inside = !after.starts_with('/') && !after.split('/').any(|part| part == "..");
    is_inside || before != after
}

/// Whether a text stands anywhere in it. What cannot be looked through counts as saying it.
fn says(kind: &StepKind, text: &str) -> bool {
    fn is_in(value: &Value, text: &str) -> bool {
        match value {
            Value::String(said) => said.contains(text),
            Value::Array(items) => items.iter().any(|item| is_in(item, text)),
            Value::Object(fields) => {
                fields.iter().any(|(name, value)| name.contains(text) || is_in(value, text))
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => false,
        }
    }
    serde_json::to_value(kind).map_or(true, |value| is_in(&value, text))
}

/// What it takes from the runner's environment.
fn variables(kind: &StepKind) -> Vec<&String> {
    match kind {
        StepKind::Run(command) => command.pass_environment.iter().collect(),
        StepKind::Check(Check { probe: Probe::Command { command, .. }, .. }) => {
            command.pass_environment.iter().collect()
        }
        StepKind::Traffic(Traffic { router: Router::Programs { set, read, .. }, .. }) => {
            set.pass_environment.iter().chain(&read.pass_environment).collect()
        }
        StepKind::Sql(sql) => vec![&sql.database],
        StepKind::Http(_)
        | StepKind::Wait { .. }
        | StepKind::Check(_)
        | StepKind::Manual { .. }
        | StepKind::Traffic(_)
        | StepKind::Flag(_)
        | StepKind::Kubernetes(_)
        | StepKind::Restore
        | StepKind::Hold(_)
        | StepKind::Bake(_) => Vec::new(),
    }
}

/// What is saved, in words.
fn captured(capture: &Capture) -> String {
    match capture {
        Capture::File { path } => format!("`{path}`"),
        Capture::Command { command, .. } => format!("what `{}` prints", command.argv.join(" ")),
        Capture::Weights { router, .. } => format!("the weights of {router}"),
        Capture::Objects { cluster, objects } => format!("{objects} in {cluster}"),
        Capture::Answer { read } => format!("what {} answers", read.request.url),
    }
}
