//! The policies in force, and their decisions.

use std::collections::{BTreeMap, BTreeSet};

use cedar_policy::{
    ActionConstraint, Authorizer, Decision, EntityUid, Policy, PolicySet as EngineSet, Response,
    ValidationMode, Validator,
};
use domain::authorization::{Answer, Violation};
use domain::canonical::Digest;
use domain::id::PolicyId;
use miette::Diagnostic;

use crate::Action;
use crate::attributes::Attributes;
use crate::entities::{Attribute, CHANGE_ATTRIBUTES, Vocabulary};
use crate::error::LoadError;
use crate::memory::Memory;
use crate::place::Place;
use crate::question::{Question, Resource};
use crate::rules::RuleBook;
use crate::shipped::{CORE_FOLDER, POLICIES, SCHEMA};
use crate::source::{Complaint, FILES_MAX, POLICIES_MAX, Parsed, PolicyFile};

/// The rule of a refusal for want of any permission.
pub const NO_PERMISSION: &str = "no-permission";
/// The rule of a refusal because a policy or the question itself could not be evaluated.
pub const POLICY_ERROR: &str = "policy-error";

/// Separates this digest from those of other kinds of value.
const DIGEST_LABEL: &str = "cortex-change/policy-set/v1";

/// The policies in force. Immutable; shared by whoever decides.
#[derive(Debug, Clone)]
pub struct PolicySet {
    vocabulary: Vocabulary,
    authorizer: Authorizer,
    policies: BTreeMap<String, PolicyInfo>,
    by_action: BTreeMap<Action, Slice>,
    /// What was answered about the system as a whole.
    memory: Memory,
    policy_error: PolicyId,
    digest: Digest,
    core_digest: Digest,
    rules: RuleBook,
}

/// What a policy says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyInfo {
    /// Its `@id`.
    pub id: PolicyId,
    /// Whether it permits or forbids.
    pub effect: Effect,
    /// Its `@title`: the rule in a sentence.
    pub title: String,
    /// Its `@fix`: the next step for whoever is refused; may be empty where it permits.
    pub fix: String,
    /// Its `@control`: the controls that its decisions are evidence for.
    pub controls: Vec<String>,
    /// Where it begins.
    pub place: Place,
    /// Its text, annotations included.
    pub text: String,
}

/// What a policy does when it applies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effect {
    /// It permits, unless another one forbids.
    Permit,
    /// It forbids, whatever permits.
    Forbid,
}

impl Effect {
    /// The word used in policies.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Permit => "permit",
            Self::Forbid => "forbid",
        }
    }
}

/// The policies whose scope names one action, and the refusal when none of them permits it.
#[derive(Debug, Clone)]
struct Slice {
    policies: EngineSet,
    /// What they read of a change.
    read: Vec<&'static Attribute>,
    no_permission: Violation,
}

impl PolicySet {
    /// The policies that ship with the product.
    ///
    /// # Errors
    /// When they are not in order, which a test excludes.
    pub fn shipped() -> Result<Self, LoadError> {
        Self::with_additional(&[])
    }

    /// The shipped policies and `files`; those that end in `.json` hold rules, all others Cedar. An added `forbid` restricts further. An added `permit` widens who may do what
    /// by role, but lifts no `forbid`, so every shipped control stays in force.
    ///
    /// # Errors
    /// When a file is not Cedar, a policy does not fit the schema, lacks an annotation or repeats an id, or when a
    /// limit is exceeded. The error says where, and what to do.
    pub fn with_additional(files: &[PolicyFile<'_>]) -> Result<Self, LoadError> {
        if files.len() > FILES_MAX {
            return Err(LoadError::TooManyFiles { count: files.len() });
        }
        let (rules, files): (Vec<_>, Vec<_>) =
            POLICIES.iter().chain(files).copied().partition(RuleBook::is_of);
        let by_name = by_name(&[files.as_slice(), rules.as_slice()].concat())?;
        let vocabulary = Vocabulary::shipped()?;
        let mut parsed = Vec::new();
        for file in &files {
            parsed.extend(file.parse()?);
        }
        if parsed.len() > POLICIES_MAX {
            return Err(LoadError::TooManyPolicies { count: parsed.len() });
        }
        let policies = unique(&parsed)?;
        let all = combined(parsed.iter().map(|parsed| &parsed.policy))?;
        validated(&vocabulary, &all, &policies, &by_name)?;
        let sliced: Vec<_> = parsed.iter().map(Sliced::of).collect::<Result<_, _>>()?;
        let mut by_action = BTreeMap::new();
        for action in Action::ALL.iter().copied() {
            by_action.insert(action, Slice::of(action, &sliced)?);
        }
        Ok(Self {
            vocabulary,
            authorizer: Authorizer::new(),
            policies,
            by_action,
            memory: Memory::default(),
            policy_error: PolicyId::new(POLICY_ERROR)?,
            digest: digest(by_name)?,
            core_digest: digest(self::by_name(POLICIES)?)?,
            rules: RuleBook::read(&rules)?,
        })
    }

    /// Digest of the schema and every policy file, so that a decision can name the policies it was made under.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// Digest of the schema and the shipped policy files alone.
    pub fn core_digest(&self) -> Digest {
        self.core_digest
    }

    /// The rules that are asked when a change is assessed.
    pub fn rules(&self) -> &RuleBook {
        &self.rules
    }

    /// Every policy in force, by id.
    pub fn policies(&self) -> impl Iterator<Item = &PolicyInfo> {
        self.policies.values()
    }

    /// Whether the question's principal may do it, and because of which policies. Policies are named in order of their
    /// ids. Anything that could not be evaluated is a denial.
    pub fn decide(&self, question: &Question<'_>) -> Answer {
        let Question { principal, action, resource, context } = *question;
        match resource {
            Resource::System => self.memory.recall(principal, action, context, || self.decide_anew(question)),
            Resource::Change(_)
            | Resource::Incident(_)
            | Resource::Actor(_)
            | Resource::Cmdb
            | Resource::Log => self.decide_anew(question),
        }
    }

    fn decide_anew(&self, question: &Question<'_>) -> Answer {
        let Some(slice) = self.by_action.get(&question.action) else {
            return self.refused(&format_args!("no policies for `{}`", question.action));
        };
        match self.vocabulary.put(question, &slice.read) {
            Ok((request, entities)) => {
                let response = self.authorizer.is_authorized(&request, &slice.policies, &entities);
                self.answer(&response, slice)
            }
            Err(error) => self.refused(&error),
        }
    }

    fn refused(&self, error: &dyn std::fmt::Display) -> Answer {
        Answer::Denied { violations: vec![self.error(error)] }
    }

    fn answer(&self, response: &Response, slice: &Slice) -> Answer {
        let errors: BTreeSet<String> = response.diagnostics().errors().map(ToString::to_string).collect();
        let decided: BTreeSet<&str> = response.diagnostics().reason().map(AsRef::as_ref).collect();
        let decided = decided.into_iter().filter_map(|id| self.policies.get(id));
        if response.decision() == Decision::Allow && errors.is_empty() {
            return Answer::Allowed { by: decided.map(|policy| policy.id.clone()).collect() };
        }
        let forbids = decided.filter(|policy| policy.effect == Effect::Forbid).map(PolicyInfo::violation);
        let mut violations: Vec<Violation> =
            forbids.chain(errors.iter().map(|error| self.error(error))).collect();
        if violations.is_empty() {
            violations.push(slice.no_permission.clone());
        }
        Answer::Denied { violations }
    }

    fn error(&self, error: &dyn std::fmt::Display) -> Violation {
        Violation {
            rule: self.policy_error.clone(),
            sentence: format!("What cannot be evaluated is refused: {error}"),
            next_step: "ask an administrator to correct the policy or the facts that it names".to_owned(),
            controls: Vec::new(),
        }
    }
}

impl PolicyInfo {
    /// Whether it ships with the product.
    pub fn is_core(&self) -> bool {
        self.place.file.starts_with(CORE_FOLDER)
    }

    fn violation(&self) -> Violation {
        Violation {
            rule: self.id.clone(),
            sentence: self.title.clone(),
            next_step: self.fix.clone(),
            controls: self.controls.clone(),
        }
    }
}

/// A policy as slices hold it.
#[derive(Debug)]
struct Sliced<'a> {
    parsed: &'a Parsed,
    /// The policy without the actions of its scope: a slice holds none that does not name its action, and the engine would
    /// put each list of actions together anew for every question, at a quarter of what a decision costs.
    policy: Policy,
    read: Attributes,
}

impl<'a> Sliced<'a> {
    /// An added policy stays as it is, and gets everything, because it may be nested more deeply than the engine's JSON can
    /// be read. The engine makes that JSON from the policy's text, so it is made once.
    fn of(parsed: &'a Parsed) -> Result<Self, LoadError> {
        let Parsed { policy, info } = parsed;
        if !info.is_core() {
            return Ok(Self { parsed, policy: policy.clone(), read: Attributes::All });
        }
        let combination =
            |problem: &dyn std::fmt::Display| LoadError::Combination { problem: problem.to_string() };
        let mut json = policy.to_json().map_err(|error| combination(&error))?;
        let read = Attributes::read_by(&json);
        match json.get_mut("action") {
            Some(action) => *action = serde_json::json!({ "op": "All" }),
            None => return Err(combination(&format_args!("policy `{}` has no scope", info.id))),
        }
        let policy =
            Policy::from_json(Some(policy.id().clone()), json).map_err(|error| combination(&error))?;
        Ok(Self { parsed, policy, read })
    }
}

impl Slice {
    /// A policy whose scope does not name the action is never satisfied and never errs, so leaving it out changes no
    /// decision.
    fn of(action: Action, policies: &[Sliced<'_>]) -> Result<Self, LoadError> {
        let named: Vec<&Sliced<'_>> =
            policies.iter().filter(|sliced| names(&sliced.parsed.policy, action)).collect();
        let infos = named.iter().map(|sliced| &sliced.parsed.info);
        let titles: Vec<&str> =
            infos.filter(|info| info.effect == Effect::Permit).map(|info| info.title.as_str()).collect();
        let no_permission = Violation {
            rule: PolicyId::new(NO_PERMISSION)?,
            sentence: match titles.as_slice() {
                [] => format!("No policy permits `{action}`"),
                titles => {
                    format!("No policy permits `{action}` here; it is permitted thus: {}", titles.join("; "))
                }
            },
            next_step: "have somebody do it who may, or ask an administrator for the role".to_owned(),
            controls: vec!["SOC2:CC6.1".to_owned(), "ISO27001:A.5.15".to_owned()],
        };
        let read = named.iter().fold(Attributes::Named(BTreeSet::new()), |all, sliced| all.and(&sliced.read));
        let read = CHANGE_ATTRIBUTES.iter().filter(|attribute| read.has(attribute.name)).collect();
        let policies = combined(named.iter().map(|sliced| &sliced.policy))?;
        Ok(Self { policies, read, no_permission })
    }
}

/// Whether the policy's scope names the action. The schema has no groups of actions.
fn names(policy: &Policy, action: Action) -> bool {
    let is = |uid: &EntityUid| uid.id().unescaped() == action.as_str();
    match policy.action_constraint() {
        ActionConstraint::Any => true,
        ActionConstraint::Eq(uid) => is(&uid),
        ActionConstraint::In(uids) => uids.iter().any(is),
    }
}

fn by_name<'a>(files: &[PolicyFile<'a>]) -> Result<BTreeMap<&'a str, PolicyFile<'a>>, LoadError> {
    let mut by_name = BTreeMap::from([(SCHEMA.name, SCHEMA)]);
    for file in files {
        if by_name.insert(file.name, *file).is_some() {
            return Err(LoadError::FileTwice { file: file.name.to_owned() });
        }
    }
    Ok(by_name)
}

fn unique(parsed: &[Parsed]) -> Result<BTreeMap<String, PolicyInfo>, LoadError> {
    let mut policies = BTreeMap::<String, PolicyInfo>::new();
    for Parsed { info, .. } in parsed {
        let id = info.id.as_str().to_owned();
        if let Some(first) = policies.get(&id) {
            return Err(LoadError::IdTwice { place: info.place.clone(), id, first: first.place.clone() });
        }
        policies.insert(id, info.clone());
    }
    Ok(policies)
}

fn combined<'a>(policies: impl Iterator<Item = &'a Policy>) -> Result<EngineSet, LoadError> {
    EngineSet::from_policies(policies.cloned())
        .map_err(|error| LoadError::Combination { problem: error.to_string() })
}

/// Refuses policies that do not fit the schema. Of several complaints it tells the first by place, errors before
/// warnings, because the engine gives them in no order. Warnings refuse as well: a policy that can never apply and
/// look-alike characters are mistakes or worse.
fn validated(
    vocabulary: &Vocabulary,
    all: &EngineSet,
    policies: &BTreeMap<String, PolicyInfo>,
    files: &BTreeMap<&str, PolicyFile<'_>>,
) -> Result<(), LoadError> {
    let result = Validator::new(vocabulary.schema().clone()).validate(all, ValidationMode::Strict);
    let errors = result.validation_errors().map(|error| (false, error.policy_id(), error as &dyn Diagnostic));
    let warnings = result.validation_warnings();
    let warnings = warnings.map(|warning| (true, warning.policy_id(), warning as &dyn Diagnostic));
    let mut misfits = Vec::new();
    for (is_warning, id, told) in errors.chain(warnings) {
        let policy = policies.get(AsRef::<str>::as_ref(id));
        let file = policy.and_then(|policy| files.get(policy.place.file.as_str()));
        let (Some(policy), Some(file)) = (policy, file) else {
            return Err(LoadError::Combination { problem: told.to_string() });
        };
        let fix = "use the names and types of `core/schema.cedarschema`";
        misfits.push((is_warning, file.told(told, policy.place.clone(), fix), policy.id.as_str()));
    }
    let Some((_, Complaint { place, problem, fix }, id)) = misfits.into_iter().min() else { return Ok(()) };
    let [problem, fix] = [problem, fix].map(|text| without_id(&text, id));
    Err(LoadError::Misfit { place, id: id.to_owned(), problem, fix })
}

/// The engine's text without the policy's id, which our error states already.
fn without_id(text: &str, id: &str) -> String {
    let rest = text.strip_prefix(&format!("for policy `{id}`"));
    rest.map_or(text, |rest| rest.trim_start_matches([',', ':', ' '])).to_owned()
}

fn digest(files: BTreeMap<&str, PolicyFile<'_>>) -> Result<Digest, LoadError> {
    let texts: BTreeMap<&str, &str> = files.into_iter().map(|(name, file)| (name, file.text)).collect();
    Ok(Digest::of(DIGEST_LABEL, &texts)?)
}
