//! Who may do what, asked from outside: every operation of the document, with every kind of caller that must be refused.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use anyhow::{Context as _, Result, ensure};
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::contract::operations;
use crate::harness::{Database, Person, SCOPES, TestApp, on_both_databases, on_sqlite, small, text};
use crate::http::Ask;
use crate::runner::Runner;
use crate::team::{approved, in_steps, team, validate};

on_both_databases!(nobody_decides_about_their_own_change,);
on_sqlite!(
    every_operation_refuses_whom_it_must,
    agents_decide_nothing,
    refused_attempts_are_recorded_up_to_a_limit
);

/// Operations that need no token: whoever watches the process has none. This list may only shrink.
const EXEMPT: [&str; 2] = ["GET /healthz", "GET /readyz"];

/// Changes and other things, each in a state that admits what is asked of it.
struct World {
    app: TestApp,
    draft: String,
    waiting: String,
    approved: String,
    conditional: String,
    running: Runner,
    running_id: String,
    validating: String,
    implemented: String,
    incident: String,
    delegation: String,
}

impl World {
    async fn new(database: Database) -> Result<Self> {
        let (app, ann, lead) = team(database).await?;
        app.agent("bot", &ann).await?;
        let one = in_steps(&json!([{"name": "one", "run": "true", "undo": "true"}]));
        let mut draft = small("greeter");
        draft["draft"] = json!(true);
        let draft = text(&ann.create(&draft).await?["change_id"]).to_owned();
        let waiting = ann.create(&one).await?;
        let conditional = ann.create(&one).await?;
        let approval = json!({ "digest": conditional["digest"], "conditions": ["tests"] });
        let conditional = text(&conditional["change_id"]).to_owned();
        lead.act(&conditional, "approve", &approval).await?;
        let mut done = Vec::new();
        for _ in 0..3 {
            let id = approved(&ann, &lead, &one).await?;
            let mut runner = Runner::start(&ann, &id, true).await?;
            runner.work(|_| false).await?;
            runner.finish().await?;
            done.push(id);
        }
        let [validating, implemented, failed] = done.try_into().ok().context("three changes")?;
        validate(&ann, &implemented, true).await?;
        let failed = validate(&ann, &failed, false).await?;
        let lent = crate::approvals::lend(&lead, "ann", &json!({})).await?;
        let behind = json!({ "incident": failed["incidents"][0], "title": "a", "text": "b" });
        lead.post("/api/v1/problems", &behind).await?;
        let running_id = approved(&ann, &lead, &one).await?;
        let running = Runner::start(&ann, &running_id, true).await?;
        Ok(Self {
            draft,
            waiting: text(&waiting["change_id"]).to_owned(),
            approved: approved(&ann, &lead, &one).await?,
            conditional,
            running,
            running_id,
            validating,
            implemented,
            incident: text(&failed["incidents"][0]).to_owned(),
            delegation: text(&lent["delegation_id"]).to_owned(),
            app,
        })
    }

    /// An operation of the document with what it needs to be understood, who might do it, and the scope that a token
    /// needs for it. Whoever adds a route adds its row.
    #[rustfmt::skip]
    fn rows(&self) -> Vec<Row> {
        let change = |id: &str, rest: &str| format!("/api/v1/changes/{id}{rest}");
        let reason = json!({ "reason": "because" });
        let fencing = self.running.assignment.fencing_token;
        let run = json!({ "holder": "ann-1", "fencing_token": fencing });
        let digest = &self.running.assignment.digest;
        let start = json!({ "holder": "ann-2", "digest": digest });
        let rehearsal = json!({ "rehearsal": {
            "digest": digest, "target": "staging", "target_digest": digest, "host": "build-7", "duration_millis": 1,
            "tasks": [], "left_out": [], "captures": 0, "differing": [], "left_in_place": [],
        } });
        let progress = json!({ "fencing_token": fencing, "observation": { "observation": "runner_lost" } });
        let check = json!({ "checks": [{ "name": "health", "passed": true, "detail": "well" }] });
        let (ann, lead, root) = ("ann", "lead", "bootstrap-admin");
        let running = &self.running_id;
        vec![
            row("GET", "/metrics", ann, "read"),
            row("GET", "/api/v1/openapi.json", ann, "read"),
            row("GET", "/api/v1/whoami", ann, ""),
            row("GET", "/api/v1/events", ann, "read"),
            row("GET", "/api/v1/changes", ann, "read"),
            row("POST", "/api/v1/changes", ann, "request").with(&small("greeter")),
            row("GET", &change(&self.waiting, ""), ann, "read"),
            row("PUT", &change(&self.waiting, ""), ann, "request").with(&small("greeter")).header("if-match", "\"3\""),
            row("POST", &change(&self.draft, "/submit"), ann, "request"),
            row("POST", &change(&self.waiting, "/comments"), ann, "request").with(&json!({ "text": "hm" })),
            row("POST", &change(&self.waiting, "/cancel"), ann, "request").with(&reason),
            row("POST", &change(&self.waiting, "/rehearsals"), ann, "implement").with(&rehearsal),
            row("POST", &change(&self.waiting, "/approve"), lead, "approve").with(&json!({ "digest": digest })),
            row("POST", &change(&self.waiting, "/reject"), lead, "approve").with(&reason),
            row("POST", &change(&self.conditional, "/withdraw-approval"), lead, "approve").with(&reason),
            row("POST", &change(&self.conditional, "/conditions/0/satisfy"), lead, "approve").with(&json!({ "evidence": "done" })),
            row("POST", &change(&self.waiting, "/override"), lead, "approve").with(&json!({ "decision": "rejection", "digest": digest, "reason": "x" })),
            row("POST", &change(&self.validating, "/reviews"), lead, "approve").with(&json!({ "kind": "post_implementation", "text": "good" })),
            row("POST", &change(&self.waiting, "/risk/what-if"), ann, "read").with(&json!({})),
            row("GET", &change(running, "/policies"), ann, "read"),
            row("GET", &change(running, "/assignment"), ann, "read"),
            row("GET", &change(running, "/samples"), ann, "read"),
            row("GET", &change(running, "/conflicts"), ann, "read"),
            row("GET", &change(running, "/chain"), ann, "read"),
            row("POST", &change(&self.approved, "/start"), ann, "implement").with(&start),
            row("POST", &change(running, "/progress"), ann, "implement").with(&progress),
            row("POST", &change(running, "/heartbeat"), ann, "implement").with(&run),
            row("POST", &change(running, "/finish"), ann, "implement").with(&run),
            row("POST", &change(running, "/release"), ann, "implement").with(&run),
            row("POST", &change(running, "/pause"), ann, "implement"),
            row("POST", &change(running, "/resume"), ann, "implement"),
            row("POST", &change(running, "/decide-step"), ann, "implement").with(&json!({ "step": "one", "decision": "done" })),
            row("POST", &change(running, "/rollback"), ann, "implement").with(&reason),
            row("POST", &change(&self.validating, "/validate"), ann, "implement").with(&check),
            row("POST", &change(&self.implemented, "/close"), ann, "implement").with(&json!({ "status": "success" })),
            row("GET", &change(&self.approved, "/evidence"), root, "audit"),
        ]
        .into_iter()
        .chain(self.rows_of_incidents())
        .chain(self.rows_beside_changes())
        .chain(self.rows_of_boards())
        .collect()
    }

    /// The same for the boards.
    #[rustfmt::skip]
    fn rows_of_boards(&self) -> Vec<Row> {
        let (ann, lead, root) = ("ann", "lead", "bootstrap-admin");
        let digest = &self.running.assignment.digest;
        vec![
            row("GET", "/api/v1/cab", ann, "read"),
            row("POST", "/api/v1/cab", root, "approve").with(&json!({
                "roles": ["cab_member"], "quorum": 2, "cut_off": "24h",
                "meets": { "starts": "2026-01-01T14:00", "duration": "1h", "rule": "FREQ=WEEKLY" }
            })),
            row("GET", "/api/v1/cab/agenda", ann, "read"),
            row("POST", "/api/v1/cab/meetings", lead, "approve").with(&json!({ "extraordinary": "x" })),
            row("GET", "/api/v1/cab/meetings/CAB-1", ann, "read"),
            row("POST", "/api/v1/cab/meetings/CAB-1/close", lead, "approve"),
            row("POST", "/api/v1/cab/votes", lead, "approve")
                .with(&json!({ "change_id": self.waiting, "digest": digest, "vote": "approve", "rationale": "x" })),
            row("GET", "/api/v1/cab/standing", ann, "read"),
            row("POST", "/api/v1/cab/standing", lead, "approve")
                .with(&json!({ "title": "x", "categories": ["patch"], "expires_at": "2026-06-01T00:00:00Z" })),
            row("POST", "/api/v1/cab/standing/STD-1/support", lead, "approve"),
            row("POST", "/api/v1/cab/standing/STD-1/revoke", lead, "approve").with(&json!({ "reason": "x" })),
            row("GET", "/api/v1/ecab", ann, "read"),
            row("GET", "/api/v1/ecab/oncall", ann, "read"),
            row("GET", "/api/v1/ecab/debt", ann, "read"),
            row("POST", "/api/v1/ecab/rotations", root, "approve")
                .with(&json!({ "name": "x", "members": ["lead"], "starts": "2026-01-05T09:00", "rule": "FREQ=WEEKLY" })),
            row("POST", "/api/v1/ecab/rotations/x/remove", root, "approve").with(&json!({ "reason": "x" })),
            row("POST", "/api/v1/ecab/shifts", root, "approve")
                .with(&json!({ "actor": "lead", "duration": "1h", "reason": "x" })),
            row("POST", "/api/v1/ecab/shifts/SHIFT-1/remove", root, "approve").with(&json!({ "reason": "x" })),
        ]
    }

    /// The same for incidents and what lies behind them.
    #[rustfmt::skip]
    fn rows_of_incidents(&self) -> Vec<Row> {
        let (ann, lead) = ("ann", "lead");
        vec![
            row("GET", "/api/v1/incidents", ann, "read"),
            row("POST", "/api/v1/incidents", ann, "request").with(&json!({ "title": "a", "text": "b", "affected": ["greeter"] })),
            row("GET", &format!("/api/v1/incidents/{}", self.incident), ann, "read"),
            row("GET", &format!("/api/v1/incidents/{}/suspects", self.incident), ann, "read"),
            row("GET", "/api/v1/suspects?ci=greeter", ann, "read"),
            row("GET", "/api/v1/problems", ann, "read"),
            row("POST", "/api/v1/problems", lead, "implement").with(&json!({ "incident": self.incident, "title": "a", "text": "b" })),
            row("GET", "/api/v1/problems/PRB-1", ann, "read"),
            row("PATCH", "/api/v1/problems/PRB-1", lead, "implement").with(&json!({ "note": "hm" })),
            row("PATCH", &format!("/api/v1/incidents/{}", self.incident), lead, "implement").with(&json!({ "note": "hm" })),
        ]
    }

    /// The same for what is not about one change.
    #[rustfmt::skip]
    fn rows_beside_changes(&self) -> Vec<Row> {
        let actor = json!({ "name": "new", "kind": "human" });
        let token = json!({ "scopes": ["read"], "label": "x" });
        let (ann, lead, root) = ("ann", "lead", "bootstrap-admin");
        vec![
            row("GET", "/api/v1/audit", root, "audit"),
            row("GET", "/api/v1/audit/checkpoint", root, "audit"),
            row("POST", "/api/v1/audit/verify", root, "audit"),
            row("GET", "/api/v1/actors", ann, "read"),
            row("POST", "/api/v1/actors", root, "admin").with(&actor),
            row("GET", "/api/v1/actors/ann", ann, "read"),
            row("PATCH", "/api/v1/actors/ann", root, "admin").with(&json!({ "active": true })),
            row("GET", "/api/v1/actors/bot/budget", ann, "read"),
            row("PUT", "/api/v1/actors/bot/budget", root, "admin").with(&json!({ "reason": "by its record" })),
            row("GET", "/api/v1/actors/lead/tokens", root, "admin"),
            row("POST", "/api/v1/actors/lead/tokens", root, "admin").with(&token),
            row("DELETE", "/api/v1/actors/lead/tokens/tok_0011", root, "admin"),
            row("POST", "/api/v1/slack/interactions", ann, ""),
            row("GET", "/api/v1/notifications", root, "admin"),
            row("GET", "/api/v1/notifications/dead", root, "admin"),
            row("POST", "/api/v1/notifications/msg_none/redeliver", root, "admin"),
            row("POST", "/api/v1/notifications/test", root, "admin").with(&json!({ "channel": "none" })),
            row("GET", "/api/v1/policies", ann, "read"),
            row("GET", "/api/v1/calendar", ann, "read"),
            row("GET", "/api/v1/calendar/entries", ann, "read"),
            row("GET", "/api/v1/calendar.ics", ann, "calendar"),
            row("GET", "/api/v1/calendar/slots?service=greeter", ann, "read"),
            row("POST", "/api/v1/calendar/entries", root, "approve").with(&json!({
                "name": "year-end", "kind": "freeze", "title": "x", "starts": "2026-12-20T00:00", "duration": "12d"
            })),
            row("POST", "/api/v1/calendar/entries/year-end/remove", root, "approve").with(&json!({ "reason": "x" })),
            row("POST", "/api/v1/calendar/entries/year-end/override", lead, "approve")
                .with(&json!({ "change_id": self.approved, "reason": "x", "expires_in": "1h" })),
            row("GET", "/api/v1/approvals", ann, "read"),
            row("GET", &format!("/api/v1/approvals/{}", self.approved), ann, "read"),
            row("GET", "/api/v1/delegations", ann, "read"),
            row("POST", "/api/v1/delegations", lead, "approve").with(&json!({ "to": "ann", "lasts": "1d", "reason": "x" })),
            row("POST", &format!("/api/v1/delegations/{}/end", self.delegation), lead, "approve").with(&json!({ "reason": "x" })),
            row("POST", &format!("/api/v1/changes/{}/attend", self.validating), ann, "implement")
                .with(&json!({ "holder": "host7-1" })),
            row("GET", "/api/v1/runners?label=eu", ann, "read"),
            row("PUT", "/api/v1/runners/host7-1", ann, "implement").with(&json!({
                "host": "host7", "version": "0.1.0", "labels": ["eu"], "concurrency": 1, "state": "looking"
            })),
            row("GET", "/api/v1/calibrations", ann, "read"),
            row("POST", "/api/v1/calibrations", lead, "approve").with(&crate::rollouts::calibration()),
            row("GET", "/api/v1/stops", ann, "read"),
            row("POST", "/api/v1/stops", lead, "approve").with(&json!({ "scope": "everything", "reason": "x" })),
            row("POST", "/api/v1/stops/STOP-1/lift", lead, "approve").with(&json!({ "reason": "x" })),
            row("POST", "/api/v1/policies/replay", root, "audit").with(&json!({ "since": "2026-01-01T00:00:00Z", "files": [] })),
            row("GET", "/api/v1/risk/models", ann, "read"),
            row("POST", "/api/v1/risk/models", root, "admin"),
            row("PUT", "/api/v1/risk/models/asked", root, "admin").with(&json!({ "version": null })),
            row("GET", "/api/v1/risk/backtests", ann, "read"),
            row("POST", "/api/v1/risk/backtests", root, "admin").with(&json!({})),
            row("GET", "/api/v1/risk/kpis", ann, "read"),
            row("GET", "/api/v1/risk/drift", ann, "read"),
            row("GET", "/api/v1/catalog", ann, "read"),
            row("POST", "/api/v1/catalog", root, "admin").with(&json!({ "services": [] })),
            row("GET", "/api/v1/cmdb/items", ann, "read"),
            row("GET", "/api/v1/cmdb/items/greeter", ann, "read"),
            row("GET", "/api/v1/cmdb/items/greeter/history", ann, "read"),
            row("GET", "/api/v1/cmdb/items/greeter/impact", ann, "read"),
            row("GET", "/api/v1/cmdb/items/greeter/graph", ann, "read"),
            row("POST", "/api/v1/cmdb/edit", root, "admin").with(&json!({ "describe": [] })),
            row("GET", "/api/v1/history", ann, "read"),
            row("POST", "/api/v1/alerts", root, "alerts").with(&json!({ "version": "4", "alerts": [] })),
            row("POST", "/api/v1/history/import", root, "admin").with(&json!({ "source": "servicenow", "changes": [] })),
        ]
    }
}

/// One operation, asked with everything it needs but a token.
struct Row {
    ask: Ask,
    /// Who might do it.
    actor: &'static str,
    /// The scope that its token needs; none where any token will do.
    scope: &'static str,
}

fn row(method: &str, path: &str, actor: &'static str, scope: &'static str) -> Row {
    Row { ask: Ask::new(method, path), actor, scope }
}

impl Row {
    fn with(mut self, body: &Value) -> Self {
        self.ask = self.ask.json(body);
        self
    }

    fn header(mut self, name: &str, value: &str) -> Self {
        self.ask = self.ask.header(name, value);
        self
    }

    /// The operation as the document writes it.
    fn operation(&self) -> Result<String> {
        let path = self.ask.path.split('?').next().unwrap_or_default();
        let found = operations().find(|(method, template, _)| {
            let parts = template.split('/').zip(path.split('/'));
            let has_same_length = template.split('/').count() == path.split('/').count();
            *method == self.ask.method
                && has_same_length
                && parts.clone().all(|(a, b)| a.starts_with('{') || a == b)
        });
        let (method, template, _) =
            found.with_context(|| format!("{} is not in the document", self.ask.path))?;
        Ok(format!("{method} {template}"))
    }
}

/// Somebody with a token that is no good, and what that is called.
async fn strangers(app: &TestApp) -> Result<Vec<(&'static str, Option<String>)>> {
    let brief = json!({ "scopes": SCOPES, "expires_in": "1m", "label": "brief" });
    let expired = app.root().post("/api/v1/actors/ann/tokens", &brief).await?["token"].clone();
    let issue = json!({ "scopes": SCOPES, "label": "lost" });
    let lost = app.root().post("/api/v1/actors/ann/tokens", &issue).await?;
    let path = format!("/api/v1/actors/ann/tokens/{}", text(&lost["token_id"]));
    app.root().send(Ask::new("DELETE", &path)).await?.good()?;
    let gone = app.person("gone", &["administrator", "technical_lead", "implementer"]).await?;
    let off = json!({ "active": false, "reason": "has left" });
    app.root().send(Ask::new("PATCH", "/api/v1/actors/gone").json(&off)).await?.good()?;
    app.pass(SignedDuration::from_mins(2));
    Ok(vec![
        ("no token", None),
        ("garbage", Some("hunter2".to_owned())),
        ("unknown", Some(format!("cct_{}", "0".repeat(64)))),
        ("expired", Some(text(&expired).to_owned())),
        ("revoked", Some(text(&lost["token"]).to_owned())),
        ("inactive actor", Some(gone.token)),
    ])
}

async fn every_operation_refuses_whom_it_must(database: Database) -> Result<()> {
    let world = World::new(database).await?;
    let app = &world.app;
    let strangers = strangers(app).await?;
    let bystander = app.person("bystander", &[]).await?;
    let (mut matrix, mut covered) = (String::new(), BTreeSet::new());
    for row in world.rows() {
        let operation = row.operation()?;
        ensure!(covered.insert(operation.clone()), "{operation} has two rows");
        let mut columns = Vec::new();
        for (name, token) in &strangers {
            let ask = token.iter().fold(row.ask.clone(), |ask, token| ask.token(token));
            let answer = ask.send(app.address).await?;
            answer.refused(401, "unauthenticated").with_context(|| format!("{operation} with {name}"))?;
        }
        columns.push("401".to_owned());
        columns.push(without_scope(app, &row).await.with_context(|| operation.clone())?);
        columns.push(outcome(&bystander, &row).await?);
        writeln!(matrix, "{operation:<55} {}", columns.join(" | "))?;
    }
    let all: BTreeSet<String> = operations().map(|(method, path, _)| format!("{method} {path}")).collect();
    let missing: Vec<_> =
        all.difference(&covered).filter(|operation| !EXEMPT.contains(&operation.as_str())).collect();
    assert!(missing.is_empty(), "operations without a row: {missing:?}");
    for operation in EXEMPT {
        let path = operation.trim_start_matches("GET ");
        assert_eq!(Ask::get(path).send(app.address).await?.status, 200, "{operation}");
    }
    insta::assert_snapshot!(matrix);
    world.app.stop().await
}

/// What the one who might do it is told with a token that lacks the scope.
async fn without_scope(app: &TestApp, row: &Row) -> Result<String> {
    if row.scope.is_empty() {
        return Ok("any token".to_owned());
    }
    let others: Vec<_> = SCOPES.into_iter().filter(|scope| *scope != row.scope).collect();
    let person = app.token(row.actor, &others).await?;
    let answer = person.send(row.ask.clone()).await?;
    let problem = answer.refused(403, "refused-by-policy")?;
    let rule = format!("token-scope-{}", row.scope);
    let errors = problem["errors"].as_array().context("errors")?;
    ensure!(errors.iter().any(|error| text(&error["at"]).starts_with("token-scope")), "{rule}: {problem}");
    // The actor may have no more than fifty live tokens.
    revoke(app, row.actor).await?;
    let rules: Vec<_> = errors.iter().map(|error| text(&error["at"])).collect();
    Ok(format!("403 {}", rules.join(", ")))
}

/// Revokes the newest token of an actor that is not its first.
async fn revoke(app: &TestApp, name: &str) -> Result<()> {
    let path = format!("/api/v1/actors/{name}/tokens");
    let tokens = app.root().get(&path).await?;
    let live = |token: &&Value| {
        token["revoked"] == false && token["scopes"].as_array().map(Vec::len) == Some(SCOPES.len() - 1)
    };
    for token in tokens["items"].as_array().context("tokens")?.iter().filter(live) {
        let path = format!("{path}/{}", text(&token["token_id"]));
        app.root().send(Ask::new("DELETE", &path)).await?.good()?;
    }
    Ok(())
}

/// What somebody without any role is told, who has nothing to do with it.
async fn outcome(bystander: &Person, row: &Row) -> Result<String> {
    if row.ask.path == "/api/v1/events" {
        let opened = row.ask.clone().token(&bystander.token).open(bystander.address).await?;
        return Ok(opened.status.to_string());
    }
    let answer = bystander.send(row.ask.clone()).await?;
    if answer.status < 400 {
        return Ok(answer.status.to_string());
    }
    let problem = answer.problem()?;
    Ok(format!("{} {}", answer.status, text(&problem["rule"])))
}

/// Entries of a stream of refused attempts.
async fn attempts(app: &TestApp, name: &str) -> Result<Vec<Value>> {
    let actor = app.root().get(&format!("/api/v1/actors/{name}")).await?;
    let stream = format!("security/{}", text(&actor["actor_id"]));
    let log = app.root().get("/api/v1/audit?limit=500").await?;
    let entries = log["items"].as_array().context("entries")?;
    Ok(entries.iter().filter(|entry| entry["stream"] == json!(stream)).cloned().collect())
}

async fn nobody_decides_about_their_own_change(database: Database) -> Result<()> {
    let (app, _, _) = team(database).await?;
    let roles = ["technical_lead", "cab_member", "ecab_member", "change_manager"];
    let ann = app.person("ann-herself", &roles).await?;
    let alias = json!({ "alias_of": "ann-herself", "rights": { "roles": roles } });
    let alias = app.register("ann-at-home", "human", &alias).await?;
    let agent = app.agent("ann-bot", &ann).await?;
    let secretary = json!({ "rights": { "may_act_for": ["ann-herself"], "roles": roles } });
    let secretary = app.register("secretary", "human", &secretary).await?;
    let second = app.token("ann-herself", &["approve", "read"]).await?;
    let own = ann.create(&small("identity")).await?;
    let by_agent = agent.create(&small("identity")).await?;
    let mut request = small("identity");
    request["requested_by"] = json!("ann-herself");
    let by_secretary = secretary.create(&request).await?;
    for change in [&own, &by_agent, &by_secretary] {
        let id = text(&change["change_id"]);
        let approval = json!({ "digest": change["digest"], "role": "technical_lead" });
        for person in [&ann, &alias, &agent, &second] {
            let path = format!("/api/v1/changes/{id}/approve");
            let problem = person.refused(&path, &approval, 403, "refused-by-policy").await?;
            let rules: Vec<_> =
                problem["errors"].as_array().unwrap().iter().map(|error| text(&error["at"])).collect();
            assert!(rules.contains(&"segregation-of-duties"), "{}: {rules:?}", person.name);
        }
        let now = ann.change(id).await?;
        assert_eq!(now["version"], change["version"], "nothing was written to the change");
    }
    // Whoever asks in somebody's name is on their side, in this change only.
    let path = |change: &Value| format!("/api/v1/changes/{}/approve", text(&change["change_id"]));
    let approval = json!({ "digest": by_secretary["digest"], "role": "technical_lead" });
    secretary.refused(&path(&by_secretary), &approval, 403, "refused-by-policy").await?;
    let approval = json!({ "digest": own["digest"], "role": "technical_lead" });
    secretary.post(&path(&own), &approval).await?;
    // Every refused attempt is on record, under whoever made it.
    for (name, count) in [("ann-herself", 6), ("ann-at-home", 3), ("ann-bot", 3), ("secretary", 1)] {
        let recorded = attempts(&app, name).await?;
        assert_eq!(recorded.len(), count, "{name}: {recorded:?}");
        assert_eq!(recorded[0]["data"]["action"], "approve");
    }
    app.stop().await
}

async fn agents_decide_nothing(database: Database) -> Result<()> {
    let (app, ann, lead) = team(database).await?;
    let bot = app.agent("lead-bot", &lead).await?;
    for role in ["technical_lead", "cab_member", "ecab_member", "ciso", "cto"] {
        let rights = json!({ "rights": { "roles": [role], "teams": [], "may_act_for": [] } });
        let ask = Ask::new("PATCH", "/api/v1/actors/lead-bot").json(&rights);
        app.root().send(ask).await?.refused(422, "actor-refused")?;
        let agent =
            json!({ "name": "other", "kind": "agent", "owner": "lead", "rights": { "roles": [role] } });
        app.root().refused("/api/v1/actors", &agent, 422, "actor-refused").await?;
    }
    let change = ann.create(&small("identity")).await?;
    let id = text(&change["change_id"]);
    let decisions =
        [("approve", json!({ "digest": change["digest"] })), ("reject", json!({ "reason": "looks wrong" }))];
    for (action, body) in decisions {
        let path = format!("/api/v1/changes/{id}/{action}");
        let problem = bot.refused(&path, &body, 403, "refused-by-policy").await?;
        let rules: Vec<_> =
            problem["errors"].as_array().unwrap().iter().map(|error| text(&error["at"])).collect();
        assert!(rules.contains(&"agents-never-satisfy-a-human-gate"), "{rules:?}");
    }
    let token = json!({ "scopes": ["approve"], "label": "for me" });
    bot.refused("/api/v1/actors/lead-bot/tokens", &token, 403, "refused-by-policy").await?;
    bot.refused("/api/v1/catalog", &json!({ "services": [] }), 403, "refused-by-policy").await?;
    assert_eq!(attempts(&app, "lead-bot").await?.len(), 4);
    app.stop().await
}

async fn refused_attempts_are_recorded_up_to_a_limit(database: Database) -> Result<()> {
    let app = TestApp::start_on(database, |config| config.limits.refusals_recorded_per_hour = 3).await?;
    let ann = app.person("ann", &["technical_lead"]).await?;
    let change = ann.create(&small("unknown-service")).await?;
    let path = format!("/api/v1/changes/{}/approve", text(&change["change_id"]));
    let approval = json!({ "digest": change["digest"] });
    for attempt in 0..10 {
        ann.refused(&path, &approval, 403, "refused-by-policy").await?;
        assert_eq!(attempts(&app, "ann").await?.len(), 3.min(attempt + 1));
    }
    app.pass(SignedDuration::from_hours(1));
    ann.refused(&path, &approval, 403, "refused-by-policy").await?;
    let recorded = attempts(&app, "ann").await?;
    assert_eq!(recorded.len(), 4);
    let sentence = text(&recorded[3]["details"]);
    assert!(sentence.contains("approve") && sentence.contains("segregation-of-duties"), "{sentence}");
    app.stop().await
}
