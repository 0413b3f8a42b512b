//! Runners that announce themselves: who may, who sees them, until when, and what it says of a change that waits for one.

use anyhow::{Result, ensure};
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::faults::second_server;
use crate::harness::{Database, Person, eventually, on_both_databases, on_sqlite, small, text};
use crate::http::{Answer, Ask};
use crate::runner::Runner;
use crate::team::{approved, in_steps, team, team_with, validate};

on_both_databases!(
    a_runner_is_seen_by_everybody_until_it_is_forgotten,
    one_runner_at_a_time_watches_a_change_that_is_done,
);
on_sqlite!(a_change_says_why_no_runner_takes_it_on, what_a_runner_says_is_checked,);

fn announcement(labels: &Value, state: &str) -> Value {
    json!({ "host": "host7", "version": "0.1.0", "labels": labels, "concurrency": 2, "state": state })
}

async fn put(person: &Person, name: &str, body: &Value) -> Result<Answer> {
    person.send(Ask::new("PUT", &format!("/api/v1/runners/{name}")).json(body)).await
}

async fn runners(person: &Person) -> Result<Vec<Value>> {
    Ok(person.get("/api/v1/runners").await?["items"].as_array().cloned().unwrap_or_default())
}

async fn statuses(person: &Person) -> Result<Vec<String>> {
    let told = runners(person).await?.into_iter();
    Ok(told.map(|one| format!("{} {}", text(&one["name"]), text(&one["status"]))).collect())
}

async fn a_runner_is_seen_by_everybody_until_it_is_forgotten(database: Database) -> Result<()> {
    let is_shared = database.is_shared();
    let (app, ann, lead) = team(database).await?;
    let eu = app.register("runner-eu", "service", &json!({ "owner": "ann" })).await?;
    let size = app.log_size().await?;
    let mut told = announcement(&json!(["eu", "docker"]), "looking");
    told["working_on"] = json!(["CHG-2026-000007"]);
    let first = put(&eu, "host7-1", &told).await?.good()?;
    app.pass(SignedDuration::from_secs(20));
    let again = put(&eu, "host7-1", &told).await?.good()?;
    ensure!(
        again["first_seen_at"] == first["first_seen_at"] && again["last_seen_at"] != first["last_seen_at"]
    );
    put(&ann, "laptop-1", &announcement(&json!(["us"]), "looking")).await?.good()?;

    let seen = runners(&lead).await?;
    ensure!(seen.len() == 2 && seen[1] == again, "{seen:?}");
    ensure!(seen[1]["actor"] == "runner-eu" && seen[1]["labels"] == json!(["docker", "eu"]), "{seen:?}");
    ensure!(seen[1]["working_on"] == json!(["CHG-2026-000007"]) && seen[1]["status"] == "online");
    let fit = lead.get("/api/v1/runners?label=docker,eu").await?;
    ensure!(fit["items"] == json!([again]), "{fit}");

    app.pass(SignedDuration::from_secs(25));
    put(&eu, "host7-1", &announcement(&json!(["eu"]), "draining")).await?.good()?;
    app.pass(SignedDuration::from_secs(10));
    ensure!(
        statuses(&lead).await? == ["host7-1 draining", "laptop-1 offline"],
        "{:?}",
        statuses(&lead).await?
    );
    let figures = lead.send(Ask::get("/metrics")).await?.text();
    for (status, count) in [("online", 0), ("draining", 1), ("offline", 1)] {
        let figure = format!("cortex_change_runners{{status=\"{status}\"}} {count}\n");
        ensure!(figures.contains(&figure), "{figure}\n{figures}");
    }
    if is_shared {
        let folder = tempfile::tempdir()?;
        let (_second, root) = second_server(&app, folder.path()).await?;
        let there = Person { address: root.address, ..lead.clone() };
        ensure!(statuses(&there).await? == ["host7-1 draining", "laptop-1 offline"]);
        put(
            &Person { address: root.address, ..eu.clone() },
            "host8-1",
            &announcement(&json!(["eu"]), "looking"),
        )
        .await?
        .good()?;
        ensure!(statuses(&lead).await?.contains(&"host8-1 online".to_owned()));
        put(&eu, "host8-1", &announcement(&json!(["eu"]), "ended")).await?.good()?;
    }
    put(&eu, "host7-1", &announcement(&json!(["eu"]), "ended")).await?.good()?;
    // What somebody else ended is another one's.
    put(&eu, "laptop-1", &announcement(&json!(["eu"]), "ended")).await?.good()?;
    ensure!(statuses(&lead).await? == ["laptop-1 offline"]);
    app.pass(SignedDuration::from_hours(25));
    ensure!(statuses(&lead).await?.is_empty());
    ensure!(app.log_size().await? == size, "what was seen is not in the log");
    app.stop().await
}

async fn one_runner_at_a_time_watches_a_change_that_is_done(database: Database) -> Result<()> {
    let (app, ann, lead) = team_with(database, |config| config.lease.seconds = 3).await?;
    let attend = async |person: &Person, id: &str, holder: &str| {
        let path = format!("/api/v1/changes/{id}/attend");
        person.send(Ask::post(&path, &json!({ "holder": holder }))).await
    };
    let step = json!([{"name": "one", "run": "true", "undo": "true"}]);
    let id = approved(&ann, &lead, &in_steps(&step)).await?;
    let early = attend(&ann, &id, "host7-1").await?;
    ensure!(early.status == 409, "{early:?}");
    let mut runner = Runner::start(&ann, &id, true).await?;
    runner.work(|_| false).await?;
    runner.finish().await?;

    ensure!(attend(&ann, &id, "host7-1").await?.good()? == json!({ "lease_seconds": 3 }));
    attend(&ann, &id, "host7-1").await?.good()?;
    let other = attend(&ann, &id, "host8-1").await?;
    let said = String::from_utf8_lossy(&other.body).into_owned();
    ensure!(other.status == 409 && said.contains("host7-1"), "{said}");
    let stranger = app.person("stranger", &[]).await?;
    let refused = attend(&stranger, &id, "host9-1").await?;
    ensure!(refused.status == 403, "{refused:?}");
    // The first one is gone. Leases end by the database's clock.
    eventually("the other one is let in", async || {
        Ok((attend(&ann, &id, "host8-1").await?.status == 200).then_some(()))
    })
    .await?;
    ensure!(attend(&ann, &id, "host7-1").await?.status == 409);
    // A person validates whoever watches.
    ensure!(validate(&ann, &id, true).await?["state"] == "implemented");
    ensure!(attend(&ann, &id, "host8-1").await?.status == 409, "there is nothing left to watch");
    app.stop().await
}

async fn a_change_says_why_no_runner_takes_it_on(database: Database) -> Result<()> {
    let (app, ann, lead) = team(database).await?;
    let mut request = small("greeter");
    request["implementation_plan"]["runs_on"] = json!(["eu", "docker"]);
    let id = approved(&ann, &lead, &request).await?;
    let awaits = async |what: &str, expected: &str| {
        eventually(what, async || {
            let awaits = ann.change(&id).await?["awaits_runner"].as_str().unwrap_or_default().to_owned();
            Ok(awaits.contains(expected).then_some(awaits))
        })
        .await
    };
    awaits("none", "no runner with the labels docker, eu has been seen").await?;
    let stranger = app.register("stranger", "service", &json!({ "owner": "lead" })).await?;
    let both = json!(["docker", "eu", "us"]);
    put(&stranger, "host9-1", &announcement(&both, "looking")).await?.good()?;
    awaits("a stranger", "may carry it out: stranger is no implementer").await?;
    let fit = json!({ "owner": "lead", "rights": { "roles": ["implementer"] } });
    let fit = app.register("runner-eu", "service", &fit).await?;
    put(&fit, "host7-1", &announcement(&json!(["eu"]), "looking")).await?.good()?;
    awaits("half of the labels", "stranger is no implementer").await?;
    put(&fit, "host7-1", &announcement(&both, "looking")).await?.good()?;
    ensure!(ann.change(&id).await?.get("awaits_runner").is_none());
    put(&fit, "host7-1", &announcement(&both, "draining")).await?.good()?;
    awaits("a draining one", "takes it on: runner-eu on host7 takes nothing on any more").await?;
    app.pass(SignedDuration::from_secs(31));
    awaits("one that is gone", "is online: runner-eu on host7 was last seen at ").await?;
    // The requester's own runner may.
    put(&ann, "laptop-1", &announcement(&both, "looking")).await?.good()?;
    ensure!(ann.change(&id).await?.get("awaits_runner").is_none());
    app.pass(SignedDuration::from_secs(31));
    let other = approved(&ann, &lead, &small("greeter")).await?;
    ensure!(ann.change(&other).await?.get("awaits_runner").is_none(), "it is for no runner");
    ann.act(&id, "cancel", &json!({ "reason": "no longer wanted" })).await?;
    ensure!(ann.change(&id).await?.get("awaits_runner").is_none());
    app.stop().await
}

async fn what_a_runner_says_is_checked(database: Database) -> Result<()> {
    let (app, ann, _lead) = team(database).await?;
    let many: Vec<_> = (0..65).map(|label| format!("l{label}")).collect();
    for (field, value, said) in [
        ("state", json!("asleep"), "expected looking, draining or ended"),
        ("labels", json!(["a b"]), "labels[0]"),
        ("labels", json!(many), "65 are more than the 64 accepted"),
        ("working_on", json!(["x"]), "working_on[0]"),
        ("host", json!("a\nb"), "in one line"),
        ("more", json!(1), "more"),
    ] {
        let mut body = announcement(&json!(["eu"]), "looking");
        body[field] = value;
        let answer = put(&ann, "host7-1", &body).await?;
        let told = String::from_utf8_lossy(&answer.body).into_owned();
        ensure!(answer.status == 400 || answer.status == 422, "{told}");
        ensure!(told.contains(said), "{told}");
    }
    let unnamed = put(&ann, "a%20b", &announcement(&json!(["eu"]), "looking")).await?;
    ensure!(matches!(unnamed.status, 400 | 422), "{}", unnamed.status);
    ensure!(runners(&ann).await?.is_empty());
    app.stop().await
}
