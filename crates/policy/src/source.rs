//! From the text of policy files to policies with their annotations.

use cedar_policy::{Policy, PolicyId as EngineId, PolicySet as EngineSet};
use domain::id::PolicyId;
use miette::Diagnostic;

use crate::error::LoadError;
use crate::nesting::too_deep_at;
use crate::place::Place;
use crate::set::{Effect, NO_PERMISSION, POLICY_ERROR, PolicyInfo};

/// Most policy files that may be added.
pub const FILES_MAX: usize = 200;
/// Largest accepted policy file, in bytes. It also bounds chains of operators, into which the engine recurses.
pub const FILE_BYTES_MAX: usize = 16 * 1024;
/// Most policies in all, the shipped ones included.
pub const POLICIES_MAX: usize = 500;

const ANNOTATIONS: [&str; 4] = ["id", "title", "fix", "control"];

/// Name and text of a file with policies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct PolicyFile<'a> {
    /// The name under which errors mention it.
    pub name: &'a str,
    /// Its text.
    pub text: &'a str,
}

/// A policy for the engine, under its own id, with what it says of itself.
#[derive(Debug)]
pub(crate) struct Parsed {
    pub(crate) policy: Policy,
    pub(crate) info: PolicyInfo,
}

/// Something that the engine does not accept. Ordered by place.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Complaint {
    pub(crate) place: Place,
    pub(crate) problem: String,
    pub(crate) fix: String,
}

impl PolicyFile<'_> {
    /// The policies in the file, in order.
    pub(crate) fn parse(self) -> Result<Vec<Parsed>, LoadError> {
        if self.text.len() > FILE_BYTES_MAX {
            return Err(LoadError::FileTooLarge { file: self.name.to_owned(), bytes: self.text.len() });
        }
        if let Some(at) = too_deep_at(self.text) {
            return Err(LoadError::TooDeep { place: self.place(at) });
        }
        let set: EngineSet = self.text.parse().map_err(|errors| self.syntax(&errors))?;
        if let Some(template) = set.templates().next() {
            let place = self.place(self.text.find(&template.to_string()).unwrap_or_default());
            return Err(LoadError::Template { place });
        }
        let mut parsed = Vec::new();
        let mut searched = 0;
        for policy in set.policies() {
            // The engine keeps each policy's own text and their order, but hides where that text begins.
            let text = policy.to_string();
            let rest = self.text.get(searched..).unwrap_or_default();
            let start = searched + rest.find(&text).unwrap_or_default();
            searched = start + text.len();
            parsed.push(annotated(policy, self.place(start))?);
        }
        Ok(parsed)
    }

    /// The error that the engine's complaint about this file's syntax becomes.
    pub(crate) fn syntax(self, complaint: &dyn Diagnostic) -> LoadError {
        let fix = "write it as the Cedar language asks";
        let Complaint { place, problem, fix } = self.told(complaint, self.place(0), fix);
        LoadError::Syntax { place, problem, fix }
    }

    /// What the engine says about this file, and where; at `usual_place` when it does not say where.
    pub(crate) fn told(self, told: &dyn Diagnostic, usual_place: Place, usual_fix: &str) -> Complaint {
        let label = told.labels().and_then(|mut labels| labels.next());
        let place = label.as_ref().map_or(usual_place, |label| self.place(label.offset()));
        let expected = label.as_ref().and_then(|label| label.label()).map(str::to_owned);
        let help = told.help().map(|help| help.to_string());
        let fix = help.or(expected).unwrap_or_else(|| usual_fix.to_owned());
        Complaint { place, problem: told.to_string(), fix }
    }

    fn place(self, offset: usize) -> Place {
        Place::of(self.name, self.text, offset)
    }
}

fn annotated(policy: &Policy, place: Place) -> Result<Parsed, LoadError> {
    if let Some((unknown, _)) = policy.annotations().find(|(key, _)| !ANNOTATIONS.contains(key)) {
        let accepted = ANNOTATIONS.map(|key| format!("@{key}")).join(", ");
        return Err(LoadError::AnnotationUnknown { place, annotation: unknown.to_owned(), accepted });
    }
    let required = |annotation, expected| match policy.annotation(annotation) {
        Some(text) if !text.trim().is_empty() => Ok(text.trim().to_owned()),
        Some(_) | None => Err(LoadError::AnnotationMissing { place: place.clone(), annotation, expected }),
    };
    let id = required("id", "a unique name, for example `@id(\"no-friday-deployments\")`")?;
    if [NO_PERMISSION, POLICY_ERROR].contains(&id.as_str()) {
        return Err(LoadError::IdReserved { place, id });
    }
    let id = PolicyId::new(id).map_err(|source| LoadError::IdInvalid { place: place.clone(), source })?;
    let title = required("title", "the rule in one sentence; refusals quote it")?;
    let (effect, fix) = match policy.effect() {
        cedar_policy::Effect::Permit => {
            (Effect::Permit, policy.annotation("fix").unwrap_or_default().to_owned())
        }
        cedar_policy::Effect::Forbid => {
            (Effect::Forbid, required("fix", "the next step for whoever is refused")?)
        }
    };
    let controls = policy.annotation("control").unwrap_or_default();
    let controls =
        controls.split(',').map(|control| control.trim().to_owned()).filter(|control| !control.is_empty());
    let controls = controls.collect();
    let text = policy.to_string();
    let policy = policy.new_id(EngineId::new(id.as_str()));
    Ok(Parsed { policy, info: PolicyInfo { id, effect, title, fix, controls, place, text } })
}
