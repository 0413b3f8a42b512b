//! The audit trail of a change, in the specification's shape.

use api::audit::{Payload, TrailEntry};
use domain::canonical::{Object, Plain};
use domain::change::ChangeEvent;
use domain::change::trail::{Entry, entry};
use domain::id::ActorId;
use serde::Serialize;

use super::{texts, time};
use crate::known::Known;
use crate::record::{Recorded, Told};

/// The name under which assessments appear in a trail. The product makes them; the specification names the part.
const RISK_ENGINE: &str = "ai-risk-engine";
/// How every actor's identifier begins.
const ACTOR_PREFIX: &str = "act_";

/// One entry of the audit trail.
pub(crate) fn trail_entry(known: &Known, recorded: &Recorded<ChangeEvent>) -> TrailEntry {
    let Recorded { envelope, event, version, index, told } = recorded;
    let Entry { action, details } = entry(event);
    let Told { event_type, data } = told.clone().unwrap_or_else(|| typed(event));
    TrailEntry {
        timestamp: time(envelope.at),
        action: action.to_owned(),
        actor: actor_name(known, &envelope.actor, action),
        on_behalf_of: envelope.on_behalf_of.as_ref().map(|other| known.directory.name_of(other)),
        details: with_names(known, &details),
        version: *version,
        log_index: *index,
        policies: texts(&envelope.decided_by.policies),
        policy_set: envelope.decided_by.policy_set,
        event_type,
        data,
    }
}

/// The readable name of who did something.
pub(crate) fn actor_name(known: &Known, actor: &ActorId, action: &str) -> String {
    if *actor == ActorId::system() && action == "risk_assessed" {
        RISK_ENGINE.to_owned()
    } else {
        known.directory.name_of(actor)
    }
}

/// An event's type and its payload as callers read it.
pub(super) fn typed<T: Serialize>(body: &T) -> Told {
    let read = || -> Option<Told> {
        let body = Object::of(body, &mut Plain).ok()?;
        let event_type = body.get("type").map(serde_json::from_str).transpose().ok()?.unwrap_or_default();
        let data = Payload::from_json(body.get("data").unwrap_or("null")).ok()?;
        Some(Told { event_type, data })
    };
    read().unwrap_or_else(|| unreachable!("an event that is stored or about to be has a canonical form"))
}

/// `text` with identifiers of known actors replaced by their readable names.
pub(crate) fn with_names(known: &Known, text: &str) -> String {
    let mut named = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(ACTOR_PREFIX) {
        let (before, found) = rest.split_at(at);
        let is_part = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || *byte == b'_';
        let (id, after) = found.split_at(found.bytes().take_while(is_part).count());
        named.push_str(before);
        let begins_a_word = !named.ends_with(|c: char| c.is_alphanumeric() || c == '_');
        match ActorId::new(id) {
            Ok(actor) if begins_a_word => named.push_str(&known.directory.name_of(&actor)),
            Ok(_) | Err(_) => named.push_str(id),
        }
        rest = after;
    }
    named.push_str(rest);
    named
}

#[cfg(test)]
mod tests {
    use domain::actor::Role;
    use domain::change::{Outcome as Ending, Validation, ValidationCheck};
    use domain::plan::{Outcome, Part};
    use domain::risk::Level;
    use serde_json::{Value, json};

    use super::*;
    use crate::view::fixture::{self, Story, at, deployer, lead, text};

    /// The specification's example, with what lies between its entries.
    fn story() -> Story {
        let check = |name: &str| ValidationCheck {
            name: name.parse().unwrap(),
            passed: true,
            detail: text("200 in 12 ms"),
        };
        let checks = vec![check("health"), check("latency")];
        let closed = ChangeEvent::Closed {
            outcome: Ending::Successful,
            follow_up: None,
            comment: Some(text("CMDB updated")),
            documentation: None,
            by_deadline: false,
        };
        Story::started()
            .executed(500, Part::Step, "deploy", Outcome::Succeeded)
            .executed(600, Part::Step, "smoke test", Outcome::Succeeded)
            .then(&deployer(), 900, ChangeEvent::Implemented { deadline: at(90_000) })
            .then(
                &deployer(),
                1_200,
                ChangeEvent::Validated { validation: Validation { checks }, deadline: at(300_000) },
            )
            .then(&ActorId::system(), 1_500, closed)
    }

    #[test]
    fn the_specifications_example_trail_has_its_shape_and_meaning() {
        let known = fixture::known();
        let trail: Vec<_> = story().trail.iter().map(|recorded| trail_entry(&known, recorded)).collect();
        let shown = ["created", "risk_assessed", "approved", "implemented", "validated", "closed"];
        let spec: Vec<_> = trail
            .iter()
            .filter(|entry| shown.contains(&entry.action.as_str()))
            .map(|entry| {
                json!({
                    "timestamp": entry.timestamp,
                    "action": entry.action,
                    "actor": entry.actor,
                    "details": entry.details,
                })
            })
            .collect();
        assert_eq!(
            Value::from(spec),
            json!([
                { "timestamp": "2025-12-30T18:00:01Z", "action": "created", "actor": "cortex-orchestrator",
                  "details": "Change request submitted" },
                { "timestamp": "2025-12-30T18:00:15Z", "action": "risk_assessed", "actor": "ai-risk-engine",
                  "details": "Risk score: 45 (Medium)" },
                { "timestamp": "2025-12-30T18:05:32Z", "action": "approved", "actor": "tech-lead@cortex.ai",
                  "details": "Approved as technical lead with conditions: staging tests required" },
                { "timestamp": "2025-12-30T18:15:00Z", "action": "implemented", "actor": "cortex-deployer",
                  "details": "Deployment completed successfully" },
                { "timestamp": "2025-12-30T18:20:00Z", "action": "validated", "actor": "cortex-deployer",
                  "details": "All 2 checks passed" },
                { "timestamp": "2025-12-30T18:25:00Z", "action": "closed", "actor": "cortex-change-manager",
                  "details": "Change successful: CMDB updated" },
            ])
        );
        let versions: Vec<_> = trail.iter().map(|entry| entry.version).collect();
        assert_eq!(versions, (1..=trail.len() as u64).collect::<Vec<_>>());
    }

    #[test]
    fn payloads_are_plain_and_erased_texts_say_so() {
        let known = fixture::known();
        let story = Story::awaiting(Level::Medium, |_| {}).approved(
            &lead(),
            Role::TechnicalLead,
            60,
            &["tests"],
            true,
        );
        let entry = trail_entry(&known, story.trail.last().unwrap());
        assert_eq!(entry.event_type, "change.approved");
        let data = entry.data.to_value();
        assert_eq!(data["grounds"]["conditions"], json!(["tests"]));
        assert_eq!(data["grounds"]["approval"]["by"], "act_lead");
        let Told { event_type, data } = typed(&json!({
            "type": "change.commented",
            "data": { "text": { "$erased": "00ff" }, "list": [{ "$text": "kept" }, 1] },
        }));
        assert_eq!(event_type, "change.commented");
        assert_eq!(data.to_value(), json!({ "text": "[erased]", "list": ["kept", 1] }));
        assert_eq!(typed(&json!({ "type": "change.submitted" })).data.to_value(), Value::Null);
    }

    #[test]
    fn identifiers_become_names_and_nothing_else_changes() {
        let known = fixture::known();
        let check = |text: &str, expected: &str| assert_eq!(with_names(&known, text), expected);
        check("act_lead asked for it: act_lead!", "tech-lead@cortex.ai asked for it: tech-lead@cortex.ai!");
        check("act_leader, act_, fact_lead, act_LEAD", "act_leader, act_, fact_lead, act_LEAD");
        check("given up by act_system", "given up by cortex-change-manager");
        check("été act_maya été", "été maya.okafor été");
        check("", "");
    }
}
