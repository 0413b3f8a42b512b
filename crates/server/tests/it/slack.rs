//! Decisions made with the buttons of a message in Slack: they are those of the person whom the settings name, of what
//! the message showed, once; and nothing that is not Slack's is believed.

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use server::{Channel, Config, SlackAppSettings, SlackChannel, SlackUser};

use crate::harness::{Database, Person, TestApp, on_both_databases, on_sqlite, text};
use crate::http::{Answer, Ask};
use crate::notifications::{everything, secret_file};
use crate::peers;
use crate::sink::Sink;
use crate::team::{amend, in_steps, team_with};

on_both_databases!(a_button_is_used_once_even_across_a_restart);
on_sqlite!(
    a_button_decides_for_the_person_whom_the_settings_name,
    what_is_not_slacks_is_refused_and_recorded,
    a_button_decides_nothing_that_its_person_may_not,
    a_message_shows_what_is_asked_and_the_words_of_others_are_no_markup,
);

const SECRET: &str = "8f742231b10e8888abcd99yyyzzz85a5";
const INTERACTIONS: &str = "/api/v1/slack/interactions";

/// A server that tells a channel of Slack everything, and believes its buttons.
struct Chat {
    app: TestApp,
    ann: Person,
    slack: Sink,
}

impl Chat {
    async fn start(database: Database) -> Result<Self> {
        let slack = Sink::start(&[]).await?;
        let url = slack.url("/services/T0/B0/secret-of-the-channel");
        let (app, ann, _) = team_with(database, |config| configure(config, &url)).await?;
        Ok(Self { app, ann, slack })
    }

    /// A change that asks a technical lead, and what the buttons of its message carry.
    async fn asked(&self, title: &str) -> Result<(Value, Vec<Value>)> {
        let mut request = in_steps(&json!([{"name": "one", "run": "true", "undo": "true"}]));
        request["title"] = json!(title);
        let change = self.ann.create(&request).await?;
        let id = text(&change["change_id"]).to_owned();
        let told = self.slack.until("asked", |one| one.body.contains(&id)).await?;
        let message = told[0].json()?;
        let blocks = message["blocks"].as_array().context("blocks")?;
        let actions = blocks.iter().find(|block| block["type"] == "actions").context("buttons")?;
        let buttons = actions["elements"].as_array().context("elements")?;
        Ok((change, buttons.iter().map(|button| button["value"].clone()).collect()))
    }

    /// What Slack would send for the use of a button.
    fn used(&self, user: &str, button: &Value, reason: Option<&str>) -> String {
        let payload = json!({
            "type": "block_actions",
            "user": { "id": user, "username": "somebody" },
            "actions": [{ "type": "button", "action_id": "approve", "value": button }],
            "state": { "values": { "reason": { "reason": { "type": "plain_text_input", "value": reason } } } },
            "response_url": self.slack.url("/actions/answer"),
        });
        let payload =
            url::form_urlencoded::byte_serialize(payload.to_string().as_bytes()).collect::<String>();
        format!("payload={payload}")
    }

    /// Sends it, signed at a time that is so many seconds from the server's.
    async fn sent(&self, body: &str, secret: &str, seconds: i64) -> Result<Answer> {
        let at = (self.app.clock.now().as_second() + seconds).to_string();
        let signature = peers::slack_signature(secret, &at, body)?;
        self.send(body, &at, &signature).await
    }

    async fn send(&self, body: &str, at: &str, signature: &str) -> Result<Answer> {
        let ask = Ask::new("POST", INTERACTIONS)
            .bytes("application/x-www-form-urlencoded", body.as_bytes().to_vec())
            .header("x-slack-request-timestamp", at)
            .header("x-slack-signature", signature);
        ask.send(self.app.address).await
    }

    async fn refused(&self, body: &str) -> Result<String> {
        let answer = self.sent(body, SECRET, 0).await?.good()?;
        ensure!(answer["accepted"] == false, "{answer}");
        Ok(text(&answer["text"]).to_owned())
    }

    /// The rules of attempts that nobody is known to have made.
    async fn forged(&self) -> Result<Vec<String>> {
        let log = self.app.root().get("/api/v1/audit?limit=500").await?;
        let entries = log["items"].as_array().context("entries")?;
        let of_nobody = entries.iter().filter(|entry| {
            text(&entry["stream"]).starts_with("security/") && entry.to_string().contains("slack")
        });
        Ok(of_nobody.map(ToString::to_string).collect())
    }
}

fn configure(config: &mut Config, url: &str) {
    let user = |user: &str, actor: &str| SlackUser { user: user.to_owned(), actor: actor.to_owned() };
    config.notify.allow_private_network = true;
    config.public_url = Some("https://change.example".to_owned());
    config.notify.channels = vec![Channel::Slack(SlackChannel {
        name: "chat".to_owned(),
        url: secret_file(config, "slack-url", url),
    })];
    config.notify.subscriptions = vec![everything("chat")];
    config.notify.slack = SlackAppSettings {
        signing_secrets: vec![secret_file(config, "slack-secret", SECRET)],
        users: vec![user("ULEAD", "lead"), user("UBOTH", "both"), user("UBOT", "bot"), user("UGONE", "gone")],
    };
}

async fn a_button_decides_for_the_person_whom_the_settings_name(database: Database) -> Result<()> {
    let chat = Chat::start(database).await?;
    let (change, buttons) = chat.asked("Deploy").await?;
    let id = text(&change["change_id"]);
    let answer = chat.sent(&chat.used("ULEAD", &buttons[0], Some("looks good")), SECRET, 0).await?.good()?;
    assert_eq!(answer, json!({ "accepted": true, "text": format!("Done: {id} is approved.") }));
    let approved = chat.ann.change(id).await?;
    let given = &approved["approval"]["given"][0];
    assert_eq!(
        (&given["by"], &given["role"], &given["digest"]),
        (&json!("lead"), &json!("technical_lead"), &change["digest"])
    );
    let told = chat.slack.until("answer", |one| one.path == "/actions/answer").await?;
    assert_eq!(told[0].json()?["response_type"], "ephemeral");

    let (change, buttons) = chat.asked("Deploy again").await?;
    let reject = buttons.last().context("a button to reject")?;
    let without = chat.refused(&chat.used("ULEAD", reject, None)).await?;
    assert!(without.contains("write why"), "{without}");
    let id = text(&change["change_id"]);
    assert_eq!(chat.ann.change(id).await?["state"], "awaiting_approval");
    chat.sent(&chat.used("ULEAD", reject, Some("too late on a Friday")), SECRET, 0).await?.good()?;
    let rejected = chat.ann.change(id).await?;
    assert_eq!(rejected["state"], "rejected");
    assert!(rejected.to_string().contains("too late on a Friday"));
    chat.app.verified().await?;
    chat.app.stop().await
}

async fn what_is_not_slacks_is_refused_and_recorded(database: Database) -> Result<()> {
    let chat = Chat::start(database).await?;
    let (change, buttons) = chat.asked("Deploy").await?;
    let id = text(&change["change_id"]);
    let before = chat.ann.change(id).await?;
    let body = chat.used("ULEAD", &buttons[0], None);
    let at = chat.app.clock.now().as_second().to_string();
    let signature = peers::slack_signature(SECRET, &at, &body)?;
    let other = chat.used("UBOTH", &buttons[0], None);
    for (what, answer) in [
        ("another secret", chat.sent(&body, "another secret", 0).await?),
        ("too old", chat.sent(&body, SECRET, -301).await?),
        ("of the future", chat.sent(&body, SECRET, 301).await?),
        ("another content", chat.send(&other, &at, &signature).await?),
        ("another time", chat.send(&body, &format!("{at}0"), &signature).await?),
        ("no signature", chat.send(&body, &at, "").await?),
        ("no time", chat.send(&body, "", &signature).await?),
        ("cut", chat.send(&body, &at, &signature[..signature.len() - 2]).await?),
        ("nothing", Ask::new("POST", INTERACTIONS).send(chat.app.address).await?),
        ("a form of something else", chat.sent("payload=%7B%7D", SECRET, 0).await?),
    ] {
        answer.refused(401, "unauthenticated").with_context(|| what.to_owned())?;
    }
    assert_eq!(chat.ann.change(id).await?, before);
    let forged = chat.forged().await?;
    assert_eq!(forged.len(), 10, "{forged:?}");
    assert!(forged[0].contains("slack-signature") || forged[9].contains("slack-signature"), "{forged:?}");
    // What was refused has not used up the real one.
    chat.send(&body, &at, &signature).await?.good()?;
    assert_eq!(chat.ann.change(id).await?["state"], "approved");
    chat.app.verified().await?;
    chat.app.stop().await
}

async fn a_button_is_used_once_even_across_a_restart(database: Database) -> Result<()> {
    let mut chat = Chat::start(database).await?;
    let (change, buttons) = chat.asked("Deploy").await?;
    let id = text(&change["change_id"]).to_owned();
    let body = chat.used("ULEAD", &buttons[0], None);
    let at = chat.app.clock.now().as_second().to_string();
    let signature = peers::slack_signature(SECRET, &at, &body)?;
    chat.send(&body, &at, &signature).await?.good()?;
    let lead = chat.app.token("lead", &["read", "approve"]).await?;
    lead.act(&id, "withdraw-approval", &json!({ "reason": "a second thought" })).await?;
    let before = chat.ann.change(&id).await?;
    assert_eq!(before["state"], "awaiting_approval");
    chat.send(&body, &at, &signature).await?.refused(401, "unauthenticated")?;
    chat.send(&body, &at, &signature.to_uppercase().replace("V0", "v0"))
        .await?
        .refused(401, "unauthenticated")?;
    chat.app.halt().await?;
    chat.app.revive().await?;
    chat.send(&body, &at, &signature).await?.refused(401, "unauthenticated")?;
    assert_eq!(chat.ann.change(&id).await?, before);
    let forged = chat.forged().await?;
    assert_eq!(forged.iter().filter(|entry| entry.contains("slack-replay")).count(), 3, "{forged:?}");
    chat.app.verified().await?;
    chat.app.stop().await
}

async fn a_button_decides_nothing_that_its_person_may_not(database: Database) -> Result<()> {
    let mut chat = Chat::start(database).await?;
    // Whoever asks for the change is one who could approve those of others.
    chat.ann = chat.app.person("both", &["technical_lead"]).await?;
    chat.app.register("bot", "agent", &json!({ "owner": "lead" })).await?;
    let gone = chat.app.person("gone", &["technical_lead"]).await?;
    let off = json!({ "active": false, "reason": "has left" });
    chat.app.root().send(Ask::new("PATCH", "/api/v1/actors/gone").json(&off)).await?.good()?;
    drop(gone);
    let (change, buttons) = chat.asked("Deploy").await?;
    let id = text(&change["change_id"]);
    for (user, expected) in [
        ("UBOTH", "requester's side"),
        ("UBOT", "person"),
        ("UGONE", "Nobody here is known as"),
        ("USTRANGER", "Nobody here is known as"),
    ] {
        let said = chat.refused(&chat.used(user, &buttons[0], Some("please"))).await?;
        assert!(said.contains(expected), "{user}: {said}");
        let said = chat.refused(&chat.used(user, buttons.last().context("reject")?, Some("no"))).await?;
        assert!(said.contains(expected), "{user}: {said}");
    }
    assert_eq!(chat.ann.change(id).await?, change);
    // An edit after the message was sent: its buttons are about something else.
    let mut edited = in_steps(&json!([{"name": "two", "run": "false", "undo": "true"}]));
    edited["title"] = json!("Deploy");
    let version = change["version"].as_u64().context("version")?;
    let edited = amend(&chat.ann, id, version, &edited).await?;
    assert_ne!(edited["digest"], change["digest"]);
    for button in &buttons {
        let said = chat.refused(&chat.used("ULEAD", button, Some("as shown"))).await?;
        assert!(said.contains("digest"), "{said}");
    }
    assert_eq!(chat.ann.change(id).await?["state"], "awaiting_approval");
    assert_eq!(chat.ann.change(id).await?["version"], edited["version"]);
    chat.app.verified().await?;
    chat.app.stop().await
}

async fn a_message_shows_what_is_asked_and_the_words_of_others_are_no_markup(
    database: Database,
) -> Result<()> {
    let chat = Chat::start(database).await?;
    let (change, _) = chat.asked("<!channel> *approve* <https://evil.example|this>").await?;
    let id = text(&change["change_id"]);
    let told = chat.slack.until("asked", |one| one.body.contains(id)).await?;
    let mut message = told[0].json()?;
    for block in message["blocks"].as_array_mut().context("blocks")? {
        // The digest differs with every version of the plan's canonical form.
        let text = block.to_string().replace(text(&change["digest"]), "DIGEST");
        *block = serde_json::from_str(&text)?;
    }
    insta::assert_json_snapshot!(message);
    let listed = chat.app.root().get("/api/v1/notifications").await?.to_string();
    assert!(!listed.contains("secret-of-the-channel"), "{listed}");
    chat.app.stop().await
}
