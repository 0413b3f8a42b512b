//! The specification's own examples, as they stand in its text.

use anyhow::{Context as _, Result};
use domain::plan::Action;
use serde_json::{Value, json};

use crate::harness::{Database, Person, SERVICES, TestApp, on_both_databases, text};
use crate::runner::Runner;

on_both_databases!(the_example_request_is_accepted_as_it_stands, the_example_trail_has_its_shape_and_meaning,);

/// "Step 1: Change Request Creation", its steps filled in.
fn example_request(steps: &Value, rollback_steps: &Value) -> Value {
    json!({
      "change_id": "CHG-2025-001234",
      "type": "normal",
      "category": "deployment",
      "title": "Deploy new development-master error recovery feature",
      "description": "Implement auto-recovery for YouTube ingestion workflow",
      "requested_by": "cortex-orchestrator",
      "impact": "medium",
      "urgency": "medium",
      "implementation_plan": {
        "steps": steps,
        "estimated_duration": "15m",
        "maintenance_window": false
      },
      "rollback_plan": {
        "automated": true,
        "steps": rollback_steps,
        "max_duration": "5m"
      },
      "affected_services": ["cortex-chat-backend", "youtube-ingestion"],
      "affected_cis": ["K8S-CORTEX-CHAT", "REDIS-CORTEX-SYSTEM"]
    })
}

/// Whatever the request says is found again in the change, apart from what the change says in its own words.
fn says_the_same(request: &Value, change: &Value) {
    for (field, asked) in request.as_object().unwrap() {
        match field.as_str() {
            "change_id" => assert_eq!(&change["external_id"], asked),
            "requested_by" => assert_eq!(&change["created_by"], asked),
            "implementation_plan" | "rollback_plan" => {
                for (part, asked) in asked.as_object().unwrap().iter().filter(|(part, _)| *part != "steps") {
                    assert_eq!(&change[field][part], asked, "{field}.{part}");
                }
                let (asked, given) = (&asked["steps"], &change[field]["steps"]);
                assert_eq!(asked.as_array().unwrap().len(), given.as_array().unwrap().len(), "{field}.steps");
            }
            _ => assert_eq!(&change[field], asked, "{field}"),
        }
    }
}

/// The orchestrator of the example, an agent that a person answers for.
async fn orchestrator(app: &TestApp) -> Result<Person> {
    let owner = app.person("platform-owner", &[]).await?;
    app.agent("cortex-orchestrator", &owner).await
}

async fn the_example_request_is_accepted_as_it_stands(database: Database) -> Result<()> {
    let app = TestApp::start_on(database, |_| {}).await?;
    let orchestrator = orchestrator(&app).await?;
    let prose = example_request(
        &json!(["Build the new image", "Roll it out to one instance", "Roll it out to all"]),
        &json!(["Roll the previous image out"]),
    );
    let objects = example_request(
        &json!([
            {"name": "build", "run": "make image"},
            {"name": "deploy", "run": ["kubectl", "apply", "-f", "chat.yaml"], "undo": "kubectl rollout undo deployment/chat"},
            {"name": "look", "check": {"http": "http://chat.internal/health", "interval": "2s"}, "timeout": "1m"},
        ]),
        &json!([{"name": "restore", "run": "make previous", "idempotent": true}]),
    );
    for request in [prose, objects] {
        let change = orchestrator.create(&request).await?;
        says_the_same(&request, &change);
        let id = text(&change["change_id"]);
        assert!(id.starts_with("CHG-2026-"), "the identifier is ours: {id}");
        says_the_same(&request, &orchestrator.change(id).await?);
        let actions: Vec<_> =
            change["audit_trail"].as_array().unwrap().iter().map(|e| text(&e["action"])).collect();
        assert_eq!(actions, ["created", "risk_assessed", "approval_requested"]);
        // Both services and both items are unknown here, which is said and never taken as harmless.
        let missing = change["risk"]["missing"].as_array().unwrap();
        for name in ["cortex-chat-backend", "youtube-ingestion", "K8S-CORTEX-CHAT", "REDIS-CORTEX-SYSTEM"] {
            assert!(missing.iter().any(|fact| text(fact).contains(name)), "{name} is not in {missing:?}");
        }
        assert_ne!(change["risk"]["level"], "low");
    }
    // In somebody else's name only with the right to it.
    let stranger = app.person("stranger", &[]).await?;
    let foreign = example_request(&json!(["Do it"]), &json!([]));
    stranger.refused("/api/v1/changes", &foreign, 403, "refused-by-policy").await?;
    let secretary = json!({ "rights": { "may_act_for": ["cortex-orchestrator"] } });
    let secretary = app.register("secretary", "human", &secretary).await?;
    let change = secretary.create(&foreign).await?;
    assert_eq!(
        (text(&change["created_by"]), text(&change["on_behalf_of"])),
        ("secretary", "cortex-orchestrator")
    );
    app.stop().await
}

async fn the_example_trail_has_its_shape_and_meaning(database: Database) -> Result<()> {
    let app = TestApp::start_on(database, |_| {}).await?;
    app.services(&[("cortex-chat-backend", 2), ("youtube-ingestion", 2)]).await?;
    app.services(&SERVICES).await?;
    let orchestrator = orchestrator(&app).await?;
    let lead = app.person("tech-lead@cortex.ai", &["technical_lead"]).await?;
    let deployer = app.person("cortex-deployer", &["implementer"]).await?;
    let validator = app.person("cortex-validator", &["change_manager"]).await?;
    let mut request =
        example_request(&json!([{"name": "deploy", "run": "true", "undo": "true"}]), &json!([]));
    request["affected_cis"] = json!([]);
    request["evidence"] = json!({
        "churn": {"lines": 100, "files": 3, "directories": 2},
        "tests": {"passed": 10, "failed": 0},
        "coverage_percent": 60.0,
        "coverage_basis": "changed_lines",
    });
    let change = orchestrator.create(&request).await?;
    let id = text(&change["change_id"]).to_owned();
    assert_eq!(change["risk"]["level"], "medium", "{}", change["risk"]);
    let approval = json!({ "digest": change["digest"], "conditions": ["staging tests required"] });
    lead.act(&id, "approve", &approval).await?;
    let met = json!({ "evidence": "staging run 4711 passed" });
    lead.post(&format!("/api/v1/changes/{id}/conditions/0/satisfy"), &met).await?;
    let mut runner = Runner::start(&deployer, &id, true).await?;
    assert_eq!(runner.work(|_| false).await?, Action::Finish);
    runner.finish().await?;
    let check = json!({ "name": "health", "passed": true, "detail": "all healthy" });
    validator.act(&id, "validate", &json!({ "checks": [check] })).await?;
    validator.act(&id, "close", &json!({ "status": "success", "comment": "CMDB updated" })).await?;

    let change = orchestrator.change(&id).await?;
    assert_eq!(
        (text(&change["created_at"]), text(&change["created_by"])),
        ("2026-03-02T09:00:00Z", "cortex-orchestrator")
    );
    let trail = change["audit_trail"].as_array().context("an audit trail")?;
    for entry in trail {
        for field in ["timestamp", "action", "actor", "details"] {
            assert!(entry[field].as_str().is_some_and(|text| !text.is_empty()), "{field} of {entry}");
        }
    }
    let told = |action: &str| {
        let entry = trail.iter().find(|entry| entry["action"] == action).unwrap();
        (text(&entry["actor"]), text(&entry["details"]))
    };
    assert_eq!(told("created"), ("cortex-orchestrator", "Change request submitted"));
    let score = &change["risk"]["score"];
    assert_eq!(told("risk_assessed"), ("ai-risk-engine", format!("Risk score: {score} (Medium)").as_str()));
    let (approver, approval) = told("approved");
    assert_eq!(approver, "tech-lead@cortex.ai");
    assert!(approval.ends_with("with conditions: staging tests required"), "{approval}");
    assert_eq!(told("implemented"), ("cortex-deployer", "Deployment completed successfully"));
    assert_eq!(told("validated").0, "cortex-validator");
    assert_eq!(told("closed"), ("cortex-validator", "Change successful: CMDB updated"));
    let order: Vec<_> = trail.iter().map(|entry| text(&entry["action"])).collect();
    let place = |action: &str| order.iter().position(|known| *known == action);
    let spec = ["created", "risk_assessed", "approved", "implemented", "validated", "closed"].map(place);
    assert!(spec.is_sorted() && spec.iter().all(Option::is_some), "{order:?}");
    app.stop().await
}
