//! Rollouts in stages: who looks before everybody gets the new version, and what comparing the versions may do by itself.

use std::fs;
use std::sync::LazyLock;

use anyhow::{Context as _, Result};
use domain::canary::saved::Terms;
use domain::canary::streams::Family;
use domain::canary::{Calibrated, Calibration, Sample, Settings};
use domain::canonical::Digest;
use domain::plan::Action;
use serde_json::{Value, json};

use crate::faults::second_server;
use crate::harness::{Database, Person, SERVICES, TestApp, on_both_databases, on_sqlite, small, text};
use crate::http::Ask;
use crate::runner::Runner;
use crate::team::amend;

on_both_databases!(a_comparison_is_armed_by_the_calibration_that_its_change_was_approved_with);
on_sqlite!(
    what_an_agent_rolls_out_waits_for_a_person_before_everybody_gets_it,
    policies_of_the_organisation_hold_other_rollouts_too,
    a_policy_that_cannot_be_evaluated_holds,
    calibrations_are_saved_by_those_who_may_and_only_as_they_can_be,
);

const HOLD: &str = "hold before 100%";

/// A canary of two stages.
fn canary() -> Value {
    let mut change = small("greeter");
    change["implementation_plan"] = json!({
        "strategy": { "canary": {
            "shift": { "name": "shift to", "run": ["./shift", "{{weight}}"], "undo": { "run": ["./shift", "0"] } },
            "stages": [{ "weight": "10%", "bake": "1s" }, { "weight": "100%" }],
        } },
        "steps": [],
    });
    change
}

/// Starts the canary of somebody and goes as far as nobody is asked; what is next then.
async fn as_far_as_it_goes(requester: &Person) -> Result<(String, Runner, Action)> {
    let id = text(&requester.create(&canary()).await?["change_id"]).to_owned();
    let mut runner = Runner::start(requester, &id, true).await?;
    let next = runner.work(|_| false).await?;
    Ok((id, runner, next))
}

fn is_held(next: &Action) -> bool {
    matches!(next, Action::AskPerson { question } if question.task.step.as_str() == HOLD)
}

async fn what_an_agent_rolls_out_waits_for_a_person_before_everybody_gets_it(
    database: Database,
) -> Result<()> {
    let app = TestApp::start_on(database, |_| {}).await?;
    app.services(&SERVICES).await?;
    let ann = app.person("ann", &["implementer"]).await?;
    let bot = app.agent("bot", &ann).await?;
    let (id, mut runner, next) = as_far_as_it_goes(&bot).await?;
    assert!(is_held(&next), "{next}");
    let answer = json!({ "step": HOLD, "decision": "done" });
    bot.refused(&format!("/api/v1/changes/{id}/decide-step"), &answer, 403, "refused-by-policy").await?;
    ann.act(&id, "decide-step", &answer).await?;
    runner.assignment = serde_json::from_value(bot.get(&format!("/api/v1/changes/{id}/assignment")).await?)?;
    assert_eq!(runner.work(|_| false).await?, Action::Finish);
    let (_, _, next) = as_far_as_it_goes(&ann).await?;
    assert_eq!(next, Action::Finish, "a person's rollout has no such hold");
    let id = text(&ann.create(&canary()).await?["change_id"]).to_owned();
    let version = ann.change(&id).await?["version"].as_u64().context("a version")?;
    let mut amended = canary();
    amended["title"] = json!("Something else");
    amend(&bot, &id, version, &amended).await?;
    let next = Runner::start(&ann, &id, true).await?.work(|_| false).await?;
    assert!(is_held(&next), "an agent asked for what it is now: {next}");
    app.stop().await
}

/// The next action of a person's rollout where this policy was added.
async fn with_policy(database: Database, policy: &str) -> Result<Action> {
    let folder = database.folder.path().join("policies");
    fs::create_dir(&folder)?;
    fs::write(folder.join("own.cedar"), policy)?;
    let app = TestApp::start_on(database, |config| config.policies.folder = Some(folder)).await?;
    app.services(&SERVICES).await?;
    let ann = app.person("ann", &[]).await?;
    let (_, _, next) = as_far_as_it_goes(&ann).await?;
    app.stop().await?;
    Ok(next)
}

async fn policies_of_the_organisation_hold_other_rollouts_too(database: Database) -> Result<()> {
    let policy = r#"
        @id("own-canaries-need-a-person") @title("Somebody looks first") @fix("look")
        forbid (principal, action == Action::"promote_unattended", resource)
        when { resource has reversibility && resource.reversibility != Reversibility::"reversible" };
    "#;
    let next = with_policy(database, policy).await?;
    assert!(is_held(&next), "{next}");
    Ok(())
}

async fn a_policy_that_cannot_be_evaluated_holds(database: Database) -> Result<()> {
    let policy = r#"
        @id("own-overflow") @title("Too small a number")
        permit (principal, action == Action::"promote_unattended", resource)
        when { resource has score && resource.score - 9223372036854775807 - 200 < 0 };
    "#;
    let next = with_policy(database, policy).await?;
    assert!(is_held(&next), "{next}");
    Ok(())
}

/// Bakes of twenty seconds of equal versions, ninety in each record.
static CALIBRATED: LazyLock<Calibrated> = LazyLock::new(|| {
    let settings = Settings { horizon_seconds: 20, restart_seconds: 10, budget: 0.05, ..Settings::default() };
    let settings = Terms::of(&settings).settings();
    let family = Family { seconds: 1_800, ..Family::equal("equal") };
    let rows = (1_u64..).zip(family.rows(11));
    let record: Vec<Sample> =
        rows.map(|(second, row)| Sample::counts(second * 1_000, row.baseline, row.canary)).collect();
    let calibration = Calibration::of(settings, &[record]).unwrap();
    Calibrated::of("greeter".parse().unwrap(), vec![Digest::of_bytes(b"record")], &calibration)
});

/// What is sent to save it.
pub(crate) fn calibration() -> Value {
    json!({ "calibration": *CALIBRATED })
}

/// The same with more that was learned, which is another one.
fn another(blocks: u32) -> Value {
    let mut other = CALIBRATED.clone();
    other.learned[0].blocks = blocks;
    json!({ "calibration": other })
}

/// A canary whose versions are compared.
fn compared(budget: &str) -> Value {
    let mut change = canary();
    let strategy = &mut change["implementation_plan"]["strategy"]["canary"];
    strategy["stages"][0]["bake"] = json!({ "time": "10s", "extend": "10s" });
    strategy["analysis"] = json!({ "budget": budget });
    change["monitors"] = json!([{ "name": "errors", "interval": "1s", "prometheus": {
        "url": "http://127.0.0.1:9", "error_rate": { "errors": { "code": "~5.." } },
        "canary": { "version": "new" }, "baseline": { "version": "old" }, "expect": "< 5%" } }]);
    change
}

async fn calibrations_are_saved_by_those_who_may_and_only_as_they_can_be(database: Database) -> Result<()> {
    let app = TestApp::start_on(database, |_| {}).await?;
    let lead = app.person("lead", &["technical_lead"]).await?;
    let ann = app.person("ann", &["implementer"]).await?;
    let path = "/api/v1/calibrations";
    ann.refused(path, &calibration(), 403, "refused-by-policy").await?;
    let agent = app.agent("bot", &lead).await?;
    agent.refused(path, &calibration(), 403, "refused-by-policy").await?;
    for (field, forged) in
        [("rate_millionths_max", json!(1)), ("rollouts", json!(100_000)), ("records", json!([]))]
    {
        let mut body = calibration();
        body["calibration"][field] = forged;
        let problem = lead.send(Ask::post(path, &body)).await?.refused(422, "invalid-field")?;
        assert!(problem.to_string().contains("`calibration`"), "{problem}");
    }
    let keyed = || Ask::post(path, &calibration()).header("idempotency-key", "once");
    let saved = lead.send(keyed()).await?.good()?;
    assert_eq!((text(&saved["service"]), text(&saved["saved_by"])), ("greeter", "lead"));
    assert_eq!((&saved["rollouts"], &saved["false_alarms"]), (&json!(90), &json!(0)), "{saved}");
    assert_eq!(saved["calibration"], calibration()["calibration"]);
    assert_eq!(lead.send(keyed()).await?.good()?, saved, "a repetition saves no second one");
    lead.post(path, &another(7)).await?;
    let of_all = ann.get(path).await?;
    assert_eq!(of_all["items"].as_array().map(Vec::len), Some(1), "{of_all}");
    let of_one = ann.get(&format!("{path}?service=greeter")).await?;
    assert_eq!(of_one["items"].as_array().map(Vec::len), Some(2), "{of_one}");
    assert_eq!(of_one["items"][1], saved, "the newest first");
    app.verified().await?;
    app.stop().await
}

async fn a_comparison_is_armed_by_the_calibration_that_its_change_was_approved_with(
    database: Database,
) -> Result<()> {
    let is_shared = database.config().database_url.is_some();
    let mut app = TestApp::start_on(database, |_| {}).await?;
    app.services(&SERVICES).await?;
    let (ann, lead) = (app.person("ann", &[]).await?, app.person("lead", &["technical_lead"]).await?);
    let before = ann.create(&compared("5%")).await?;
    assert_eq!(before["comparison"]["armed"], false, "{}", before["comparison"]);
    assert!(text(&before["comparison"]["reason"]).contains("no calibration of `greeter`"), "{before}");

    let saved = lead.post("/api/v1/calibrations", &calibration()).await?;
    let armed = ann.create(&compared("5%")).await?;
    let comparison = &armed["comparison"];
    assert_eq!(comparison["armed"], true, "{comparison}");
    assert_eq!(comparison["calibration_id"], saved["calibration_id"]);
    assert!(text(&comparison["reason"]).contains("0 of 90 recorded bakes"), "{comparison}");
    let strict = ann.create(&compared("1%")).await?;
    assert!(text(&strict["comparison"]["reason"]).contains("the budget is 1%"), "{}", strict["comparison"]);

    // What comes later changes nothing about what was approved, on no server, and neither does a restart.
    let id = text(&armed["change_id"]).to_owned();
    lead.post("/api/v1/calibrations", &another(3)).await?;
    app.halt().await?;
    app.revive().await?;
    let still = ann.change(&id).await?;
    assert_eq!((&still["digest"], &still["comparison"]), (&armed["digest"], &armed["comparison"]));
    let newer = ann.create(&compared("5%")).await?;
    assert_ne!(newer["comparison"]["calibration_id"], saved["calibration_id"]);
    let runner = Runner::start(&ann, &id, true).await?;
    let handed = runner.assignment.calibration.as_ref().context("the runner gets it")?;
    assert_eq!(handed, &*CALIBRATED);
    if is_shared {
        let folder = tempfile::tempdir()?;
        let (second, root) = second_server(&app, folder.path()).await?;
        let there = Person { address: root.address, ..ann.clone() };
        assert_eq!(there.change(&id).await?["comparison"], armed["comparison"]);
        let newest = lead.post("/api/v1/calibrations", &another(4)).await?;
        let listed = Ask::get("/api/v1/calibrations");
        crate::harness::eventually("the other server knows it", async || {
            let listed = there.send(listed.clone()).await?.good()?;
            Ok((listed["items"][0]["calibration_id"] == newest["calibration_id"]).then_some(()))
        })
        .await?;
        second.shutdown();
        second.stopped().await?;
    }
    // A plan may name its calibration, but only one that is known of the service.
    let mut pinned = compared("5%");
    pinned["implementation_plan"]["strategy"]["canary"]["analysis"]["calibration"] =
        saved["calibration_id"].clone();
    assert_eq!(ann.create(&pinned).await?["comparison"]["calibration_id"], saved["calibration_id"]);
    pinned["implementation_plan"]["strategy"]["canary"]["analysis"]["service"] = json!("billing");
    let problem = ann.send(Ask::post("/api/v1/changes", &pinned)).await?.refused(422, "invalid-field")?;
    assert!(problem.to_string().contains("no calibration of `billing`"), "{problem}");
    // What an amendment states it rests on, or else on the newest.
    let amended = compared("5%");
    let version = ann.change(text(&before["change_id"])).await?["version"].clone();
    let ask = Ask::new("PUT", &format!("/api/v1/changes/{}", text(&before["change_id"]))).json(&amended);
    let amended = ann.send(ask.header("if-match", &format!("\"{version}\""))).await?.good()?;
    assert_eq!(amended["comparison"]["armed"], true, "{}", amended["comparison"]);
    app.verified().await?;
    app.stop().await
}
