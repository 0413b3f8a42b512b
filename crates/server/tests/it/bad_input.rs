//! Everything that can be wrong with a request: each gets its own problem, and nothing is written.

use anyhow::{Context as _, Result, ensure};
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::harness::{Database, Person, TestApp, on_both_databases, on_sqlite, small, text};
use crate::http::{Ask, Body};
use crate::team::team;

on_both_databases!(bad_requests_for_changes_get_a_problem_and_write_nothing,);
on_sqlite!(
    bad_addresses_and_queries_get_a_problem,
    bad_administration_gets_a_problem_and_writes_nothing,
    bodies_of_every_size_are_answered,
    keys_and_versions_are_held_to,
    what_was_created_once_is_answered_though_refused_by_now,
    an_erring_policy_approves_nothing,
    an_unknown_fact_approves_nothing,
);

/// A request, the problem that answers it, and words that its detail must have.
pub(crate) struct Case {
    ask: Ask,
    status: u16,
    kind: &'static str,
    says: String,
}

impl Case {
    async fn check(&self, person: &Person) -> Result<()> {
        let Self { ask, status, kind, says } = self;
        let problem = person.send(ask.clone()).await?.refused(*status, kind)?;
        let detail = text(&problem["detail"]);
        ensure!(detail.contains(says), "`{says}` is not in `{detail}`");
        let place = problem["errors"][0]["at"].as_str();
        ensure!(*kind != "invalid-field" || place.is_some_and(|at| !at.is_empty()), "no place in {problem}");
        is_documented(kind)
    }
}

pub(crate) fn case(ask: Ask, status: u16, kind: &'static str, says: &str) -> Case {
    Case { ask, status, kind, says: says.to_owned() }
}

/// What is in the log besides refused attempts.
async fn written(app: &TestApp) -> Result<usize> {
    let log = app.root().get("/api/v1/audit?limit=500").await?;
    let entries = log["items"].as_array().context("entries")?;
    ensure!(entries.len() < 500, "a longer log than this looks at");
    Ok(entries.iter().filter(|entry| !text(&entry["stream"]).starts_with("security/")).count())
}

/// Asks each, checks its problem, and that nothing was written by any.
pub(crate) async fn check(app: &TestApp, person: &Person, cases: Vec<Case>) -> Result<()> {
    let before = written(app).await?;
    let mut wrong = Vec::new();
    for case in cases {
        if let Err(error) = case.check(person).await {
            wrong.push(format!("{}\n    {error:#}", case.ask.shown()));
        }
    }
    ensure!(wrong.is_empty(), "{} wrong answers:\n{}", wrong.len(), wrong.join("\n"));
    assert_eq!(written(app).await?, before, "something was written");
    app.verified().await?;
    Ok(())
}

/// Every kind of problem has its heading on the page to which its type points.
fn is_documented(kind: &str) -> Result<()> {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/problems.md");
    let page = std::fs::read_to_string(page)?;
    ensure!(page.lines().any(|line| line == format!("## {kind}")), "docs/problems.md has no heading {kind}");
    Ok(())
}

/// The small change with one field replaced; dots lead into objects, numbers into lists.
fn with(path: &str, value: Value) -> Ask {
    let mut request = small("greeter");
    let mut place = &mut request;
    for part in path.split('.') {
        place = match part.parse::<usize>() {
            Ok(index) => &mut place[index],
            Err(_) => &mut place[part],
        };
    }
    *place = value;
    Ask::post("/api/v1/changes", &request)
}

/// The small change as text, with a part of it replaced.
fn replaced(part: &str, by: &str) -> Ask {
    let request = small("greeter").to_string();
    assert!(request.contains(part), "{request}");
    raw(request.replacen(part, by, 1).into_bytes())
}

fn raw(bytes: Vec<u8>) -> Ask {
    Ask::new("POST", "/api/v1/changes").bytes("application/json", bytes)
}

#[rustfmt::skip]
fn unreadable() -> Vec<Case> {
    let bad = |ask, says: &str| case(ask, 400, "unreadable-body", says);
    let deep = format!("{}{}", "[".repeat(3_000), "]".repeat(3_000));
    let step = "implementation_plan.steps.0";
    vec![
        bad(raw(b"[object Object]".to_vec()), "line 1 column 2"),
        bad(raw(Vec::new()), "EOF while parsing"),
        bad(raw(small("greeter").to_string().into_bytes()[..200].to_vec()), "EOF while parsing"),
        bad(raw(deep.into_bytes()), "nested deeper than 64 levels"),
        bad(raw(b"{\"title\": \"\xff\xfe\"}".to_vec()), "byte 11 is not valid UTF-8"),
        bad(raw(b"\xef\xbb\xbf{}".to_vec()), "line 1 column 1"),
        bad(raw(b"null".to_vec()), "invalid type: null"),
        bad(raw(b"{} {}".to_vec()), "missing field"),
        bad(raw([small("greeter").to_string().as_bytes(), b" x"].concat()), "trailing characters"),
        bad(replaced("\"type\":", "\"type\":\"normal\",\"type\":"), "duplicate field `type`"),
        bad(replaced("\"title\":", "\"titel\":"), "unknown field `titel`"),
        bad(replaced("\"title\":\"Deploy the new greeting\"", "\"title\":\"\\ud800\""), "`title`: unexpected end of hex escape"),
        bad(replaced("95.0", "NaN"), "line 1 column"),
        bad(replaced("95.0", "1e999"), "number out of range"),
        bad(with("title", json!(7)), "`title`: invalid type: integer `7`, expected a string"),
        bad(with("affected_services", json!({})), "`affected_services`: invalid type: map"),
        bad(with("implementation_plan.steps", json!("do it")), "`implementation_plan.steps`: invalid type: string"),
        bad(with(&format!("{step}.runn"), json!("x")), "`implementation_plan.steps[0].runn`: unknown field `runn`"),
        bad(with(&format!("{step}.retries"), json!(256)), "`implementation_plan.steps[0].retries`: invalid value"),
        bad(with(&format!("{step}.idempotent"), json!("yes")), "`implementation_plan.steps[0].idempotent`"),
        bad(replaced("\"idempotent\"", "\"env\":{\"A\":\"1\",\"A\":\"2\"},\"idempotent\""), "duplicate field `A`"),
        bad(with("evidence.churn.lines", json!(-5)), "`evidence.churn.lines`: invalid value"),
        bad(with("evidence.churn.lines", json!(1.5)), "`evidence.churn.lines`: invalid type"),
        bad(replaced("\"lines\":40", "\"lines\":99999999999999999999"), "`evidence.churn.lines`: invalid type"),
        bad(with("rollback_conditions.memory", json!({})), "unknown field `memory`"),
        bad(with("draft", json!("false")), "`draft`: invalid type"),
        case(Ask::new("POST", "/api/v1/changes"), 415, "media-type", "media type"),
        case(Ask::new("POST", "/api/v1/changes").bytes("text/yaml", b"title: x".to_vec()), 415, "media-type", "text/yaml"),
    ]
}

#[rustfmt::skip]
fn unfit() -> Vec<Case> {
    let bad = |ask, says: &str| case(ask, 422, "invalid-field", says);
    let invalid = |ask, says: &str| case(ask, 422, "invalid-content", says);
    let step = |field: &str| format!("implementation_plan.steps.0.{field}");
    let names = |count: usize| json!((0..count).map(|n| format!("CI-{n}")).collect::<Vec<_>>());
    vec![
        bad(with("type", json!("urgent")), "`type`: "),
        bad(with("category", json!("party")), "`category`: "),
        bad(with("title", json!("")), "`title`: "),
        bad(with("title", json!("two\nlines")), "`title`: "),
        bad(with("title", json!("x".repeat(10_000))), "`title`: "),
        bad(with("description", json!("a\u{0}b")), "`description`: "),
        bad(with("description", json!("x".repeat(200_000))), "`description`: "),
        bad(with("impact", json!("huge")), "`impact`: "),
        bad(with("affected_services", json!(["a b\u{7}"])), "`affected_services[0]`: "),
        bad(with("affected_services", json!(["a", "a"])), "`affected_services[1]`: `a` is named twice"),
        bad(with("affected_cis", names(10_001)), "`affected_cis`: 10001 entries are more than"),
        bad(with("environment", json!("")), "`environment`: "),
        bad(with("window", json!({"start": "tomorrow", "end": "2026-03-05T00:00:00Z"})), "`window.start`: `tomorrow`"),
        bad(with("window", json!({"start": "2026-03-05T00:00:00Z", "end": "2026-03-05T00:00:00Z"})), "`window`: the end"),
        bad(with("source", json!({"commit": "main"})), "`source.commit`: `main` is not a full commit hash"),
        bad(with("evidence.coverage_percent", json!(101)), "`evidence.coverage_percent`: 101 is out of range"),
        bad(with("evidence.coverage_percent", json!(-0.5)), "`evidence.coverage_percent`: -0.5 is out of range"),
        bad(with("evidence.coverage_basis", json!("vibes")), "`evidence.coverage_basis`: `vibes` is unknown"),
        bad(with(&step("name"), json!("")), "`implementation_plan.steps[0].name`: "),
        bad(with(&step("timeout"), json!("soon")), "`implementation_plan.steps[0].timeout`: "),
        bad(with(&step("timeout"), json!("1500ms")), "`implementation_plan.steps[0].timeout`: expected whole seconds"),
        bad(with(&step("wait"), json!("3s")), "`implementation_plan.steps[0]`: expected exactly one of run"),
        bad(with(&step("run"), Value::Null), "`implementation_plan.steps[0]`: expected one of run"),
        bad(with("implementation_plan.strategy", json!("yolo")), "`implementation_plan.strategy`: "),
        bad(with("rollback_conditions.health_check.action", json!("shrug")), "`rollback_conditions.health_check.action`: "),
        bad(with("rollback_conditions.error_rate", json!({"threshold": "NaN%", "window": "5m", "action": "immediate_rollback"})), "`rollback_conditions.error_rate.threshold`: "),
        bad(with("rollback_conditions.latency", json!({"threshold": "-2x_baseline", "window": "5m", "action": "immediate_rollback"})), "`rollback_conditions.latency.threshold`: "),
        bad(with("monitors.0.interval", json!("-1s")), "`monitors[0].interval`: "),
        bad(with("change_id", json!("x".repeat(200_000))), "`change_id`: "),
        bad(with(&step("timeout"), json!("9999d")), "`implementation_plan.steps[0].timeout`: `9999d` is too long"),
        invalid(with(&step("run"), json!([])), "deploy"),
        invalid(with(&step("env"), json!({"$text": "secret"})), "$text"),
        invalid(with(&step("env"), json!({"A=B": "x"})), "A=B"),
        invalid(with("implementation_plan.steps", json!([])), "step"),
        invalid(with("implementation_plan.steps", json!([{"name": "a", "run": "x"}, {"name": "a", "run": "y"}])), "`a`"),
        case(with("requested_by", json!("nobody-known")), 404, "not-found", "there is no actor `nobody-known`"),
    ]
}

async fn bad_requests_for_changes_get_a_problem_and_write_nothing(database: Database) -> Result<()> {
    let (app, ann, _) = team(database).await?;
    // Without its mistake the request is fine, or the mistakes would prove nothing.
    ann.send(with("title", json!("as it should be"))).await?.good()?;
    let mut cases = unreadable();
    cases.extend(unfit());
    check(&app, &ann, cases).await?;
    assert_eq!(ann.get("/api/v1/changes").await?["items"].as_array().map(Vec::len), Some(1));
    app.stop().await
}

async fn bad_addresses_and_queries_get_a_problem(database: Database) -> Result<()> {
    let (app, ann, _) = team(database).await?;
    let get = Ask::get;
    let missing = |path: &str| case(get(path), 404, "not-found", "there is no ");
    let query = |path: &str, says: &str| case(get(path), 422, "invalid-field", says);
    let cases = vec![
        missing("/api/v1/changes/CHG-2026-999999"),
        missing("/api/v1/changes/CHG-2026-1"),
        missing("/api/v1/changes/nonsense"),
        missing("/api/v1/changes/%FF%FE"),
        missing("/api/v1/changes/%00"),
        missing("/api/v1/changes/..%2F..%2Fetc%2Fpasswd"),
        missing("/api/v1/changes/%E2%80%AE/evidence"),
        missing("/api/v1/actors/%FF"),
        missing("/api/v1/actors/nobody"),
        missing("/api/v1/incidents/INC-2026-000001"),
        missing("/api/v1/incidents/%2e%2e"),
        missing("/api/v1/nothing"),
        missing("/api/v2/changes"),
        missing("/api/v1/changes/"),
        case(Ask::new("DELETE", "/api/v1/changes"), 405, "method-not-allowed", "DELETE"),
        case(Ask::new("BREW", "/api/v1/changes"), 405, "method-not-allowed", "BREW"),
        query("/api/v1/changes?sort=luck", "`sort`: `luck` is not an order"),
        query("/api/v1/changes?limit=0", "`limit`: 0 is out of range: expected 1 to 500"),
        query("/api/v1/changes?limit=501", "`limit`: 501 is out of range"),
        query("/api/v1/changes?limit=-1", "`query`: "),
        query("/api/v1/changes?limit=1&limit=2", "duplicate field `limit`"),
        query("/api/v1/changes?colour=red", "unknown field `colour`"),
        query("/api/v1/changes?state=waiting", "`state`: "),
        query("/api/v1/changes?level=scary", "`level`: "),
        query("/api/v1/changes?created_after=yesterday", "`query`: "),
        query("/api/v1/changes?cursor=%22%3E%3Cscript", "`cursor`: "),
        query("/api/v1/incidents?state=sad", "`state`: "),
        query("/api/v1/incidents?limit=0", "`limit`: "),
        query("/api/v1/events?after=99999", "`Last-Event-ID`: the log ends before entry 99999"),
        case(
            get("/api/v1/events").header("last-event-id", "seven"),
            422,
            "invalid-field",
            "`Last-Event-ID`: ",
        ),
        case(get("/api/v1/changes?requester=nobody"), 404, "not-found", "there is no actor `nobody`"),
    ];
    check(&app, &ann, cases).await?;
    let root = app.root();
    let cases = vec![
        query("/api/v1/audit?after=-1", "`query`: "),
        query("/api/v1/audit?limit=0", "`limit`: "),
        query("/api/v1/audit?limit=100000", "`limit`: "),
    ];
    check(&app, &root, cases).await?;
    // Text that is no UTF-8 is looked for as it is shown, and not found.
    assert_eq!(ann.get("/api/v1/changes?q=%FF").await?["items"], json!([]));
    app.stop().await
}

#[rustfmt::skip]
async fn bad_administration_gets_a_problem_and_writes_nothing(database: Database) -> Result<()> {
    let (app, _, _) = team(database).await?;
    let actor = |body: Value| Ask::post("/api/v1/actors", &body);
    let token = |body: Value| Ask::post("/api/v1/actors/ann/tokens", &body);
    let patch = |body: Value| Ask::new("PATCH", "/api/v1/actors/ann").json(&body);
    let catalog = |body: Value| Ask::post("/api/v1/catalog", &body);
    let field = |ask, says: &str| case(ask, 422, "invalid-field", says);
    let refused = |ask, says: &str| case(ask, 422, "actor-refused", says);
    let services = |services: Value| catalog(json!({ "services": services }));
    let cases = vec![
        field(actor(json!({ "name": "", "kind": "human" })), "`name`: "),
        field(actor(json!({ "name": "two words\n", "kind": "human" })), "`name`: "),
        field(actor(json!({ "name": "r2d2", "kind": "robot" })), "`kind`: "),
        field(actor(json!({ "name": "x", "kind": "human", "rights": { "roles": ["king"] } })), "`rights.roles`: "),
        case(actor(json!({ "name": "ann", "kind": "human" })), 409, "exists", "actor `ann` exists already"),
        case(actor(json!({ "name": "x", "kind": "agent", "owner": "nobody" })), 404, "not-found", "there is no actor `nobody`"),
        refused(actor(json!({ "name": "x", "kind": "agent" })), "needs an owner"),
        refused(actor(json!({ "name": "x", "kind": "human", "owner": "ann" })), "a human has no owner"),
        refused(patch(json!({ "active": true })), "active already"),
        field(patch(json!({})), "exactly one of"),
        field(patch(json!({ "active": false })), "`reason`: "),
        field(patch(json!({ "active": false, "reason": "x", "rights": {} })), "exactly one of"),
        field(token(json!({ "scopes": ["everything"], "label": "x" })), "`scopes`: "),
        field(token(json!({ "scopes": ["read"], "label": "" })), "`label`: "),
        field(token(json!({ "scopes": ["read"], "label": "x", "expires_in": "for ever" })), "`expires_in`: "),
        refused(token(json!({ "scopes": [], "label": "x" })), "at least one scope"),
        field(token(json!({ "scopes": ["read"], "label": "x", "expires_in": "400d" })), "at most 366d"),
        refused(token(json!({ "scopes": ["read"], "label": "x", "expires_in": "1s" })), "one minute"),
        refused(Ask::new("DELETE", "/api/v1/actors/ann/tokens/tok_ffff"), "has no live token"),
        field(Ask::new("DELETE", "/api/v1/actors/ann/tokens/%20"), "`token_id`: "),
        field(services(json!([{ "name": "a", "tier": 4 }])), "`services[0].tier`: "),
        field(services(json!([{ "name": "", "tier": 1 }])), "`services[0].name`: "),
        field(services(json!([{ "name": "a", "tier": 1, "depends_on": [{ "service": "greeter", "strength": "medium" }] }])), "`services[0].depends_on`: "),
        case(services(json!([{ "name": "a", "tier": 1, "depends_on": ["unheard-of"] }])), 422, "catalog-refused", "unheard-of"),
        case(services(json!([{ "name": "a", "tier": 1 }, { "name": "a", "tier": 2 }])), 422, "catalog-refused", "`a`"),
        case(catalog(json!({ "services": [], "retire": ["unheard-of"] })), 422, "catalog-refused", "unheard-of"),
        case(services(json!([{ "name": "a", "tier": 1, "depends_on": [7] }])), 400, "unreadable-body", "a service name, or an object"),
        case(services(json!([{ "name": "a", "tier": 1, "depends_on": [{ "service": "b", "strenght": "hard" }] }])), 400, "unreadable-body", "unknown field `strenght`"),
    ];
    check(&app, &app.root(), cases).await?;
    app.stop().await
}

async fn bodies_of_every_size_are_answered(database: Database) -> Result<()> {
    let (app, ann, _) = team(database).await?;
    let mut exact = small("greeter").to_string().into_bytes();
    exact.resize(api::BODY_BYTES_MAX, b' ');
    ann.send(raw(exact.clone())).await?.good()?;
    let mut chunked = raw(exact.clone());
    chunked.body = Body::Chunked(exact.chunks(100_000).map(<[u8]>::to_vec).collect());
    ann.send(chunked.clone()).await?.good()?;
    let before = written(&app).await?;
    let mut larger = exact.clone();
    larger.push(b' ');
    ann.send(raw(larger.clone())).await?.refused(413, "too-large")?;
    chunked.body = Body::Chunked(larger.chunks(100_000).map(<[u8]>::to_vec).collect());
    ann.send(chunked).await?.refused(413, "too-large")?;
    let mut part = raw(Vec::new());
    part.body = Body::Part { announced: exact.len(), sent: exact[..1_000].to_vec() };
    ann.send(part).await?.refused(400, "broken-off")?;
    is_documented("broken-off")?;
    assert_eq!(written(&app).await?, before, "something was written");
    app.stop().await
}

async fn what_was_created_once_is_answered_though_refused_by_now(database: Database) -> Result<()> {
    let (app, ann, _) = team(database).await?;
    let window = json!({ "start": "2026-03-02T10:00:00Z", "end": "2026-03-02T11:00:00Z" });
    let create = |key: &str| with("window", window.clone()).header("idempotency-key", key);
    let first = ann.send(create("key-1")).await?;
    assert_eq!(first.status, 201);
    app.pass(SignedDuration::from_hours(2));
    ann.send(create("key-2")).await?.refused(409, "refused")?;
    let again = ann.send(create("key-1")).await?;
    assert_eq!((again.status, again.header("idempotent-replayed")), (201, Some("true")));
    assert_eq!(again.json()?["change_id"], first.json()?["change_id"]);
    // Another request under the key is told so before what else is wrong with it.
    let other = with("title", json!("")).header("idempotency-key", "key-1");
    ann.send(other).await?.refused(422, "idempotency-key-reused")?;
    app.stop().await
}

async fn keys_and_versions_are_held_to(database: Database) -> Result<()> {
    let (app, ann, _) = team(database).await?;
    let create = |key: &str, title: &str| with("title", json!(title)).header("idempotency-key", key);
    let first = ann.send(create("key-1", "one")).await?;
    assert_eq!((first.status, first.header("idempotent-replayed")), (201, None));
    let before = written(&app).await?;
    let again = ann.send(create("key-1", "one")).await?;
    assert_eq!((again.status, again.header("idempotent-replayed")), (201, Some("true")));
    assert_eq!(again.json()?, first.json()?);
    ann.send(create("key-1", "two")).await?.refused(422, "idempotency-key-reused")?;
    let id = text(&first.json()?["change_id"]).to_owned();
    let comment = |key: &str| {
        let ask = Ask::post(&format!("/api/v1/changes/{id}/comments"), &json!({ "text": "hello" }));
        ask.header("idempotency-key", key)
    };
    ann.send(comment("key-1")).await?.refused(422, "idempotency-key-reused")?;
    assert_eq!(written(&app).await?, before);
    ann.send(comment("key-2")).await?.good()?;
    ann.send(comment("key-2")).await?.good()?;
    assert_eq!(written(&app).await?, before + 1, "one remark for two requests with one key");
    // Keys are their owner's: the same key of somebody else is another one.
    let bob = app.person("bob", &[]).await?;
    let other = bob.send(create("key-1", "one")).await?;
    assert_ne!(other.json()?["change_id"], first.json()?["change_id"]);
    // Two of the same moment: one is done, the other one told what came of it.
    let (a, b) = tokio::join!(ann.send(create("key-3", "race")), ann.send(create("key-3", "race")));
    assert_eq!(a?.json()?["change_id"], b?.json()?["change_id"]);

    let amend = |version: Option<&str>| {
        let ask = Ask::new("PUT", &format!("/api/v1/changes/{id}")).json(&small("greeter"));
        version.iter().fold(ask, |ask, version| ask.header("if-match", version))
    };
    let cases = vec![
        case(amend(None), 428, "version-missing", "If-Match"),
        case(amend(Some("*")), 428, "version-missing", "If-Match"),
        case(amend(Some("\"three\"")), 428, "version-missing", "If-Match"),
        case(amend(Some("\"1\"")), 412, "stale-version", "about version 1"),
        case(create(&"k".repeat(1_000), "x"), 422, "invalid-field", "`Idempotency-Key`: "),
        case(create("", "x"), 422, "invalid-field", "`Idempotency-Key`: "),
        case(create("with blank", "x"), 422, "invalid-field", "`Idempotency-Key`: "),
    ];
    check(&app, &ann, cases).await?;
    let shown = ann.send(Ask::get(&format!("/api/v1/changes/{id}"))).await?;
    let tag = shown.header("etag").context("an entity tag")?.to_owned();
    ann.send(amend(Some(&tag))).await?.good()?;
    app.stop().await
}

/// A policy that cannot be evaluated refuses: what would have been approved without a person waits for people.
async fn an_erring_policy_approves_nothing(database: Database) -> Result<()> {
    let folder = database.folder.path().join("policies");
    std::fs::create_dir(&folder)?;
    let overflow = r#"
        @id("counts-too-far")
        @title("Scores are counted beyond all numbers")
        @fix("repair this policy")
        forbid (principal, action == Action::"pre_approve", resource)
        when { resource has score && resource.score + 1 + 9223372036854775807 < 0 };
    "#;
    std::fs::write(folder.join("overflow.cedar"), overflow)?;
    let app = TestApp::start_on(database, |config| config.policies.folder = Some(folder)).await?;
    app.services(&crate::harness::SERVICES).await?;
    let ann = app.person("ann", &[]).await?;
    let change = ann.create(&small("greeter")).await?;
    assert_eq!(change["state"], "awaiting_approval", "{change}");
    assert_eq!(change["approval"]["automated"], false);
    app.stop().await
}

/// The small change is approved without a person; with any of its facts missing or bad it is not.
async fn an_unknown_fact_approves_nothing(database: Database) -> Result<()> {
    let (app, ann, _) = team(database).await?;
    let whole = ann.create(&small("greeter")).await?;
    assert_eq!((text(&whole["state"]), text(&whole["risk"]["level"])), ("approved", "low"));
    let without = [
        ("evidence", Value::Null),
        ("evidence.tests", Value::Null),
        ("evidence.tests", json!({ "passed": 119, "failed": 1 })),
        ("evidence.tests", json!({ "passed": 0, "failed": 0 })),
        ("evidence.churn", Value::Null),
        ("affected_services", json!([])),
        ("affected_services", json!(["greeter", "unheard-of"])),
        ("affected_services", json!(["identity"])),
        ("affected_cis", json!(["UNHEARD-OF"])),
        ("implementation_plan", Value::Null),
        ("evidence.churn.lines", json!(u64::MAX)),
        ("evidence.tests.failed", json!(u64::MAX)),
    ];
    for (field, value) in without {
        let answer = ann.send(with(field, value.clone())).await?;
        if answer.status == 201 {
            let change = answer.json()?;
            assert_eq!(change["state"], "awaiting_approval", "{field} {value}: {}", change["risk"]);
            assert_eq!(change["approval"]["automated"], false, "{field}");
        } else {
            assert!(matches!(answer.status, 400 | 422), "{field} {value}: {answer:?}");
            answer.problem()?;
        }
    }
    app.stop().await
}
