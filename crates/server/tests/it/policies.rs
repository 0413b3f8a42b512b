//! The folder that adds policies, while the server runs.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use crate::harness::{
    Database, Person, SERVICES, TestApp, eventually, on_both_databases, on_sqlite, small, text,
};
use crate::http::Ask;
use crate::runner::Runner;
use crate::team::{approved, in_steps, team, validate};

on_both_databases!(
    a_changed_folder_comes_into_force_and_an_invalid_one_does_not,
    other_policies_are_asked_about_past_decisions,
    rules_of_the_organisation_are_findings,
);
on_sqlite!(
    a_server_with_an_invalid_folder_does_not_start,
    every_decision_about_a_change_is_explained,
    an_organisation_may_ask_for_a_rehearsal,
);

/// Agents and people alike create nothing of this category.
fn no_category(id: &str, category: &str) -> String {
    format!(
        r#"
        @id("{id}") @title("No {category}") @fix("choose another category") @control("SOC2:CC8.1")
        forbid (principal, action == Action::"pre_approve", resource)
        when {{ resource.category == Category::"{category}" }};
        "#
    )
}

pub(crate) fn write(folder: &Path, name: &str, text: &str) -> Result<()> {
    Ok(fs::write(folder.join(name), text)?)
}

pub(crate) async fn policies_with(root: &Person, is_wanted: impl Fn(&Value) -> bool) -> Result<Value> {
    eventually("other policies", async || {
        let policies = root.get("/api/v1/policies").await?;
        Ok(Some(policies).filter(|policies| is_wanted(policies)))
    })
    .await
}

pub(crate) fn has(policies: &Value, id: &str) -> bool {
    policies["items"].as_array().is_some_and(|items| items.iter().any(|item| item["id"] == id))
}

/// The entry of the trail with this action.
fn entry<'a>(change: &'a Value, action: &str) -> Result<&'a Value> {
    let trail = change["audit_trail"].as_array().context("a trail")?;
    trail.iter().find(|entry| entry["action"] == action).context("an entry")
}

async fn an_organisation_may_ask_for_a_rehearsal(database: Database) -> Result<()> {
    let folder = database.folder.path().join("policies");
    fs::create_dir(&folder)?;
    let policy = r#"
        @id("own-rehearsed") @title("Every change is rehearsed") @fix("rehearse it") @control("SOC2:CC8.1")
        forbid (principal, action == Action::"start", resource)
        unless { resource.rehearsed };
    "#;
    write(&folder, "own.cedar", policy)?;
    let app = TestApp::start_on(database, |config| config.policies.folder = Some(folder)).await?;
    app.services(&SERVICES).await?;
    let ann = app.person("ann", &["implementer"]).await?;
    let id = text(&ann.create(&small("greeter")).await?["change_id"]).to_owned();
    let start = async |digest: &Value| {
        let start = json!({ "holder": "ann-1", "digest": digest });
        ann.send(Ask::new("POST", &format!("/api/v1/changes/{id}/start")).json(&start)).await
    };
    let rehearse = async |digest: &Value, outcome: &Value| {
        let task = |part: &str| json!({ "task": { "part": part, "step": "deploy" }, "outcome": outcome, "duration_millis": 1 });
        let rehearsal = json!({ "rehearsal": {
            "digest": digest, "target": "staging", "target_digest": digest, "host": "build-7", "duration_millis": 2,
            "tasks": [task("step"), task("undo")], "left_out": [], "captures": 0, "differing": [], "left_in_place": [],
        } });
        ann.post(&format!("/api/v1/changes/{id}/rehearsals"), &rehearsal).await
    };
    let digest = ann.change(&id).await?["digest"].clone();
    let refused = start(&digest).await?.refused(403, "refused-by-policy")?;
    assert!(refused.to_string().contains("own-rehearsed"), "{refused}");
    let failed = json!({ "outcome": "failed", "failure": { "failure": "exit_status", "status": 1 } });
    rehearse(&digest, &failed).await?;
    start(&digest).await?.refused(403, "refused-by-policy")?;
    rehearse(&digest, &json!({ "outcome": "succeeded" })).await?;
    start(&digest).await?.good()?;
    app.stop().await
}

async fn a_changed_folder_comes_into_force_and_an_invalid_one_does_not(database: Database) -> Result<()> {
    let folder = database.folder.path().join("policies");
    fs::create_dir(&folder)?;
    let watched = folder.clone();
    let app = TestApp::start_on(database, |config| config.policies.folder = Some(watched)).await?;
    let root = app.root();
    let shipped = root.get("/api/v1/policies").await?;
    assert_eq!((&shipped["policy_set"], &shipped["digest"]), (&Value::from(1), &shipped["core_digest"]));
    assert_eq!((shipped["added"].as_array().map(Vec::len), &shipped["held"]), (Some(0), &Value::Null));
    app.services(&crate::harness::SERVICES).await?;
    let ann = app.person("ann", &[]).await?;
    let before = ann.create(&small("greeter")).await?;
    assert_eq!(before["state"], "approved");
    assert_eq!(entry(&before, "approved")?["policy_set"], 1);

    write(&folder, "deployments.cedar", &no_category("no-deployments", "deployment"))?;
    let added = policies_with(&root, |policies| has(policies, "no-deployments")).await?;
    assert_eq!((&added["policy_set"], &added["core_digest"]), (&Value::from(2), &shipped["core_digest"]));
    assert_ne!(added["digest"], shipped["digest"]);
    assert_eq!(added["added"][0]["name"], "deployments.cedar");
    let after = ann.create(&small("greeter")).await?;
    assert_eq!(after["state"], "awaiting_approval", "{}", after["risk"]);
    assert_eq!(entry(&after, "approval_requested")?["policy_set"], 2);

    write(&folder, "broken.cedar", "permit (principal, action, resource);")?;
    let held = policies_with(&root, |policies| policies["held"].is_object()).await?;
    let problem = text(&held["held"]["problem"]);
    assert!(problem.contains("`broken.cedar` line 1") && problem.contains("@id"), "{problem}");
    assert_eq!((&held["policy_set"], &held["digest"]), (&Value::from(2), &added["digest"]));
    let metrics = ann.send(crate::http::Ask::get("/metrics")).await?;
    assert!(metrics.text().contains("cortex_change_policies_held 1"), "{}", metrics.text());

    write(&folder, "broken.cedar", &no_category("no-patches", "patch"))?;
    let mended = policies_with(&root, |policies| has(policies, "no-patches")).await?;
    assert_eq!((&mended["policy_set"], &mended["held"]), (&Value::from(3), &Value::Null));
    recorded(&root, [&shipped, &added, &mended]).await?;
    restarts_with_the_same_set(app, &mended).await
}

/// The log names each set that came into force, with the digests of its files.
async fn recorded(root: &Person, sets: [&Value; 3]) -> Result<()> {
    let page = root.get("/api/v1/audit?limit=500").await?;
    let entries = page["items"].as_array().context("entries")?.iter();
    let entries: Vec<_> = entries.filter(|entry| entry["stream"] == "policies").collect();
    assert_eq!(entries.len(), sets.len(), "{page}");
    for (entry, set) in entries.iter().zip(sets) {
        assert_eq!(entry["type"], "policies.in_force");
        let named = &entry["data"]["set"];
        assert_eq!((&named["digest"], &named["core"]), (&set["digest"], &set["core_digest"]));
        let added = named["added"].as_array().map_or(0, Vec::len);
        assert_eq!(Some(added), set["added"].as_array().map(Vec::len));
        assert!(text(&entry["details"]).contains(text(&set["digest"])), "{entry}");
    }
    assert_eq!([&entries[0]["data"]["by"], &entries[2]["data"]["by"]], ["start", "folder_change"]);
    Ok(())
}

async fn restarts_with_the_same_set(mut app: TestApp, set: &Value) -> Result<()> {
    app.halt().await?;
    app.revive().await?;
    let again = app.root().get("/api/v1/policies").await?;
    assert_eq!((&again["policy_set"], &again["digest"]), (&set["policy_set"], &set["digest"]));
    app.stop().await
}

async fn a_server_with_an_invalid_folder_does_not_start(database: Database) -> Result<()> {
    let folder = database.folder.path().join("policies");
    fs::create_dir(&folder)?;
    let mut config = database.config();
    config.policies.folder = Some(folder.clone());
    let cases = [
        ("everything.cedar", "permit (principal, action, resource);", "add a unique name"),
        ("core.cedar", &no_category("segregation-of-duties", "other"), "is already that of the policy at"),
        ("typo.cedar", &no_category("typo", "deploiment"), "line 4"),
    ];
    for (name, policy, expected) in cases {
        write(&folder, name, policy)?;
        let refused = server::start(config.clone()).await;
        let error = refused.err().with_context(|| format!("{name} is accepted"))?.to_string();
        assert!(error.contains(&format!("`{name}` line")) && error.contains(expected), "{error}");
        fs::remove_file(folder.join(name))?;
    }
    config.policies.folder = Some(folder.join("nowhere"));
    let error = server::start(config).await.err().context("a folder that is not there")?.to_string();
    assert!(error.contains("cannot be read"), "{error}");
    Ok(())
}

fn ids(reasons: &Value) -> Vec<&str> {
    reasons.as_array().into_iter().flatten().map(|reason| text(&reason["id"])).collect()
}

async fn every_decision_about_a_change_is_explained(database: Database) -> Result<()> {
    let (app, ann, lead) = team(database).await?;
    let id =
        approved(&ann, &lead, &in_steps(&json!([{ "name": "one", "run": "true", "undo": "true" }]))).await?;
    let told = ann.get(&format!("/api/v1/changes/{id}/policies")).await?;
    let decisions = told["decisions"].as_array().context("decisions")?;
    let actions: Vec<_> = decisions.iter().map(|decided| text(&decided["action"])).collect();
    assert_eq!(actions, ["created", "risk_assessed", "approval_requested", "approved"]);
    let in_force = ann.get("/api/v1/policies").await?;
    for decided in decisions {
        assert_eq!((&decided["policy_set"], &decided["digest"]), (&json!(1), &in_force["digest"]));
        assert!(decided["permitted_by"][0]["title"].is_string(), "{decided}");
    }
    let [_, _, requested, by_lead] = decisions.as_slice() else { anyhow::bail!("{told}") };
    assert_eq!(ids(&by_lead["permitted_by"]), ["authorities-decide"]);
    assert!(ids(&requested["not_automated"]).contains(&"tier-0-never-auto-approved"), "{requested}");
    assert_eq!(requested["not_automated"][0]["controls"][0], "SOC2:CC8.1");
    app.stop().await
}

/// Two changes are started, one of which fails; an agent's is refused by other policies.
async fn other_policies_are_asked_about_past_decisions(database: Database) -> Result<()> {
    let (app, ann, lead) = team(database).await?;
    let request = in_steps(&json!([{ "name": "one", "run": "true", "undo": "true" }]));
    let mut done = Vec::new();
    for passed in [true, false] {
        let id = approved(&ann, &lead, &request).await?;
        let mut runner = Runner::start(&ann, &id, true).await?;
        runner.work(|_| false).await?;
        runner.finish().await?;
        validate(&ann, &id, passed).await?;
        done.push(id);
    }
    let small = ann.create(&small("greeter")).await?;
    assert_eq!(small["state"], "approved");
    let replay = async |files: Value| {
        let body = json!({ "since": "2026-01-01T00:00:00Z", "files": files });
        app.root().post("/api/v1/policies/replay", &body).await
    };
    let same = replay(json!([])).await?;
    assert_eq!((&same["changes"], &same["not_reproduced"]), (&json!(3), &json!(0)), "{same}");
    assert_eq!((&same["differing"], &same["in_force"]), (&json!([]), &same["other"]));
    assert!(same["decisions"].as_u64() > Some(12), "{same}");

    let stricter = r#"
        @id("nobody-starts") @title("Nobody starts") @fix("wait") @control("SOC2:CC8.1")
        forbid (principal, action == Action::"start", resource);
        @id("nothing-automated") @title("A person decides") @fix("ask one")
        forbid (principal, action == Action::"pre_approve", resource);
    "#;
    let stricter = replay(json!([{ "name": "strict.cedar", "text": stricter }])).await?;
    let differing = stricter["differing"].as_array().context("differing")?;
    let told: Vec<_> = differing
        .iter()
        .map(|one| {
            (text(&one["change_id"]), text(&one["action"]), &one["went_wrong"], ids(&one["refused_by"]))
        })
        .collect();
    let (well, badly) = (json!(false), json!(true));
    let expected = [
        (done[0].as_str(), "start", &well, vec!["nobody-starts"]),
        (done[1].as_str(), "start", &badly, vec!["nobody-starts"]),
        (text(&small["change_id"]), "pre_approve", &well, vec!["nothing-automated"]),
    ];
    assert_eq!(told, expected);
    assert_eq!(differing[0]["permitted_by"], json!(["requesters-implement-their-changes"]));

    let wider = r#"
        @id("everybody-does-everything") @title("All may do all")
        permit (principal, action, resource);
    "#;
    let wider = replay(json!([{ "name": "wide.cedar", "text": wider }])).await?;
    assert_eq!(wider["differing"], json!([]), "what was permitted stays so, and no control is lifted");
    let broken =
        json!({ "since": "2026-01-01T00:00:00Z", "files": [{ "name": "x.cedar", "text": "permit" }] });
    let problem = app.root().refused("/api/v1/policies/replay", &broken, 422, "invalid-field").await?;
    assert!(problem["detail"].to_string().contains("`x.cedar` line 1"), "{problem}");
    app.stop().await
}

/// The form and the rules are those of a real platform.
const RULES: &str = r#"{
  "policy_id": "soc2-trust-services", "severity": "high", "enabled": true,
  "frameworks": ["soc2"], "controls": ["CC7.1", "CC8.1"],
  "rules": [
    {
      "rule_id": "SOC2-CC8.1",
      "condition": { "type": "any", "conditions": [
        { "field": "task.type", "type": "not_equals", "value": "production_deploy" },
        { "field": "quality.tests_passed", "type": "equals", "value": "true" }
      ] },
      "message": "Production deployments must pass tests first",
      "remediation": "Run the tests"
    },
    {
      "rule_id": "SOC2-CC7.1", "field": "change.category",
      "condition": { "type": "not_equals", "value": "data" },
      "message": "Data is changed by others"
    }
  ]
}"#;
const EXPRESSIONS: &str = r#"{ "policies": [ { "policy_id": "pol-006", "rules": [
  { "rule_id": "comp-004", "condition": "task.stores_data == false", "message": "Nothing may store data" }
] } ] }"#;

async fn rules_of_the_organisation_are_findings(database: Database) -> Result<()> {
    let folder = database.folder.path().join("policies");
    fs::create_dir(&folder)?;
    write(&folder, "soc2.json", RULES)?;
    let rules = folder.clone();
    let (app, ann, _) =
        crate::team::team_with(database, |config| config.policies.folder = Some(rules)).await?;
    let mut request = small("greeter");
    request["category"] = json!("deployment");
    request["environment"] = json!("production");
    let tested = ann.create(&request).await?;
    assert_eq!((&tested["state"], &tested["risk"]["findings"]), (&json!("approved"), &json!([])));

    request["evidence"]["tests"] = json!({ "passed": 3, "failed": 1 });
    let failed = ann.create(&request).await?;
    let findings = failed["risk"]["findings"].as_array().context("findings")?;
    let broken = findings.last().context("a finding")?;
    let named = json!({ "rule": "SOC2-CC8.1", "field": "quality.tests_passed", "value": "false" });
    assert_eq!((&broken["broken"], &broken["control"]), (&named, &json!("SOC2:CC8.1")), "{findings:?}");
    assert_eq!(broken["next_step"], "Run the tests");
    assert!(text(&broken["sentence"]).contains("must pass tests first"), "{broken}");
    assert_ne!(failed["risk"]["level"], "low");
    let policies = app.root().get("/api/v1/policies").await?;
    let ids: Vec<_> =
        policies["rules"].as_array().into_iter().flatten().map(|rule| text(&rule["id"])).collect();
    assert_eq!((ids, &policies["added"][0]["name"]), (vec!["SOC2-CC8.1", "SOC2-CC7.1"], &json!("soc2.json")));

    write(&folder, "expressions.json", EXPRESSIONS)?;
    policies_with(&app.root(), |policies| policies["rules"].as_array().map(Vec::len) == Some(3)).await?;
    request["evidence"]["tests"] = json!({ "passed": 4, "failed": 0 });
    let unknown = ann.create(&request).await?;
    assert_eq!(unknown["state"], "awaiting_approval", "what cannot be told is no pass");
    let finding = unknown["risk"]["findings"][0].clone();
    assert_eq!(finding["broken"], json!({ "rule": "comp-004", "field": "task.stores_data", "value": null }));
    assert!(
        text(&finding["sentence"]).contains("cannot be evaluated: `task.stores_data` is not known"),
        "{finding}"
    );
    app.stop().await
}
