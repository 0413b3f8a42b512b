//! What follows when something has gone wrong: which change it was, by whom it is looked into, what is learned.

use anyhow::{Context as _, Result, ensure};
use api::catalog::{CatalogFile, Dependency, Service};
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::harness::{Database, Person, TestApp, on_both_databases, small, text};
use crate::http::Ask;
use crate::runner::Runner;
use crate::team::{amend, approved, in_steps, validate};

on_both_databases!(
    what_changed_is_ranked_with_its_reasons,
    a_problem_goes_its_way_and_every_server_knows_it,
    a_version_that_was_taken_back_is_not_started_again_unless_that_is_decided_anew,
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
        ["it changed `shop` itself", "it was at work", "did not pass validation", "its risk was medium"]
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
    assert_eq!(listed["items"], json!([again]));
    assert_eq!(app.verified().await?["valid"], json!(true));
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
