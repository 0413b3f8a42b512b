//! What people are told: by whom it arrives, what becomes of it when it does not, and who may look after it.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use jiff::SignedDuration;
use serde_json::json;
use server::{Channel, Config, SecretFrom, Subscription, WebhookChannel};

use crate::approvals::lend;
use crate::harness::{Database, TestApp, eventually, on_both_databases, on_sqlite, small, text};
use crate::http::Ask;
use crate::peers;
use crate::runner::Runner;
use crate::sink::{Received, Sink};
use crate::team::{approved, in_steps, team_with};

on_both_databases!(
    each_subscriber_is_told_once_and_what_fails_is_told_again,
    whoever_must_decide_is_reminded_at_half_and_nine_tenths_of_the_time,
);
on_sqlite!(
    what_cannot_be_delivered_is_listed_and_sent_again_by_an_administrator,
    a_digest_collects_what_happens,
    an_incident_is_told,
    the_trail_says_who_is_told_of_the_start,
);

/// A secret as Standard Webhooks writes it.
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
/// The one that is about to replace it.
const NEXT_SECRET: &str = "whsec_bmV4dCBzZWNyZXQgb2YgdGhlIHJlY2VpdmVyISE=";

/// A subscription to everything.
pub(crate) fn everything(channel: &str) -> Subscription {
    Subscription {
        channel: channel.to_owned(),
        events: Vec::new(),
        roles: Vec::new(),
        services: Vec::new(),
        levels: Vec::new(),
        quiet_hours: None,
        digest_minutes: None,
    }
}

/// A file with a secret.
pub(crate) fn secret_file(config: &Config, name: &str, secret: &str) -> SecretFrom {
    let path = config.data.join(name);
    std::fs::create_dir_all(&config.data).unwrap();
    std::fs::write(&path, format!("{secret}\n")).unwrap();
    SecretFrom::File(path)
}

/// Adds a signed webhook with subscriptions.
fn with_webhook(config: &mut Config, sink: &Sink, subscriptions: Vec<Subscription>) {
    let secrets =
        [("next", NEXT_SECRET), ("present", SECRET)].map(|(name, secret)| secret_file(config, name, secret));
    config.public_url = Some("https://change.example/".to_owned());
    config.notify.allow_private_network = true;
    config.notify.channels.push(Channel::Webhook(WebhookChannel {
        name: "ops".to_owned(),
        url: sink.url("/hook"),
        secrets: secrets.to_vec(),
    }));
    config.notify.subscriptions.extend(subscriptions);
}

fn is_about(kind: &str) -> impl Fn(&Received) -> bool {
    move |received| received.json().is_ok_and(|body| body["type"] == kind)
}

async fn each_subscriber_is_told_once_and_what_fails_is_told_again(database: Database) -> Result<()> {
    let (sink, plain) = (Sink::start(&[500]).await?, Sink::start(&[]).await?);
    let (app, ann, lead) = team_with(database, |config| {
        let subscription: Subscription =
            toml::from_str("channel = \"ops\"\nroles = [\"technical_lead\"]\nservices = [\"identity\"]")
                .unwrap();
        // Two subscriptions that are both about it make one message.
        with_webhook(config, &sink, vec![subscription.clone(), subscription]);
        config.notify.webhook = Some(plain.url("/plain"));
    })
    .await?;
    let dora = app.person("dora", &[]).await?;
    lend(&lead, "dora", &json!({})).await?;
    let one = in_steps(&json!([{"name": "one", "run": "true", "undo": "true"}]));
    let change = ann.create(&one).await?;
    let id = text(&change["change_id"]);
    let told = sink.until("asked", is_about("change.approval_requested")).await?;
    assert_eq!(told[0].json()?["data"]["deciders"], json!([format!("{} for lead", dora.name), "lead"]));
    let (body, first) = (told[0].json()?, told[0].header("webhook-id").to_owned());
    assert_eq!(body["data"]["change_id"], json!(id));
    assert_eq!(body["data"]["asked"], json!(["technical_lead"]));
    assert_eq!(body["data"]["link"], json!(format!("https://change.example/changes/{id}")));
    assert_eq!(body["data"]["digest"], change["digest"]);
    // It was answered with 500: it comes again, under the same id, and wakes with the next message.
    lead.approve(id).await?;
    let again = eventually("told again", async || {
        let told: Vec<_> =
            sink.received().into_iter().filter(is_about("change.approval_requested")).collect();
        Ok(Some(told).filter(|told| told.len() > 1))
    })
    .await?;
    assert!(again.iter().all(|one| one.header("webhook-id") == first), "{again:?}");
    assert!(!first.contains('.'), "an id with a dot could be read as another signature's content");
    sink.until("approved", is_about("change.approved")).await?;
    // The setting of before is told everything, once, unsigned.
    ann.create(&small("greeter")).await?;
    let plain_told = eventually("plain", async || {
        Ok(Some(plain.received())
            .filter(|told| told.iter().filter(|one| is_about("change.approved")(one)).count() == 2))
    })
    .await?;
    assert!(plain_told.iter().all(|one| one.header("webhook-signature").is_empty() && one.path == "/plain"));
    assert_eq!(sink.received().iter().filter(|one| is_about("change.approved")(one)).count(), 1);
    for received in sink.received() {
        verified(&received)?;
    }
    nothing_shows_the_secret(&app).await?;
    app.stop().await
}

/// What another implementation says of a signature.
fn verified(received: &Received) -> Result<()> {
    let [id, at, signature] =
        ["webhook-id", "webhook-timestamp", "webhook-signature"].map(|name| received.header(name));
    // Whoever knows either of them takes it for ours.
    ensure!(signature.split(' ').count() == 2, "{signature}");
    [SECRET, NEXT_SECRET]
        .into_iter()
        .try_for_each(|secret| peers::verify_webhook(secret, id, at, signature, &received.body))
}

async fn nothing_shows_the_secret(app: &TestApp) -> Result<()> {
    let log = app.root().get("/api/v1/audit?limit=500").await?.to_string();
    let listed = app.root().get("/api/v1/notifications").await?.to_string();
    ensure!(!log.contains(SECRET) && !listed.contains(SECRET));
    Ok(())
}

async fn what_cannot_be_delivered_is_listed_and_sent_again_by_an_administrator(
    database: Database,
) -> Result<()> {
    // A port that nobody listens on.
    let gone = Sink::start(&[]).await?;
    let address = gone.address;
    drop(gone);
    let (mut app, ann, _) = team_with(database, |config| {
        config.notify.allow_private_network = true;
        config.notify.webhook = Some(format!("http://{address}/hook"));
    })
    .await?;
    ann.create(&small("greeter")).await?;
    let listed = eventually("tried", async || {
        let listed = app.root().get("/api/v1/notifications").await?;
        Ok(Some(listed).filter(|listed| listed["waiting"][0]["last_error"].is_string()))
    })
    .await?;
    assert_eq!(listed["channels"], json!([{ "name": "webhook", "kind": "webhook" }]));
    assert!(text(&listed["waiting"][0]["last_error"]).contains("could not be reached"), "{listed}");
    assert_eq!(listed["waiting"][0]["subject"], json!("CHG-2026-000001"));
    let id = text(&listed["waiting"][0]["id"]).to_owned();

    app.halt().await?;
    let store = app.store().await?;
    for _ in 0..store::DELIVERY_ATTEMPTS_MAX {
        for entry in store.outbox_claim(10, Duration::ZERO).await? {
            store.outbox_retry(&entry.id, "nobody is there", "2000-01-01T00:00:00Z".parse()?).await?;
        }
    }
    store.close().await;
    app.revive().await?;
    let dead = app.root().get("/api/v1/notifications/dead").await?;
    assert_eq!(dead["items"][0]["id"], json!(id));
    let path = format!("/api/v1/notifications/{id}/redeliver");
    ann.send(Ask::new("POST", &path)).await?.refused(403, "refused-by-policy")?;
    let listener = tokio::net::TcpListener::bind(address).await?;
    let keyed = Ask::new("POST", &path).header("idempotency-key", "again-1");
    app.root().send(keyed.clone()).await?.good()?;
    listener.accept().await?;
    let repeated = app.root().send(keyed).await?;
    assert_eq!((repeated.status, repeated.header("idempotent-replayed")), (204, Some("true")));
    assert_eq!(app.root().get("/api/v1/notifications/dead").await?["items"], json!([]));
    app.root().refused(&path, &json!({}), 404, "not-found").await?;
    let log = app.root().get("/api/v1/audit?limit=500").await?;
    let actions: Vec<_> = log["items"]
        .as_array()
        .context("items")?
        .iter()
        .map(|entry| text(&entry["action"]).to_owned())
        .collect();
    assert_eq!(actions.iter().filter(|action| action.contains("redelivered")).count(), 1, "{actions:?}");
    app.verified().await?;
    app.stop().await
}

async fn a_digest_collects_what_happens(database: Database) -> Result<()> {
    let sink = Sink::start(&[503]).await?;
    let (app, ann, _) = team_with(database, |config| {
        with_webhook(config, &sink, vec![Subscription { digest_minutes: Some(60), ..everything("ops") }]);
    })
    .await?;
    // The test's clock is far behind the database's, so that a digest is due at once. The first attempt fails; what
    // waits by the next one is sent together.
    ann.create(&small("greeter")).await?;
    eventually("tried", async || {
        let listed = app.root().get("/api/v1/notifications").await?;
        assert_eq!(listed["waiting"][0]["event"], json!("change.approved"), "{listed}");
        Ok(Some(()).filter(|()| listed["waiting"][0]["last_error"].is_string()))
    })
    .await?;
    ann.create(&small("greeter")).await?;
    let told = sink.until("a digest", is_about("notification.digest")).await?;
    verified(&told[0])?;
    let body = told[0].json()?;
    let ids: Vec<_> = body["data"]["notifications"]
        .as_array()
        .context("notifications")?
        .iter()
        .map(|one| text(&one["data"]["change_id"]).to_owned())
        .collect();
    assert_eq!(ids, ["CHG-2026-000001", "CHG-2026-000002"]);
    eventually("nothing waits", async || {
        let listed = app.root().get("/api/v1/notifications").await?;
        Ok(Some(()).filter(|()| listed["waiting"] == json!([])))
    })
    .await?;
    app.stop().await
}

async fn an_incident_is_told(database: Database) -> Result<()> {
    let sink = Sink::start(&[]).await?;
    let (app, ann, lead) =
        team_with(database, |config| with_webhook(config, &sink, vec![everything("ops")])).await?;
    crate::audit::taken_back(&ann, &lead).await?;
    let opened = sink.until("opened", is_about("incident.opened")).await?;
    assert_eq!(opened[0].json()?["data"]["incident"]["severity"], json!("moderate"));
    let incidents = ann.get("/api/v1/incidents").await?;
    let path = format!("/api/v1/incidents/{}", text(&incidents["items"][0]["incident_id"]));
    let resolved = json!({ "state": "resolved" });
    lead.send(Ask::new("PATCH", &path).json(&resolved)).await?.good()?;
    let told = sink.until("resolved", is_about("incident.resolved")).await?;
    assert_eq!(told[0].json()?["data"]["incident"]["state"], json!("resolved"));
    app.stop().await
}

async fn the_trail_says_who_is_told_of_the_start(database: Database) -> Result<()> {
    let sink = Sink::start(&[]).await?;
    let (app, ann, lead) =
        team_with(database, |config| with_webhook(config, &sink, vec![everything("ops")])).await?;
    let id =
        approved(&ann, &lead, &in_steps(&json!([{"name": "one", "run": "true", "undo": "true"}]))).await?;
    let mut runner = Runner::start(&ann, &id, true).await?;
    let told = sink.until("started", is_about("change.implementation_started")).await?;
    assert_eq!(told.len(), 1);
    runner.work(|_| false).await?;
    let change = ann.change(&id).await?;
    let trail = change["audit_trail"].as_array().context("a trail")?;
    let details: Vec<_> = trail.iter().map(|entry| text(&entry["details"])).collect();
    let position = |part: &str| details.iter().position(|details| details.contains(part));
    let noted = position("Stakeholders are told of the start: `ops`").context("the entry")?;
    ensure!(position("Implementation started") < Some(noted), "{details:?}");
    ensure!(position("Step `one` started") > Some(noted), "{details:?}");
    app.verified().await?;
    app.stop().await
}

async fn whoever_must_decide_is_reminded_at_half_and_nine_tenths_of_the_time(
    database: Database,
) -> Result<()> {
    let sink = Sink::start(&[]).await?;
    let (app, ann, lead) =
        team_with(database, |config| with_webhook(config, &sink, vec![everything("ops")])).await?;
    let one = in_steps(&json!([{"name": "one", "run": "true", "undo": "true"}]));
    let [decided, waiting] = [ann.create(&one).await?, ann.create(&one).await?];
    let [decided, waiting] = [&decided, &waiting].map(|change| text(&change["change_id"]).to_owned());
    lead.approve(&decided).await?;
    let before = ann.change(&waiting).await?;
    // Four hours are the time for medium risk.
    for (minutes, kind, asked) in [
        (120, "change.approval_reminder", json!(["technical_lead"])),
        (96, "change.approval_escalated", json!(["technical_lead", "cab_member"])),
    ] {
        app.pass(SignedDuration::from_mins(minutes));
        let told = sink.until(kind, is_about(kind)).await?;
        let data = told[0].json()?["data"].clone();
        assert_eq!((told.len(), text(&data["change_id"])), (1, waiting.as_str()));
        assert_eq!(data["asked"], asked);
        let is_changed = ann.change(&waiting).await? != before;
        assert_eq!(is_changed, minutes == 96, "a reminder changes nothing, an escalation asks one more role");
    }
    app.pass(SignedDuration::from_mins(24));
    sink.until("rejected", is_about("change.rejected")).await?;
    app.verified().await?;
    app.stop().await
}
