//! Mail as a real SMTP server receives it, and what pages whoever is on call.

use std::io::{BufRead as _, BufReader, Lines};
use std::process::{Child, ChildStdout, Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use server::{Channel, Config, EmailChannel, MailProtection, PagerDutyChannel};

use crate::audit::taken_back;
use crate::harness::{Database, on_sqlite, small, text};
use crate::http::Ask;
use crate::notifications::{everything, secret_file};
use crate::peers;
use crate::runner::Runner;
use crate::sink::{Received, Sink};
use crate::team::{approved, in_steps, team_with};

on_sqlite!(
    mail_arrives_whole_and_leads_to_the_page,
    an_emergency_pages_until_it_is_decided,
    what_cannot_be_taken_back_pages,
);

/// An SMTP server that tells what it receives, one line of JSON each; gone when dropped.
struct SmtpSink {
    process: Child,
    lines: Lines<BufReader<ChildStdout>>,
    port: u16,
}

impl SmtpSink {
    /// Nothing where aiosmtpd is not installed.
    fn start() -> Result<Option<Self>> {
        const SCRIPT: &str = "\
import asyncio, json, sys
try:
    from aiosmtpd.smtp import SMTP
except ImportError:
    print('missing', flush=True)
    sys.exit()
from email import message_from_bytes, policy
class Handler:
    async def handle_DATA(self, server, session, envelope):
        mail = message_from_bytes(envelope.original_content, policy=policy.default)
        parts = {part.get_content_type(): part.get_content() for part in mail.iter_parts()}
        headers = {name.lower(): str(value) for name, value in mail.items()}
        told = {'from': envelope.mail_from, 'to': envelope.rcpt_tos, 'headers': headers, 'parts': parts}
        print(json.dumps(told), flush=True)
        return '250 taken'
async def main():
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(Handler()), '127.0.0.1', 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()
asyncio.run(main())
";
        let mut command = Command::new(peers::program());
        let command = command.args(["-c", SCRIPT]).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut process = command.spawn()?;
        let mut lines = BufReader::new(process.stdout.take().context("its output")?).lines();
        let first = lines.next().context("a port")??;
        if first == "missing" {
            process.wait()?;
            return Ok(None);
        }
        Ok(Some(Self { process, lines, port: first.parse()? }))
    }

    /// The next mail.
    fn next(&mut self) -> Result<Value> {
        Ok(serde_json::from_str(&self.lines.next().context("a mail")??)?)
    }
}

impl Drop for SmtpSink {
    fn drop(&mut self) {
        let ended = self.process.kill().and_then(|()| self.process.wait());
        assert!(ended.is_ok(), "the SMTP server does not end: {ended:?}");
    }
}

async fn mail_arrives_whole_and_leads_to_the_page(database: Database) -> Result<()> {
    let Some(mut smtp) = SmtpSink::start()? else {
        eprintln!("skipped: python3-aiosmtpd is not installed");
        return Ok(());
    };
    let (app, ann, _) = team_with(database, |config| {
        config.public_url = Some("https://change.example".to_owned());
        config.notify.channels = vec![Channel::Email(EmailChannel {
            name: "board".to_owned(),
            host: "127.0.0.1".to_owned(),
            port: Some(smtp.port),
            security: MailProtection::Plain,
            username: None,
            password: None,
            from: "Changes <changes@example.com>".to_owned(),
            to: vec!["board@example.com".to_owned(), "Lead <lead@example.com>".to_owned()],
        })];
        config.notify.subscriptions = vec![everything("board")];
    })
    .await?;
    let mut request = in_steps(&json!([{"name": "one", "run": "true", "undo": "true"}]));
    request["title"] = json!("Größere <script>alert(1)</script> & \"more\" → now");
    let change = ann.create(&request).await?;
    let id = text(&change["change_id"]).to_owned();
    let (mut smtp, mail) = tokio::task::spawn_blocking(move || {
        let mail = smtp.next();
        (smtp, mail)
    })
    .await?;
    let mail = mail?;
    assert_eq!(mail["from"], "changes@example.com");
    assert_eq!(mail["to"], json!(["board@example.com", "lead@example.com"]));
    let headers = &mail["headers"];
    let title = text(&request["title"]);
    assert_eq!(text(&headers["subject"]), format!("A decision is asked for: {id} {title}"));
    assert_eq!(headers["auto-submitted"], "auto-generated");
    assert!(text(&headers["message-id"]).starts_with("<msg_"), "{headers}");
    let (plain, html) = (text(&mail["parts"]["text/plain"]), text(&mail["parts"]["text/html"]));
    let link = format!("https://change.example/changes/{id}");
    assert!(
        plain.contains(title) && plain.contains(&link) && plain.contains("Asked: technical lead"),
        "{plain}"
    );
    assert!(html.contains(&format!("<a href=\"{link}\">")), "{html}");
    assert!(html.contains("&lt;script&gt;") && !html.contains("<script"), "{html}");
    // The page of the link wants a login.
    let page = Ask::get(&format!("/changes/{id}")).send(app.address).await?;
    assert!(matches!(page.status, 302 | 303), "{page:?}");
    assert!(page.header("location").is_some_and(|to| to.starts_with("/login")), "{page:?}");

    let tested = app.root().post("/api/v1/notifications/test", &json!({ "channel": "board" })).await?;
    assert_eq!(tested, json!({ "channel": "board", "delivered": true, "error": null }));
    let mail = tokio::task::spawn_blocking(move || smtp.next()).await??;
    assert!(text(&mail["headers"]["subject"]).contains("test of the channel"), "{mail}");
    // Nobody listens any more: the test says so.
    let tested = app.root().post("/api/v1/notifications/test", &json!({ "channel": "board" })).await?;
    assert_eq!(tested["delivered"], false);
    assert!(text(&tested["error"]).contains("the relay `127.0.0.1` did not take the mail"), "{tested}");
    app.root().refused("/api/v1/notifications/test", &json!({ "channel": "none" }), 404, "not-found").await?;
    app.stop().await
}

fn is(action: &str) -> impl Fn(&Received) -> bool {
    move |received| received.json().is_ok_and(|body| body["event_action"] == action)
}

const KEY: &str = "R0UT1NGKEY";

/// Has everything that pages sent to a pager.
fn with_pager(config: &mut Config, pager: &Sink) {
    config.notify.allow_private_network = true;
    config.notify.channels = vec![Channel::PagerDuty(PagerDutyChannel {
        name: "on-call".to_owned(),
        routing_key: secret_file(config, "pager", KEY),
        url: Some(pager.url("/v2/enqueue")),
    })];
    config.notify.subscriptions = vec![everything("on-call")];
}

async fn what_cannot_be_taken_back_pages(database: Database) -> Result<()> {
    let pager = Sink::start(&[]).await?;
    let (app, ann, lead) = team_with(database, |config| with_pager(config, &pager)).await?;
    // Nobody is paged for what was taken back.
    taken_back(&ann, &lead).await?;
    let steps = json!([{"name": "one", "run": "false", "undo": "false"}]);
    let id = approved(&ann, &lead, &in_steps(&steps)).await?;
    let mut runner = Runner::start(&ann, &id, true).await?;
    runner.work(|_| true).await?;
    let change = ann.change(&id).await?;
    assert_eq!(change["state"], "failed", "{change}");
    let paged = pager.until("paged", |_| true).await?;
    let page = paged[0].json()?;
    assert_eq!((paged.len(), text(&page["event_action"])), (1, "trigger"), "{page}");
    assert_eq!(page["dedup_key"], json!(format!("cortex-change/{}", text(&change["incidents"][0]))));
    app.stop().await
}

async fn an_emergency_pages_until_it_is_decided(database: Database) -> Result<()> {
    let pager = Sink::start(&[]).await?;
    let (app, ann, _) = team_with(database, |config| with_pager(config, &pager)).await?;
    let ecab = app.person("ecab", &["ecab_member"]).await?;
    // Nobody is paged for what is no emergency.
    ann.create(&small("greeter")).await?;
    let mut emergency = small("greeter");
    emergency["type"] = json!("emergency");
    let id = text(&ann.create(&emergency).await?["change_id"]).to_owned();
    let paged = pager.until("paged", |_| true).await?;
    let page = paged[0].json()?;
    assert_eq!((paged.len(), text(&page["routing_key"]), text(&page["event_action"])), (1, KEY, "trigger"));
    assert_eq!(page["dedup_key"], json!(format!("cortex-change/{id}")));
    assert_eq!(page["payload"]["severity"], "critical");
    ensure!(text(&page["payload"]["summary"]).contains(&id), "{page}");
    ecab.approve(&id).await?;
    let resolved = pager.until("resolved", is("resolve")).await?;
    assert_eq!(resolved[0].json()?["dedup_key"], page["dedup_key"]);
    let (log, listed) =
        (app.root().get("/api/v1/audit?limit=500").await?, app.root().get("/api/v1/notifications").await?);
    assert!(!log.to_string().contains(KEY) && !listed.to_string().contains(KEY));
    app.stop().await
}
