//! What is brought up to date when a change is closed: the CMDB, and where it is documented.

use anyhow::{Context as _, Result, ensure};
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::bad_input::{case, check};
use crate::harness::{Database, Person, TestApp, on_both_databases, on_sqlite, small, text};
use crate::http::Ask;
use crate::runner::Runner;
use crate::team::{approved, reaches, team, validate};

on_both_databases!(
    the_cmdb_is_brought_up_to_date_with_the_end_of_a_change,
    a_result_waits_for_whom_the_plan_asks_to_accept_it,
);
on_sqlite!(
    a_change_that_nobody_closes_is_brought_up_to_date_too,
    nothing_is_brought_up_to_date_that_the_change_may_not,
);

/// Describes items as one source, each with a version.
async fn described(app: &TestApp, items: &[(&str, &str)]) -> Result<()> {
    let describe = |(id, version): &(&str, &str)| json!({ "id": id, "type": "service", "tier": 3, "attributes": { "version": version } });
    let describe: Vec<_> = items.iter().map(describe).collect();
    app.root().post("/api/v1/cmdb/edit", &json!({ "source": "kubernetes", "describe": describe })).await?;
    Ok(())
}

/// A change of the shop and its database that says what becomes of them.
fn release(on_close: &Value) -> Value {
    let mut request = small("shop");
    request["affected_cis"] = json!(["database"]);
    request["on_close"] = on_close.clone();
    request
}

/// Carries a change out and validates it.
async fn carried_out(ann: &Person, lead: &Person, request: &Value) -> Result<String> {
    let id = approved(ann, lead, request).await?;
    let mut runner = Runner::start(ann, &id, true).await?;
    runner.work(|_| false).await?;
    runner.finish().await?;
    validate(ann, &id, true).await?;
    Ok(id)
}

async fn version_of(person: &Person, item: &str) -> Result<Value> {
    let item = person.get(&format!("/api/v1/cmdb/items/{item}")).await?;
    Ok(json!([item["attributes"]["version"]["value"], item["attributes"]["version"]["source"]]))
}

fn details(change: &Value) -> Vec<&str> {
    change["audit_trail"].as_array().into_iter().flatten().map(|entry| text(&entry["details"])).collect()
}

async fn the_cmdb_is_brought_up_to_date_with_the_end_of_a_change(database: Database) -> Result<()> {
    let (mut app, ann, lead) = team(database).await?;
    described(&app, &[("shop", "1"), ("database", "1")]).await?;
    let on_close = json!({
        "cmdb": {
            "database": { "attributes": { "version": "2" } },
            "shop": { "lifecycle": "deprecated", "attributes": { "version": "2" } },
        },
        "documentation": "the runbook names the new limit",
    });
    let without = ann.create(&release(&json!(null))).await?;
    let request = release(&on_close);
    let asked = ann.create(&request).await?;
    assert_eq!(asked["on_close"], on_close, "it is told as it was asked for");
    ensure!(asked["digest"] != without["digest"], "it is a part of what is approved");
    let id = carried_out(&ann, &lead, &request).await?;
    // Meanwhile somebody else has changed one of the two.
    app.pass(SignedDuration::from_mins(1));
    described(&app, &[("database", "7")]).await?;

    let close = format!("/api/v1/changes/{id}/close");
    let problem = ann.refused(&close, &json!({ "status": "success" }), 422, "invalid-content").await?;
    ensure!(text(&problem["detail"]).contains("the runbook names the new limit"), "{problem}");
    assert_eq!(version_of(&ann, "shop").await?, json!(["1", "kubernetes"]));
    let link = json!({ "link": "https://wiki.example/shop" });
    let closed = ann.post(&close, &json!({ "status": "success", "documentation": link })).await?;
    assert_eq!(closed["state"], "closed");
    let told = details(&closed);
    let [end, cmdb] = told[told.len() - 2..] else { anyhow::bail!("{told:?}") };
    assert_eq!(end, "Change successful; documented (https://wiki.example/shop)");
    let expected = "CMDB: `database` is left as it is: its version has become `7` since the change was assessed; \
                    `shop` is now lifecycle deprecated, version 2";
    assert_eq!(cmdb, expected);

    let check = async |person: &Person| -> Result<()> {
        assert_eq!(version_of(person, "shop").await?, json!(["2", "changes"]));
        assert_eq!(version_of(person, "database").await?, json!(["7", "kubernetes"]));
        let history = person.get("/api/v1/cmdb/items/shop/history").await?;
        ensure!(history["items"].to_string().contains(&id), "{history}");
        let shop = person.get("/api/v1/cmdb/items/shop").await?;
        assert_eq!((&shop["lifecycle"]["value"], &shop["tier"]["value"]), (&json!("deprecated"), &json!(3)));
        Ok(())
    };
    check(&ann).await?;
    app.halt().await?;
    app.revive().await?;
    check(&app.token("ann", &["read"]).await?).await?;
    assert_eq!(app.verified().await?["valid"], json!(true));
    app.stop().await
}

async fn a_change_that_nobody_closes_is_brought_up_to_date_too(database: Database) -> Result<()> {
    let (app, ann, lead) = team(database).await?;
    described(&app, &[("shop", "1"), ("database", "1")]).await?;
    let on_close = json!({ "cmdb": { "shop": { "attributes": { "version": "2" } } }, "documentation": "x" });
    let id = carried_out(&ann, &lead, &release(&on_close)).await?;
    app.pass(SignedDuration::from_hours(3 * 24 + 1));
    let closed = reaches(&ann, &id, "closed").await?;
    let told = details(&closed);
    ensure!(told.contains(&"CMDB: `shop` is now version 2"), "{told:?}");
    assert_eq!(version_of(&ann, "shop").await?, json!(["2", "changes"]));
    app.stop().await
}

async fn nothing_is_brought_up_to_date_that_the_change_may_not(database: Database) -> Result<()> {
    let (app, ann, lead) = team(database).await?;
    let ask = |on_close: Value| Ask::post("/api/v1/changes", &release(&on_close));
    let cases = vec![
        case(
            ask(json!({ "cmdb": { "bank": { "lifecycle": "planned" } } })),
            422,
            "invalid-content",
            "`bank` is not among what the change affects",
        ),
        case(ask(json!({ "cmdb": { "shop": {} } })), 422, "invalid-content", "nothing is said of `shop`"),
        case(
            ask(json!({ "cmdb": { "shop": { "lifecycle": "x" } } })),
            422,
            "invalid-field",
            "`on_close.cmdb.shop.lifecycle`: ",
        ),
        case(
            ask(json!({ "cmdb": { "shop": { "attributes": { "version": "" } } } })),
            422,
            "invalid-field",
            "`on_close.cmdb.shop.attributes.version`: ",
        ),
        case(ask(json!({ "cmdb": { "shop": { "tier": 3 } } })), 400, "unreadable-body", "tier"),
        case(ask(json!({ "documentation": "" })), 422, "invalid-field", "`on_close.documentation`: "),
    ];
    check(&app, &ann, cases).await?;
    // What has failed leaves the CMDB as it was, and nobody is asked where that is documented.
    described(&app, &[("shop", "1"), ("database", "1")]).await?;
    let on_close = json!({ "cmdb": { "shop": { "attributes": { "version": "2" } } }, "documentation": "x" });
    let id = approved(&ann, &lead, &release(&on_close)).await?;
    let mut runner = Runner::start(&ann, &id, true).await?;
    runner.work(|_| true).await?;
    runner.release().await?;
    let close = format!("/api/v1/changes/{id}/close");
    let bad = json!({ "status": "failed", "documentation": {} });
    ann.refused(&close, &bad, 422, "invalid-field").await?;
    ann.act(&id, "close", &json!({ "status": "failed" })).await?.get("state").context("a change")?;
    assert_eq!(version_of(&ann, "shop").await?, json!(["1", "kubernetes"]));
    app.stop().await
}

async fn a_result_waits_for_whom_the_plan_asks_to_accept_it(database: Database) -> Result<()> {
    let (app, ann, lead) = team(database).await?;
    let owner = app.register("olga", "human", &json!({ "rights": { "teams": ["shop-owners"] } })).await?;
    let bot = app.agent("bot", &ann).await?;
    let mut request = small("shop");
    let acceptance = json!({ "by": "shop-owners", "instructions": "look at ten orders" });
    request["implementation_plan"]["user_acceptance"] = acceptance.clone();
    let done = async || -> Result<String> {
        let id = approved(&ann, &lead, &request).await?;
        let mut runner = Runner::start(&ann, &id, true).await?;
        runner.work(|_| false).await?;
        runner.finish().await?;
        Ok(id)
    };
    let id = done().await?;
    let waiting = ann.change(&id).await?;
    assert_eq!(waiting["implementation_plan"]["user_acceptance"], acceptance);
    let blocker = &waiting["blockers"][0];
    assert_eq!((text(&blocker["kind"]), waiting["state"].as_str()), ("user_acceptance", Some("validating")));
    ensure!(text(&blocker["missing"]).contains("look at ten orders"), "{blocker}");
    ensure!(text(&blocker["cleared_by"]).contains("shop-owners"), "{blocker}");

    let checks = json!({ "checks": [{ "name": "health", "passed": true, "detail": "12 of 12 probes" }] });
    let validate_path = format!("/api/v1/changes/{id}/validate");
    let early = ann.refused(&validate_path, &checks, 409, "refused").await?;
    assert_eq!(early["rule"], "user-acceptance");
    let answer =
        |decision: &str| json!({ "step": "user acceptance", "decision": decision, "comment": "ten orders" });
    let path = format!("/api/v1/changes/{id}/decide-step");
    let other = lead.refused(&path, &answer("done"), 409, "refused").await?;
    assert_eq!(other["rule"], "user-acceptance");
    bot.refused(&path, &answer("done"), 403, "refused-by-policy").await?;
    let silent = json!({ "step": "user acceptance", "decision": "done" });
    owner.refused(&path, &silent, 409, "refused").await?;
    let accepted = owner.post(&path, &answer("done")).await?;
    assert_eq!(accepted["blockers"], json!([]));
    ensure!(details(&accepted).contains(&"Result accepted: ten orders"), "{:?}", details(&accepted));
    assert_eq!(ann.post(&validate_path, &checks).await?["state"], "implemented");

    // Who refuses it has it taken back.
    let second = done().await?;
    let path = format!("/api/v1/changes/{second}/decide-step");
    assert_eq!(owner.post(&path, &answer("give_up")).await?["state"], "rolling_back");
    let told = ann.change(&second).await?;
    let words = "1 of 1 checks failed: user acceptance: ten orders";
    ensure!(details(&told).contains(&words), "{:?}", details(&told));
    assert_eq!(app.verified().await?["valid"], json!(true));
    app.stop().await
}
