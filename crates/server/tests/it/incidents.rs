//! What follows when something has gone wrong: which change it was, by whom it is looked into, what is learned.

use anyhow::{Context as _, Result, ensure};
use api::catalog::{CatalogFile, Dependency, Service};
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::bad_input::{case, check};
use crate::harness::{Database, Person, TestApp, on_both_databases, on_sqlite, small, text};
use crate::http::Ask;
use crate::policies::{has, policies_with, write};
use crate::runner::Runner;
use crate::team::{amend, approved, in_steps, validate};

on_both_databases!(
    what_changed_is_ranked_with_its_reasons,
    a_problem_goes_its_way_and_every_server_knows_it,
    a_version_that_was_taken_back_is_not_started_again_unless_that_is_decided_anew,
    an_incident_is_reported_and_linked_to_the_change_that_led_to_it,
);
on_sqlite!(
    problems_are_listed_by_pages,
    a_problem_is_linked_to_no_incident_that_is_withheld,
    reports_that_make_no_sense_are_refused,
    only_a_person_says_which_change_led_to_an_incident,
);

/// A shop that leans on a database and is called by a till; nothing leans on the blog.
async fn services(app: &TestApp) -> Result<()> {
    let service = |name: &str, depends_on: &[&str]| Service {
        name: name.to_owned(),
        tier: 2,
        owner: None,
        depends_on: depends_on.iter().map(|on| Dependency::Name((*on).to_owned())).collect(),
    };
    let mut services = vec![
        service("shop", &["database"]),
        service("database", &[]),
        service("till", &["shop"]),
        service("blog", &[]),
    ];
    // Enough others, so that the shop is not the whole system.
    services.extend((1..=16).map(|number| service(&format!("other-{number}"), &[])));
    app.admin.apply_catalog(&CatalogFile { services, retire: vec![] }, false).await?;
    Ok(())
}

/// Carries out a change of a service and validates it with this result.
async fn changed(ann: &Person, lead: &Person, service: &str, is_well: bool) -> Result<String> {
    let id = approved(ann, lead, &small(service)).await?;
    let mut runner = Runner::start(ann, &id, true).await?;
    runner.work(|_| false).await?;
    runner.finish().await?;
    validate(ann, &id, is_well).await?;
    if is_well {
        ann.act(&id, "close", &json!({ "status": "success" })).await?;
    }
    Ok(id)
}

fn ranked(suspects: &Value) -> Vec<(&str, &Value)> {
    let items = suspects["items"].as_array().into_iter().flatten();
    items.map(|suspect| (text(&suspect["change_id"]), &suspect["distance"])).collect()
}

fn reasons(suspect: &Value) -> String {
    let reasons = suspect["reasons"].as_array().into_iter().flatten();
    reasons.map(|reason| text(&reason["reason"])).collect::<Vec<_>>().join("; ")
}

async fn what_changed_is_ranked_with_its_reasons(database: Database) -> Result<()> {
    let app = TestApp::start_on(database, |_| {}).await?;
    services(&app).await?;
    let ann = app.person("ann", &[]).await?;
    let lead = app.person("lead", &["technical_lead"]).await?;
    let blog = changed(&ann, &lead, "blog", true).await?;
    let below = changed(&ann, &lead, "database", true).await?;
    let till = changed(&ann, &lead, "till", true).await?;
    app.pass(SignedDuration::from_mins(30));

    let suspects = ann.get("/api/v1/suspects?ci=shop").await?;
    let order = [(below.as_str(), &json!(1)), (&till, &json!(1)), (&blog, &Value::Null)];
    assert_eq!(ranked(&suspects), order, "{suspects}");
    let [first, second, third] = [0, 1, 2].map(|at| reasons(&suspects["items"][at]));
    ensure!(first.contains("`shop` leans on `database`, which it changed, over 1 relation;"), "{first}");
    ensure!(first.contains("it was done 30 minutes before"), "{first}");
    ensure!(second.contains("it changed `till`, which uses `shop`"), "{second}");
    ensure!(third.contains("the CMDB knows no connection"), "{third}");
    assert_eq!((&suspects["looked_at"], &suspects["is_cut"]), (&json!(3), &json!(false)));

    // Before any of them nothing is suspect; a name that nobody knows is no answer.
    let before = ann.get("/api/v1/suspects?ci=shop&at=2020-01-01T00:00:00Z").await?;
    assert_eq!(before["items"], json!([]));
    let unknown = Ask::get("/api/v1/suspects?ci=shoop");
    let problem = ann.send(unknown).await?.problem()?;
    ensure!(problem.to_string().contains("shop"), "{problem}");

    // A change that is taken back is the first suspect of its own incident, and says what its watching said.
    let broken = changed(&ann, &lead, "shop", false).await?;
    let incident = text(&ann.change(&broken).await?["incidents"][0]).to_owned();
    let suspects = ann.get(&format!("/api/v1/incidents/{incident}/suspects")).await?;
    assert_eq!((&suspects["of"], ranked(&suspects)[0].0), (&json!(["shop"]), broken.as_str()));
    let first = reasons(&suspects["items"][0]);
    for reason in
        ["it changed `shop` itself", "it was at work when", "did not pass validation", "its risk was medium"]
    {
        ensure!(first.contains(reason), "{first}");
    }
    app.stop().await
}

async fn a_problem_goes_its_way_and_every_server_knows_it(database: Database) -> Result<()> {
    let mut app = TestApp::start_on(database, |_| {}).await?;
    services(&app).await?;
    let ann = app.person("ann", &[]).await?;
    let lead = app.person("lead", &["technical_lead"]).await?;
    let broken = changed(&ann, &lead, "shop", false).await?;
    let incident = text(&ann.change(&broken).await?["incidents"][0]).to_owned();

    // Whoever may work on the incident may work on what lies behind it.
    let request = json!({ "incident": incident, "title": "Pool runs dry", "text": "Third time this month." });
    ann.refused("/api/v1/problems", &request, 403, "refused-by-policy").await?;
    let opened = lead.post("/api/v1/problems", &request).await?;
    let id = text(&opened["problem_id"]).to_owned();
    assert_eq!((id.as_str(), text(&opened["state"])), ("PRB-1", "open"));
    let path = format!("/api/v1/problems/{id}");
    let update = async |body: Value| lead.send(Ask::new("PATCH", &path).json(&body)).await;

    let early = update(json!({ "state": "resolved", "remedy": "limit raised" })).await?;
    let problem = early.refused(409, "incident-refused")?;
    ensure!(text(&problem["detail"]).contains("the cause is not recorded"), "{problem}");
    update(json!({ "note": "on it", "state": "investigating", "change": broken })).await?.good()?;
    let known = json!({ "cause": "the pool is too small", "workaround": "restart at night" });
    let told = update(json!({ "known_error": known })).await?.good()?;
    assert_eq!((text(&told["state"]), &told["known_error"]), ("known_error", &known));
    assert_eq!((&told["incidents"], &told["changes"]), (&json!([incident]), &json!([broken])));

    // The incident tells of the problem behind it, and so of how to live with it.
    let shown = ann.get(&format!("/api/v1/incidents/{incident}")).await?;
    assert_eq!(shown["problems"][0]["problem_id"], json!(id));
    assert_eq!(shown["problems"][0]["known_error"], known);

    update(json!({ "state": "resolved", "remedy": "limit raised" })).await?.good()?;
    update(json!({ "state": "closed" })).await?.good()?;
    for (body, status) in [
        (json!({ "state": "open" }), 409),
        (json!({ "incident": "INC-2020-000001" }), 404),
        (json!({}), 422),
        (json!({ "remedy": "x" }), 422),
    ] {
        assert_eq!(update(body.clone()).await?.status, status, "{body}");
    }
    let again = update(json!({ "state": "investigating", "note": "it has come back" })).await?.good()?;
    assert_eq!(again["timeline"].as_array().map(Vec::len), Some(3));

    // The same is read from the log.
    app.halt().await?;
    app.revive().await?;
    let lead = app.token("lead", &["read", "implement"]).await?;
    assert_eq!(lead.get(&path).await?, again);
    let listed = lead.get("/api/v1/problems?state=investigating").await?;
    // A list has what a list shows, and not every word of each.
    let listed = listed["items"][0].as_object().context("a problem")?;
    ensure!(listed.iter().all(|(field, value)| again[field] == *value), "{listed:?}");
    ensure!(!listed.contains_key("timeline") && !listed.contains_key("known_error"), "{listed:?}");
    assert_eq!(listed["incident_count"], json!(1));
    assert_eq!(app.verified().await?["valid"], json!(true));
    app.stop().await
}

async fn problems_are_listed_by_pages(database: Database) -> Result<()> {
    let app = TestApp::start_on(database, |_| {}).await?;
    services(&app).await?;
    let ann = app.person("ann", &[]).await?;
    let lead = app.person("lead", &["technical_lead"]).await?;
    let broken = changed(&ann, &lead, "shop", false).await?;
    let incident = text(&ann.change(&broken).await?["incidents"][0]).to_owned();
    for title in ["one", "two", "three"] {
        let request = json!({ "incident": incident, "title": title, "text": "again" });
        lead.post("/api/v1/problems", &request).await?;
    }
    let closed = json!({ "state": "investigating" });
    lead.send(Ask::new("PATCH", "/api/v1/problems/PRB-2").json(&closed)).await?.good()?;
    let ids = |page: &Value| -> Vec<String> {
        let items = page["items"].as_array().into_iter().flatten();
        items.map(|problem| text(&problem["problem_id"]).to_owned()).collect()
    };
    let first = ann.get("/api/v1/problems?limit=2").await?;
    assert_eq!((ids(&first), &first["next_cursor"]), (vec!["PRB-3".into(), "PRB-2".into()], &json!("PRB-2")));
    let second = ann.get("/api/v1/problems?limit=2&cursor=PRB-2").await?;
    assert_eq!((ids(&second), &second["next_cursor"]), (vec!["PRB-1".into()], &Value::Null));
    let open = ann.get("/api/v1/problems?limit=2&state=open").await?;
    assert_eq!((ids(&open), &open["next_cursor"]), (vec!["PRB-3".into(), "PRB-1".into()], &Value::Null));
    for query in ["limit=0", "limit=501", "cursor=3"] {
        assert_eq!(ann.send(Ask::get(&format!("/api/v1/problems?{query}"))).await?.status, 422, "{query}");
    }
    app.stop().await
}

async fn a_problem_is_linked_to_no_incident_that_is_withheld(database: Database) -> Result<()> {
    let folder = database.folder.path().join("policies");
    std::fs::create_dir(&folder)?;
    let watched = folder.clone();
    let app = TestApp::start_on(database, |config| config.policies.folder = Some(watched)).await?;
    services(&app).await?;
    let ann = app.person("ann", &[]).await?;
    let lead = app.person("lead", &["technical_lead"]).await?;
    let mut incidents = Vec::new();
    for service in ["shop", "blog"] {
        let broken = changed(&ann, &lead, service, false).await?;
        incidents.push(text(&ann.change(&broken).await?["incidents"][0]).to_owned());
    }
    let withheld = format!(
        r#"@id("withheld") @title("Nobody works on it") @fix("ask the court") @control("SOC2:CC7.4")
        forbid (principal, action == Action::"update_incident", resource == Incident::"{}");"#,
        incidents[1]
    );
    write(&folder, "withheld.cedar", &withheld)?;
    policies_with(&app.root(), |policies| has(policies, "withheld")).await?;

    let request = json!({ "incident": incidents[0], "title": "Pool runs dry", "text": "Third time." });
    let id = lead.post("/api/v1/problems", &request).await?["problem_id"].clone();
    let path = format!("/api/v1/problems/{}", text(&id));
    let link = json!({ "note": "this one too", "incident": incidents[1] });
    let problem = lead.send(Ask::new("PATCH", &path).json(&link)).await?.refused(403, "refused-by-policy")?;
    assert_eq!(problem["rule"], "withheld", "{problem}");
    let shown = lead.get(&path).await?;
    assert_eq!(shown["incidents"], json!([incidents[0]]));
    assert_eq!(shown["timeline"].as_array().map(Vec::len), Some(1));
    app.stop().await
}

async fn a_version_that_was_taken_back_is_not_started_again_unless_that_is_decided_anew(
    database: Database,
) -> Result<()> {
    let app = TestApp::start_on(database, |_| {}).await?;
    services(&app).await?;
    let ann = app.person("ann", &[]).await?;
    let lead = app.person("lead", &["technical_lead"]).await?;
    let release = |name: &str| {
        let mut request = in_steps(&json!([{ "name": "deploy", "run": "false", "undo": "true" }]));
        request["source"] = json!({ "artefacts": { name: format!("sha256:{}", "1".repeat(64)) } });
        request
    };
    // Both were approved before the first one hurt.
    let first = approved(&ann, &lead, &release("shop")).await?;
    let again = approved(&ann, &lead, &release("shop:retry")).await?;
    let mut runner = Runner::start(&ann, &first, true).await?;
    runner.work(|_| true).await?;
    runner.release().await?;
    let incident = text(&ann.change(&first).await?["incidents"][0]).to_owned();

    let refused = Runner::try_start(&ann, &again, true).await?.err().context("it was started")?;
    assert_eq!(refused["rule"], "withdrawn-version-needs-a-new-decision");
    let said = format!("the same version was rolled out by {first} and led to {incident}");
    ensure!(refused.to_string().contains(&said), "{refused}");
    let change = ann.change(&again).await?;
    assert_eq!(change["blockers"][0]["kind"], "withdrawn");

    let version = change["version"].as_u64().context("version")?;
    let amended = amend(&ann, &again, version, &release("shop:retry")).await?;
    ensure!(amended["risk"]["findings"].to_string().contains("version-withdrawn"), "{amended}");
    lead.approve(&again).await?;
    Runner::try_start(&ann, &again, true).await?.ok().context("it was decided anew")?;
    Ok(())
}

async fn an_incident_is_reported_and_linked_to_the_change_that_led_to_it(database: Database) -> Result<()> {
    let mut app = TestApp::start_on(database, |_| {}).await?;
    services(&app).await?;
    let ann = app.person("ann", &[]).await?;
    let lead = app.person("lead", &["technical_lead"]).await?;
    let before = changed(&ann, &lead, "database", true).await?;
    let began_at = app.pass(SignedDuration::from_mins(20)).to_string();
    app.pass(SignedDuration::from_mins(10));

    // Anybody may report, once under one key. It is about what was named, since when was said.
    let report = json!({ "title": "Shop is slow", "text": "p99 is 3 s", "severity": "major", "affected": ["shop"],
        "began_at": began_at });
    let ask = || Ask::post("/api/v1/incidents", &report).header("idempotency-key", "report-1");
    let opened = ann.send(ask()).await?;
    assert_eq!(opened.status, 201);
    let opened = opened.good()?;
    assert_eq!(ann.send(ask()).await?.good()?, opened);
    let id = text(&opened["incident_id"]).to_owned();
    let path = format!("/api/v1/incidents/{id}");
    assert_eq!((&opened["change_id"], &opened["severity"]), (&Value::Null, &json!("major")));
    assert_eq!((&opened["affected"], &opened["began_at"]), (&json!(["shop"]), &json!(began_at)));
    assert_eq!(opened["timeline"][0]["actor"], "ann");

    // It counts for what it is about, and finds its suspects from when the trouble began.
    let near = text(&ann.create(&small("shop")).await?["change_id"]).to_owned();
    let seen = |change: &Value| change["risk"]["factors"].to_string().contains(&id);
    ensure!(seen(&ann.change(&near).await?), "{}", ann.change(&near).await?["risk"]);
    ensure!(!seen(&ann.create(&small("blog")).await?));
    let suspects = ann.get(&format!("{path}/suspects")).await?;
    assert_eq!(ranked(&suspects), [(before.as_str(), &json!(1))]);
    ensure!(reasons(&suspects["items"][0]).contains("it was done 20 minutes before"), "{suspects}");

    // Who may work on incidents says which change led to it: one that had begun, and it stays so.
    let link = async |person: &Person, change: &str| {
        person.send(Ask::new("PATCH", &path).json(&json!({ "change": change }))).await
    };
    link(&ann, &before).await?.refused(403, "refused-by-policy")?;
    let problem = link(&lead, &near).await?.refused(409, "incident-refused")?;
    ensure!(text(&problem["detail"]).contains("was not started when the trouble began"), "{problem}");
    let later = changed(&ann, &lead, "till", true).await?;
    link(&lead, &later).await?.refused(409, "incident-refused")?;
    let linked = link(&lead, &before).await?.good()?;
    assert_eq!((&linked["change_id"], &linked["version"]), (&json!(before), &json!(2)));
    assert_eq!(link(&lead, &before).await?.good()?, linked);
    link(&lead, &later).await?.refused(409, "incident-refused")?;
    let change = ann.change(&before).await?;
    assert_eq!((&change["incidents"], &change["outcome"]), (&json!([id]), &json!("successful")));
    assert_eq!(ann.get(&format!("/api/v1/incidents?change={before}")).await?["items"][0]["incident_id"], id);

    // One that names the change from the start is one append with it.
    let report = json!({ "title": "Tills stall", "text": "again", "change": later });
    let second = lead.post("/api/v1/incidents", &report).await?;
    assert_eq!((&second["change_id"], &second["severity"]), (&json!(later), &json!("moderate")));
    assert_eq!(ann.change(&later).await?["incidents"], json!([second["incident_id"]]));

    // The same is read from the log.
    app.halt().await?;
    app.revive().await?;
    let lead = app.token("lead", &["read", "request"]).await?;
    assert_eq!(lead.get(&path).await?, linked);
    ensure!(seen(&lead.create(&small("shop")).await?));
    assert_eq!(app.verified().await?["valid"], json!(true));
    app.stop().await
}

async fn reports_that_make_no_sense_are_refused(database: Database) -> Result<()> {
    let app = TestApp::start_on(database, |_| {}).await?;
    services(&app).await?;
    let ann = app.person("ann", &[]).await?;
    let report = |fields: Value| {
        let mut report = json!({ "title": "Shop is slow", "text": "p99 is 3 s", "affected": ["shop"] });
        if let (Some(report), Value::Object(fields)) = (report.as_object_mut(), fields) {
            report.extend(fields);
        }
        Ask::post("/api/v1/incidents", &report)
    };
    let tomorrow = app.pass(SignedDuration::ZERO) + SignedDuration::from_hours(24);
    let many = json!({ "affected": vec!["shop"; 101] });
    let cases = vec![
        case(report(json!({ "affected": [] })), 422, "invalid-field", "nothing is named that is in trouble"),
        case(report(json!({ "affected": ["shoop"] })), 404, "not-found", "shoop"),
        case(report(many), 422, "invalid-field", "`affected`: 101 items are named: expected at most 100"),
        case(report(json!({ "title": "" })), 422, "invalid-field", "`title`: "),
        case(report(json!({ "text": "" })), 422, "invalid-field", "`text`: "),
        case(report(json!({ "severity": "terrible" })), 422, "invalid-field", "`severity`: "),
        case(report(json!({ "change": "shop" })), 422, "invalid-field", "`change`: "),
        case(report(json!({ "change": "CHG-2026-999999" })), 404, "not-found", "CHG-2026-999999"),
        case(report(json!({ "began_at": "yesterday" })), 422, "invalid-field", "`began_at`: "),
        case(report(json!({ "began_at": tomorrow })), 422, "invalid-field", "later than now"),
        case(report(json!({ "colour": "red" })), 400, "unreadable-body", "colour"),
    ];
    check(&app, &ann, cases).await?;
    for _ in 0..100 {
        ann.send(report(json!({}))).await?.good()?;
    }
    let refused = ann.send(report(json!({}))).await?.refused(409, "incident-refused")?;
    ensure!(text(&refused["detail"]).contains("100 incidents that you have reported"), "{refused}");
    app.stop().await
}

async fn only_a_person_says_which_change_led_to_an_incident(database: Database) -> Result<()> {
    let app = TestApp::start_on(database, |_| {}).await?;
    services(&app).await?;
    let ann = app.person("ann", &[]).await?;
    let lead = app.person("lead", &["technical_lead"]).await?;
    let fields = json!({ "owner": "ann", "rights": { "roles": ["implementer"] } });
    let bot = app.register("bot", "agent", &fields).await?;
    let blameless = changed(&ann, &lead, "till", true).await?;
    let broken = changed(&ann, &lead, "shop", false).await?;
    let by_rollback = ann.change(&broken).await?["incidents"][0].clone();

    // A program reports what it sees, and puts the blame on nothing: neither at once nor later.
    let report = json!({ "title": "Shop is slow", "text": "p99 is 3 s", "affected": ["shop"] });
    let reported = bot.post("/api/v1/incidents", &report).await?;
    let mut blaming = report.clone();
    blaming["change"] = json!(blameless);
    let refused =
        bot.send(Ask::post("/api/v1/incidents", &blaming)).await?.refused(403, "refused-by-policy")?;
    assert_eq!(refused["rule"], "people-link-incidents", "{refused}");
    let path = format!("/api/v1/incidents/{}", text(&reported["incident_id"]));
    let link = Ask::new("PATCH", &path).json(&json!({ "note": "it was this", "change": blameless }));
    let refused = bot.send(link).await?.refused(403, "refused-by-policy")?;
    assert_eq!(refused["rule"], "people-link-incidents", "{refused}");
    assert_eq!(ann.get(&path).await?, reported);
    assert_eq!(ann.change(&blameless).await?["incidents"], json!([]));

    // So the newer report does not hide the incident that its next change follows from.
    let next = bot.create(&small("shop")).await?;
    assert_eq!(next["caused_by"], by_rollback, "{next}");
    app.stop().await
}
