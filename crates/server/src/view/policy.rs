//! Policies for the wire.

use api::policy::{
    AddedFile, DifferingDecision, HeldPolicies, Policies as Told, Policy, PolicyDecision, PolicyExplanation,
    PolicyReason, PolicyRule, Replay as ToldReplay,
};
use domain::authorization::{Answer, Violation};
use domain::change::State;
use domain::change::trail::entry;
use domain::id::PolicyId;
use policy::{PolicyInfo, Rule};

use super::{actor_name, texts, time, with_names};
use crate::known::Known;
use crate::policies::{Held, InForce};
use crate::use_cases::explain::{Decided, Explanation};
use crate::use_cases::replay::{Differing, Replay};

/// The policies in force, and why the folder is not where it is not.
pub(crate) fn policies(in_force: &InForce, held: Option<Held>) -> Told {
    let InForce { set, added, number, since } = in_force;
    let added = added.named(set).added.into_iter();
    Told {
        policy_set: *number,
        digest: set.digest().to_string(),
        core_digest: set.core_digest().to_string(),
        in_force_since: time(*since),
        added: added.map(|file| AddedFile { name: file.name, digest: file.digest.to_string() }).collect(),
        held: held.map(|held| HeldPolicies { since: time(held.at), problem: held.problem }),
        items: set.policies().map(policy).collect(),
        rules: set.rules().rules().iter().map(rule).collect(),
    }
}

fn rule(rule: &Rule) -> PolicyRule {
    let Rule { id, policy, title, severity, controls, file, .. } = rule.clone();
    PolicyRule { id, policy, title, severity, controls, file }
}

/// One policy.
pub(crate) fn policy(info: &PolicyInfo) -> Policy {
    Policy {
        id: info.id.to_string(),
        effect: info.effect.as_str().to_owned(),
        title: info.title.clone(),
        fix: Some(info.fix.clone()).filter(|fix| !fix.is_empty()),
        controls: texts(&info.controls),
        core: info.is_core(),
        file: info.place.file.clone(),
        line: info.place.line as u64,
        text: info.text.clone(),
    }
}

/// Which policies decided what happened to a change.
pub(crate) fn explanation(known: &Known, explanation: &Explanation) -> PolicyExplanation {
    let decisions = explanation.decisions.iter().map(|decided| decision(known, decided));
    PolicyExplanation { change_id: explanation.change.to_string(), decisions: decisions.collect() }
}

fn decision(known: &Known, decided: &Decided) -> PolicyDecision {
    let Decided { recorded, set, policies, not_automated } = decided;
    let told = entry(&recorded.event);
    PolicyDecision {
        timestamp: time(recorded.envelope.at),
        version: recorded.version,
        actor: actor_name(known, &recorded.envelope.actor, told.action),
        action: told.action.to_owned(),
        details: with_names(known, &told.details),
        policy_set: recorded.envelope.decided_by.policy_set,
        digest: set.map(|digest| digest.to_string()),
        permitted_by: policies.iter().map(permission).collect(),
        not_automated: not_automated.iter().map(violation).collect(),
    }
}

fn permission((id, info): &(PolicyId, Option<PolicyInfo>)) -> PolicyReason {
    let fix = info.as_ref().map(|info| info.fix.clone()).filter(|fix| !fix.is_empty());
    PolicyReason {
        id: id.to_string(),
        title: info.as_ref().map(|info| info.title.clone()),
        fix,
        controls: info.as_ref().map(|info| info.controls.clone()).unwrap_or_default(),
    }
}

fn violation(violation: &Violation) -> PolicyReason {
    PolicyReason {
        id: violation.rule.to_string(),
        title: Some(violation.sentence.clone()),
        fix: Some(violation.next_step.clone()),
        controls: violation.controls.clone(),
    }
}

/// What other policies would have decided.
pub(crate) fn replay(known: &Known, replay: &Replay) -> ToldReplay {
    ToldReplay {
        in_force: replay.in_force.to_string(),
        other: replay.other.to_string(),
        changes: replay.changes,
        decisions: replay.decisions,
        not_reproduced: replay.not_reproduced,
        differing: replay.differing.iter().map(|one| differing(known, one)).collect(),
        next_cursor: replay.next.map(|cursor| cursor.to_string()),
    }
}

fn differing(known: &Known, one: &Differing) -> DifferingDecision {
    let (mut permitted_by, mut refused_by) = (Vec::new(), Vec::new());
    for answer in [&one.was, &one.would_be] {
        match answer {
            Answer::Allowed { by } => permitted_by = texts(by),
            Answer::Denied { violations } => refused_by = violations.iter().map(violation).collect(),
        }
    }
    let change = &one.change;
    DifferingDecision {
        change_id: change.id.to_string(),
        title: change.content.title.as_str().to_owned(),
        state: change.state_name().to_string(),
        outcome: match &change.state {
            State::Closed(closed) => Some(closed.outcome.to_string()),
            _ => None,
        },
        went_wrong: one.went_wrong,
        version: one.version,
        timestamp: time(one.at),
        action: one.action.to_string(),
        actor: known.directory.name_of(&one.by),
        would_be_permitted: matches!(one.would_be, Answer::Allowed { .. }),
        permitted_by,
        refused_by,
    }
}
