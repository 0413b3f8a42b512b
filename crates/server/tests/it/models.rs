//! Models that predict failures: trained on imported history, asked by the next assessment, explained by it.

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use crate::harness::{Database, Person, TestApp, eventually, on_both_databases, on_sqlite, small, text};
use crate::team::team;

on_both_databases!(what_failed_before_is_predicted_explained_and_kept,);
on_sqlite!(
    without_a_past_nothing_is_learned_and_that_is_said,
    enough_new_outcomes_train_a_challenger_unasked_and_a_pin_holds,
);

const MODELS: &str = "/api/v1/risk/models";
pub(crate) const IMPORTED: u32 = 3_000;
pub(crate) const PAGE: u32 = 500;

/// Changes of two services in the year and a half before: of `greeter` about a third failed, of `mailer` one in fifty.
pub(crate) fn past(number: u32) -> Value {
    let is_shaky = number.is_multiple_of(2);
    let chance = u64::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
    let failed = chance % 100 < if is_shaky { 33 } else { 2 };
    let service = if is_shaky { "greeter" } else { "mailer" };
    let submitted = jiff::Timestamp::from_second(1_729_066_200 + i64::from(number) * 14_401).unwrap();
    json!({
        "id": format!("OLD{number}"),
        "title": format!("Release {service}"),
        "category": "deployment",
        "services": [service],
        "requester": format!("person {}", number % 7),
        "submitted_at": submitted.to_string(),
        "closed_at": (submitted + jiff::SignedDuration::from_hours(1)).to_string(),
        "outcome": if failed { "rolled_back" } else { "successful" },
    })
}

/// Trains a model and waits until it is there, or there is a reason why not.
pub(crate) async fn trained(root: &Person) -> Result<Value> {
    let begun = root.send(crate::http::Ask::new("POST", MODELS)).await?;
    assert_eq!(begun.status, 202, "{:?}", begun.json());
    eventually("the end of a training", async || {
        let models = root.get(MODELS).await?;
        Ok((models["training"] == json!(false)).then_some(models))
    })
    .await
}

async fn what_failed_before_is_predicted_explained_and_kept(database: Database) -> Result<()> {
    let (mut app, ann, _) = team(database).await?;
    let root = app.root();
    for page in 0..IMPORTED / PAGE {
        let changes: Vec<_> = (page * PAGE..(page + 1) * PAGE).map(past).collect();
        root.post("/api/v1/history/import", &json!({ "source": "old", "changes": changes })).await?;
    }
    let before = ann.create(&small("greeter")).await?;
    assert!(before["risk"]["probability"]["model"].is_null(), "{}", before["risk"]);
    assert_eq!(before["risk"]["similar"][0]["shared"][0], "greeter");
    let models = trained(&root).await?;
    assert_eq!(models["asked"], 1, "{models}");
    assert_eq!(models["items"][0]["verdict"], "first");
    let later = &models["items"][0]["later"];
    assert!(later["brier"].as_f64() < later["brier_of_base_rate"].as_f64(), "{later}");
    let percent = |change: &Value| {
        let said = &change["risk"]["probability"]["model"];
        assert_eq!(said["model"], "v1", "{}", change["risk"]["probability"]);
        assert!(said["parts"].as_array().is_some_and(|parts| !parts.is_empty()), "{said}");
        said["percent"].as_f64().context("per cent")
    };
    let [shaky, steady] = [ann.create(&small("greeter")).await?, ann.create(&small("mailer")).await?];
    assert!(percent(&shaky)? > 1.5 * percent(&steady)?, "{}\n{}", shaky["risk"], steady["risk"]);
    // The same model is asked after a restart, and none when a person says so.
    app.halt().await?;
    app.revive().await?;
    let ann = app.token("ann", &["request", "read"]).await?;
    let again = ann.create(&small("greeter")).await?;
    assert_eq!(again["risk"]["probability"]["model"]["model"], "v1");
    let choose = crate::http::Ask::new("PUT", "/api/v1/risk/models/asked");
    let none = app.root().send(choose.json(&json!({ "version": null }))).await?.good()?;
    assert!(none["asked"].is_null(), "{none}");
    let without = ann.create(&small("greeter")).await?;
    assert!(without["risk"]["probability"]["model"].is_null());
    let unknown = crate::http::Ask::new("PUT", "/api/v1/risk/models/asked").json(&json!({ "version": 9 }));
    app.root().send(unknown).await?.refused(404, "not-found")?;
    app.verified().await?;
    app.stop().await
}

/// Which model is asked, and whether a person chose it.
async fn choose(root: &Person, version: u32) -> Result<Value> {
    let put = crate::http::Ask::new("PUT", "/api/v1/risk/models/asked");
    root.send(put.json(&json!({ "version": version }))).await?.good()
}

async fn enough_new_outcomes_train_a_challenger_unasked_and_a_pin_holds(database: Database) -> Result<()> {
    let mut app = TestApp::start_on(database, |_| {}).await?;
    let root = app.root();
    let import = async |changes: Vec<Value>| {
        for page in changes.chunks(PAGE as usize) {
            root.post("/api/v1/history/import", &json!({ "source": "old", "changes": page })).await?;
        }
        anyhow::Ok(())
    };
    import((0..IMPORTED).map(past).collect()).await?;
    trained(&root).await?;
    let pinned = choose(&root, 1).await?;
    assert_eq!((&pinned["asked"], &pinned["pinned"]), (&json!(1), &json!(true)), "{pinned}");
    let another = |number: u32| {
        let mut change = past(number * 7);
        change["id"] = json!(format!("MORE{number}"));
        change
    };
    import((0..400).map(another).collect()).await?;
    assert_eq!(
        root.get(MODELS).await?["items"].as_array().map(Vec::len),
        Some(1),
        "the last one is of today"
    );
    app.pass(jiff::SignedDuration::from_hours(24));
    // The job looks once a minute, and when the server starts.
    app.halt().await?;
    app.revive().await?;
    let root = app.root();
    let models = eventually("a challenger", async || {
        let models = root.get(MODELS).await?;
        Ok((models["items"].as_array().map(Vec::len) == Some(2)).then_some(models))
    })
    .await?;
    let challenger = &models["items"][0];
    assert_eq!(challenger["version"], 2, "{models}");
    assert!(["replace", "keep"].contains(&text(&challenger["verdict"])), "{challenger}");
    assert!(challenger["learned_from"].as_u64() > models["items"][1]["learned_from"].as_u64(), "{models}");
    assert_eq!((&models["asked"], &models["pinned"]), (&json!(1), &json!(true)), "a comparison lifts no pin");
    app.halt().await?;
    app.revive().await?;
    let models = app.root().get(MODELS).await?;
    assert_eq!((&models["asked"], &models["pinned"]), (&json!(1), &json!(true)), "{models}");
    assert_eq!(choose(&app.root(), 2).await?["asked"], 2);
    app.verified().await?;
    app.stop().await
}

async fn without_a_past_nothing_is_learned_and_that_is_said(database: Database) -> Result<()> {
    let app = TestApp::start_on(database, |_| {}).await?;
    let models = trained(&app.root()).await?;
    assert_eq!(models["items"], json!([]));
    assert!(text(&models["last_failure"]).contains("cortex-change history import"), "{models}");
    app.stop().await
}
